#include "campaign/campaign.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include "campaign/baseline_run.h"
#include "campaign/isolated.h"
#include "campaign/limits.h"
#include "campaign/minimal_session.h"
#include "campaign/refusals.h"
#include "campaign/right_verdicts.h"
#include "machine/machine.h"
#include "sim/hash.h"

namespace ringside {

namespace {

using HostClock = std::chrono::steady_clock;

// One campaign while it runs, in the process that was asked for it.
class Campaign {
 public:
  explicit Campaign(const CampaignOptions& options) : options_(options), started_(HostClock::now()) {}
  Result<CampaignReport> run();

 private:
  Result<> prepare();
  CampaignIdentity identity() const;
  std::string options_text() const;
  Result<> run_trunk();
  [[noreturn]] void be_trunk(const TrunkOrders& orders) noexcept;
  Result<> read_messages(int input, pid_t trunk);
  Result<> take(const TrunkMessage& message);
  Result<> record_sessions();
  void show_progress(bool recording, uint64_t done, uint64_t of);
  bool stop_now();
  TrunkOrders orders() const;

  const CampaignOptions& options_;
  const HostClock::time_point started_;
  Overrides overrides_;
  Scenario scenario_;
  SiteChoice choice_;
  Baseline baseline_;
  std::optional<Plan> plan_;
  std::unique_ptr<ResultsFile> file_;
  ResultsRead earlier_;
  CampaignReport report_;
  uint64_t singles_ = 0, new_points_ = 0, findings_ = 0;
};

bool Campaign::stop_now() {
  if (options_.stop_requested != nullptr && *options_.stop_requested) {
    report_.why_partial = "it was interrupted";
    return true;
  }
  const std::chrono::duration<double> used = HostClock::now() - started_;
  if (!options_.budget_seconds || used.count() < *options_.budget_seconds) return false;
  report_.why_partial = "--budget is spent";
  return true;
}

// What [campaign] sets comes first, so that the command line may set it otherwise.
Result<> Campaign::prepare() {
  auto plain = load_scenario(options_.scenario, options_.overrides);
  if (!plain) return tl::unexpected(plain.error());
  overrides_ = plain->campaign.set;
  overrides_.insert(overrides_.end(), options_.overrides.begin(), options_.overrides.end());
  auto scenario = load_scenario(options_.scenario, overrides_);
  if (!scenario) return tl::unexpected(scenario.error());
  scenario_ = std::move(*scenario);
  SIM_TRY(check_scenario_for_campaign(scenario_));
  silence_captures(scenario_);
  choice_.sites = options_.sites.empty() ? scenario_.campaign.sites : options_.sites;
  choice_.actions = options_.actions.empty() ? scenario_.campaign.actions : options_.actions;
  const IsolatedEnd counted = run_isolated(
      [&]() -> Result<std::string> {
        auto baseline = run_baseline(scenario_, choice_);
        if (!baseline) return tl::unexpected(baseline.error());
        return baseline->to_bytes();
      },
      options_.stop_requested);
  if (!counted.died.empty()) {
    return fail(fmt::format("the simulator fails without any fault: {}", counted.died), ExitCode::internal);
  }
  if (!counted.result) return tl::unexpected(counted.result.error());
  baseline_ = Baseline::from_bytes(*counted.result);
  plan_.emplace(baseline_, options_.random, options_.seed, options_.shard);
  report_.identity = identity();
  report_.wanted = plan_->own();
  report_.folder = options_.folder;
  if (options_.folder.empty()) return {};
  auto file = ResultsFile::open(options_.folder, report_.identity, earlier_);
  if (!file) return tl::unexpected(file.error());
  file_ = std::move(*file);
  report_.results = earlier_.results;
  for (const RunResult& result : report_.results) {
    singles_ += !result.second;
    findings_ += result.judgement.verdict != RunVerdict::survived && !result.right;
  }
  return {};
}

std::string Campaign::options_text() const {
  std::string text;
  for (const auto& [key, value] : overrides_) text += fmt::format(" --set '{}={}'", key, value);
  return text;
}

// Everything that decides the table, of which no host and no number of processes is a part.
CampaignIdentity Campaign::identity() const {
  uint64_t hash = hash_mix(baseline_.hash, hash64(scenario_.text));
  hash = hash_mix(hash, hash64(options_text()));
  hash = hash_mix(hash, instructions_max(baseline_));
  hash = hash_mix(hash, options_.random ? *options_.random + 1 : 0);
  hash = hash_mix(hash, options_.random ? options_.seed : 0);
  hash = hash_mix(hash, options_.pairs);
  for (const auto& [name, version] : component_versions()) hash = hash_mix(hash, hash64(name + version));
  CampaignIdentity identity;
  identity.campaign = fmt::format("{:016x}", hash);
  identity.scenario = scenario_.name + (options_.variant.empty() ? "" : "/" + options_.variant);
  identity.argument = options_.scenario;
  identity.options = options_text();
  identity.pairs = options_.pairs;
  identity.shard = options_.shard;
  identity.sites = baseline_.sites.size();
  identity.points = plan_->points();
  identity.chosen = plan_->chosen();
  identity.baseline = baseline_.judgement;
  return identity;
}

TrunkOrders Campaign::orders() const {
  TrunkOrders orders;
  orders.baseline = &baseline_;
  orders.plan = &*plan_;
  orders.sites = choice_.sites;
  orders.actions = choice_.actions;
  orders.domains = domain_names(scenario_);
  for (const RunResult& result : earlier_.results) {
    if (result.second) {
      orders.seconds_done[result.point].insert(*result.second);
      continue;
    }
    orders.done.insert(result.point);
    if (result.judgement.verdict == RunVerdict::survived) orders.survived.insert(result.point);
  }
  for (const PairsDone& done : earlier_.pairs_done) orders.pairs_done.insert(done.point);
  orders.pairs = options_.pairs;
  if (options_.pairs) orders.pairs_max = options_.random;
  orders.seed = options_.seed;
  orders.jobs = options_.jobs;
  orders.child_cpu_seconds_max = cpu_seconds_max(baseline_);
  orders.broken_point = options_.broken_point;
  orders.broken = options_.broken;
  return orders;
}

void Campaign::be_trunk(const TrunkOrders& orders) noexcept {
  Trunk trunk(orders);
  MachineOptions options;
  options.scout = &trunk;
  options.on_console = [&](const std::string& console, std::span<const uint8_t> bytes) {
    trunk.on_console(console, bytes);
  };
  set_limits(options, scenario_, baseline_);
  auto machine = Machine::create(scenario_, options);
  if (!machine) trunk.end(tl::unexpected(machine.error()));
  trunk.begin(**machine);
  trunk.end((*machine)->run());
}

Result<> Campaign::run_trunk() {
  TrunkOrders given = orders();
  if (given.first_to_do(0) == plan_->points()) return {};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return fail(fmt::format("this host gives no more files: {}", std::strerror(errno)));
  given.output = ends[1];
  const pid_t parent = getpid();
  const pid_t trunk = fork();
  if (trunk == 0) {
    close(ends[0]);
    become_isolated(parent);
    be_trunk(given);
  }
  if (trunk > 0) setpgid(trunk, trunk);  // whoever comes first: it must be one before it is ended
  close(ends[1]);
  if (trunk < 0) {
    close(ends[0]);
    return fail(fmt::format("this host gives no more processes: {}", std::strerror(errno)));
  }
  const Result<> read = read_messages(ends[0], trunk);
  close(ends[0]);
  return read;
}

// Until the trunk and all of its children are gone. Whoever stops them early loses the runs under way only.
Result<> Campaign::read_messages(int input, pid_t trunk) {
  Result<> result;
  bool stopped = false;
  const auto stop = [&] {
    if (!stopped) kill(-trunk, SIGKILL);
    stopped = true;
  };
  TrunkMessage message;
  for (bool open = true; open;) {
    pollfd wait{input, POLLIN, 0};
    const int ready = poll(&wait, 1, 100);
    if (stop_now()) stop();
    if (ready > 0) {
      const ssize_t size = read(input, &message, sizeof message);
      open = size > 0 || (size < 0 && errno == EINTR);
      if (size == static_cast<ssize_t>(sizeof message) && result) {
        result = take(message);
        if (!result) stop();
      }
    }
    show_progress(false, singles_, report_.wanted);
  }
  int status = 0;
  while (waitpid(trunk, &status, 0) < 0 && errno == EINTR) {
  }
  if (!result) return result;
  if (stopped || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return {};
  return fail(fmt::format("the process from which the runs branch off died: {}", describe_death(status)),
              ExitCode::internal);
}

Result<> Campaign::take(const TrunkMessage& message) {
  if (message.kind == TrunkMessage::Kind::failed)
    return fail(message.report.reason.string(), ExitCode::internal);
  if (message.kind == TrunkMessage::Kind::pairs_done)
    return file_ ? file_->add(PairsDone{message.point, message.second}) : Result<>();
  RunResult result;
  result.point = message.point;
  const size_t number = plan_->site_of(message.point);
  const Site& site = baseline_.sites[number];
  const PlanWire& wire = baseline_.wires[site.wire];
  result.fault = {baseline_.kinds[site.kind], wire.name, site.nth,
                  wire.actions[message.point - plan_->first_point_of(number)]};
  if (message.second != TrunkMessage::kNoSecond) {
    result.second = message.second;
    result.second_fault = message.second_fault.fault();
  } else {
    ++singles_;
    ++new_points_;
  }
  result.judgement = message.report.judgement();
  result.right = is_right(scenario_.campaign, result);
  findings_ += result.judgement.verdict != RunVerdict::survived && !result.right;
  ++report_.new_runs;
  report_.results.push_back(std::move(result));
  return file_ ? file_->add(report_.results.back()) : Result<>();
}

void Campaign::show_progress(bool recording, uint64_t done, uint64_t of) {
  if (options_.on_progress) {
    options_.on_progress({done, of, report_.new_runs, new_points_, findings_, recording});
  }
}

Result<> Campaign::record_sessions() {
  if (options_.folder.empty()) return {};
  SessionRequest request{options_.scenario, overrides_, &baseline_, scenario_.campaign.quiet,
                         options_.folder};
  const auto unexpected =
      static_cast<uint64_t>(std::count_if(report_.classes.begin(), report_.classes.end(),
                                          [](const FailureClass& failure) { return !failure.right; }));
  uint64_t done = 0;
  for (FailureClass& failure : report_.classes) {
    failure.folder = options_.folder;
    if (failure.right) continue;
    show_progress(true, done++, unexpected);
    for (const Session& session : earlier_.sessions) {
      if (session.point == failure.example.point && session.second == failure.example.second)
        failure.session = session;
    }
    if (!failure.session) {
      auto session = record_minimal_session(request, failure, options_.stop_requested);
      if (!session) return tl::unexpected(session.error());
      if (!*session) {
        report_.why_partial = "it was interrupted";
        return {};
      }
      SIM_TRY(file_->add(**session));
      failure.session = std::move(*session);
    }
    if (!failure.session->note.empty())
      report_.complaints.push_back(fmt::format("{}: {}", failure.session->file, failure.session->note));
  }
  return {};
}

Result<CampaignReport> Campaign::run() {
  SIM_TRY(prepare());
  SIM_TRY(run_trunk());
  std::sort(report_.results.begin(), report_.results.end());
  const bool interrupted = options_.stop_requested != nullptr && *options_.stop_requested;
  report_.classes = classes_of(report_.results);
  if (!interrupted) SIM_TRY(record_sessions());
  if (file_ && report_.why_partial.empty() && !earlier_.finished) SIM_TRY(file_->finish());
  return std::move(report_);
}

}  // namespace

bool CampaignReport::has_findings() const {
  return !complaints.empty() || std::any_of(classes.begin(), classes.end(),
                                            [](const FailureClass& failure) { return !failure.right; });
}

Result<CampaignReport> run_campaign(const CampaignOptions& options) { return Campaign(options).run(); }

}  // namespace ringside

// `ringside campaign`
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "campaign/campaign.h"
#include "campaign/campaign_report.h"
#include "cli/commands.h"
#include "cli/stop_request.h"
#include "machine/machine.h"

namespace ringside::cli {

namespace {

constexpr size_t kWidth = 80;

struct CampaignArguments {
  std::string scenario;
  std::vector<std::string> sites, actions, settings;
  bool pairs = false;
  std::optional<uint64_t> random;
  uint64_t seed = 1;
  unsigned jobs = 1;
  std::string shard, budget, junit, out;
  bool json = false;
  std::vector<std::string> variants;  // globs of names
  std::string broken;                 // a test switch: "3=abort"
  std::vector<std::string> folders;
};

std::string clock_text(double seconds) {
  const auto whole = static_cast<uint64_t>(seconds);
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

// "1234 of 5678 (21%), 312/s, 0:14 left, 17 findings", on a terminal only.
class CampaignLine {
 public:
  explicit CampaignLine(std::string title)
      : on_(isatty(STDERR_FILENO) != 0), title_(std::move(title)), last_(Clock::now()) {}
  ~CampaignLine() { clear(); }

  void update(const CampaignProgress& now) {
    if (!on_ || Clock::now() - last_ < std::chrono::milliseconds(100)) return;
    last_ = Clock::now();
    if (now.new_runs == 0) began_ = last_;
    const double seconds = std::chrono::duration<double>(last_ - began_).count();
    std::string text =
        fmt::format("{} of {} ({}%)", now.done, now.of, now.of == 0 ? 0 : 100 * now.done / now.of);
    if (now.recording) {
      text = fmt::format("recording session {} of {}", now.done + 1, now.of);
    } else if (now.new_runs != 0 && seconds > 0.2) {
      const double rate = static_cast<double>(now.new_runs) / seconds;
      text += fmt::format(", {:.0f}/s", rate);
      // Pairs are known only when they come; then a point takes as long as points have taken so far.
      const double points = static_cast<double>(now.new_points) / seconds;
      if (points > 0)
        text += fmt::format(", {} left", clock_text(static_cast<double>(now.of - now.done) / points));
    }
    if (now.findings != 0) text += fmt::format(", {} finding{}", now.findings, now.findings == 1 ? "" : "s");
    fmt::print(stderr, "\r\x1b[K{}{}{}", title_, title_.empty() ? "" : ": ", text);
    std::fflush(stderr);
    shown_ = true;
  }
  void clear() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
    shown_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  bool on_, shown_ = false;
  const std::string title_;
  Clock::time_point last_, began_ = last_;
};

Result<Shard> parse_shard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, shard.number);
  if (number.ec == std::errc{} && number.ptr != end && *number.ptr == '/') {
    const auto of = std::from_chars(number.ptr + 1, end, shard.of);
    if (of.ec == std::errc{} && of.ptr == end && shard.number >= 1 && shard.number <= shard.of) return shard;
  }
  return fail(fmt::format("--shard {}: write which one of how many, such as 1/3", text));
}

// A list with commas; those in brackets belong to an action's arguments.
std::vector<std::string> split_list(const std::vector<std::string>& lists) {
  std::vector<std::string> items;
  for (const std::string& list : lists) {
    std::string item;
    int depth = 0;
    for (const char c : list + ",") {
      depth += (c == '(') - (c == ')');
      if (c != ',' || depth > 0) {
        item += c;
      } else {
        if (!item.empty()) items.push_back(item);
        item.clear();
      }
    }
  }
  return items;
}

Result<> take_broken(const std::string& text, CampaignOptions& options) {
  if (text.empty()) return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.broken_point);
  const std::string how = error == std::errc{} && *end == '=' ? end + 1 : "";
  for (const auto& [name, broken] : {std::pair{"abort", BrokenChild::aborts},
                                     {"assert", BrokenChild::asserts},
                                     {"segv", BrokenChild::reads_nowhere},
                                     {"loop", BrokenChild::loops}}) {
    if (how == name) options.broken = broken;
  }
  if (options.broken != BrokenChild::no) return {};
  return fail(fmt::format("--break-simulator {}: write POINT=abort, assert, segv or loop", text));
}

Result<CampaignOptions> options_of(const CampaignArguments& arguments) {
  CampaignOptions options;
  options.scenario = arguments.scenario;
  auto overrides = parse_settings(arguments.settings);
  if (!overrides) return tl::unexpected(overrides.error());
  options.overrides = std::move(*overrides);
  options.sites = arguments.sites;
  options.actions = split_list(arguments.actions);
  options.pairs = arguments.pairs;
  options.random = arguments.random;
  options.seed = arguments.seed;
  options.jobs = arguments.jobs;
  const auto shard = parse_shard(arguments.shard);
  if (!shard) return tl::unexpected(shard.error());
  options.shard = *shard;
  if (!arguments.budget.empty()) {
    const auto budget = parse_tick(arguments.budget);
    if (!budget) return fail(fmt::format("--budget {}: {}", arguments.budget, budget.error().message));
    options.budget_seconds = static_cast<double>(budget->ps) * 1e-12;
  }
  SIM_TRY(take_broken(arguments.broken, options));
  options.stop_requested = &stop_requested;
  return options;
}

// Of variants a suite each, in one document.
Result<> write_junit(const std::string& path, const std::vector<CampaignReport>& reports) {
  if (path.empty()) return {};
  std::ofstream file(path, std::ios::binary);
  file << to_junit(reports) << std::flush;
  return file ? Result<>() : fail(fmt::format("{} cannot be written", path));
}

Result<ExitCode> show(const std::vector<CampaignReport>& reports, const CampaignArguments& arguments) {
  bool findings = false;
  if (arguments.json) fmt::print("{}", to_json(reports));
  for (const CampaignReport& report : reports) {
    findings = findings || report.has_findings();
    if (!arguments.json) fmt::print("{}{}", &report == &reports.front() ? "" : "\n", to_text(report, kWidth));
  }
  SIM_TRY(write_junit(arguments.junit, reports));
  return findings ? ExitCode::expectation_failed : ExitCode::ok;
}

// A scenario's variants, those that were asked for, each as a campaign of its own; or the scenario as it is.
Result<std::vector<CampaignOptions>> campaigns_of(const CampaignArguments& arguments) {
  auto common = options_of(arguments);
  if (!common) return tl::unexpected(common.error());
  const auto scenario = load_scenario(arguments.scenario, common->overrides);
  if (!scenario) return tl::unexpected(scenario.error());
  common->folder = arguments.out;
  if (common->folder.empty()) {
    common->folder = "campaign-" + scenario->name;
    const Shard& shard = common->shard;
    if (shard.of != 1) common->folder += fmt::format(".{}of{}", shard.number, shard.of);
  }
  if (scenario->campaign.variants.empty() && arguments.variants.empty())
    return std::vector<CampaignOptions>{*common};
  std::vector<CampaignOptions> campaigns;
  for (const CampaignScenario::Variant& variant : scenario->campaign.variants) {
    const auto& wanted = arguments.variants;
    const auto matches = [&](const std::string& glob) { return wire_matches(glob, variant.name); };
    if (!wanted.empty() && std::none_of(wanted.begin(), wanted.end(), matches)) continue;
    CampaignOptions& options = campaigns.emplace_back(*common);
    options.variant = variant.name;
    options.folder += "/" + variant.name;
    options.overrides.insert(options.overrides.begin(), variant.set.begin(), variant.set.end());
  }
  if (!campaigns.empty()) return campaigns;
  std::vector<std::string> names;
  for (const auto& variant : scenario->campaign.variants) names.push_back(variant.name);
  return fail(fmt::format("--variant {}: the scenario has {}", fmt::join(arguments.variants, ", "),
                          names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
}

Result<ExitCode> campaign(const CampaignArguments& arguments) {
  if (arguments.scenario.empty()) return fail("campaign: name a scenario; see ringside campaign --help");
  auto campaigns = campaigns_of(arguments);
  if (!campaigns) return tl::unexpected(campaigns.error());
  stop_on_signals(nullptr);  // the children die with us
  // A file past its limit is an error like a full disk.
  std::signal(SIGXFSZ, SIG_IGN);
  register_all_payload_types();
  const auto started = std::chrono::steady_clock::now();
  std::vector<CampaignReport> reports;
  for (CampaignOptions& options : *campaigns) {
    CampaignLine line(options.variant);
    options.on_progress = [&](const CampaignProgress& now) { line.update(now); };
    if (options.budget_seconds) {
      const std::chrono::duration<double> used = std::chrono::steady_clock::now() - started;
      options.budget_seconds = std::max(0.0, *options.budget_seconds - used.count());
    }
    auto report = run_campaign(options);
    line.clear();
    if (!report) return tl::unexpected(report.error());
    reports.push_back(std::move(*report));
    if (stop_requested) break;
  }
  return show(reports, arguments);
}

// The folders of shards hold results, or a folder with results for each variant.
Result<ExitCode> merge(const CampaignArguments& arguments) {
  std::vector<std::string> variants;
  if (!std::filesystem::exists(arguments.folders.front() + "/results")) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(arguments.folders.front(), error)) {
      if (std::filesystem::exists(entry.path() / "results"))
        variants.push_back("/" + entry.path().filename().string());
    }
    std::sort(variants.begin(), variants.end());
  }
  if (variants.empty()) variants.emplace_back();
  std::vector<CampaignReport> reports;
  for (const std::string& variant : variants) {
    std::vector<std::string> folders = arguments.folders;
    for (std::string& folder : folders) folder += variant;
    auto report = merge_campaigns(folders);
    if (!report) return tl::unexpected(report.error());
    reports.push_back(std::move(*report));
  }
  return show(reports, arguments);
}

void add_outputs(CLI::App& command, CampaignArguments& arguments) {
  command.add_option("--junit", arguments.junit, "Write JUnit's XML here, a test case per row and column");
  command.add_flag("--json", arguments.json, "Print one JSON object");
}

void add_merge(CLI::App& campaign_command, Outcome& outcome) {
  auto* command = campaign_command.add_subcommand("merge", "Put the results of shards together");
  auto arguments = std::make_shared<CampaignArguments>();
  command->add_option("folders", arguments->folders, "The --out of each shard")->required();
  add_outputs(*command, *arguments);
  command->callback([arguments, &outcome] {
    const auto code = merge(*arguments);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace

void add_campaign(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("campaign", "Inject each fault at each site of a run");
  auto arguments = std::make_shared<CampaignArguments>();
  command->add_option("scenario", arguments->scenario, "A folder, a TOML file, or a known name");
  command->add_option("--sites", arguments->sites, "Only on wires that match this glob (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--actions", arguments->actions, "Only these: drop,delay(2ms),fail (repeatable)")
      ->allow_extra_args(false);
  command->add_flag("--pairs", arguments->pairs, "A second fault behind each one that was survived");
  command->add_option("--random", arguments->random, "So many of all points (and of all pairs) by the seed");
  command->add_option("--seed", arguments->seed, "Which ones --random takes (1)");
  command->add_option("-j,--jobs", arguments->jobs, "So many runs at once (1)")->check(CLI::Range(1, 256));
  command->add_option("--shard", arguments->shard, "Only part I of N: I/N");
  command->add_option("--budget", arguments->budget, "Stop after so much of the host's time: 10s");
  command->add_option("--set", arguments->settings, "Change a value: key=value (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--variant", arguments->variants, "Only these of the scenario's variants (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--out", arguments->out, "Results and sessions (./campaign-NAME)");
  add_outputs(*command, *arguments);
  command
      ->add_option("--break-simulator", arguments->broken, "POINT=abort, assert, segv, loop (a test switch)")
      ->group("");
  add_merge(*command, outcome);
  command->footer(
      "Runs the scenario once and forks at every site, for every action that makes\n"
      "sense there. Verdicts: survived, expectation failed, driver hung, guest crashed,\n"
      "invariant broken, simulator fault. Those that [campaign] of the scenario lists\n"
      "are right. Each class of failures gets a session, recorded from the start.\n"
      "The same command goes on where it was stopped. Exit codes: 0 nothing found,\n"
      "1 findings, 2 usage.\n\n"
      "Examples:\n"
      "  ringside campaign blk-read -j 2\n"
      "  ringside campaign grub-pv --sites 'ring/*' --actions drop,delay\n"
      "  ringside campaign linux-pv --random 500 --seed 7 --shard 1/3 --out s1\n"
      "  ringside campaign merge s1 s2 s3 --junit campaign.xml");
  command->callback([command, arguments, &outcome] {
    if (!command->get_subcommands().empty()) return;
    const auto code = campaign(*arguments);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace ringside::cli

#include "campaign/trunk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "campaign/isolated.h"
#include "machine/machine.h"
#include "sim/assert.h"

namespace ringside {

namespace {

// What a process said on its way out: the first line tells an assertion.
std::string last_words(int descriptor) {
  std::string text(400, '\0');
  const ssize_t size = pread(descriptor, text.data(), text.size(), 0);
  text.resize(size > 0 ? static_cast<size_t>(size) : 0);
  text.resize(std::min(text.find('\n'), text.size()));
  constexpr std::string_view kOwn = "ringside: ";
  return text.rfind(kOwn, 0) == 0 ? text.substr(kOwn.size()) : text;
}

}  // namespace

Trunk::Trunk(const TrunkOrders& orders)
    : orders_(orders),
      filter_(orders.sites, orders.actions),
      places_(2 * static_cast<size_t>(orders.jobs)),
      code_to_come_(orders.baseline->code),
      kinds_(std::make_unique<SiteKinds>(orders.domains)) {
  const size_t bytes = places_.size() * sizeof(ChildReport);
  void* shared = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) fail_campaign("this host gives no memory that processes share");
  auto* reports = static_cast<ChildReport*>(shared);
  for (size_t i = 0; i < places_.size(); ++i) {
    places_[i].report = new (&reports[i]) ChildReport;
    places_[i].errors = memfd_create("last words", MFD_CLOEXEC);
    if (places_[i].errors < 0)
      fail_campaign(fmt::format("this host gives no more files: {}", std::strerror(errno)));
  }
  next_site_ = std::numeric_limits<size_t>::max();
  advance_from(0);
}

Trunk::~Trunk() = default;

uint64_t TrunkOrders::first_to_do(uint64_t from) const {
  const auto is_done = [&](uint64_t point) {
    return done.count(point) != 0 && (!pairs || pairs_done.count(point) != 0);
  };
  uint64_t point = plan->next_own(from);
  while (point < plan->points() && is_done(point)) point = plan->next_own(point + 1);
  return point;
}

void Trunk::begin(Machine& machine) {
  machine_ = &machine;
  filter_.set_injector(machine.faults());
}

// What the children are going to run, as far as the guests have got to it.
void Trunk::translate_ahead() {
  constexpr uint64_t kTimesOfARun = 100;
  const uint64_t now = machine_->clock().instructions;
  if (now < ahead_at_instructions_) return;
  ahead_at_instructions_ = now + orders_.baseline->judgement.instructions / kTimesOfARun + 1;
  machine_->translate_ahead(code_to_come_);
}

void Trunk::advance_from(uint64_t point) {
  next_point_ = orders_.first_to_do(point);
  if (next_point_ < orders_.plan->points()) next_site_ = orders_.plan->site_of(next_point_);
}

const FaultAction* Trunk::on_site(const FaultSite& site) {
  const WantedWire* wire = filter_.wanted(site.wire);
  if (wire == nullptr) return nullptr;
  if (role_ == Role::trunk) {
    const size_t number = site_number_++;
    if (number < next_site_) return nullptr;
    return strike(site, *wire, number);
  }
  if (role_ == Role::second_trunk) return strike_second(site, *wire);
  later_points_ += wire->actions.size();
  return nullptr;
}

const FaultAction* Trunk::strike(const FaultSite& site, const WantedWire& wire, size_t number) {
  const Plan& plan = *orders_.plan;
  const Site& expected = orders_.baseline->sites[number];
  if (expected.wire != wire.number || expected.nth != site.nth) {
    fail_campaign(fmt::format("the run is not the one that was counted: site {} is {}@{} now", number + 1,
                              wire.name, site.nth));
  }
  const uint64_t first = plan.first_point_of(number), behind = plan.first_point_of(number + 1);
  if (next_point_ < behind) translate_ahead();
  while (next_point_ < behind) {
    const uint64_t point = next_point_;
    advance_from(point + 1);
    if (!fork_at(free_place(), point)) continue;
    if (orders_.pairs && !prepare_pairs(point)) finish_second_trunk();
    return &wire.actions[point - first];
  }
  if (next_point_ >= plan.points()) finish_trunk();
  return nullptr;
}

// True in the child.
bool Trunk::fork_at(Place& place, uint64_t point) {
  const pid_t parent = getpid();
  place.report->done = false;
  place.point = point;
  pid_t child = fork();
  // A host that is short of processes for a moment has more when one of ours has ended.
  for (int attempt = 0; child < 0 && errno == EAGAIN && attempt < 100; ++attempt) {
    usleep(10'000);
    child = fork();
  }
  if (child < 0) fail_campaign(fmt::format("this host gives no more processes: {}", std::strerror(errno)));
  place.process = child;
  if (child != 0) return false;
  settle_in_child(parent, orders_.child_cpu_seconds_max);
  dup2(place.errors, STDERR_FILENO);
  own_place_ = &place;
  role_ = Role::child;
  later_points_ = 0;
  lines_.begin(&orders_.baseline->usual_lines);
  if (orders_.broken != BrokenChild::no && point == orders_.broken_point) break_simulator();
  return true;
}

Trunk::Place& Trunk::free_place() {
  for (;;) {
    for (size_t i = 0; i < orders_.jobs; ++i) {
      if (places_[i].process == 0) return places_[i];
    }
    reap();
  }
}

// Waits for one child to end, and passes its report on.
void Trunk::reap() {
  int status = 0;
  const pid_t ended = waitpid(-1, &status, 0);
  if (ended < 0) {
    SIM_ASSERT(errno == EINTR);
    return;
  }
  for (Place& place : places_) {
    if (place.process != ended) continue;
    TrunkMessage message;
    message.point = place.point;
    reported(place, status, message);
    place.process = 0;
    // With pairs the child has sent everything by itself, unless it died.
    if (!orders_.pairs || !place.report->done) send(message);
    return;
  }
}

// What a process that has ended leaves behind, its death included.
void Trunk::reported(const Place& place, int status, TrunkMessage& message) const {
  message.report = *place.report;
  std::string words;
  if (lseek(place.errors, 0, SEEK_CUR) != 0) {
    words = last_words(place.errors);
    if (ftruncate(place.errors, 0) != 0) std::abort();
    lseek(place.errors, 0, SEEK_SET);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && place.report->done) return;
  Judgement judgement;
  judgement.verdict = RunVerdict::simulator_fault;
  judgement.exit_code = static_cast<int>(ExitCode::internal);
  const bool asserted = WIFEXITED(status) && !words.empty();
  judgement.reason = asserted ? words : describe_death(status) + (words.empty() ? "" : ": " + words);
  judgement.symptom = without_numbers(judgement.reason);
  message.report.take(judgement);
}

void Trunk::send(const TrunkMessage& message) {
  const ssize_t written = write(orders_.output, &message, sizeof message);
  if (written != static_cast<ssize_t>(sizeof message)) _exit(static_cast<int>(ExitCode::internal));
}

void Trunk::fail_campaign(const std::string& why) {
  TrunkMessage message;
  message.kind = TrunkMessage::Kind::failed;
  message.report.reason = why;
  send(message);
  _exit(static_cast<int>(ExitCode::internal));
}

void Trunk::finish_trunk() {
  const auto running = [&] {
    return std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.process != 0; });
  };
  while (running()) reap();
  _exit(0);
}

void Trunk::end(const Result<RunReport>& report) {
  if (role_ == Role::trunk) {
    if (!report) fail_campaign(report.error().message);
    if (next_point_ < orders_.plan->points()) fail_campaign("the run ended before the one that was counted");
    finish_trunk();
  }
  if (role_ == Role::second_trunk) finish_second_trunk();
  own_place_->report->later_points = later_points_;
  own_place_->report->take(judge(report, lines_));
  _exit(0);
}

void Trunk::break_simulator() {
  switch (orders_.broken) {
    case BrokenChild::no: return;
    case BrokenChild::aborts: std::abort();
    case BrokenChild::asserts: SIM_ASSERT(orders_.broken == BrokenChild::no); return;
    case BrokenChild::reads_nowhere: raise(SIGSEGV); return;
    case BrokenChild::loops:
      // Whatever a loop of ours would take.
      const rlimit limit{1, 2};
      setrlimit(RLIMIT_CPU, &limit);
      for (volatile bool forever = true; forever;) {
      }
  }
}

}  // namespace ringside

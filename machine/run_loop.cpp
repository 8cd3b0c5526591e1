// The run loop. One turn: everything due happens, inputs arrive, an epoch may end, then one guest runs until
// its next exit or until something else wants to act.
//
// Domains share one physical core: the clock is theirs in turn, a quantum each, as under a scheduler with one
// CPU. Upcalls are looked for where a real Xen would look: after a guest's exit, after something happened,
// and at Xen's own timer interrupt, never at a stop that only a test, a debugger or an epoch made.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "machine/machine_impl.h"
#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr Tick kQuantum = milliseconds(1);
// How often a running guest is interrupted for Xen's own sake (its timer ticks, at most that far apart).
constexpr Tick kXenTimerInterval = milliseconds(10);
// A wait that ends an epoch: as far as the event queue knows, it lasts so long.
constexpr Tick kLongIdle = milliseconds(1);
constexpr uint64_t kProgressInstructions = 2'000'000;
constexpr const char* kStoppedByUser = "stopped by the user";

Tick next_multiple(Tick now, Tick interval) { return Tick{(now.ps / interval.ps + 1) * interval.ps}; }

}  // namespace

Tick Machine::Impl::next_input_tick() const {
  if (options.replay != nullptr) {
    const InputRecord* next = options.replay->next_input();
    return next != nullptr ? next->at : Tick::never();
  }
  Tick next = Tick::never();
  for (const InputSource* source : sources) next = std::min(next, source->next_tick());
  return next;
}

bool Machine::Impl::deliver_inputs() {
  const Clock& clock = timeline.clock();
  bool delivered = false;
  const auto deliver = [&](const std::string& wire, const std::vector<uint8_t>& bytes) {
    delivered = true;
    ++inputs_delivered;
    if (recorder) recorder->record_input({inputs_delivered, clock.now, clock.instructions, wire, bytes});
    if (wire == kFaultWire) return take_fault(bytes);
    if (xen && (xen->take_input(wire, bytes) || xen_consoles->take_input(wire, bytes))) return;
    for (const auto& parts : guests) {
      if (parts->guest->take_input(wire, bytes)) break;
    }
  };
  if (options.replay != nullptr) {
    while (const InputRecord* next = options.replay->next_input()) {
      if (next->at > clock.now) break;
      deliver(next->wire, next->bytes);
      options.replay->take_input();
    }
    return delivered;
  }
  for (InputSource* source : sources) {
    while (auto input = source->take(clock.now, clock.instructions)) deliver(input->wire, input->bytes);
  }
  return delivered;
}

// An epoch ends at the first block boundary at which so many instructions have run. The core stops by time,
// so the deadline is a time by which that cannot have happened yet, and is moved on until it has.
Tick Machine::Impl::epoch_deadline() const {
  const Clock& clock = timeline.clock();
  if (recorder == nullptr && options.replay == nullptr) return Tick::never();
  if (clock.instructions >= epoch_ends_at) return clock.now;
  return earliest_after(epoch_ends_at - clock.instructions);
}

// A time by which no more than so many instructions can have run. None costs less than a cycle
// (docs/time.md), and a block's cost is rounded from a whole number of them.
Tick Machine::Impl::earliest_after(uint64_t instructions) const {
  const uint64_t cheapest_ps = 1'000'000'000'000 / scenario.cpu_frequency_hz;
  const Tick now = timeline.clock().now;
  if (instructions > (Tick::never() - now).ps / cheapest_ps) return Tick::never();
  return now + Tick{instructions * cheapest_ps};
}

void Machine::Impl::end_epoch(bool final) {
  const Clock& clock = timeline.clock();
  epoch_began_at = clock.instructions;
  epoch_ends_at = clock.instructions + scenario.epoch_instructions;
  if (recorder == nullptr && options.replay == nullptr) return;
  EpochDigest digest;
  digest.number = ++epochs;
  digest.at = clock.now;
  digest.instructions = clock.instructions;
  for (const auto& [name, part] : components) digest.components.emplace_back(name, state_digest(*part));
  digest.components.emplace_back("events", timeline.events().digest());
  if (final || epochs % scenario.memory_digest_epochs == 0) digest.memory = memory_digest();
  if (recorder) recorder->end_epoch(digest);
  if (options.replay != nullptr) options.replay->end_epoch(std::move(digest));
  if (epochs == options.flip_memory_bit_after_epoch) {
    Memory& memory = *memories.front();
    const GuestPhys victim = memory.base() + memory.size() / 3;
    memory.store(victim, static_cast<uint8_t>(memory.load<uint8_t>(victim) ^ 1));
  }
}

uint64_t Machine::Impl::memory_digest() const {
  uint64_t digest = memories.front()->digest();
  for (size_t i = 1; i < memories.size(); ++i) digest = hash_mix(digest, memories[i]->digest());
  return digest;
}

Tick Machine::Impl::time_limit() const {
  return scenario.expect.within == Tick{0} ? Tick::never() : scenario.expect.within;
}

// A person may stop a run at any time; its replay then stops at the same place. Every other end comes of
// itself at the recorded tick, perhaps after more has been done there: a replay that gets behind it has
// diverged.
bool Machine::Impl::stopped_from_outside() {
  const Tick now = timeline.clock().now;
  if (options.replay != nullptr) {
    const auto& recorded = options.replay->recorded_outcome();
    if (!recorded) return false;
    const bool by_user = recorded->reason.starts_with(kStoppedByUser);
    if (by_user ? now < recorded->at : now <= recorded->at) return false;
    end_reason = by_user ? kStoppedByUser : "it did not end where the recording did";
    return true;
  }
  const bool requested = options.stop_requested != nullptr && *options.stop_requested;
  if (!requested && !stopped_by_user) return false;
  end_reason = kStoppedByUser;
  return true;
}

bool Machine::Impl::all_ended() const {
  return std::all_of(guests.begin(), guests.end(),
                     [](const auto& parts) { return parts->guest->end() != nullptr; });
}

// "poweroff", or where several did not end alike, "dom1: poweroff; dom2: crash".
std::string Machine::Impl::how_all_ended() const {
  const std::string first = guests.front()->guest->end()->text;
  std::string each;
  bool alike = true;
  for (const auto& parts : guests) {
    const std::string& text = parts->guest->end()->text;
    alike = alike && text == first;
    each += fmt::format("{}{}: {}", each.empty() ? "" : "; ", parts->scenario->name, text);
  }
  return alike ? first : each;
}

// Who has not ended, for a message: "the guest" where there is one, else "dom1 and dom3".
std::string Machine::Impl::who_hangs() const {
  if (guests.size() == 1) return "the guest";
  std::vector<std::string> names;
  for (const auto& parts : guests) {
    if (parts->guest->end() == nullptr) names.push_back(parts->scenario->name);
  }
  return fmt::format("{}", fmt::join(names, " and "));
}

bool Machine::Impl::should_stop() {
  const Clock& clock = timeline.clock();
  if (recorder && !recorder->status()) {
    host_error = recorder->status().error();
    return true;
  }
  if (options.replay != nullptr && (options.replay->divergence() || options.replay->exhausted())) {
    end_reason = options.replay->divergence() ? "the replay diverged" : "the recording was cut here";
    return true;
  }
  if (all_ended()) {
    end_reason = how_all_ended();
    for (const auto& parts : guests) {
      if (parts->guest->end()->way == "crash" && scenario.expect.shutdown != "crash")
        exit_code = ExitCode::guest_crashed;
    }
    return true;
  }
  if (clock.now >= options.until) {
    end_reason = "stopped where --until says";
    return true;
  }
  if (const std::string limit = limit_reached(); !limit.empty()) {
    end_reason = fmt::format("{} hung: {}", who_hangs(), limit);
    exit_code = ExitCode::guest_hung;
    return true;
  }
  return stopped_from_outside();
}

// Which of the limits says that a guest hangs (ARCHITECTURE, "Hung"); empty: none.
std::string Machine::Impl::limit_reached() const {
  const Clock& clock = timeline.clock();
  if (clock.now >= time_limit()) return fmt::format("no end within {}", to_string(scenario.expect.within));
  if (quiet != Tick::never() && clock.now >= saturating_add(wiring->last_crossing_at(), quiet))
    return fmt::format("nothing has crossed a wire for {}", to_string(quiet));
  if (clock.instructions >= instructions_max)
    return fmt::format("no end within {} instructions", instructions_max);
  return {};
}

// The next tick at which a limit may be reached.
Tick Machine::Impl::limit_horizon() const {
  const Clock& clock = timeline.clock();
  Tick next = time_limit();
  if (quiet != Tick::never()) next = std::min(next, saturating_add(wiring->last_crossing_at(), quiet));
  if (instructions_max != UINT64_MAX && clock.instructions < instructions_max)
    next = std::min(next, earliest_after(instructions_max - clock.instructions));
  return next;
}

// From a person, or from the session of a run in which one had given it.
void Machine::Impl::take_fault(std::span<const uint8_t> text) {
  auto fault = parse_fault({reinterpret_cast<const char*>(text.data()), text.size()});
  const bool first = faults->empty();
  // It has been tried before it became an input; one that a session makes up does nothing.
  if (!fault || !faults->add(std::move(*fault)) || !faults->check()) return;
  if (first) components.emplace_back("faults", faults.get());
}

void Machine::Impl::disturb(Tick& horizon) {
  if (!disturbance) return;
  if (disturbance->one_in(50)) usleep(static_cast<useconds_t>(disturbance->below(200)));
  if (disturbance->one_in(4)) {
    for (const auto& parts : guests) parts->guest->cpu().flush_emulator_tlb();
  }
  if (disturbance->one_in(2)) {
    horizon = std::min(horizon, timeline.clock().now + Tick{disturbance->below(20'000'000)});
  }
}

bool Machine::Impl::run_slice(Tick horizon) {
  const Clock& clock = timeline.clock();
  for (size_t i = 0; i < guests.size(); ++i) {
    GuestParts& parts = *guests[(next_guest + i) % guests.size()];
    Guest& guest = *parts.guest;
    if (!guest.runnable()) {
      parts.was_idle = true;
      continue;
    }
    if (i != 0 || clock.now >= quantum_ends_at) {
      next_guest = (next_guest + i) % guests.size();
      quantum_ends_at = clock.now + kQuantum;
    }
    if (parts.was_idle) guest.on_wake();
    parts.was_idle = false;
    if (guests.size() > 1) horizon = std::min(horizon, quantum_ends_at);
    if (look_for_upcalls) guest.look_for_events();
    // Looking may end the domain; what is pending for the others has not been looked at then.
    look_for_upcalls = look_for_upcalls && !guest.runnable();
    if (!guest.runnable()) return true;
    disturb(horizon);
    const Exit exit = run_guest(guest, horizon);
    if (exit.reason != ExitReason::deadline) {
      guest.handle_exit(exit);
      look_for_upcalls = true;
    }
    if (guests.size() > 1 && clock.now >= quantum_ends_at) {
      next_guest = (next_guest + 1) % guests.size();
      look_for_upcalls = true;
    }
    return true;
  }
  return false;
}

// In the child of a fork that goes on as the machine.
void Machine::Impl::take_over() {
  outside->take_over();
  for (InputSource* source : sources) source->take_over();
  if (recorder) recorder->take_over();
}

// Until a stop at which the free run would have stopped as well.
Exit Machine::Impl::run_guest(Guest& guest, Tick horizon) {
  running = &guest;
  for (;;) {
    if (intrusion && intrusion->fork_now()) take_over();
    Exit exit = intrusion ? intrusion->run(guest, horizon, timeline.clock()) : guest.run(horizon);
    if (!exit.canonical) continue;
    running = nullptr;
    return exit;
  }
}

// All guests wait. Where a person may still type, the machine waits for them; time goes on by at least a
// picosecond then, so that what comes has a place of its own behind the idle epoch, in a replay too.
void Machine::Impl::idle(Tick horizon) {
  Clock& clock = timeline.clock();
  // Short waits, as for a disk, come by the ten thousand, and an epoch's digests are not free.
  const bool worth_an_epoch = timeline.next_tick() >= saturating_add(clock.now, kLongIdle);
  if (clock.instructions > epoch_began_at && worth_an_epoch) end_epoch(false);
  const Tick next = std::min(timeline.next_tick(), next_input_tick());
  const std::vector<InputSource*>& live = options.live_inputs;
  const bool somebody_there =
      options.replay == nullptr &&
      std::any_of(live.begin(), live.end(), [](const InputSource* source) { return source->may_come(); });
  // A replay knows that nothing ended before the recorded end: what was waited for there, was a person.
  const bool is_over = options.replay == nullptr || !options.replay->recorded_outcome() ||
                       clock.now >= options.replay->recorded_outcome()->at;
  Tick to = horizon;
  if (somebody_there) {
    const Tick came = wait_for_input(live, clock.now, horizon, options.stop_requested);
    to = std::max(clock.now + Tick{1}, std::min(horizon, came));
  }
  if (next == Tick::never() &&
      ((!somebody_there && is_over && horizon == time_limit()) || to == Tick::never())) {
    end_reason = fmt::format("{} hung: waiting, with nothing pending that could end it", who_hangs());
    exit_code = ExitCode::guest_hung;
    hung = true;
    return;
  }
  timeline.advance_to(to);
  look_for_upcalls = true;
}

void Machine::Impl::begin_run() {
  began = true;
  epoch_ends_at = scenario.epoch_instructions;
  look_for_upcalls = true;
  xen_timer = xen ? next_multiple(timeline.clock().now, kXenTimerInterval) : Tick::never();
}

bool Machine::Impl::run_loop() {
  Clock& clock = timeline.clock();
  if (!began) begin_run();
  for (;;) {
    if (timeline.next_tick() <= clock.now) look_for_upcalls = true;
    timeline.advance_to(clock.now);
    if (options.on_turn) options.on_turn();
    if (deliver_inputs()) look_for_upcalls = true;
    if (clock.instructions >= epoch_ends_at) end_epoch(false);
    if (hung || should_stop()) return true;
    // Turns before a pause and behind it are one turn: all up to here does nothing the second time.
    if (clock.now >= pause_at || (pause_wanted && pause_wanted())) return false;
    if (clock.now >= xen_timer) {
      look_for_upcalls = true;
      xen_timer = next_multiple(clock.now, kXenTimerInterval);
    }
    if (options.on_progress && clock.instructions >= next_progress_at) {
      next_progress_at = clock.instructions + kProgressInstructions;
      options.on_progress({clock.now, clock.instructions});
    }
    Tick horizon =
        std::min({timeline.next_tick(), next_input_tick(), options.until, limit_horizon(), pause_at});
    if (options.replay != nullptr && options.replay->recorded_outcome()) {
      const Tick recorded_end = options.replay->recorded_outcome()->at;
      if (clock.now < recorded_end) horizon = std::min(horizon, recorded_end);
    }
    const Tick slice_end = saturating_add(clock.now, options.slice_max);
    if (run_slice(std::min({horizon, xen_timer, epoch_deadline(), slice_end}))) continue;
    idle(horizon);
  }
}

// Every domain has shut down by itself, so that what it was lent should be back.
bool Machine::Impl::ended_in_order() const {
  return std::all_of(guests.begin(), guests.end(), [](const auto& parts) {
    const GuestEnd* end = parts->guest->end();
    return end != nullptr && (end->way == "poweroff" || end->way == "reboot");
  });
}

// What the checkers found. A crash or a hang says more than what it has broken besides.
void Machine::Impl::judge(RunReport& report) const {
  report.violations = checkers->violations();
  const uint64_t broken = checkers->count_not_allowed();
  if (broken == 0) return;
  if (report.exit_code != ExitCode::ok && report.exit_code != ExitCode::expectation_failed) return;
  report.exit_code = ExitCode::invariant_broken;
  const auto first = std::find_if(report.violations.begin(), report.violations.end(),
                                  [](const Violation& violation) { return !violation.allowed; });
  report.reason += "; invariant broken: ";
  report.reason += first != report.violations.end() ? first->rule : "one that the first thousand hide";
  if (broken > 1) report.reason += fmt::format(", and {} more", broken - 1);
}

// A fault that is for no wire at all was meant for another: whatever the run shows is not about it.
void Machine::Impl::object_to_faults(RunReport& report) const {
  if (report.reason == kStoppedByUser || timeline.clock().now >= options.until) return;
  report.objections = faults->unmatched();
  if (!report.objections.empty()) report.exit_code = ExitCode::bad_input;
}

RunReport Machine::Impl::report() {
  const Clock& clock = timeline.clock();
  RunReport report;
  if (intrusion) report.intrusion = intrusion->counts();
  report.exit_code = exit_code;
  report.reason = end_reason;
  report.at = clock.now;
  report.instructions = clock.instructions;
  report.epochs = epochs;
  report.faults = faults->struck();
  for (const auto& parts : guests) {
    report.notices += parts->guest->notices();
    if (const GuestEnd* end = parts->guest->end()) report.details += end->details;
  }
  for (size_t i = 0; i < scenario.expect.console.size(); ++i) {
    const bool seen = std::any_of(guests.begin(), guests.end(),
                                  [&](const auto& parts) { return parts->console_watch.seen(i); }) ||
                      (xen_consoles && xen_consoles->seen(i));
    if (!seen)
      report.missing.push_back(fmt::format("the console never showed \"{}\"", scenario.expect.console[i]));
  }
  for (const auto& parts : guests) {
    const GuestEnd* end = parts->guest->end();
    if (!scenario.expect.shutdown || end == nullptr || end->way == *scenario.expect.shutdown) continue;
    report.missing.push_back(fmt::format("{} to end by {}, but it ended by {}", parts->scenario->name,
                                         *scenario.expect.shutdown, end->way));
  }
  report.unanswered = standins->unanswered().requests();
  report.unanswered_count = standins->unanswered().count();
  const bool as_expected = report.missing.empty() && report.unanswered_count == 0;
  if (report.exit_code == ExitCode::ok && !as_expected) {
    report.exit_code = ExitCode::expectation_failed;
  }
  judge(report);
  object_to_faults(report);
  return report;
}

}  // namespace ringside

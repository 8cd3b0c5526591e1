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

namespace ringside {

namespace {

constexpr Tick kQuantum = milliseconds(1);
// How often a running guest is interrupted for Xen's own sake (its timer ticks, at most that far apart).
constexpr Tick kXenTimerInterval = milliseconds(10);
constexpr uint64_t kProgressInstructions = 2'000'000;
constexpr const char* kStoppedByUser = "stopped by the user";

// How a domain ended, in the words of [expect]: Xen's SHUTDOWN_* by number (public/sched.h).
std::string way_to_end(const DomainEnd& end) {
  constexpr const char* kReasons[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset"};
  if (end.crashed) return "crash";
  return end.shutdown_reason < std::size(kReasons) ? kReasons[end.shutdown_reason]
                                                   : fmt::format("reason {}", end.shutdown_reason);
}

bool has_crashed(const DomainEnd& end) { return way_to_end(end) == "crash"; }

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
    for (const auto& guest : guests) {
      if (wire == guest->scenario->name + "/console/in") guest->console->type(bytes);
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
  // No instruction costs less than a cycle (docs/time.md), and a block's cost is rounded from a whole number
  // of them.
  const uint64_t cheapest_ps = 1'000'000'000'000 / scenario.cpu_frequency_hz;
  return clock.now + Tick{(epoch_ends_at - clock.instructions) * cheapest_ps};
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
  if (final || epochs % scenario.memory_digest_epochs == 0) digest.memory = memory->digest();
  if (recorder) recorder->end_epoch(digest);
  if (options.replay != nullptr) options.replay->end_epoch(std::move(digest));
  if (epochs == options.flip_memory_bit_after_epoch) {
    const GuestPhys victim = memory->base() + memory->size() / 3;
    memory->store(victim, static_cast<uint8_t>(memory->load<uint8_t>(victim) ^ 1));
  }
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
    const bool by_user = recorded->reason == kStoppedByUser;
    if (by_user ? now < recorded->at : now <= recorded->at) return false;
    end_reason = by_user ? kStoppedByUser : "it did not end where the recording did";
    return true;
  }
  if (options.stop_requested == nullptr || !*options.stop_requested) return false;
  end_reason = kStoppedByUser;
  return true;
}

bool Machine::Impl::all_ended() const {
  return std::all_of(guests.begin(), guests.end(),
                     [](const auto& guest) { return guest->domain->end.has_value(); });
}

// "poweroff", or where several did not end alike, "dom1: poweroff; dom2: crash".
std::string Machine::Impl::how_all_ended() const {
  const std::string first = guests.front()->domain->end->text;
  std::string each;
  bool alike = true;
  for (const auto& guest : guests) {
    const std::string& text = guest->domain->end->text;
    alike = alike && text == first;
    each += fmt::format("{}{}: {}", each.empty() ? "" : "; ", guest->scenario->name, text);
  }
  return alike ? first : each;
}

// Who has not ended, for a message: "the guest" where there is one, else "dom1 and dom3".
std::string Machine::Impl::who_hangs() const {
  if (guests.size() == 1) return "the guest";
  std::vector<std::string> names;
  for (const auto& guest : guests) {
    if (!guest->domain->end) names.push_back(guest->scenario->name);
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
    for (const auto& guest : guests) {
      if (has_crashed(*guest->domain->end) && scenario.expect.shutdown != "crash")
        exit_code = ExitCode::guest_crashed;
    }
    return true;
  }
  if (clock.now >= options.until) {
    end_reason = "stopped where --until says";
    return true;
  }
  if (clock.now >= time_limit()) {
    end_reason = fmt::format("{} hung: no end within {}", who_hangs(), to_string(scenario.expect.within));
    exit_code = ExitCode::guest_hung;
    return true;
  }
  return stopped_from_outside();
}

void Machine::Impl::disturb(Tick& horizon) {
  if (!disturbance) return;
  if (disturbance->one_in(50)) usleep(static_cast<useconds_t>(disturbance->below(200)));
  if (disturbance->one_in(4)) {
    for (const auto& guest : guests) guest->cpu->flush_emulator_tlb();
  }
  if (disturbance->one_in(2)) {
    horizon = std::min(horizon, timeline.clock().now + Tick{disturbance->below(20'000'000)});
  }
}

bool Machine::Impl::run_slice(Tick horizon) {
  const Clock& clock = timeline.clock();
  for (size_t i = 0; i < guests.size(); ++i) {
    GuestParts& guest = *guests[(next_guest + i) % guests.size()];
    if (!guest.personality->runnable()) {
      guest.was_idle = true;
      continue;
    }
    if (i != 0 || clock.now >= quantum_ends_at) {
      next_guest = (next_guest + i) % guests.size();
      quantum_ends_at = clock.now + kQuantum;
    }
    if (guest.was_idle) hypervisor->update_time(*guest.domain);
    guest.was_idle = false;
    if (guests.size() > 1) horizon = std::min(horizon, quantum_ends_at);
    if (look_for_upcalls) guest.personality->prepare_to_run();
    // Looking may end the domain; what is pending for the others has not been looked at then.
    look_for_upcalls = look_for_upcalls && !guest.personality->runnable();
    if (!guest.personality->runnable()) return true;
    disturb(horizon);
    const Exit exit = guest.cpu->run(horizon);
    if (exit.reason != ExitReason::deadline) {
      guest.personality->handle_exit(exit);
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

// All guests wait. Where a person may still type, the machine waits for them; time goes on by at least a
// picosecond then, so that what comes has a place of its own behind the idle epoch, in a replay too.
void Machine::Impl::idle(Tick horizon) {
  Clock& clock = timeline.clock();
  if (clock.instructions > epoch_began_at) end_epoch(false);
  const Tick next = std::min(timeline.next_tick(), next_input_tick());
  InputSource* live = options.replay == nullptr ? options.live_input : nullptr;
  const bool somebody_there = live != nullptr && live->may_come();
  // A replay knows that nothing ended before the recorded end: what was waited for there, was a person.
  const bool over = options.replay == nullptr || !options.replay->recorded_outcome() ||
                    clock.now >= options.replay->recorded_outcome()->at;
  Tick to = horizon;
  if (somebody_there) to = std::max(clock.now + Tick{1}, std::min(horizon, live->wait(clock.now, horizon)));
  if (next == Tick::never() &&
      ((!somebody_there && over && horizon == time_limit()) || to == Tick::never())) {
    end_reason = fmt::format("{} hung: waiting, with nothing pending that could end it", who_hangs());
    exit_code = ExitCode::guest_hung;
    hung = true;
    return;
  }
  timeline.advance_to(to);
  look_for_upcalls = true;
}

void Machine::Impl::run_loop() {
  Clock& clock = timeline.clock();
  epoch_ends_at = scenario.epoch_instructions;
  look_for_upcalls = true;
  Tick xen_timer = next_multiple(clock.now, kXenTimerInterval);
  for (;;) {
    if (timeline.next_tick() <= clock.now) look_for_upcalls = true;
    timeline.advance_to(clock.now);
    if (deliver_inputs()) look_for_upcalls = true;
    if (clock.instructions >= epoch_ends_at) end_epoch(false);
    if (hung || should_stop()) return;
    if (clock.now >= xen_timer) {
      look_for_upcalls = true;
      xen_timer = next_multiple(clock.now, kXenTimerInterval);
    }
    if (options.on_progress && clock.instructions >= next_progress_at) {
      next_progress_at = clock.instructions + kProgressInstructions;
      options.on_progress({clock.now, clock.instructions});
    }
    Tick horizon = std::min({timeline.next_tick(), next_input_tick(), options.until, time_limit()});
    if (options.replay != nullptr && options.replay->recorded_outcome()) {
      const Tick recorded_end = options.replay->recorded_outcome()->at;
      if (clock.now < recorded_end) horizon = std::min(horizon, recorded_end);
    }
    if (run_slice(std::min({horizon, xen_timer, epoch_deadline()}))) continue;
    idle(horizon);
  }
}

RunReport Machine::Impl::report() {
  const Clock& clock = timeline.clock();
  RunReport report;
  report.exit_code = exit_code;
  report.reason = end_reason;
  report.at = clock.now;
  report.instructions = clock.instructions;
  report.epochs = epochs;
  for (const auto& guest : guests) {
    for (const NoticeKind kind : {NoticeKind::unhandled, NoticeKind::unimplemented, NoticeKind::unusual}) {
      report.notices += guest->domain->notices.count(kind);
    }
  }
  for (size_t i = 0; i < scenario.expect.console.size(); ++i) {
    const bool seen = std::any_of(guests.begin(), guests.end(),
                                  [&](const auto& guest) { return guest->console_watch.seen(i); });
    if (!seen)
      report.missing.push_back(fmt::format("the console never showed \"{}\"", scenario.expect.console[i]));
  }
  for (const auto& guest : guests) {
    if (!scenario.expect.shutdown || !guest->domain->end) continue;
    const std::string found = way_to_end(*guest->domain->end);
    if (found == *scenario.expect.shutdown) continue;
    report.missing.push_back(fmt::format("{} to end by {}, but it ended by {}", guest->scenario->name,
                                         *scenario.expect.shutdown, found));
  }
  if (report.exit_code == ExitCode::ok && !report.missing.empty()) {
    report.exit_code = ExitCode::expectation_failed;
  }
  return report;
}

}  // namespace ringside

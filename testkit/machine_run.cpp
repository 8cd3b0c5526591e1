// Running a test's machine: to its end, or to a pause.
#include <fmt/format.h>

#include <algorithm>

#include "ringside/expectation.h"
#include "sim/near_names.h"
#include "testkit/machine_impl.h"

namespace ringside::test {

namespace {

Outcome::Verdict verdict_of(ExitCode code) {
  switch (code) {
    case ExitCode::ok: return Outcome::Verdict::ok;
    case ExitCode::expectation_failed: return Outcome::Verdict::expectation_failed;
    case ExitCode::guest_hung: return Outcome::Verdict::hung;
    case ExitCode::guest_crashed: return Outcome::Verdict::crashed;
    case ExitCode::invariant_broken: return Outcome::Verdict::invariant_broken;
    case ExitCode::diverged: return Outcome::Verdict::diverged;
    case ExitCode::bad_input:
    case ExitCode::internal: break;
  }
  return Outcome::Verdict::bad_input;
}

std::string last_lines(const std::string& text, size_t count) {
  size_t at = text.size();
  while (at != 0 && text[at - 1] == '\n') --at;
  const size_t end = at;
  for (; count != 0 && at != 0; --count) {
    at = text.rfind('\n', at - 1);
    if (at == std::string::npos) at = 0;
  }
  return text.substr(at, end - at);
}

}  // namespace

// What a predicate throws goes around the machine, whose stack it must not unwind.
bool Machine::Impl::run_on(Tick until, const std::function<bool()>& pause_wanted) {
  ringside::Machine& running = built();
  if (finished) return true;
  thrown = nullptr;
  const auto asked = [&] {
    try {
      return pause_wanted();
    } catch (...) {
      thrown = std::current_exception();
      return true;
    }
  };
  const bool over = or_throw(running.run_on(until, pause_wanted ? std::function<bool()>(asked) : nullptr));
  if (thrown) std::rethrow_exception(thrown);
  if (over) finish();
  return over;
}

void Machine::Impl::finish() {
  const RunReport report = or_throw(machine->finish());
  finished = true;
  outcome.verdict = verdict_of(report.exit_code);
  outcome.reason = report.reason;
  outcome.at = to_time(report.at);
  outcome.instructions = report.instructions;
  outcome.missing = report.missing;
  outcome.missing.insert(outcome.missing.end(), report.objections.begin(), report.objections.end());
  outcome.details = report.details;
}

Outcome Machine::run() {
  impl_->run_on(Tick::never(), {});
  return impl_->outcome;
}

bool Machine::run_until(Time at) { return !impl_->run_on(to_tick(at), {}); }

bool Machine::run_for(Time duration) {
  const Time start = now();
  return run_until(duration >= kNever - start ? kNever : start + duration);
}

bool Machine::run_until(const std::function<bool()>& predicate) {
  return !impl_->run_on(Tick::never(), predicate);
}

std::optional<Crossing> Machine::Impl::wait_for(std::string_view wire, const Condition& condition,
                                                Time within) {
  const Tick now = built().clock().now;
  tap.wait_for(wire, &condition);
  const auto found = [this] { return tap.found().has_value(); };
  const Tick until = within == kNever ? Tick::never() : saturating_add(now, to_tick(within));
  try {
    run_on(until, found);
  } catch (...) {
    tap.wait_for({}, nullptr);
    throw;
  }
  const std::optional<uint64_t> which = tap.found();
  tap.wait_for({}, nullptr);
  if (!which) return std::nullopt;
  return tap.store->handle(*which);
}

std::optional<Crossing> Machine::try_run_until(std::string_view wire, const Condition& condition,
                                               Time within) {
  return impl_->wait_for(wire, condition, within);
}

Crossing Machine::run_until(std::string_view wire, const Condition& condition, Time within) {
  impl_->built();
  const uint64_t from = impl_->tap.store->next();
  if (auto found = impl_->wait_for(wire, condition, within)) return *found;
  impl_->say_what_came(wire, condition, within, from);
}

void Machine::Impl::say_what_came(std::string_view wire, const Condition& condition, Time within,
                                  uint64_t from) {
  std::string text = fmt::format("no crossing of {} with {}", wire, condition.text());
  if (finished) {
    text += fmt::format(": the machine ended at {} ({})", to_string(outcome.at), outcome.reason);
  } else {
    text += fmt::format(" within {}, until {}", to_string(within), to_string(to_time(machine->clock().now)));
  }
  if (!tap.store->knows(wire)) throw Error(text + "\n" + tap.store->no_such_wire(wire));
  throw Error(text + "\n" + expect_crossing(condition).explain(tap.store->select(wire, from)));
}

void Machine::run_until_console(const std::string& domain, const std::string& text, Time within) {
  const std::string& shown = console(domain);
  size_t& behind = impl_->console_found[impl_->console_name(domain)];
  size_t place = shown.find(text, behind);
  const Tick until =
      within == kNever ? Tick::never() : saturating_add(impl_->built().clock().now, to_tick(within));
  size_t looked = behind;
  const auto there = [&] {
    if (shown.size() == looked) return false;
    place = shown.find(text, looked - std::min(looked - behind, text.size()));
    looked = shown.size();
    return place != std::string::npos;
  };
  if (place == std::string::npos) impl_->run_on(until, there);
  if (place == std::string::npos) there();
  if (place != std::string::npos) {
    behind = place + text.size();
    return;
  }
  throw Error(fmt::format("{} did not show \"{}\"{}; its last lines are:\n{}", domain, text,
                          impl_->finished ? fmt::format(" before it ended ({})", impl_->outcome.reason)
                                          : fmt::format(" within {}", to_string(within)),
                          last_lines(shown.substr(behind), 5)));
}

Outcome Machine::stop() {
  impl_->built();
  if (!impl_->finished) {
    impl_->stopped = true;
    impl_->finish();
  }
  return impl_->outcome;
}

}  // namespace ringside::test

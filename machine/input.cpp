#include "machine/input.h"

#include <algorithm>
#include <chrono>
#include <ctime>

namespace ringside {

namespace {

constexpr size_t kUnmatchedMax = 64 << 10;

}  // namespace

Tick wait_for_input(std::span<InputSource* const> sources, Tick now, Tick until, const volatile bool* stop) {
  using std::chrono::steady_clock;
  const auto began = steady_clock::now();
  const auto passed = [&] {
    const auto host =
        std::chrono::duration_cast<std::chrono::nanoseconds>(steady_clock::now() - began).count();
    return saturating_add(now, nanoseconds(static_cast<uint64_t>(std::max<int64_t>(host, 0))));
  };
  for (;;) {
    std::vector<pollfd> waiting;
    bool may_come = false, has_come = false;
    for (const InputSource* source : sources) {
      has_come = has_come || source->next_tick() != Tick::never();
      if (!source->may_come()) continue;
      may_come = true;
      source->add_descriptors(waiting);
    }
    const Tick reached = passed();
    if (has_come || !may_come || (stop != nullptr && *stop)) return std::min(until, reached);
    if (waiting.empty()) return sources.front()->wait(now, until);
    if (reached >= until) return until;
    // Now and then it looks whether it should stop.
    const uint64_t left_ns = std::min<uint64_t>((until - reached).ps / 1000 + 1, 1'000'000'000);
    const timespec timeout{static_cast<time_t>(left_ns / 1'000'000'000),
                           static_cast<long>(left_ns % 1'000'000'000)};
    (void)ppoll(waiting.data(), waiting.size(), &timeout, nullptr);
    for (InputSource* source : sources) source->look();
  }
}

ScriptedInput::ScriptedInput(const Scenario& scenario) {
  for (const InputScenario& input : scenario.inputs) {
    std::string console = input.domain;
    for (const ConsoleScenario& further : scenario.consoles) {
      if (further.domain == input.domain && further.name == input.wire) console = further.full_name();
    }
    Script* script = nullptr;
    for (Script& candidate : scripts_) {
      if (candidate.console == console) script = &candidate;
    }
    if (script == nullptr) {
      script = &scripts_.emplace_back();
      script->console = console;
    }
    script->waiting.push_back(input);
  }
}

void ScriptedInput::on_console(const std::string& console, std::string_view bytes) {
  for (Script& script : scripts_) {
    if (script.console != console || script.waiting.empty()) continue;
    script.unmatched += bytes;
    match(script);
    // While a time is waited for, nothing is matched, and a guest may print without end.
    if (script.unmatched.size() > 2 * kUnmatchedMax) {
      script.unmatched.erase(0, script.unmatched.size() - kUnmatchedMax);
    }
  }
}

void ScriptedInput::match(Script& script) {
  while (!script.waiting.empty() && !script.waiting.front().at) {
    const InputScenario& next = script.waiting.front();
    const size_t found = script.unmatched.find(next.when);
    if (found == std::string::npos) {
      // Keep only what could be the beginning of a match.
      const size_t keep = next.when.size() - 1;
      if (script.unmatched.size() > keep) script.unmatched.erase(0, script.unmatched.size() - keep);
      return;
    }
    script.unmatched.erase(0, found + next.when.size());
    ready_.push_back({next.domain + "/" + next.wire + "/in", {next.send.begin(), next.send.end()}});
    script.waiting.pop_front();
  }
}

Tick ScriptedInput::next_tick() const {
  if (!ready_.empty()) return Tick{0};
  Tick next = Tick::never();
  for (const Script& script : scripts_) {
    if (!script.waiting.empty() && script.waiting.front().at)
      next = std::min(next, *script.waiting.front().at);
  }
  return next;
}

std::optional<PendingInput> ScriptedInput::take(Tick now, uint64_t) {
  for (Script& script : scripts_) {
    if (script.waiting.empty() || !script.waiting.front().at || *script.waiting.front().at > now) continue;
    const InputScenario& due = script.waiting.front();
    ready_.push_back({due.domain + "/" + due.wire + "/in", {due.send.begin(), due.send.end()}});
    script.waiting.pop_front();
    match(script);
  }
  if (ready_.empty()) return std::nullopt;
  PendingInput input = std::move(ready_.front());
  ready_.pop_front();
  return input;
}

}  // namespace ringside

#include "machine/input.h"

#include <algorithm>

namespace ringside {

namespace {

constexpr size_t kUnmatchedMax = 64 << 10;

}  // namespace

ScriptedInput::ScriptedInput(const std::vector<InputScenario>& inputs) {
  for (const InputScenario& input : inputs) {
    Script* script = nullptr;
    for (Script& candidate : scripts_) {
      if (candidate.domain == input.domain) script = &candidate;
    }
    if (script == nullptr) {
      script = &scripts_.emplace_back();
      script->domain = input.domain;
    }
    script->waiting.push_back(input);
  }
}

void ScriptedInput::on_console(const std::string& domain, std::string_view bytes) {
  for (Script& script : scripts_) {
    if (script.domain != domain || script.waiting.empty()) continue;
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
    ready_.push_back({script.domain + "/" + next.wire + "/in", {next.send.begin(), next.send.end()}});
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
    ready_.push_back({script.domain + "/" + due.wire + "/in", {due.send.begin(), due.send.end()}});
    script.waiting.pop_front();
    match(script);
  }
  if (ready_.empty()) return std::nullopt;
  PendingInput input = std::move(ready_.front());
  ready_.pop_front();
  return input;
}

}  // namespace ringside

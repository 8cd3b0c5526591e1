// The debugger's commands that move the machine.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/crossing_text.h"
#include "control/debugger.h"

namespace ringside {

namespace {

std::optional<uint64_t> count_in(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The id of a rule that stands for no breakpoint.
constexpr int64_t kNext = -1;

}  // namespace

void Debugger::greet() {
  const Json& ready = machine_->ready();
  print_folded(fmt::format("{}: {} wires, stands before the first instruction. `help` lists the commands.",
                           ready.value("scenario", ""), ready["wires"].size()));
}

void Debugger::report_end(const Json& report) {
  print_folded(fmt::format("the machine has ended at {}: {} (exit code {})",
                           short_time(report.value("at_ps", uint64_t{0})), report.value("reason", ""),
                           report.value("exit_code", 0)));
  for (const Json& missing : report.value("missing", Json::array()))
    print_folded("expected: " + missing.get<std::string>());
}

void Debugger::report_stop(const Json& answer) {
  const std::string reason = answer.value("stopped", "");
  by_itself_ = reason != "rule" || answer.value("rule", kNext) != kNext;
  if (reason == "rule") {
    const int64_t id = answer.value("rule", kNext);
    const auto hit = std::find_if(breaks_.begin(), breaks_.end(),
                                  [&](const Breakpoint& candidate) { return candidate.rule.id == id; });
    if (hit != breaks_.end()) {
      ++hit->hits;
      print_folded(fmt::format("{} {}: {}", hit->once ? "tbreak" : "break", id, to_string(hit->rule)));
      if (hit->once) breaks_.erase(hit);
    }
    if (const std::string why = answer.value("why", ""); !why.empty()) print_folded("  " + why);
  }
  if (reason == "ended") return report_end(answer["report"]);
  const uint64_t now = machine_->place().at_ps;
  if (reason == "time") print(fmt::format("time: {}", short_time(now)));
  if (reason == "asked") print("stopped");
  if (reason == "idle") {
    print_folded(
        fmt::format("{} every guest waits, and nothing is pending but what you `type`", short_time(now)));
  }
  if (answer.contains("crossing"))
    print_folded(fmt::format("#{} {}", machine_->place().crossing, crossing_line(answer["crossing"])));
}

Result<> Debugger::run(SteppedMachine::Until until) {
  for (const Breakpoint& breakpoint : breaks_) until.rules.push_back(breakpoint.rule);
  auto answer = machine_->run(until, &stop_);
  if (!answer) return tl::unexpected(answer.error());
  report_stop(*answer);
  return {};
}

Result<> Debugger::next(const Words&, std::string_view rest) {
  StopRule rule;
  rule.wire = "*";
  uint64_t count = 1;
  if (const auto number = count_in(rest)) {
    count = *number;
  } else if (!rest.empty()) {
    auto parsed = parse_stop(rest);
    if (!parsed) return tl::unexpected(parsed.error());
    rule = std::move(*parsed);
    if (rule.kind == StopRule::Kind::crossing) SIM_TRY(check_glob(rule.wire));
  }
  rule.id = kNext;
  by_itself_ = false;
  for (uint64_t i = 0; i < count && !by_itself_; ++i) {
    SteppedMachine::Until until;
    until.rules.push_back(rule);
    SIM_TRY(run(std::move(until)));
  }
  return {};
}

Result<> Debugger::go_on(const Words&, std::string_view) { return run({}); }

Result<> Debugger::until(const Words& words, std::string_view) {
  if (words.size() != 1) return fail("write: until TIME, such as 1.5ms");
  const auto time = parse_tick(words[0]);
  if (!time) return tl::unexpected(time.error());
  if (time->ps <= machine_->place().at_ps) {
    return fail(fmt::format("{} is not ahead: the machine is at {}", short_time(time->ps),
                            short_time(machine_->place().at_ps)));
  }
  SteppedMachine::Until until;
  until.time = *time;
  return run(std::move(until));
}

Result<> Debugger::back(const Words&, std::string_view rest) {
  StopRule rule;
  rule.wire = "*";
  if (!rest.empty()) {
    auto parsed = parse_stop(rest);
    if (!parsed) return tl::unexpected(parsed.error());
    if (parsed->kind != StopRule::Kind::crossing)
      return fail("back goes to a crossing: back [WIRE [if FIELD OPERATOR VALUE ...]]");
    rule = std::move(*parsed);
    SIM_TRY(check_glob(rule.wire));
  }
  auto answer = machine_->back(rule);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->contains("dropped")) {
    print_folded(
        fmt::format("dropped: {} that the machine had not taken yet", (*answer)["dropped"].get<uint64_t>()));
  }
  report_stop(*answer);
  return {};
}

Result<> Debugger::give(const std::string& wire, std::string_view bytes) {
  const auto dropped = machine_->give(wire, bytes);
  if (!dropped) return tl::unexpected(dropped.error());
  if (*dropped != 0) print(fmt::format("another history begins: {} that came later are dropped", *dropped));
  return {};
}

Result<> Debugger::add_break(std::string_view text, bool once) {
  auto rule = parse_stop(text);
  if (!rule) return tl::unexpected(rule.error());
  if (rule->kind == StopRule::Kind::crossing) SIM_TRY(check_glob(rule->wire));
  rule->id = ++last_break_;
  print_folded(fmt::format("{} {}: {}", once ? "tbreak" : "break", rule->id, to_string(*rule)));
  breaks_.push_back({std::move(*rule), once, 0});
  return {};
}

Result<> Debugger::break_at(const Words&, std::string_view rest) { return add_break(rest, false); }
Result<> Debugger::break_once(const Words&, std::string_view rest) { return add_break(rest, true); }

Result<> Debugger::delete_breaks(const Words& words, std::string_view) {
  if (words.empty()) {
    breaks_.clear();
    print("no breaks are left");
    return {};
  }
  for (const std::string& word : words) {
    const auto id = count_in(word);
    const auto found = std::find_if(breaks_.begin(), breaks_.end(), [&](const Breakpoint& candidate) {
      return id && candidate.rule.id == static_cast<int64_t>(*id);
    });
    if (found == breaks_.end())
      return fail(fmt::format("there is no break {}; `info breaks` lists them", word));
    breaks_.erase(found);
  }
  return {};
}

Result<> Debugger::info(const Words& words, std::string_view) {
  if (words.size() != 1 || words[0] != "breaks") return fail("write: info breaks");
  if (breaks_.empty()) print("no breaks");
  for (const Breakpoint& breakpoint : breaks_) {
    print_folded(fmt::format("{:3} {}{} ({} hit{})", breakpoint.rule.id, breakpoint.once ? "once: " : "",
                             to_string(breakpoint.rule), breakpoint.hits, breakpoint.hits == 1 ? "" : "s"));
  }
  return {};
}

Result<> Debugger::fault(const Words&, std::string_view rest) {
  if (rest.empty()) return fail("write: fault PLACE ACTION, such as fault ring/xvda/response@1 fail(-5)");
  return give("fault", rest);
}

// "\n" and "\r" as in a scenario's [[input]]; a line's end is added unless the text ends in \c.
Result<> Debugger::type(const Words&, std::string_view rest) {
  std::string bytes;
  bool ended = false;
  for (size_t i = 0; i < rest.size() && !ended; ++i) {
    if (rest[i] != '\\' || i + 1 == rest.size()) {
      bytes += rest[i];
      continue;
    }
    switch (rest[++i]) {
      case 'n': bytes += '\n'; break;
      case 'r': bytes += '\r'; break;
      case 't': bytes += '\t'; break;
      case 'e': bytes += '\x1b'; break;
      case 'c': ended = true; break;
      case '\\': bytes += '\\'; break;
      default: return fail(fmt::format("\\{} is unknown: \\n \\r \\t \\e \\c \\\\", rest[i]));
    }
  }
  if (!ended) bytes += '\r';
  return give(first_domain() + "/console/in", bytes);
}

Result<> Debugger::save(const Words& words, std::string_view) {
  if (words.size() != 1) return fail("write: save FILE");
  auto saved = machine_->save(words[0]);
  if (!saved) return tl::unexpected(saved.error());
  const Json report = saved->value("report", Json::object());
  print_folded(fmt::format("saved {}: {} instructions, {}", words[0],
                           report.value("instructions", uint64_t{0}), report.value("reason", "")));
  return {};
}

Result<> Debugger::quit(const Words&, std::string_view) {
  quit_ = true;
  return {};
}

}  // namespace ringside

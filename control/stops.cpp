#include "control/stops.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "control/command_words.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr std::array<std::pair<std::string_view, FaultOperator>, 8> kOperators{
    {{"==", FaultOperator::equal},
     {"!=", FaultOperator::not_equal},
     {"<=", FaultOperator::at_most},
     {">=", FaultOperator::at_least},
     {"=", FaultOperator::equal},
     {"<", FaultOperator::less},
     {">", FaultOperator::greater},
     {"~", FaultOperator::contains}}};

constexpr std::array<std::string_view, 7> kKinds{
    "crossing", "notice", "violation", "xenbus", "masked-pending", "index-written", "notify-suppressed"};

// The rules of checkers by which somebody was not told (checkers/xen).
constexpr const char* kWakeups = "events/lost_wakeup|*/event_missing|*/answer_event_missing";

std::string_view text_of(FaultOperator op) {
  for (const auto& [text, value] : kOperators) {
    if (value == op) return text;
  }
  return "?";
}

// "status != 0 operation=READ": blanks may stand around operators. Values end at a blank or a comma; quoted
// ones at their quote.
Result<std::vector<StopCondition>> parse_conditions(std::string_view text) {
  std::vector<StopCondition> conditions;
  size_t at = 0;
  const auto skip = [&](std::string_view what) {
    while (at < text.size() && what.find(text[at]) != std::string_view::npos) ++at;
  };
  const auto wrong = [&](std::string_view why) {
    return fail(fmt::format("condition '{}', character {}: {}", text, at + 1, why));
  };
  for (skip(" \t,"); at < text.size(); skip(" \t,")) {
    StopCondition condition;
    const size_t name_end = std::min(text.find_first_of(" \t=!<>~,", at), text.size());
    condition.field = text.substr(at, name_end - at);
    if (condition.field.empty()) return wrong("a field's name is missing");
    if (condition.field == "and" || condition.field == "if") {
      at = name_end;
      continue;
    }
    at = name_end;
    skip(" \t");
    const auto found = std::find_if(kOperators.begin(), kOperators.end(), [&](const auto& entry) {
      return text.substr(at).starts_with(entry.first);
    });
    if (found == kOperators.end())
      return wrong(fmt::format("{} needs an operator: == != < <= > >= ~", condition.field));
    condition.op = found->second;
    at += found->first.size();
    skip(" \t");
    if (at >= text.size()) return wrong(fmt::format("{} needs a value", condition.field));
    if (text[at] == '"') {
      const size_t quote = text.find('"', at + 1);
      if (quote == std::string_view::npos) return wrong("the quote is not closed");
      condition.value = text.substr(at + 1, quote - at - 1);
      at = quote + 1;
    } else {
      const size_t end = std::min(text.find_first_of(" \t,", at), text.size());
      condition.value = text.substr(at, end - at);
      at = end;
    }
    condition.number = number_in(condition.value);
    conditions.push_back(std::move(condition));
  }
  if (conditions.empty()) return wrong("write FIELD OPERATOR VALUE behind `if`");
  return conditions;
}

bool holds(const StopCondition& condition, const DecodedField& field) {
  const std::string_view text = field.text.size() >= 2 && field.text.front() == '"'
                                    ? std::string_view(field.text).substr(1, field.text.size() - 2)
                                    : std::string_view(field.text);
  if (condition.op == FaultOperator::contains) return text.find(condition.value) != std::string_view::npos;
  const bool numbers = condition.number && field.is_number;
  if (condition.op == FaultOperator::equal || condition.op == FaultOperator::not_equal) {
    const bool equal = text == condition.value || (numbers && field.number == *condition.number);
    return equal == (condition.op == FaultOperator::equal);
  }
  if (!numbers) return false;
  // Signed fields are shown with their sign, and compare as shown.
  const bool is_signed = text.starts_with('-') || condition.value.starts_with('-');
  const uint64_t shown = text.starts_with('-') ? number_in(text).value_or(field.number) : field.number;
  const auto order = is_signed ? static_cast<int64_t>(shown) <=> static_cast<int64_t>(*condition.number)
                               : shown <=> *condition.number;
  switch (condition.op) {
    case FaultOperator::less: return order < 0;
    case FaultOperator::at_most: return order <= 0;
    case FaultOperator::greater: return order > 0;
    default: return order >= 0;
  }
}

bool any_holds(const StopCondition& condition, const std::vector<DecodedField>& fields) {
  for (const DecodedField& field : fields) {
    if (field.name == condition.field && field.children.empty() && holds(condition, field)) return true;
    if (any_holds(condition, field.children)) return true;
  }
  return false;
}

std::optional<uint64_t> xenbus_state_in(std::string_view text) {
  if (const auto number = number_in(text)) return *number <= 8 ? number : std::nullopt;
  std::string wanted;
  for (const char c : text) {
    if (c != '-' && c != '_') wanted += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  for (uint64_t state = 0; state <= 8; ++state) {
    std::string name;
    for (const char c : to_string(static_cast<XenbusState>(state))) {
      if (c != '-' && c != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    if (name == wanted) return state;
  }
  return std::nullopt;
}

}  // namespace

bool conditions_hold(const std::vector<StopCondition>& conditions, const std::vector<DecodedField>& fields) {
  return std::all_of(conditions.begin(), conditions.end(),
                     [&](const StopCondition& condition) { return any_holds(condition, fields); });
}

Result<StopRule> parse_stop(std::string_view text) {
  const std::vector<std::string> words = words_of(text);
  if (words.empty()) return fail("break: on what? A wire, or one of the conditions that `help break` lists");
  StopRule rule;
  const std::string& first = words[0];
  const auto needs = [&](size_t least, size_t most, std::string_view usage) -> Result<> {
    if (words.size() < least || words.size() > most) return fail(fmt::format("write: break {}", usage));
    return {};
  };
  if (first == "notice") {
    SIM_TRY(needs(1, 1, "notice"));
    rule.kind = StopRule::Kind::notice;
    rule.wire = "notice";
  } else if (first == "violation") {
    SIM_TRY(needs(1, 2, "violation [RULE]"));
    rule.kind = StopRule::Kind::violation;
    rule.wire = "notice";
    rule.name = words.size() > 1 ? words[1] : "*";
  } else if (first == "wakeup-missed") {
    SIM_TRY(needs(1, 1, "wakeup-missed"));
    rule.kind = StopRule::Kind::violation;
    rule.wire = "notice";
    rule.name = kWakeups;
  } else if (first == "xenbus") {
    SIM_TRY(needs(3, 3, "xenbus DEVICE STATE"));
    rule.kind = StopRule::Kind::xenbus;
    rule.wire = "*";
    rule.name = words[1];
    const auto state = xenbus_state_in(words[2]);
    if (!state) {
      return fail(
          fmt::format("'{}' is no XenBus state: Initialising, InitWait, Initialised, Connected, "
                      "Closing, Closed, Reconfiguring, Reconfigured, or 0 to 8",
                      words[2]));
    }
    rule.value = *state;
  } else if (first == "masked-pending") {
    SIM_TRY(needs(2, 2, "masked-pending PORT"));
    rule.kind = StopRule::Kind::masked_pending;
    rule.wire = "evtchn";
    const auto port = number_in(words[1]);
    if (!port) return fail(fmt::format("'{}' is no event port", words[1]));
    rule.value = *port;
  } else if (first == "index-written") {
    SIM_TRY(needs(2, 3, "index-written RING [FIELD]"));
    rule.kind = StopRule::Kind::index_written;
    rule.name = words[1];
    if (words.size() > 2) rule.field = words[2];
  } else if (first == "notify-suppressed") {
    SIM_TRY(needs(2, 2, "notify-suppressed RING"));
    rule.kind = StopRule::Kind::notify_suppressed;
    rule.wire = fmt::format("ring/{}/*indices", words[1]);
    rule.name = words[1];
  } else {
    rule.wire = first;
    size_t next = 1;
    if (next < words.size() && (words[next] == "in" || words[next] == "out")) {
      rule.direction = words[next] == "in" ? Direction::in : Direction::out;
      ++next;
    }
    if (next < words.size() && words[next] != "if")
      return fail(
          fmt::format("'{}' behind the wire: write `in`, `out` or `if FIELD OPERATOR VALUE`", words[next]));
    if (next < words.size()) {
      auto conditions = parse_conditions(text.substr(text.find(" if") + 3));
      if (!conditions) return tl::unexpected(conditions.error());
      rule.conditions = std::move(*conditions);
    }
  }
  return rule;
}

std::string to_string(const StopRule& rule) {
  switch (rule.kind) {
    case StopRule::Kind::notice: return "notice";
    case StopRule::Kind::violation:
      if (rule.name == kWakeups) return "wakeup-missed";
      return rule.name == "*" ? "violation" : "violation " + rule.name;
    case StopRule::Kind::xenbus:
      return fmt::format("xenbus {} {}", rule.name, to_string(static_cast<XenbusState>(rule.value)));
    case StopRule::Kind::masked_pending: return fmt::format("masked-pending {}", rule.value);
    case StopRule::Kind::index_written:
      return fmt::format("index-written {}{}{}", rule.name, rule.field.empty() ? "" : " ", rule.field);
    case StopRule::Kind::notify_suppressed: return fmt::format("notify-suppressed {}", rule.name);
    case StopRule::Kind::crossing: break;
  }
  std::string text = rule.wire;
  if (rule.direction) text += *rule.direction == Direction::in ? " in" : " out";
  for (size_t i = 0; i < rule.conditions.size(); ++i) {
    const StopCondition& condition = rule.conditions[i];
    const bool quoted = condition.value.find_first_of(" \t,") != std::string::npos;
    text += fmt::format("{}{} {} {}{}{}", i == 0 ? " if " : ", ", condition.field, text_of(condition.op),
                        quoted ? "\"" : "", condition.value, quoted ? "\"" : "");
  }
  return text;
}

Json to_json(const StopRule& rule) {
  Json json{{"id", rule.id}, {"kind", kKinds[static_cast<size_t>(rule.kind)]}, {"wire", rule.wire}};
  if (rule.direction) json["direction"] = *rule.direction == Direction::in ? "in" : "out";
  for (const StopCondition& condition : rule.conditions)
    json["if"].push_back({condition.field, text_of(condition.op), condition.value});
  if (!rule.name.empty()) json["name"] = rule.name;
  if (!rule.field.empty()) json["field"] = rule.field;
  if (rule.value != 0) json["value"] = rule.value;
  return json;
}

Result<StopRule> stop_rule_from(const Json& json) {
  if (!json.is_object()) return fail("a rule to stop at is an object");
  StopRule rule;
  rule.id = json.value("id", int64_t{0});
  const std::string kind = json.value("kind", "crossing");
  const auto found = std::find(kKinds.begin(), kKinds.end(), kind);
  if (found == kKinds.end()) {
    return fail(fmt::format("there is no kind of rule '{}': {}", kind, fmt::join(kKinds, ", ")));
  }
  rule.kind = static_cast<StopRule::Kind>(found - kKinds.begin());
  rule.wire = json.value("wire", "");
  if (json.contains("direction")) rule.direction = json["direction"] == "in" ? Direction::in : Direction::out;
  if (json.contains("if")) {
    for (const Json& part : json["if"]) {
      if (!part.is_array() || part.size() != 3) return fail("a condition is [field, operator, value]");
      const std::string op = part[1];
      const auto known = std::find_if(kOperators.begin(), kOperators.end(),
                                      [&](const auto& entry) { return entry.first == op; });
      if (known == kOperators.end()) return fail(fmt::format("there is no operator '{}'", op));
      StopCondition condition{part[0], known->second, part[2], std::nullopt};
      condition.number = number_in(condition.value);
      rule.conditions.push_back(std::move(condition));
    }
  }
  rule.name = json.value("name", "");
  rule.field = json.value("field", "");
  rule.value = json.value("value", uint64_t{0});
  return rule;
}

}  // namespace ringside

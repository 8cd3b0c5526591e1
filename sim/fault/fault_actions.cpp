#include "sim/fault/fault_actions.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/fault_injector.h"
#include "sim/fault/payload_field.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

constexpr FaultKind kAllKinds[] = {FaultKind::drop,     FaultKind::duplicate, FaultKind::delay,
                                   FaultKind::reorder,  FaultKind::corrupt,   FaultKind::truncate,
                                   FaultKind::fail,     FaultKind::stall,     FaultKind::crash,
                                   FaultKind::spurious, FaultKind::rewrite};

bool is_answer(const PayloadType& type) {
  return type.is_answer || std::any_of(type.fields.begin(), type.fields.end(),
                                       [](const Field& field) { return field.name == "status"; });
}

// The field that a campaign spoils: what names the message, or else its first number.
std::string_view field_to_spoil(const PayloadType& type) {
  for (const std::string_view wanted : {"id", "result", "status", "value"}) {
    for (const Field& field : type.fields) {
      if (field.name == wanted) return wanted;
    }
  }
  for (const Field& field : type.fields) {
    if (field.format != FieldFormat::text) return field.name;
  }
  return {};
}

std::string example(FaultKind kind, const Wire& wire) {
  const PayloadType& type = wire.payload_type();
  const std::string_view field = field_to_spoil(type);
  switch (kind) {
    case FaultKind::delay: return "delay(1ms)";
    case FaultKind::reorder: return "reorder(1)";
    case FaultKind::corrupt:
      return field.empty() ? "corrupt(0,flip)" : fmt::format("corrupt({},flip)", field);
    case FaultKind::truncate: return fmt::format("truncate({})", type.size / 2);
    case FaultKind::fail: return wire.kind() == WireKind::call ? "fail(-22)" : "fail(-5)";
    case FaultKind::stall: return "stall(10ms)";
    case FaultKind::crash: return "crash(10ms)";
    case FaultKind::rewrite: return field.empty() ? "" : fmt::format("rewrite({},flip)", field);
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::spurious:
    case FaultKind::named: break;
  }
  return std::string(to_string(kind));
}

bool kind_takes(WireKind wire, FaultKind fault) {
  switch (fault) {
    case FaultKind::drop:
    case FaultKind::duplicate:
    case FaultKind::stall: return wire == WireKind::message || wire == WireKind::signal;
    case FaultKind::delay: return wire != WireKind::sampled;
    case FaultKind::reorder:
    case FaultKind::truncate: return wire == WireKind::message;
    case FaultKind::corrupt:
    case FaultKind::fail: return wire == WireKind::message || wire == WireKind::call;
    case FaultKind::crash:
    case FaultKind::spurious:
    case FaultKind::rewrite:
    case FaultKind::named: break;
  }
  return true;
}

}  // namespace

bool takes_fault(const Wire& wire, FaultKind kind, const FaultTargets* targets) {
  switch (kind) {
    case FaultKind::fail:
      return wire.kind() == WireKind::call ||
             (wire.kind() == WireKind::message && is_answer(wire.payload_type()));
    case FaultKind::crash: return targets != nullptr && targets->can_crash(wire);
    case FaultKind::spurious: return wire.stimulus() != nullptr;
    case FaultKind::rewrite: return wire.rewriter() != nullptr;
    case FaultKind::named: return !wire.payload_type().faults.empty();
    default: return kind_takes(wire.kind(), kind);
  }
}

std::vector<std::string> fault_actions_of(const Wire& wire, const FaultTargets* targets) {
  std::vector<std::string> actions;
  for (const FaultKind kind : kAllKinds) {
    if (!takes_fault(wire, kind, targets)) continue;
    if (std::string text = example(kind, wire); !text.empty()) actions.push_back(std::move(text));
  }
  for (const NamedFault& fault : wire.payload_type().faults) {
    const auto action = parse_fault_action(fault.action);
    if (action && takes_fault(wire, action->kind, targets)) actions.emplace_back(fault.name);
  }
  return actions;
}

std::vector<std::string_view> fault_marks(uint8_t flags) {
  std::vector<std::string_view> marks;
  if ((flags & Crossing::kInjected) == 0) return marks;
  if (flags & Crossing::kDropped) marks.emplace_back("dropped");
  if (flags & Crossing::kDelayed) marks.emplace_back("delayed");
  if (flags & Crossing::kRepeated) marks.emplace_back("repeated");
  if (flags & Crossing::kFailed) marks.emplace_back("failed");
  if (marks.empty()) marks.emplace_back("changed");
  return marks;
}

std::string fault_words_of(const Wire& wire, const FaultTargets* targets) {
  std::string words;
  for (const std::string& action : fault_actions_of(wire, targets))
    words += (words.empty() ? "" : ", ") + action.substr(0, action.find('('));
  return words.empty() ? "nothing: it is only observed" : words;
}

Result<FaultAction> resolve_fault_action(const FaultAction& action, const Wire& wire,
                                         const FaultTargets* targets) {
  FaultAction resolved = action;
  if (action.kind == FaultKind::named) {
    std::vector<std::string> names;
    for (const NamedFault& fault : wire.payload_type().faults) {
      names.emplace_back(fault.name);
      if (fault.name != action.text) continue;
      auto meaning = parse_fault_action(fault.action);
      if (!meaning) return meaning;
      resolved = std::move(*meaning);
      resolved.text = action.text;
    }
    if (resolved.kind == FaultKind::named) {
      for (const FaultKind kind : kAllKinds) names.emplace_back(to_string(kind));
      return fail(fmt::format("'{}' is no fault of {}{}; it takes {}", action.text, wire.name(),
                              did_you_mean(near_names(action.text, names, 1)),
                              fault_words_of(wire, targets)));
    }
  }
  if (!takes_fault(wire, resolved.kind, targets))
    return fail(fmt::format("{} makes no sense on {}, a {} wire, which takes {}", to_string(resolved.kind),
                            wire.name(), to_string(wire.kind()), fault_words_of(wire, targets)));
  return resolved;
}

}  // namespace ringside

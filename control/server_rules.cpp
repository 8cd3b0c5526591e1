// Whether a crossing is what a rule waits for.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/ring_push.h"
#include "control/server.h"
#include "machine/views.h"

namespace ringside {

namespace {

const DecodedField* field_of(const std::vector<DecodedField>& fields, std::string_view name) {
  for (const DecodedField& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

uint64_t number_of(const std::vector<DecodedField>& fields, std::string_view name) {
  const DecodedField* field = field_of(fields, name);
  return field != nullptr ? field->number : 0;
}

std::string text_of(const std::vector<DecodedField>& fields, std::string_view name) {
  const DecodedField* field = field_of(fields, name);
  if (field == nullptr) return {};
  const bool quoted = field->text.size() >= 2 && field->text.front() == '"';
  return quoted ? field->text.substr(1, field->text.size() - 2) : field->text;
}

// "a|b": any of several globs. A notice has room for the beginning of a rule's name only.
bool names_rule(std::string_view globs, const std::string& rule) {
  while (!globs.empty()) {
    const size_t end = std::min(globs.find('|'), globs.size());
    if (wire_matches(globs.substr(0, end), rule)) return true;
    globs.remove_prefix(std::min(end + 1, globs.size()));
  }
  return false;
}

DomainId domain_of(std::string_view wire) {
  uint32_t number = 0;
  if (wire.starts_with("dom")) std::from_chars(wire.data() + 3, wire.data() + wire.size(), number);
  return DomainId{static_cast<uint16_t>(number)};
}

// What a XenBus device lists of both ends.
class XenbusStates final : public StateVisitor {
 public:
  void number(std::string_view name, uint64_t value) override {
    if (name == "xenbus_state") own = value;
    if (name == "xenbus_other_state") other = value;
  }
  void bytes(std::string_view, std::span<const uint8_t>) override {}
  std::optional<uint64_t> own, other;
};

}  // namespace

bool ControlServer::rule_matches(const StopRule& rule, const Wire& wire, const Crossing& crossing,
                                 const std::vector<DecodedField>& fields, std::string& why) {
  if (!wire_matches(rule.wire, wire.name())) return false;
  if (rule.direction && *rule.direction != crossing.direction) return false;
  switch (rule.kind) {
    case StopRule::Kind::crossing: return conditions_hold(rule.conditions, fields);
    case StopRule::Kind::notice: return text_of(fields, "kind") != "violation";
    case StopRule::Kind::violation:
      return text_of(fields, "kind") == "violation" && names_rule(rule.name, text_of(fields, "component"));
    case StopRule::Kind::xenbus: return xenbus_matches(rule, why);
    case StopRule::Kind::masked_pending: {
      const auto port = static_cast<uint32_t>(number_of(fields, "port"));
      if (text_of(fields, "op") != "deliver" || port != rule.value) return false;
      if (!MachineViews(machine_->viewed()).is_masked(domain_of(wire.name()), EventPort{port})) return false;
      why = fmt::format("port {} is masked", port);
      return true;
    }
    case StopRule::Kind::notify_suppressed: return suppression_matches(rule, wire, fields, why);
    case StopRule::Kind::index_written: return false;  // server_watch.cpp
  }
  return false;
}

bool ControlServer::xenbus_matches(const StopRule& rule, std::string& why) {
  for (const auto& [name, part] : machine_->viewed().components) {
    const size_t slash = name.find('/');
    if (slash == std::string::npos || name.substr(slash + 1) != rule.name) continue;
    XenbusStates states;
    part->visit_state(states);
    if (!states.own) continue;
    const auto [known, fresh] = xenbus_seen_.try_emplace(rule.id, std::pair(*states.own, *states.other));
    const auto before = std::exchange(known->second, std::pair(*states.own, *states.other));
    if (fresh) return false;
    const bool own = *states.own == rule.value && before.first != rule.value;
    const bool other = *states.other == rule.value && before.second != rule.value;
    if (own || other) why = own ? "the backend's state" : "the frontend's state, as the backend sees it";
    return own || other;
  }
  return false;
}

// Of two samples of a ring's indices: what was pushed in between without an event.
bool ControlServer::suppression_matches(const StopRule& rule, const Wire& wire,
                                        const std::vector<DecodedField>& fields, std::string& why) {
  IndexSample now{static_cast<uint32_t>(number_of(fields, "req_prod")),
                  static_cast<uint32_t>(number_of(fields, "req_event")),
                  static_cast<uint32_t>(number_of(fields, "rsp_prod")),
                  static_cast<uint32_t>(number_of(fields, "rsp_event"))};
  const auto [known, fresh] = samples_.try_emplace(std::pair(rule.id, wire.index()), now);
  const IndexSample before = std::exchange(known->second, now);
  if (fresh) return false;
  // The frontend's own stores are seen as they happen (server_watch.cpp).
  const bool watched = std::any_of(watched_.begin(), watched_.end(),
                                   [&](const WatchedPage& page) { return page.rule == rule.id; });
  if (!watched && now.req_prod != before.req_prod &&
      !push_notifies(before.req_prod, now.req_prod, before.req_event)) {
    why = fmt::format("req_prod went from {} to {}, and req_event is {}: the frontend told nobody",
                      before.req_prod, now.req_prod, before.req_event);
    return true;
  }
  if (now.rsp_prod != before.rsp_prod && !push_notifies(before.rsp_prod, now.rsp_prod, now.rsp_event)) {
    why = fmt::format("rsp_prod went from {} to {}, and rsp_event is {}: the backend told nobody",
                      before.rsp_prod, now.rsp_prod, now.rsp_event);
    return true;
  }
  return false;
}

}  // namespace ringside

#include "sim/session/wire_difference.h"

#include <algorithm>
#include <map>
#include <vector>

#include "sim/field_table.h"
#include "sim/session/describe.h"
#include "sim/session/reader.h"
#include "sim/session/side.h"

namespace ringside {

namespace {

using OfWires = std::map<std::string, std::vector<const SessionCrossing*>>;

OfWires by_wire(const SessionSide& side) {
  OfWires wires;
  for (const SessionCrossing& crossing : side.crossings) {
    const SessionWire& wire = side.wires[crossing.wire];
    if (wire.kind == WireKind::sampled || wire.capture.mode == CaptureMode::none) continue;
    wires[wire.name].push_back(&crossing);
  }
  return wires;
}

const Field* field_of(const PayloadType& type, const std::string& name) {
  for (const auto& fields : {type.fields, type.tail_fields}) {
    for (const Field& field : fields) {
      if (field.name == name) return &field;
    }
  }
  return nullptr;
}

// Without what another build of a guest has otherwise: where things lie, and how long they took.
std::string comparable(const PayloadType& type, std::vector<DecodedField> fields) {
  const auto differs_anyway = [&](const DecodedField& field) {
    const Field* known = field_of(type, field.name);
    return known != nullptr && (known->format == FieldFormat::hex || known->format == FieldFormat::duration);
  };
  std::erase_if(fields, differs_anyway);
  for (DecodedField& field : fields) std::erase_if(field.children, differs_anyway);
  std::string line;
  for (const DecodedField& field : fields) {
    line += field.name + '=';
    line += field.children.empty() ? field.text : to_line(field.children);
    line += ' ';
  }
  return line;
}

bool alike(const SessionWire& wire, const SessionCrossing& first, const SessionCrossing& second) {
  if (first.direction != second.direction) return false;
  if (first.payload == second.payload) return true;
  const PayloadType* type = PayloadRegistry::instance().find(wire.payload_type);
  if (type == nullptr) return false;
  return comparable(*type, decode(*type, first.payload)) == comparable(*type, decode(*type, second.payload));
}

}  // namespace

Result<std::optional<WireDifference>> first_difference_by_wire(const std::string& first,
                                                               const std::string& second) {
  auto before = read_session_side(first, first, {"*"});
  if (!before) return tl::unexpected(before.error());
  auto after = read_session_side(second, second, {"*"});
  if (!after) return tl::unexpected(after.error());
  OfWires found = by_wire(*after);
  std::optional<WireDifference> earliest;
  const auto consider = [&](const std::string& name, const std::vector<const SessionCrossing*>& old,
                            const std::vector<const SessionCrossing*>& now) {
    const auto kind = [](const SessionSide& side, const SessionCrossing& crossing) -> const SessionWire& {
      return side.wires[crossing.wire];
    };
    size_t at = 0;
    while (at < old.size() && at < now.size() && alike(kind(*before, *old[at]), *old[at], *now[at])) ++at;
    if (at == old.size() && at == now.size()) return;
    const Tick when = at < old.size() ? old[at]->at : now[at]->at;
    if (earliest && earliest->at <= when) return;
    earliest = WireDifference{name, at + 1, when, "", ""};
    if (at < old.size()) earliest->expected = describe(*old[at], kind(*before, *old[at]));
    if (at < now.size()) earliest->found = describe(*now[at], kind(*after, *now[at]));
  };
  for (const auto& [name, crossings] : by_wire(*before)) {
    consider(name, crossings, found[name]);
    found.erase(name);
  }
  for (const auto& [name, crossings] : found) consider(name, {}, crossings);
  return earliest;
}

}  // namespace ringside

#include "sim/fault/fault_strike.h"

#include <algorithm>

#include "sim/fault/fault_text.h"
#include "sim/fault/payload_field.h"

namespace ringside {

namespace {

Result<FaultChange> change_of(const PayloadType& type, const FaultAction& action) {
  FaultChange change;
  change.flip = action.flip;
  if (action.field.empty()) {
    change.offset = action.offset;
    change.flipped = 1;
    if (!action.flip) change.bytes = {static_cast<uint8_t>(read_signed_number(action.value).value_or(0))};
    return change;
  }
  const auto field = find_payload_field(type, action.field);
  if (!field) return tl::unexpected(field.error());
  change.offset = field->offset;
  change.flipped = field->size != 0 ? field->size : SIZE_MAX;
  if (action.flip) return change;
  auto bytes = read_field_value(*field, action.field, action.value);
  if (!bytes) return tl::unexpected(bytes.error());
  change.bytes = std::move(*bytes);
  return change;
}

Result<FaultChange> change_of(const PayloadType& type, const std::string& path, const std::string& value) {
  FaultAction action;
  action.field = path;
  action.value = value;
  return change_of(type, action);
}

}  // namespace

void FaultChange::apply(std::vector<uint8_t>& payload) const {
  if (offset >= payload.size()) return;
  const size_t size = std::min(flip ? flipped : bytes.size(), payload.size() - offset);
  for (size_t i = 0; i < size; ++i) {
    uint8_t& byte = payload[offset + i];
    byte = flip ? static_cast<uint8_t>(~byte) : bytes[i];
  }
}

Result<FaultStrike> FaultStrike::create(const FaultAction& action, const Wire& wire,
                                        const FaultTargets* targets) {
  const auto resolved = resolve_fault_action(action, wire, targets);
  if (!resolved) return tl::unexpected(resolved.error());
  FaultStrike strike;
  strike.kind = resolved->kind;
  strike.time = resolved->time;
  strike.count = resolved->count;
  strike.code = resolved->code;
  const PayloadType& type = wire.payload_type();
  if (strike.kind == FaultKind::corrupt || strike.kind == FaultKind::rewrite) {
    auto change = change_of(type, *resolved);
    if (!change) return tl::unexpected(change.error());
    strike.changes.push_back(std::move(*change));
  }
  for (const auto& [path, value] : resolved->fields) {
    auto change = change_of(type, path, value);
    if (!change) return tl::unexpected(change.error());
    strike.changes.push_back(std::move(*change));
  }
  return strike;
}

void FaultStrike::apply(Crossing& crossing, Verdict& verdict) const {
  crossing.flags |= Crossing::kInjected;
  switch (kind) {
    case FaultKind::drop:
      verdict.copies = 0;
      crossing.flags |= Crossing::kDropped;
      break;
    case FaultKind::duplicate:
      // What was dropped stays so.
      if (verdict.copies != 0) ++verdict.copies;
      crossing.flags |= Crossing::kRepeated;
      break;
    case FaultKind::delay:
      verdict.delay = saturating_add(verdict.delay, time);
      crossing.flags |= Crossing::kDelayed;
      break;
    case FaultKind::reorder:
      verdict.behind = static_cast<uint32_t>(std::max<uint64_t>(verdict.behind, count));
      crossing.flags |= Crossing::kDelayed;
      break;
    case FaultKind::corrupt:
      for (const FaultChange& change : changes) change.apply(*crossing.payload);
      break;
    case FaultKind::fail:
      verdict.fail = code;
      crossing.flags |= Crossing::kFailed;
      break;
    case FaultKind::truncate:
      if (crossing.payload->size() > count) crossing.payload->resize(count);
      break;
    case FaultKind::stall:
    case FaultKind::crash:
    case FaultKind::spurious:
    case FaultKind::rewrite:
    case FaultKind::named: break;
  }
}

}  // namespace ringside

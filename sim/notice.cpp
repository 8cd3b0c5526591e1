#include "sim/notice.h"

#include <fmt/format.h>

#include <cstring>

#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/fault/fault_injector.h"
#include "sim/interrupt.h"
#include "sim/payloads.h"

namespace ringside {

namespace {

struct NoticeRecord {
  uint8_t kind;
  char component[31];
};
static_assert(sizeof(NoticeRecord) == 32);

constexpr FieldName kKinds[] = {
    {1, "unhandled"}, {2, "unimplemented"}, {3, "unusual"}, {4, "unverified"}, {5, "violation"}};
constexpr Field kNoticeFields[] = {
    {"kind", offsetof(NoticeRecord, kind), 1, FieldFormat::enumeration, kKinds},
    {"component", offsetof(NoticeRecord, component), sizeof(NoticeRecord::component), FieldFormat::text},
};

}  // namespace

const PayloadType kNoticePayload{.id = 1,
                                 .name = "notice",
                                 .title = "What the guest did that a driver's author should know",
                                 .size = sizeof(NoticeRecord),
                                 .fields = kNoticeFields,
                                 .tail = TailKind::text,
                                 .tail_name = "message"};

void register_sim_payload_types() {
  for (const PayloadType* type :
       {&kNoticePayload, &kBusAccessPayload, &kInterruptPayload, &kDmaPayload, &kFaultPayload}) {
    PayloadRegistry::instance().add(*type);
  }
}

std::string_view to_string(NoticeKind kind) {
  for (const FieldName& name : kKinds) {
    if (name.value == static_cast<uint64_t>(kind)) return name.name;
  }
  return "unknown";
}

Notices::Notices(Wiring& wiring, std::string_view domain)
    : wire_(wiring.add(fmt::format("{}/notice", domain), WireKind::sampled, kNoticePayload)) {}

void Notices::emit(NoticeKind kind, std::string_view component, std::string message) {
  ++counts_[static_cast<size_t>(kind)];
  auto place = emitted_.find(component);
  if (place == emitted_.end()) place = emitted_.emplace(component, 0).first;
  if (++place->second > kept_max) return;
  if (place->second == kept_max) message += " (further notices of this component are only counted)";
  NoticeRecord record{};
  record.kind = static_cast<uint8_t>(kind);
  std::memcpy(record.component, component.data(), std::min(component.size(), sizeof record.component));
  wire_.show(Direction::out, record, {reinterpret_cast<const uint8_t*>(message.data()), message.size()});
}

}  // namespace ringside

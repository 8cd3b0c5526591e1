#include "sim/dma.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/hash.h"

namespace ringside {

namespace {

constexpr FieldName kDirections[] = {{0, "read"}, {1, "write"}};
constexpr Field kDmaFields[] = {
    {"op", offsetof(DmaRecord, write), 1, FieldFormat::enumeration, kDirections},
    {"address", offsetof(DmaRecord, address), 8, FieldFormat::hex},
    {"length", offsetof(DmaRecord, length), 4, FieldFormat::decimal},
    {"done", offsetof(DmaRecord, done), 1, FieldFormat::decimal},
    {"digest", offsetof(DmaRecord, digest), 8, FieldFormat::hex},
};
constexpr uint64_t kMessageBase = 0xfee0'0000, kMessageEnd = 0xfef0'0000;

}  // namespace

const PayloadType kDmaPayload{.id = 32,
                              .name = "dma",
                              .title = "A device's transfer from or to memory",
                              .size = sizeof(DmaRecord),
                              .fields = kDmaFields,
                              .group = "dma"};

DmaPort::DmaPort(const DeviceSite& site, Memory& memory)
    : site_(site), memory_(memory), wire_(site.wire("dma/" + site.name, WireKind::call, kDmaPayload)) {}

DmaPort::Passed DmaPort::pass(GuestPhys address, std::span<const uint8_t> bytes, bool write, bool possible) {
  if (!possible) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("DMA {} {} bytes at {:#x}, where there is no memory: master abort",
                             write ? "writes" : "reads", bytes.size(), address.value));
  }
  if (!wire_.tapped()) return {possible, address, bytes.size()};
  DmaRecord record{};
  record.address = address.value;
  record.length = static_cast<uint32_t>(bytes.size());
  record.write = write;
  record.done = possible;
  record.digest = possible ? hash64(bytes) : 0;
  payload_.resize(sizeof record);
  std::memcpy(payload_.data(), &record, sizeof record);
  const Verdict verdict = wire_.pass(write ? Direction::in : Direction::out, payload_);
  if (payload_.size() == sizeof record) std::memcpy(&record, payload_.data(), sizeof record);
  delay_ = saturating_add(delay_, verdict.delay);
  return {possible && record.done != 0 && verdict.fail == 0 && verdict.copies != 0, GuestPhys{record.address},
          std::min<size_t>(record.length, bytes.size())};
}

bool DmaPort::read(GuestPhys from, std::span<uint8_t> into) {
  const bool possible = memory_.read(from, into.data(), into.size());
  Passed passed = pass(from, into, false, possible);
  if (passed.done && passed.address != from)
    passed.done = memory_.read(passed.address, into.data(), into.size());
  // What nobody drives is all ones.
  const size_t whole = passed.done ? passed.length : 0;
  std::fill(into.begin() + static_cast<ptrdiff_t>(whole), into.end(), uint8_t{0xff});
  return passed.done;
}

bool DmaPort::write(GuestPhys to, std::span<const uint8_t> from) {
  if (from.size() == 4 && to.value >= kMessageBase && to.value < kMessageEnd) {
    uint32_t data;
    std::memcpy(&data, from.data(), sizeof data);
    send_message_interrupt(static_cast<uint32_t>(to.value), data);
    return true;
  }
  const Passed passed = pass(to, from, true, memory_.contains(to, from.size()));
  return passed.done && memory_.write(passed.address, from.data(), passed.length);
}

void DmaPort::send_message_interrupt(uint32_t address, uint32_t data) {
  if (message_interrupt_) message_interrupt_(address, data);
}

}  // namespace ringside

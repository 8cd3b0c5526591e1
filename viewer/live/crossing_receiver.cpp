#include "viewer/live/crossing_receiver.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringside::viewer {

namespace {

constexpr uint32_t kUndeclared = UINT32_MAX;

// False where the record is shorter.
template <class Record>
bool load(std::span<const uint8_t> from, Record& record) {
  if (from.size() < sizeof record) return false;
  std::memcpy(static_cast<void*>(&record), from.data(), sizeof record);
  return true;
}

}  // namespace

bool CrossingReceiver::receive(std::chrono::nanoseconds budget) {
  const auto begun = std::chrono::steady_clock::now();
  buffer_.resize(kFeedPacketBytes);
  while (socket_) {
    const ssize_t got = recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return true;
    if (got <= 0) {
      socket_.close();
      break;
    }
    take({buffer_.data(), static_cast<size_t>(got)});
    if (std::chrono::steady_clock::now() - begun >= budget) return false;
  }
  return true;
}

void CrossingReceiver::take(std::span<const uint8_t> packet) {
  FeedHead head;
  while (load(packet, head)) {
    if (head.size < sizeof head || head.size > packet.size()) return;
    take_record(head, packet.first(head.size));
    packet = packet.subspan(head.size);
  }
}

void CrossingReceiver::take_record(const FeedHead& head, std::span<const uint8_t> record) {
  // A machine that was ended within a payload never sends the rest.
  if (head.kind != FeedKind::more) has_begun_ = false;
  switch (head.kind) {
    case FeedKind::wire: {
      FeedWire wire;
      if (!load(record, wire) || wire.index >= kWiresMax) return;
      if (wires_.size() <= wire.index) wires_.resize(wire.index + 1, kUndeclared);
      const auto name = record.subspan(sizeof wire);
      wires_[wire.index] = table_.add_wire(
          std::string(name.begin(), name.end()), static_cast<WireKind>(wire.wire_kind & 3), wire.payload_type,
          {static_cast<CaptureMode>(std::min<uint8_t>(wire.capture_mode, 2)), wire.capture_bytes});
      changed_ = true;
      return;
    }
    case FeedKind::crossing: {
      FeedCrossing crossing;
      if (!load(record, crossing)) return;
      const auto payload = record.subspan(sizeof crossing);
      if (head.goes_on == 0) return take_crossing(crossing, payload);
      begun_ = crossing;
      begun_payload_.assign(payload.begin(), payload.end());
      has_begun_ = true;
      return;
    }
    case FeedKind::more: {
      const auto part = record.subspan(sizeof head);
      if (!has_begun_ || begun_payload_.size() + part.size() > kPayloadMax) {
        has_begun_ = false;
        return;
      }
      begun_payload_.insert(begun_payload_.end(), part.begin(), part.end());
      if (head.goes_on != 0) return;
      has_begun_ = false;
      return take_crossing(begun_, begun_payload_);
    }
    case FeedKind::history: {
      FeedHistory history;
      if (!load(record, history)) return;
      const Row last = table_.last_row_of_sequence(history.sequence);
      const Row first = last == kNoRow ? 0 : last + 1;
      if (first >= table_.size()) return;
      table_.truncate(first);
      changed_ = true;
      return;
    }
  }
}

void CrossingReceiver::take_crossing(const FeedCrossing& crossing, std::span<const uint8_t> payload) {
  if (crossing.wire >= wires_.size() || wires_[crossing.wire] == kUndeclared) return;
  const uint32_t wire = wires_[crossing.wire];
  const Tick at{crossing.at_ps};
  const auto direction = static_cast<Direction>(crossing.head.direction & 1);
  const uint8_t flags = crossing.head.flags & 0x7f;
  if (!table_.empty() && crossing.sequence <= table_.sequence(table_.size() - 1)) {
    const Row known = table_.last_row_of_sequence(crossing.sequence);
    if (known != kNoRow && table_.sequence(known) == crossing.sequence) {
      const auto bytes = table_.payload(known);
      if (table_.at(known) == at && table_.wire(known) == wire && table_.direction(known) == direction &&
          table_.flags(known) == flags && table_.full_size(known) == crossing.full_size &&
          std::equal(bytes.begin(), bytes.end(), payload.begin(), payload.end()))
        return;
      table_.truncate(known);
    } else {
      table_.truncate(known == kNoRow ? 0 : known + 1);
    }
  }
  table_.add(at, crossing.sequence, wire, direction, flags, crossing.full_size, payload);
  changed_ = true;
}

}  // namespace ringside::viewer

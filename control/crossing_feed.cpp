#include "control/crossing_feed.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/signals.h"

namespace ringside {

namespace {

constexpr auto kFlushInterval = std::chrono::milliseconds(5);
// The host's clock is looked at after so many crossings.
constexpr uint32_t kLookInterval = 64;

}  // namespace

Result<std::pair<OwnedDescriptor, OwnedDescriptor>> make_feed_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(fmt::format("no socket for a machine's crossings: {}", std::strerror(errno)));
  return std::pair(OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]));
}

void CrossingFeed::on_wire_added(const Wire& wire) {
  if (wires_.size() <= wire.index()) wires_.resize(wire.index() + 1);
  new_wires_.push_back(&wire);
}

// As late as a recorder writes them, because a wire's capture policy may be set after it was made.
void CrossingFeed::declare_new_wires() {
  for (const Wire* wire : new_wires_) {
    const CapturePolicy capture = wire->capture();
    FedWire& fed = wires_[wire->index()];
    fed.bytes_max = capture.mode == CaptureMode::full ? UINT32_MAX : capture.bytes;
    if (wire->payload_type().framing != nullptr)
      fed.bytes_max = std::max<uint32_t>(fed.bytes_max, wire->payload_type().size);
    fed.none = capture.mode == CaptureMode::none;
    FeedWire record;
    record.head.kind = FeedKind::wire;
    record.index = wire->index();
    record.capture_bytes = capture.bytes;
    record.payload_type = wire->payload_type().id;
    record.wire_kind = static_cast<uint8_t>(wire->kind());
    record.capture_mode = static_cast<uint8_t>(capture.mode);
    // A longer name would not fit a packet; no wire has one.
    const size_t length = std::min<size_t>(wire->name().size(), 4096);
    record.head.size = static_cast<uint32_t>(sizeof record + length);
    add(&record, sizeof record, wire->name().data(), length);
  }
  new_wires_.clear();
}

void CrossingFeed::on_crossing(const Wire& wire, Crossing& crossing, Verdict&) {
  if (muted_ || !socket_) return;
  if (!new_wires_.empty()) declare_new_wires();
  const FedWire& fed = wires_[wire.index()];
  if (fed.none) return;
  const auto payload = crossing.bytes().first(std::min<size_t>(crossing.bytes().size(), fed.bytes_max));
  FeedCrossing record;
  record.head.kind = FeedKind::crossing;
  record.head.direction = static_cast<uint8_t>(crossing.direction);
  record.head.flags = crossing.flags;
  record.at_ps = crossing.at.ps;
  record.sequence = crossing.sequence;
  record.wire = wire.index();
  record.full_size = static_cast<uint32_t>(crossing.bytes().size());
  size_t part = std::min(payload.size(), kFeedPacketBytes - sizeof record);
  record.head.goes_on = part < payload.size();
  record.head.size = static_cast<uint32_t>(sizeof record + part);
  add(&record, sizeof record, payload.data(), part);
  for (size_t done = part; done < payload.size(); done += part) {
    FeedHead more;
    part = std::min(payload.size() - done, kFeedPacketBytes - sizeof more);
    more.kind = FeedKind::more;
    more.goes_on = done + part < payload.size();
    more.size = static_cast<uint32_t>(sizeof more + part);
    add(&more, sizeof more, payload.data() + done, part);
  }
  if (++since_look_ >= kLookInterval) flush_if_due();
}

void CrossingFeed::begin_history(uint64_t sequence) {
  if (!socket_) return;
  FeedHistory record;
  record.head.kind = FeedKind::history;
  record.head.size = sizeof record;
  record.sequence = sequence;
  add(&record, sizeof record, nullptr, 0);
}

void CrossingFeed::add(const void* record, size_t size, const void* tail, size_t tail_size) {
  if (packet_.size() + size + tail_size > kFeedPacketBytes) {
    end_packet();
    send_unsent();
    if (unsent_.size() > kUnsentMax) wait_for_receiver();
  }
  packet_.append(static_cast<const char*>(record), size);
  if (tail_size != 0) packet_.append(static_cast<const char*>(tail), tail_size);
}

void CrossingFeed::end_packet() {
  if (packet_.empty()) return;
  unsent_.push_back(std::move(packet_));
  packet_.clear();
  packet_.reserve(kFeedPacketBytes);
}

void CrossingFeed::flush() {
  flushed_at_ = std::chrono::steady_clock::now();
  since_look_ = 0;
  if (!socket_) return;
  declare_new_wires();
  end_packet();
  send_unsent();
}

void CrossingFeed::flush_if_due() {
  since_look_ = 0;
  if (std::chrono::steady_clock::now() - flushed_at_ >= kFlushInterval) flush();
}

void CrossingFeed::send_unsent() {
  while (!unsent_.empty()) {
    const std::string& packet = unsent_.front();
    const ssize_t sent = send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)) return;
    if (sent < 0) {
      // Nobody is there any more to see it.
      socket_.close();
      unsent_.clear();
      return;
    }
    unsent_.pop_front();
  }
}

// The machine waits within its crossing. A request ends that: who asks for a stop is heard, and what comes up
// to there is kept. The end of the control connection ends this process (signals.h).
void CrossingFeed::wait_for_receiver() {
  while (unsent_.size() > kUnsentMax && !attention_wanted()) {
    constexpr int kBrieflyMs = 50;
    pollfd waiting{socket_.get(), POLLOUT, 0};
    poll(&waiting, 1, kBrieflyMs);
    send_unsent();
  }
}

}  // namespace ringside

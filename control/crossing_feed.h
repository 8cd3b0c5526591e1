// The feed: the machine's crossings, as they pass, for a client that shows them. It is a tap that stands
// where a recorder stands, so that it has what a session would have, in the same order. README.md has the
// records.
//
// Packets go out when they are full, when some milliseconds of the host's have passed, and whenever the
// machine stands still. After a fork both processes hold what has not been sent, and the child says it again
// where it goes on: what is said twice is no harm. A receiver that is slow slows the machine down; one that
// is gone ends the feed, and nothing else.
#pragma once

#include <chrono>
#include <deque>
#include <string>
#include <vector>

#include "control/channel.h"
#include "control/feed_records.h"
#include "sim/wire.h"

namespace ringside {

class CrossingFeed final : public Tap {
 public:
  // One end of a SOCK_SEQPACKET pair.
  explicit CrossingFeed(OwnedDescriptor socket) : socket_(std::move(socket)) {}

  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

  // What has been gathered goes out, as far as the receiver takes it without a wait.
  void flush();
  // The same where the last time is some milliseconds ago.
  void flush_if_due();
  // The receiver has not taken all of it; `descriptor` can be waited for (POLLOUT).
  bool has_unsent() const { return !unsent_.empty(); }
  int descriptor() const { return socket_.get(); }
  // What comes behind this crossing is another history than what was sent before.
  void begin_history(uint64_t sequence);
  // A muted feed gathers nothing: the machine runs over what has been sent.
  void set_muted(bool muted) { muted_ = muted; }

 private:
  // More packets than these are waited for.
  static constexpr size_t kUnsentMax = 8;

  void declare_new_wires();
  void add(const void* record, size_t size, const void* tail, size_t tail_size);
  void end_packet();
  void send_unsent();
  void wait_for_receiver();

  struct FedWire {
    uint32_t bytes_max = 0;
    bool none = false;
  };

  OwnedDescriptor socket_;
  std::vector<FedWire> wires_;  // by Wire::index()
  std::vector<const Wire*> new_wires_;
  std::string packet_;
  std::deque<std::string> unsent_;
  bool muted_ = false;
  uint32_t since_look_ = 0;  // crossings since the last look at the host's clock
  std::chrono::steady_clock::time_point flushed_at_;
};

// Both ends of a feed; they are closed when a program is executed.
Result<std::pair<OwnedDescriptor, OwnedDescriptor>> make_feed_pair();

}  // namespace ringside

// The receive half of a queue: holds the frames for the guest until it has given buffers for them, copies
// them into the granted pages, and says so in the ring.
//
// A frame takes as many slots as it fills pages; behind the first one come the slots with extra information
// (a frame to be cut, a hash). Each response stands in the slot of its request: frontends count on it.
//
// After drivers/net/xen-netback/rx.c of Linux 6.1. What waits is bounded in bytes and in time; a frontend
// that gives no buffers for a minute loses its link, so that frames are dropped before they are queued.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "hv-model/backends/net/net_hash.h"
#include "hv-model/backends/net/net_interface.h"
#include "sim/event_queue.h"
#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

struct netif_rx_response;  // xen/io/netif.h

namespace ringside {

struct NetRxRequestRecord;
struct NetRxResponseRecord;

struct NetRxWires {
  Wire& request;
  Wire& extra;
  Wire& response;
  Wire& indices;
};

class NetReceive final : public Stateful {
 public:
  // XENVIF_RX_QUEUE_BYTES: half a ring of full pages.
  static constexpr size_t kQueueBytesMax = 128 * kPageSize;

  NetReceive(NetInterface& interface, NetRxWires wires, GuestPhys page, EventPort port);
  ~NetReceive() override;

  // Until the first look at the ring the queue counts as stalled.
  void start();
  // `gso_type` is XEN_NETIF_GSO_TYPE_*. A frame for which there is no room is dropped.
  void enqueue(std::span<const uint8_t> frame, const FrameOffload& offload, uint8_t gso_type,
               const std::optional<NetHash::Value>& hash);
  // Puts what it can; called at each event.
  void serve();
  void close();

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Ring;
  struct Waiting {
    std::vector<uint8_t> frame;
    FrameOffload offload;
    uint8_t gso_type = 0;
    std::optional<NetHash::Value> hash;
    Tick expires;
    uint32_t slots_needed() const;
  };

  uint32_t slots_needed() const { return waiting_.empty() ? 0 : waiting_.front().slots_needed(); }
  uint32_t slots_there() const;
  bool slots_available();
  void put_frame(const Waiting& waiting);
  void put_data(const Waiting& waiting, size_t from, size_t length, uint16_t flags);
  int16_t fill(const NetRxRequestRecord& request, std::span<const uint8_t> data);
  void respond(NetRxResponseRecord response);
  void put_extra(const Waiting& waiting, bool gso, bool more);
  // Puts what has crossed `wire` when the verdict says, once for each copy.
  void put_copies(Wire& wire, const Verdict& verdict, const netif_rx_response& slot);
  void put(const netif_rx_response& slot);
  void accept_rewrites();
  void drop_first();
  void drop_expired();
  void look_for_stall();
  void push();
  void hold(Tick delay);
  void sample_indices(Direction direction);

  NetInterface& interface_;
  const NetRxWires wires_;
  const EventPort port_;
  std::unique_ptr<Ring> ring_;
  bool live_ = false;
  bool stalled_ = true;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  Tick last_put_;  // when a frame was put last
  EventQueue::Handle expiry_;
  // A fault delays a response, and with it all behind it: they are in the order of their requests.
  EventQueue::Handle hold_end_;
  bool unpushed_ = false;
  std::vector<uint8_t> scratch_, last_sample_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with close(): for slots that come late
};

}  // namespace ringside

// The transmit half of a queue: takes the guest's requests from the ring, puts together the frame that they
// describe, copies it out of the granted pages, and hands it to the interface.
//
// A frame is one slot or a chain: the first request, whose size is that of the whole frame; the slots with
// extra information that its flags announce; then the other fragments. A chain is taken whole and judged as
// xenvif_tx_build_gops and xenvif_count_requests judge it (drivers/net/xen-netback/netback.c): what a broken
// frontend could do by mistake is answered NETIF_RSP_ERROR, what only a hostile one does ends the interface.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "hv-model/backends/net/net_interface.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "sim/event_queue.h"
#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

struct NetTxWires {
  Wire& request;
  Wire& extra;
  Wire& response;
  Wire& indices;
};

class NetTransmit final : public std::enable_shared_from_this<NetTransmit>, public Stateful {
 public:
  static constexpr uint32_t kFragmentsMax = 18;  // XEN_NETIF_NR_SLOTS_MIN, besides the first slot
  static constexpr uint32_t kFatalSlots = 20;    // fatal_skb_slots, besides the first

  // The page is the ring's granted frame, the port domain 0's end of the channel.
  NetTransmit(NetInterface& interface, NetTxWires wires, GuestPhys page, EventPort port);
  ~NetTransmit() override;

  // Takes what there is; called at each event.
  void serve();
  // xen_net_rate_changed.
  void rate_changed();
  void close();

  void visit_state(StateVisitor& visitor) const override;

 private:
  using Ring = BackRing<netif_tx_request, netif_tx_response>;
  struct Request {
    uint32_t gref = 0;
    uint16_t offset = 0, flags = 0, id = 0, size = 0;
  };
  struct Packet {
    std::array<Request, 1 + kFatalSlots> slots;  // the first one's size is its own, once all are there
    uint32_t count = 1;
    uint32_t extras = 0;
    uint8_t gso_type = 0;  // XEN_NETIF_GSO_TYPE_*
    bool has_gso = false;
    uint16_t gso_size = 0;
    std::optional<MacAddress> add_address, remove_address;
    Verdict verdict;  // what the taps want of it
  };

  // --- net_chain.cpp: a frame's slots ---
  // False when the frontend's credit is used up.
  bool take_packet(uint32_t work);
  void note(const Verdict& verdict, Packet& packet);
  void show(Request& request, uint32_t index, Packet& packet);
  bool take_extras(uint32_t& work, Packet& packet);
  bool take_fragments(uint32_t work, Packet& packet);
  bool judge_first(const Packet& packet);
  void refuse(const Packet& packet, const std::string& why);

  // --- net_transmit.cpp: what becomes of it ---
  bool credit_exceeded(uint64_t size);
  void add_credit();
  void dispatch(const Packet& packet);
  void forward(const Packet& packet);
  bool collect(const Packet& packet);
  void submit(const Packet& packet);
  bool set_offload(const Packet& packet, FrameOffload& offload);
  void respond(const Request& request, uint32_t extras, int16_t status);
  void put_response(const NetTxResponseRecord& record);
  void put_surplus();
  void accept_rewrites();
  void push();
  void sample_indices(Direction direction);

  NetInterface& interface_;
  const NetTxWires wires_;
  const EventPort port_;
  Ring ring_;
  bool live_ = true;
  uint64_t credit_;  // bytes
  Tick window_start_;
  EventQueue::Handle credit_timer_;
  std::vector<uint8_t> frame_, scratch_;
  std::vector<uint8_t> last_sample_;
  bool unpushed_ = false;
  std::vector<NetTxResponseRecord> surplus_;  // repeated by a fault, until there is a slot
};

}  // namespace ringside

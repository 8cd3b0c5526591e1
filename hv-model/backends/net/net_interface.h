// A virtual network interface as domain 0 sees it, "vif1.0": a port of a switch on one side, and on the other
// the queues of a frontend that is connected. What concerns all queues is here: the link, the choice of a
// queue, filters, losses, and the word that a frontend is rogue.
//
// After drivers/net/xen-netback/interface.c of Linux 6.1.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/network/network.h"
#include "hv-model/backends/net/net_backend.h"
#include "hv-model/backends/net/net_hash.h"
#include "hv-model/hypervisor.h"
#include "sim/random.h"
#include "sim/state.h"

namespace ringside {

class NetControl;
class NetReceive;
class NetTransmit;

// What the frontend's nodes say (read_xenbus_vif_flags), with what holds for one that says nothing.
struct NetFeatures {
  bool can_sg = true;
  bool gso_tcpv4 = false, gso_tcpv6 = false;
  bool ip_csum = true, ipv6_csum = false;
  Tick drain_timeout = seconds(10);  // rx_drain_timeout_msecs: a frame waits no longer for a buffer
  Tick stall_timeout = seconds(60);  // rx_stall_timeout_msecs; 0: no detection
};

// "bytes,usec" of the node `rate`.
struct NetRate {
  uint64_t bytes = UINT64_MAX;
  uint64_t usec = 0;
  bool operator==(const NetRate&) const = default;
};

class NetInterface final : public Stateful {
 public:
  // Takes the port's receiver, and pulls its cable while no frontend is connected.
  NetInterface(Hypervisor& hypervisor, Domain& frontend, SwitchPort& port, const NetBackendConfig& config);
  ~NetInterface() override;

  void set_features(const NetFeatures& features) { features_ = features; }
  void set_rate(const NetRate& rate);
  void set_multicast_control(bool on) { multicast_control_ = on; }

  // --- Connecting: 0, or a negated XEN_ error. Nothing is held of what failed. ---
  struct QueueNumbers {
    GrantRef tx_ring, rx_ring;
    EventPort tx_port, rx_port;  // the same where the channels are not split
  };
  int64_t connect_control(GrantRef ring, EventPort port);
  // Queue `queues().size()`; `several` puts its number into its wires' names.
  int64_t connect_queue(const QueueNumbers& numbers, bool several);
  // The queues work from here on.
  void start();
  void disconnect();

  // --- For the queues and the control ring ---
  Hypervisor& hypervisor() { return hypervisor_; }
  Domain& frontend() { return frontend_; }
  const NetBackendConfig& config() const { return config_; }
  const NetFeatures& features() const { return features_; }
  const NetRate& rate() const { return rate_; }
  NetHash& hash() { return hash_; }
  uint32_t queue_count() const { return static_cast<uint32_t>(queues_.size()); }
  // xenvif_fatal_tx_err: the frontend is rogue. Nothing of the interface works until the toolstack takes it
  // away; closing and connecting again does not help.
  void break_off(const std::string& why);
  bool disabled() const { return disabled_; }
  // A frame from the guest, whole. A tap may change it.
  void send(std::vector<uint8_t>& frame, const FrameOffload& offload);
  // False when there are too many addresses.
  bool add_multicast(const MacAddress& address);
  void remove_multicast(const MacAddress& address);
  void queue_stalled();
  void queue_ready();
  void notice(NoticeKind kind, std::string text);

  void visit_state(StateVisitor& visitor) const override;

 private:
  static constexpr size_t kMulticastMax = 64;  // XEN_NETBK_MCAST_MAX
  struct Queue;

  // From the switch.
  void receive(std::span<const uint8_t> frame, const FrameOffload& offload);
  void deliver(std::span<const uint8_t> frame, const FrameOffload& offload);
  bool passes_filter(std::span<const uint8_t> frame) const;
  bool fits(std::span<const uint8_t> frame, const FrameOffload& offload);
  bool frontend_takes(std::span<const uint8_t> frame, const FrameOffload& offload) const;
  void enqueue(std::span<const uint8_t> frame, const FrameOffload& offload);
  bool lose();
  void update_link();

  Hypervisor& hypervisor_;
  Domain& frontend_;
  SwitchPort& port_;
  const NetBackendConfig config_;
  Wire& tx_wire_;
  Wire& rx_wire_;
  NetFeatures features_;
  NetRate rate_;
  NetHash hash_;
  bool multicast_control_ = false;
  std::list<MacAddress> multicast_;  // an address that was added twice is there twice
  std::vector<std::unique_ptr<Queue>> queues_;
  std::shared_ptr<NetControl> control_;
  bool started_ = false;
  bool disabled_ = false;
  uint32_t stalled_queues_ = 0;
  Random random_;
  uint64_t draws_ = 0;  // from random_
  std::vector<uint8_t> scratch_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with this: for frames that come late
};

}  // namespace ringside

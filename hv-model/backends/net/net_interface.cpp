#include "hv-model/backends/net/net_interface.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "host/network/internet.h"
#include "host/network/payloads.h"
#include "hv-model/backends/net/net_control.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/backends/net/net_receive.h"
#include "hv-model/backends/net/net_transmit.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};
constexpr size_t kVlanTagBytes = 4;
constexpr uint64_t kMillion = 1'000'000;
constexpr uint16_t kTypeIpv6 = 0x86dd;

// A granted page with a ring on it. Not one whose indices are impossible from the start: -XEN_EIO, as
// xenvif_map_frontend_data_rings has it.
tl::expected<Grants::Mapped, int64_t> map_ring(Hypervisor& hypervisor, const Domain& frontend,
                                               GrantRef reference, uint32_t slots) {
  const auto page = hypervisor.grants.map(kBackendDomain, frontend.id, reference, false);
  if (!page) return tl::unexpected<int64_t>(-XEN_EINVAL);
  int64_t error = 0;
  if (!hypervisor.memory.contains(page->frame)) {
    error = -XEN_EINVAL;
  } else {
    const auto indices = hypervisor.memory.load<RingIndices>(page->frame.address());
    if (indices.req_prod - indices.rsp_prod > slots) error = -XEN_EIO;
  }
  if (error == 0) return *page;
  (void)hypervisor.grants.unmap(kBackendDomain, page->handle);
  return tl::unexpected(error);
}

tl::expected<EventPort, int64_t> bind(Hypervisor& hypervisor, const Domain& frontend, EventPort remote) {
  const int64_t port = hypervisor.channels.bind_interdomain(kBackendDomain, frontend.id, remote);
  if (port < 0) return tl::unexpected(port);
  return EventPort{static_cast<uint32_t>(port)};
}

}  // namespace

// What a queue holds of the frontend's, and gives back when it goes.
struct NetInterface::Queue {
  explicit Queue(Hypervisor& the_hypervisor) : hypervisor(the_hypervisor) {}
  ~Queue() {
    if (transmit) transmit->close();
    if (receive) receive->close();
    for (const EventPort port : ports) (void)hypervisor.channels.close(kBackendDomain, port);
    for (const Grants::Mapped& page : pages) (void)hypervisor.grants.unmap(kBackendDomain, page.handle);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void serve() const {
    transmit->serve();
    receive->serve();
  }

  Hypervisor& hypervisor;
  std::vector<Grants::Mapped> pages;
  std::vector<EventPort> ports;  // one, or two
  std::shared_ptr<NetTransmit> transmit;
  std::unique_ptr<NetReceive> receive;
  EventQueue::Handle first_look;
};

NetInterface::NetInterface(Hypervisor& hypervisor, Domain& frontend, SwitchPort& port,
                           const NetBackendConfig& config)
    : hypervisor_(hypervisor),
      frontend_(frontend),
      port_(port),
      config_(config),
      tx_wire_(hypervisor.wiring.add(fmt::format("{}/eth/{}/tx", frontend.name, config.name),
                                     WireKind::message, kEthernetPayload)),
      rx_wire_(hypervisor.wiring.add(fmt::format("{}/eth/{}/rx", frontend.name, config.name),
                                     WireKind::message, kEthernetPayload)),
      random_(Random(config.seed).fork(config.name)) {
  port_.set_offload_receiver(
      [this](std::span<const uint8_t> frame, const FrameOffload& offload) { receive(frame, offload); });
  update_link();
}

NetInterface::~NetInterface() {
  disconnect();
  port_.set_offload_receiver({});
}

void NetInterface::set_rate(const NetRate& rate) {
  if (rate == rate_) return;
  rate_ = rate;
  for (const auto& queue : queues_) queue->transmit->rate_changed();
}

int64_t NetInterface::connect_control(GrantRef ring, EventPort remote) {
  constexpr uint32_t kSlots = BackRing<xen_netif_ctrl_request, xen_netif_ctrl_response>::kSlots;
  const auto page = map_ring(hypervisor_, frontend_, ring, kSlots);
  if (!page) return page.error();
  const auto port = bind(hypervisor_, frontend_, remote);
  if (!port) {
    (void)hypervisor_.grants.unmap(kBackendDomain, page->handle);
    return port.error();
  }
  const std::string base = fmt::format("{}/ring/{}/ctrl/", frontend_.name, config_.name);
  Wiring& wiring = hypervisor_.wiring;
  control_ = std::make_shared<NetControl>(
      *this,
      NetControlWires{wiring.add(base + "request", WireKind::message, kNetControlRequestPayload),
                      wiring.add(base + "response", WireKind::message, kNetControlResponsePayload)},
      *page, *port);
  // The handler may run once more while the port is being closed.
  hypervisor_.channels.set_handler(*port, [weak = std::weak_ptr(control_)] {
    if (const auto control = weak.lock()) control->serve();
  });
  return 0;
}

int64_t NetInterface::connect_queue(const QueueNumbers& numbers, bool several) {
  auto queue = std::make_unique<Queue>(hypervisor_);
  for (const auto& [reference, slots] :
       {std::pair{numbers.tx_ring, BackRing<netif_tx_request, netif_tx_response>::kSlots},
        {numbers.rx_ring, BackRing<netif_rx_request, netif_rx_response>::kSlots}}) {
    const auto page = map_ring(hypervisor_, frontend_, reference, slots);
    if (!page) return page.error();
    queue->pages.push_back(*page);
  }
  const bool split = numbers.tx_port != numbers.rx_port;
  for (const EventPort remote : {numbers.tx_port, numbers.rx_port}) {
    if (!split && !queue->ports.empty()) break;
    const auto port = bind(hypervisor_, frontend_, remote);
    if (!port) return port.error();
    queue->ports.push_back(*port);
  }
  const std::string number = several ? fmt::format("queue-{}/", queues_.size()) : std::string();
  const std::string base = fmt::format("{}/ring/{}/{}", frontend_.name, config_.name, number);
  const auto wire = [&](const char* name, const PayloadType& type,
                        WireKind kind = WireKind::message) -> Wire& {
    return hypervisor_.wiring.add(base + name, kind, type);
  };
  queue->transmit = std::make_shared<NetTransmit>(
      *this,
      NetTxWires{wire("tx/request", kNetTxRequestPayload), wire("tx/extra", kNetExtraPayload),
                 wire("tx/response", kNetTxResponsePayload),
                 wire("tx/indices", kNetIndicesPayload, WireKind::sampled)},
      queue->pages[0].frame.address(), queue->ports.front());
  queue->receive = std::make_unique<NetReceive>(
      *this,
      NetRxWires{wire("rx/request", kNetRxRequestPayload), wire("rx/extra", kNetExtraPayload),
                 wire("rx/response", kNetRxResponsePayload),
                 wire("rx/indices", kNetIndicesPayload, WireKind::sampled)},
      queue->pages[1].frame.address(), queue->ports.back());
  queues_.push_back(std::move(queue));
  return 0;
}

// xenvif_carrier_on, and what the queues' threads do first.
void NetInterface::start() {
  started_ = true;
  stalled_queues_ = queue_count();
  for (const auto& owned : queues_) {
    Queue* queue = owned.get();
    queue->receive->start();
    // A queue outlives its ports, and a closed port calls nobody.
    if (queue->ports.size() == 1) {
      hypervisor_.channels.set_handler(queue->ports[0], [queue] { queue->serve(); });
    } else {
      hypervisor_.channels.set_handler(queue->ports[0], [queue] { queue->transmit->serve(); });
      hypervisor_.channels.set_handler(queue->ports[1], [queue] { queue->receive->serve(); });
    }
    queue->first_look = hypervisor_.events.schedule(hypervisor_.clock.now, "netif/first_look", [queue] {
      queue->first_look = {};
      queue->serve();
    });
  }
  if (disabled_) {
    notice(NoticeKind::unusual,
           "a frontend connects to an interface that its rogue predecessor has ended: nothing will work "
           "before the toolstack has taken the device away and put it back");
  }
  update_link();
}

void NetInterface::disconnect() {
  started_ = false;
  update_link();
  for (const auto& queue : queues_) hypervisor_.events.cancel(queue->first_look);
  queues_.clear();
  if (control_) control_->close();
  control_.reset();
  multicast_.clear();
}

void NetInterface::break_off(const std::string& why) {
  if (disabled_) return;
  disabled_ = true;
  notice(NoticeKind::unusual, "fatal error, the interface is disabled: " + why);
  update_link();
}

void NetInterface::queue_stalled() {
  if (stalled_queues_++ == 0) notice(NoticeKind::unusual, "the guest gives no buffers: receiving stalls");
  update_link();
}

void NetInterface::queue_ready() {
  if (stalled_queues_ != 0) --stalled_queues_;
  update_link();
}

void NetInterface::update_link() { port_.set_link(started_ && !disabled_ && stalled_queues_ == 0); }

bool NetInterface::lose() {
  if (config_.loss_ppm == 0) return false;
  ++draws_;
  return random_.below(kMillion) < config_.loss_ppm;
}

// What a bridge would not forward (is_skb_forwardable).
bool NetInterface::fits(std::span<const uint8_t> frame, const FrameOffload& offload) {
  const size_t mtu = features_.can_sg ? config_.mtu : std::min<size_t>(config_.mtu, 1500);
  if (offload.segment_bytes != 0 || frame.size() <= mtu + ethernet::header_bytes + kVlanTagBytes) return true;
  notice(NoticeKind::unusual,
         fmt::format("a frame of {} bytes is dropped: the MTU is {}", frame.size(), mtu));
  return false;
}

void NetInterface::send(std::vector<uint8_t>& frame, const FrameOffload& offload) {
  const Verdict verdict = tx_wire_.pass(Direction::out, frame);
  // Nobody answers a frame: one that fails is lost.
  if (verdict.fail != 0 || !fits(frame, offload)) return;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (lose()) continue;
    if (verdict.punctual()) {
      port_.transmit(frame, offload);
      continue;
    }
    tx_wire_.release(verdict, "netif/late_frame",
                     [port = &port_, frame, offload] { port->transmit(frame, offload); });
  }
}

void NetInterface::receive(std::span<const uint8_t> frame, const FrameOffload& offload) {
  if (queues_.empty() || disabled_ || lose()) return;
  if (!rx_wire_.tapped()) return deliver(frame, offload);
  scratch_.assign(frame.begin(), frame.end());
  const Verdict verdict = rx_wire_.pass(Direction::in, scratch_);
  if (verdict.fail != 0) return;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      deliver(scratch_, offload);
      continue;
    }
    // An interface that has gone by then has given its port back.
    rx_wire_.release(verdict, "netif/late_frame",
                     [alive = std::weak_ptr(alive_), this, late = scratch_, offload] {
                       if (alive.lock()) deliver(late, offload);
                     });
  }
}

// xenvif_start_xmit, and before it what the network stack finishes for an interface that cannot take it.
void NetInterface::deliver(std::span<const uint8_t> frame, const FrameOffload& offload) {
  if (queues_.empty() || disabled_ || frame.size() < ethernet::header_bytes) return;
  if (!passes_filter(frame) || !fits(frame, offload)) return;
  if (offload.empty() || frontend_takes(frame, offload)) return enqueue(frame, offload);
  const bool finished = finish_frame(frame, offload, [this](std::span<const uint8_t> whole) {
    FrameOffload nothing_left;
    nothing_left.validated = true;
    enqueue(whole, nothing_left);
  });
  if (!finished) {
    notice(NoticeKind::unusual,
           fmt::format("a frame of {} bytes for the guest is dropped: it cannot be cut into segments of {}",
                       frame.size(), offload.segment_bytes));
  }
}

bool NetInterface::passes_filter(std::span<const uint8_t> frame) const {
  if (!multicast_control_) return true;
  const MacAddress destination = mac_at(frame, 0);
  if (!ethernet::is_group(destination) || destination == ethernet::broadcast) return true;
  return std::find(multicast_.begin(), multicast_.end(), destination) != multicast_.end();
}

// xenvif_fix_features. Without scatter-gather there is no segmentation either.
bool NetInterface::frontend_takes(std::span<const uint8_t> frame, const FrameOffload& offload) const {
  const bool ipv6 = load_be16(frame, 12) == kTypeIpv6;
  if (!(ipv6 ? features_.ipv6_csum : features_.ip_csum)) return false;
  if (offload.segment_bytes == 0) return true;
  return features_.can_sg && (ipv6 ? features_.gso_tcpv6 : features_.gso_tcpv4);
}

void NetInterface::enqueue(std::span<const uint8_t> frame, const FrameOffload& offload) {
  const auto hash = hash_.of(frame);
  uint8_t gso_type = XEN_NETIF_GSO_TYPE_NONE;
  if (offload.segment_bytes != 0) {
    gso_type = load_be16(frame, 12) == kTypeIpv6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
  }
  const uint32_t queue = hash_.queue_of(frame, hash, queue_count());
  queues_[queue]->receive->enqueue(frame, offload, gso_type, hash);
}

bool NetInterface::add_multicast(const MacAddress& address) {
  if (multicast_.size() >= kMulticastMax) {
    notice(NoticeKind::unusual, fmt::format("multicast address {} is one too many", to_string(address)));
    return false;
  }
  multicast_.push_back(address);
  return true;
}

void NetInterface::remove_multicast(const MacAddress& address) {
  const auto found = std::find(multicast_.begin(), multicast_.end(), address);
  if (found != multicast_.end()) multicast_.erase(found);
}

void NetInterface::notice(NoticeKind kind, std::string text) {
  frontend_.notices.emit(kind, "netif/" + config_.name, std::move(text));
}

void NetInterface::visit_state(StateVisitor& visitor) const {
  visitor.number("started", started_);
  visitor.number("disabled", disabled_);
  visitor.number("stalled_queues", stalled_queues_);
  visitor.number("draws", draws_);
  visitor.number("rate_bytes", rate_.bytes);
  visitor.number("rate_usec", rate_.usec);
  visitor.number("features", uint64_t{features_.can_sg} | uint64_t{features_.gso_tcpv4} << 1 |
                                 uint64_t{features_.gso_tcpv6} << 2 | uint64_t{features_.ip_csum} << 3 |
                                 uint64_t{features_.ipv6_csum} << 4 | uint64_t{multicast_control_} << 5);
  visitor.number("drain_timeout", features_.drain_timeout.ps);
  visitor.number("stall_timeout", features_.stall_timeout.ps);
  uint64_t addresses = multicast_.size();
  for (const MacAddress& address : multicast_)
    addresses = hash_mix(addresses, hash64(std::span<const uint8_t>(address)));
  visitor.number("multicast", addresses);
  hash_.visit_state(visitor);
  visitor.number("queues", queues_.size());
  for (const auto& queue : queues_) {
    queue->transmit->visit_state(visitor);
    queue->receive->visit_state(visitor);
  }
  visitor.number("control", control_ != nullptr);
  if (control_) control_->visit_state(visitor);
}

}  // namespace ringside

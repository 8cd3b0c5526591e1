#include <fmt/format.h>

#include "testkit/device/xen_house.h"

namespace ringside::test {

namespace {

constexpr Duration kWalkLimit = std::chrono::milliseconds(100);

uint32_t handle_of(const std::string& name) {
  const size_t digits = name.find_last_not_of("0123456789") + 1;
  if (digits == name.size() || name.size() - digits > 5)
    throw Error("\"" + name + "\" is no name of an interface: it ends with a number, as vif0 does");
  return static_cast<uint32_t>(std::stoul(name.substr(digits)));
}

std::string text_of(const Mac& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4],
                     mac[5]);
}

}  // namespace

namespace house {

NetRing::NetRing(XenBench& the_bench, const NetOptions& given)
    : XenDevice(the_bench, "vif", handle_of(given.name)),
      options(given),
      network(given.name + "-net", microseconds(1), the_bench.clock, the_bench.events),
      port(network.attach(given.name)),
      peer(network.attach("peer")) {
  peer.set_receiver([this](std::span<const uint8_t> frame) {
    sent.push_back({Bytes(frame.begin(), frame.end()), to_duration(bench.clock.now)});
  });
  if (options.played) {
    played.emplace();
    create_played({{"handle", std::to_string(number)},
                   {"mac", text_of(options.mac)},
                   {"feature-rx-copy", "1"},
                   {"feature-sg", "1"},
                   {"feature-split-event-channels", options.split_event_channels ? "1" : "0"}});
    bench.toolstack.write(front_folder + "/mac", text_of(options.mac));
    return;
  }
  NetBackendConfig config;
  config.name = options.name;
  config.handle = number;
  config.mac = options.mac;
  config.split_event_channels = options.split_event_channels;
  config.seed = bench.options.seed;
  backend = std::make_unique<NetBackend>(bench.hypervisor, bench.toolstack, *bench.domain, port, config);
  backend->attach();
}

NetRing::~NetRing() = default;

}  // namespace house

NetRing::NetRing(std::unique_ptr<house::NetRing> made) : house_(std::move(made)) {
  if (house_->played) backend_ = std::make_unique<NetBackEnd>(*house_);
}
NetRing::~NetRing() = default;

XenBus NetRing::xenbus() const { return house_->frontend_bus(); }
EventChannel NetRing::evtchn_tx() const { return {house_->bench, false, house_->tx_port}; }
EventChannel NetRing::evtchn_rx() const { return {house_->bench, false, house_->rx_port}; }

void NetRing::make_rings(uint32_t first_index) {
  house::NetRing& own = *house_;
  if (!own.tx.made()) {
    own.tx_page = own.bench.grant(own.bench.new_page(), false);
    own.rx_page = own.bench.grant(own.bench.new_page(), false);
  }
  own.tx.init(own.tx_page, first_index);
  own.rx.init(own.rx_page, first_index);
}

void NetRing::publish_nodes(SourcePlace place) {
  house::NetRing& own = *house_;
  if (!own.tx.made()) make_rings();
  const XenBus bus = xenbus();
  own.tx_port = own.bench.alloc_event(place);
  own.rx_port = own.options.split_event_channels ? own.bench.alloc_event(place) : own.tx_port;
  bus.write("tx-ring-ref", std::to_string(own.tx_page.ref()), place);
  bus.write("rx-ring-ref", std::to_string(own.rx_page.ref()), place);
  if (own.options.split_event_channels) {
    bus.write("event-channel-tx", std::to_string(own.tx_port), place);
    bus.write("event-channel-rx", std::to_string(own.rx_port), place);
  } else {
    bus.write("event-channel", std::to_string(own.tx_port), place);
  }
  bus.write("request-rx-copy", "1", place);
  bus.write("feature-rx-notify", "1", place);
  bus.write("feature-sg", "1", place);
}

void NetRing::connect(SourcePlace place) {
  const XenBus bus = xenbus();
  bus.expect_other(BusState::init_wait, kWalkLimit, place);
  make_rings();
  publish_nodes(place);
  bus.set_state(BusState::connected, place);
  if (backend_) backend_->connect(place);
  bus.expect_other(BusState::connected, kWalkLimit, place);
  house_->bench.advance_to(house_->bench.clock.now + microseconds(10));
  evtchn_tx().take();
  evtchn_rx().take();
}

void NetRing::disconnect(SourcePlace place) {
  house::NetRing& own = *house_;
  own.close(own.played.has_value(), place);
  if (own.played && own.played->tx) {
    own.bench.unbind_domain_0(own.played->tx_port);
    if (own.played->rx_port != own.played->tx_port) own.bench.unbind_domain_0(own.played->rx_port);
    own.bench.unmap(own.played->tx_page);
    own.bench.unmap(own.played->rx_page);
    own.played.emplace();
  }
  own.bench.end_channel(own.tx_port);
  if (own.rx_port != own.tx_port) own.bench.end_channel(own.rx_port);
  own.tx_page.revoke();
  own.rx_page.revoke();
  own.tx = {};
  own.rx = {};
}

namespace {

template <class Ring, class Slot>
void put(Ring& ring, const Slot& slot, const SourcePlace& place) {
  if (!ring.made()) house::fail_expectation(place, "the rings are not made yet: connect(), or make_rings()");
  if (ring.full())
    house::fail_expectation(
        place,
        fmt::format("the ring is full: {} requests wait for their responses to be taken", ring.kSlots));
  ring.put(slot);
  ring.publish();
}

}  // namespace

void NetRing::push(const net::transmit& request, SourcePlace place) {
  put(house_->tx, netif_tx_request{request.grant, request.offset, request.flags, request.id, request.size},
      place);
}

std::optional<net::transmitted> NetRing::take_transmitted() {
  const auto taken = house_->tx.take();
  if (!taken) return std::nullopt;
  return net::transmitted{taken->status, taken->id};
}

net::transmitted NetRing::expect(const net::transmitted& wanted, Duration within, SourcePlace place) {
  std::optional<net::transmitted> taken;
  if (!house_->bench.wait_for([&] { return (taken = take_transmitted()).has_value(); }, within)) {
    house::fail_expectation(place, "expected a response to a transmit request within " + to_string(within) +
                                       "; none came" + house::last_notice(house_->bench));
  }
  if (taken->status != wanted.status || (wanted.id && taken->id != wanted.id)) {
    house::fail_expectation(
        place, fmt::format("expected a response with status {}{}; request {} has got {}{}", wanted.status,
                           wanted.id ? fmt::format(" to request {}", *wanted.id) : "", *taken->id,
                           taken->status, house::last_notice(house_->bench)));
  }
  return *taken;
}

void NetRing::push(const net::receive& buffer, SourcePlace place) {
  put(house_->rx, netif_rx_request{buffer.id, 0, buffer.grant}, place);
}

std::optional<net::received> NetRing::take_received() {
  const auto taken = house_->rx.take();
  if (!taken) return std::nullopt;
  return net::received{taken->id, taken->offset, taken->flags, taken->status};
}

net::received NetRing::expect_received(Duration within, SourcePlace place) {
  std::optional<net::received> taken;
  if (!house_->bench.wait_for([&] { return (taken = take_received()).has_value(); }, within)) {
    house::fail_expectation(place, "expected that a frame comes into a buffer within " + to_string(within) +
                                       "; none did" + house::last_notice(house_->bench));
  }
  return *taken;
}

RingIndices NetRing::tx_indices() const { return house::indices_of(house_->tx.page()); }
RingIndices NetRing::rx_indices() const { return house::indices_of(house_->rx.page()); }
void NetRing::set_tx_indices(const RingIndices& indices) { house_->tx.page().store(0, indices); }
void NetRing::set_rx_indices(const RingIndices& indices) { house_->rx.page().store(0, indices); }

const std::vector<Frame>& NetRing::sent() const { return house_->sent; }
std::vector<Frame> NetRing::take_sent() { return std::exchange(house_->sent, {}); }

void NetRing::expect_sent(std::span<const uint8_t> bytes, Duration within, SourcePlace place) {
  if (!house_->bench.wait_for([&] { return !house_->sent.empty(); }, within)) {
    house::fail_expectation(place, "expected a frame within " + to_string(within) + "; none was sent" +
                                       house::last_notice(house_->bench));
  }
  const Frame frame = std::move(house_->sent.front());
  house_->sent.erase(house_->sent.begin());
  house::expect_bytes(bytes, frame.bytes, "the frame that was sent", place);
}

void NetRing::deliver(std::span<const uint8_t> bytes) { house_->peer.transmit(bytes); }

NetBackEnd& NetRing::backend() {
  if (!backend_) throw Error("this interface has a backend of ours; NetOptions::played makes it the test's");
  return *backend_;
}

// --- The backend's ends ---

namespace {

house::NetRing::Played& connected(house::NetRing& ring) {
  if (!ring.played->tx) throw Error("the played backend is not connected to the rings: backend().connect()");
  return *ring.played;
}

}  // namespace

XenBus NetBackEnd::xenbus() const { return ring_->backend_bus(); }
EventChannel NetBackEnd::evtchn_tx() const { return {ring_->bench, true, ring_->played->tx_port}; }
EventChannel NetBackEnd::evtchn_rx() const { return {ring_->bench, true, ring_->played->rx_port}; }

void NetBackEnd::connect(SourcePlace place) {
  house::NetRing::Played& played = *ring_->played;
  xenbus().expect_other(BusState::connected, kWalkLimit, place);
  played.tx_page = house::map_grant(ring_->bench, ring_->frontend_number("tx-ring-ref", place), false, place);
  played.rx_page = house::map_grant(ring_->bench, ring_->frontend_number("rx-ring-ref", place), false, place);
  const bool split = ring_->options.split_event_channels;
  played.tx_port = ring_->bench.bind_from_domain_0(
      ring_->frontend_number(split ? "event-channel-tx" : "event-channel", place), place);
  played.rx_port =
      split ? ring_->bench.bind_from_domain_0(ring_->frontend_number("event-channel-rx", place), place)
            : played.tx_port;
  played.tx.emplace(*ring_->bench.memory, played.tx_page.frame.address());
  played.rx.emplace(*ring_->bench.memory, played.rx_page.frame.address());
  xenbus().set_state(BusState::connected, place);
}

std::optional<net::transmit> NetBackEnd::take_transmit() {
  house::NetRing::Played& played = connected(*ring_);
  if (!played.tx->final_check()) return std::nullopt;
  const netif_tx_request slot = played.tx->take();
  return net::transmit{slot.gref, slot.offset, slot.size, slot.flags, slot.id};
}

net::transmit NetBackEnd::expect_transmit(Duration within, SourcePlace place) {
  std::optional<net::transmit> taken;
  if (!ring_->bench.wait_for([&] { return (taken = take_transmit()).has_value(); }, within))
    house::fail_expectation(place,
                            "expected a transmit request within " + to_string(within) + "; there is none");
  return *taken;
}

bool NetBackEnd::respond(const net::transmit& request, int16_t status) {
  house::NetRing::Played& played = connected(*ring_);
  played.tx->put(netif_tx_response{request.id, status});
  return played.tx->push();
}

std::optional<net::receive> NetBackEnd::take_receive() {
  house::NetRing::Played& played = connected(*ring_);
  if (!played.rx->final_check()) return std::nullopt;
  const netif_rx_request slot = played.rx->take();
  return net::receive{slot.gref, slot.id};
}

net::receive NetBackEnd::expect_receive(Duration within, SourcePlace place) {
  std::optional<net::receive> taken;
  if (!ring_->bench.wait_for([&] { return (taken = take_receive()).has_value(); }, within))
    house::fail_expectation(place,
                            "expected a receive buffer within " + to_string(within) + "; there is none");
  return *taken;
}

bool NetBackEnd::deliver(const net::receive& buffer, std::span<const uint8_t> frame, uint16_t flags,
                         SourcePlace place) {
  house::NetRing::Played& played = connected(*ring_);
  const int16_t status = ring_->bench.hypervisor.grants.copy_to(house::kDomain0, ring_->bench.domain->id,
                                                                GrantRef{buffer.grant}, 0, frame);
  if (status != GNTST_okay)
    house::fail_expectation(
        place, fmt::format("the backend could not copy into grant {}: status {}", buffer.grant, status));
  played.rx->put(netif_rx_response{buffer.id, 0, flags, static_cast<int16_t>(frame.size())});
  return played.rx->push();
}

Bytes NetBackEnd::fetch(const net::transmit& request, SourcePlace place) {
  Bytes bytes(request.size);
  const int16_t status = ring_->bench.hypervisor.grants.copy_from(
      house::kDomain0, ring_->bench.domain->id, GrantRef{request.grant}, request.offset, bytes);
  if (status != GNTST_okay)
    house::fail_expectation(
        place, fmt::format("the backend could not copy from grant {}: status {}", request.grant, status));
  return bytes;
}

}  // namespace ringside::test

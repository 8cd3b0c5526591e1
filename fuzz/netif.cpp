// Hostile network frontends. The first byte says what the backend offers; then come the operations of
// frontend_bench.h on the interface's folder, and these of our own (code 15):
//
//   code % 8 = 0  connect as a real frontend does: shape (1: bits 0-1 queues less one, bit 2 a single
//   channel,
//                 bit 3 a control ring, bit 4 no feature-rx-notify, bit 5 GSO, bit 6 no checksums, bit 7 the
//                 multicast filter)
//              1  a frame as it should be: queue (1), kind (1), length (2), slots (1), flags (1), segment (1)
//              2  a request: queue (1), grant (1), offset (2), flags (1), size (2), copies (1)
//              3  extra information: queue (1), type (1), flags (1), 6 bytes
//              4  buffers: queue (1), how many (1), first grant (1)
//              5  a frame from the network: kind (1), length (2), what is left to do (1)
//              6  0 attach, 1 detach, 2 detach by force, 3 a control request: type (1), values (1, 2, 2);
//                 4 req_prod of a ring: page (1), added to what it is (1, signed); 5 another rate (1); 6
//                 events
//              7  close and come back
//
// What the guest sends comes back from the network, a few hundred frames of it.
#include <string>

#include "fuzz/driver.h"
#include "fuzz/frontend_bench.h"
#include "host/network/internet.h"
#include "hv-model/backends/net/net_backend.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr unsigned kControlPage = 9, kControlSlot = 6, kDataPage = 12;
constexpr unsigned kEchoesMax = 400;

// TCP or UDP over IPv4 or IPv6, ARP, to one, to a group or to all.
std::vector<uint8_t> frame_of(uint8_t kind, size_t length) {
  std::vector<uint8_t> frame(std::max<size_t>(length, 14));
  for (size_t i = 14; i < frame.size(); ++i) frame[i] = static_cast<uint8_t>(i * 5);
  frame[0] = kind & 8 ? 1 : 0;
  if (kind & 16) std::fill_n(frame.begin(), 6, 0xff);
  frame[5] = kind >> 5;
  frame[11] = static_cast<uint8_t>(0x80 | kind >> 5);  // nobody is sent to: the switch asks all
  const bool ipv6 = kind & 1;
  store_be16(frame, 12, kind & 4 ? 0x0806 : ipv6 ? 0x86dd : 0x0800);
  if (frame.size() < 100) return frame;
  const uint8_t protocol = kind & 2 ? 17 : 6;
  if (ipv6) {
    frame[20] = protocol;
    frame[54 + 12] = 0x50;
  } else {
    frame[14] = 0x45;
    frame[20] = frame[21] = 0;
    frame[23] = protocol;
    frame[34 + 12] = 0x50;
  }
  return frame;
}

struct NetBench {
  explicit NetBench(uint8_t offered) {
    NetBackendConfig config;
    config.gso = !(offered & 1);
    config.split_event_channels = !(offered & 2);
    config.control_ring = !(offered & 4);
    config.multicast_control = !(offered & 8);
    config.queues_max = offered & 16 ? 2 : 8;
    config.mtu = offered & 32 ? 9000 : 1500;
    config.loss_ppm = offered & 64 ? 200'000 : 0;
    if (offered & 128) {
      config.rate_bytes = 5000;
      config.rate_interval_usec = 10'000;
    }
    vif_port = &ethernet.attach("vif0");
    peer = &ethernet.attach("peer");
    peer->set_offload_receiver([this](std::span<const uint8_t> frame, const FrameOffload& offload) {
      if (echoes++ < kEchoesMax) peer->transmit(frame, offload);
    });
    backend =
        std::make_unique<NetBackend>(bench.hypervisor, bench.toolstack, *bench.domain, *vif_port, config);
    backend->attach();
  }

  std::string node(const std::string& name) const { return folder.frontend + "/" + name; }
  void set_state(XenbusState state) {
    bench.write_node(node("state"), std::to_string(static_cast<unsigned>(state)));
  }
  std::string ring_node(unsigned page) {
    bench.grant(page, page, false);
    bench.store(page, 0, std::array<uint32_t, 4>{0, 1, 0, 1});
    return std::to_string(FrontendBench::reference(page));
  }

  // Queue q has its rings in pages 3q and 3q + 1, and the port slots 2q and 2q + 1.
  void connect(uint8_t shape) {
    const unsigned queues = shape % 4 + 1;
    const auto flag = [&](const char* name, bool value) { bench.write_node(node(name), value ? "1" : "0"); };
    for (unsigned queue = 0; queue < std::min(queues, 3u); ++queue) {
      const std::string base = queues == 1 ? "" : "queue-" + std::to_string(queue) + "/";
      bench.write_node(node(base + "tx-ring-ref"), ring_node(3 * queue));
      bench.write_node(node(base + "rx-ring-ref"), ring_node(3 * queue + 1));
      const auto port = [&](unsigned slot) { return std::to_string(bench.make_port(slot).value); };
      if (shape & 4) {
        bench.write_node(node(base + "event-channel"), port(2 * queue));
      } else {
        bench.write_node(node(base + "event-channel-tx"), port(2 * queue));
        bench.write_node(node(base + "event-channel-rx"), port(2 * queue + 1));
      }
    }
    bench.write_node(node("multi-queue-num-queues"), std::to_string(queues));
    if (shape & 8) {
      bench.write_node(node("ctrl-ring-ref"), ring_node(kControlPage));
      bench.write_node(node("event-channel-ctrl"), std::to_string(bench.make_port(kControlSlot).value));
    }
    flag("request-rx-copy", true);
    flag("feature-rx-notify", !(shape & 16));
    flag("feature-sg", true);
    flag("feature-gso-tcpv4", shape & 32);
    flag("feature-gso-tcpv6", shape & 32);
    flag("feature-no-csum-offload", shape & 64);
    flag("feature-ipv6-csum-offload", !(shape & 64));
    flag("request-multicast-control", shape & 128);
    set_state(XenbusState::connected);
    bench.advance(microseconds(50));
  }

  template <class Slot>
  void put(unsigned page, const Slot& slot, uint32_t slots) {
    const GuestPhys prod = bench.address(page);
    const auto index = bench.memory->load<uint32_t>(prod);
    bench.memory->write(prod + 64 + uint64_t{index % slots} * sizeof slot, &slot, sizeof slot);
    bench.memory->store(prod, index + 1);
  }
  void put_request(unsigned queue, const netif_tx_request& request) { put(3 * queue, request, 256); }
  void put_extra(unsigned queue, const netif_extra_info& extra) {
    netif_tx_request slot{};
    std::memcpy(&slot, &extra, sizeof extra);
    put_request(queue, slot);
  }

  void frame(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 3;
    const auto kind = input.take<uint8_t>();
    const size_t length = input.take<uint16_t>();
    const size_t slots = input.take<uint8_t>() % 24 + 1;
    const auto flags = input.take<uint8_t>(), segment = input.take<uint8_t>();
    const std::vector<uint8_t> bytes = frame_of(kind, length);
    const size_t piece = std::clamp<size_t>((bytes.size() + slots - 1) / slots, 1, kPageSize);
    size_t at = 0;
    for (unsigned number = 0; at < bytes.size() && number < 30; ++number) {
      const size_t part = std::min(piece, bytes.size() - at);
      const unsigned page = kDataPage + number;
      bench.grant(page, page, true);
      bench.memory->write(bench.address(page), bytes.data() + at, part);
      netif_tx_request request{};
      request.gref = FrontendBench::reference(page);
      request.id = static_cast<uint16_t>(number);
      request.size = static_cast<uint16_t>(at == 0 ? bytes.size() : part);
      request.flags = static_cast<uint16_t>((at == 0 ? (flags & 3) | (segment ? NETTXF_extra_info : 0) : 0) |
                                            (at + part < bytes.size() ? NETTXF_more_data : 0));
      put_request(queue, request);
      if (at == 0 && segment) {
        netif_extra_info extra{};
        extra.type = XEN_NETIF_EXTRA_TYPE_GSO;
        extra.u.gso.size = static_cast<uint16_t>(segment * 8);
        extra.u.gso.type = static_cast<uint8_t>(1 + (kind & 1));
        put_extra(queue, extra);
      }
      at += part;
    }
    bench.notify(2 * queue);
  }

  void request(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 3;
    netif_tx_request request{};
    const auto grant = input.take<uint8_t>();
    request.gref = grant == 0xff ? 0xffffffff : FrontendBench::reference(grant);
    request.offset = input.take<uint16_t>();
    request.flags = input.take<uint8_t>();
    request.size = input.take<uint16_t>();
    const auto copies = input.take<uint8_t>();
    for (unsigned copy = 0; copy <= copies % 32u; ++copy) put_request(queue, request);
    bench.notify(2 * queue);
  }

  void extra(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 3;
    netif_extra_info extra{};
    extra.type = input.take<uint8_t>() % 7;
    extra.flags = input.take<uint8_t>();
    const auto bytes = input.take_bytes(6);
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<uint8_t*>(&extra.u));
    put_extra(queue, extra);
  }

  void buffers(FuzzInput& input) {
    const unsigned queue = input.take<uint8_t>() % 3;
    const auto count = input.take<uint8_t>(), first = input.take<uint8_t>();
    for (uint8_t i = 0; i < count; ++i) {
      put(3 * queue + 1, netif_rx_request{i, 0, FrontendBench::reference(kDataPage + (first + i) % 36u)},
          256);
    }
    bench.notify(2 * queue);
    bench.notify(2 * queue + 1);
  }

  void from_network(FuzzInput& input) {
    const auto kind = input.take<uint8_t>();
    const size_t length = input.take<uint16_t>();
    const auto left = input.take<uint8_t>();
    FrameOffload offload;
    offload.checksum_blank = left & 1;
    offload.validated = left & 2;
    if (left & 4) {
      offload.checksum_blank = true;
      offload.segment_bytes = static_cast<uint16_t>((left >> 3) * 50 + 1);
    }
    peer->transmit(frame_of(kind, length), offload);
  }

  void control(FuzzInput& input) {
    xen_netif_ctrl_request request{};
    request.id = 7;
    request.type = input.take<uint8_t>() % 12;
    const auto value = input.take<uint8_t>();
    request.data[0] = value & 128 ? FrontendBench::reference(value) : value;
    request.data[1] = input.take<uint16_t>();
    request.data[2] = input.take<uint16_t>();
    put(kControlPage, request, 128);
    bench.notify(kControlSlot);
  }

  void others(FuzzInput& input) {
    switch (input.take<uint8_t>() % 7) {
      case 0: backend->attach_running(); break;
      case 1: backend->detach(false); break;
      case 2: backend->detach(true); break;
      case 3: control(input); break;
      case 4: {
        const GuestPhys prod = bench.address(input.take<uint8_t>() % 10u);
        bench.memory->store(prod,
                            bench.memory->load<uint32_t>(prod) + static_cast<uint32_t>(input.take<int8_t>()));
        break;
      }
      case 5:
        (void)bench.toolstack.write("/local/domain/0/backend/vif/1/0/rate",
                                    std::to_string(input.take<uint8_t>() * 100) + ",1000");
        break;
      default:
        for (unsigned slot = 0; slot < FrontendBench::kPorts; ++slot) bench.notify(slot);
        break;
    }
  }

  void own(uint8_t code, FuzzInput& input) {
    switch (code % 8) {
      case 0: connect(input.take<uint8_t>()); break;
      case 1: frame(input); break;
      case 2: request(input); break;
      case 3: extra(input); break;
      case 4: buffers(input); break;
      case 5: from_network(input); break;
      case 6: others(input); break;
      default:
        set_state(XenbusState::closed);
        bench.advance(milliseconds(1));
        set_state(XenbusState::initialising);
        bench.advance(microseconds(20));
        break;
    }
  }

  FrontendBench bench;
  EthernetSwitch ethernet{"net0", microseconds(1), bench.clock, bench.events};
  const FrontendFolder folder{
      "/local/domain/1/device/vif/0",
      {"tx-ring-ref", "rx-ring-ref", "event-channel", "event-channel-tx", "event-channel-rx",
       "multi-queue-num-queues", "request-rx-copy", "feature-sg", "ctrl-ring-ref", "event-channel-ctrl",
       "queue-0/tx-ring-ref", "queue-1/rx-ring-ref", "queue-1/event-channel", "request-multicast-control",
       "state"}};
  SwitchPort *vif_port = nullptr, *peer = nullptr;
  unsigned echoes = 0;
  std::unique_ptr<NetBackend> backend;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  constexpr uint8_t kOwn = 15, kTime = 12, kLong = 13, kState = 11, kFaults = 14;
  return {
      // Frames of each kind go out and come back into buffers; then it closes and comes back.
      {0, kOwn, 0,     0x30,  kOwn, 4,    0, 40,  0,     kOwn, 1,     0,  2,    0xdc,  5,    1,
       1, 0,    kTime, 50,    kOwn, 1,    0, 0,   0x88,  0x13, 5,     1,  180,  kTime, 50,   kOwn,
       1, 0,    1,     0x88,  0x13, 2,    0, 180, kTime, 50,   kOwn,  1,  0,    4,     60,   0,
       1, 0,    0,     kTime, 50,   kOwn, 4, 0,   200,   3,    kTime, 50, kOwn, 7,     kOwn, 0,
       4, kOwn, 1,     0,     2,    100,  0, 1,   1,     0,    kTime, 50},
      // Long frames for a frontend that takes neither them nor blank checksums.
      {0,    kOwn, 0,   0x40, kOwn, 4,     0,     250,  0,    kOwn, 5, 0,    0x00, 0x60,  0xff,  kTime, 9,
       kOwn, 5,    1,   0x00, 0x60, 0xff,  kTime, 9,    kOwn, 5,    2, 100,  0,    1,     kTime, 9,     kOwn,
       5,    3,    100, 0,    1,    kTime, 9,     kOwn, 5,    0,    0, 0x60, 4,    kTime, 9},
      // Several queues, the control ring with a hash, a mapping.
      {0,    kOwn,  0,    0x39, kOwn, 6,   3,     7,     1,    0,    0, 0,   0,     kTime, 9,     kOwn, 6,
       3,    2,     15,   0,    0,    0,   0,     kTime, 9,    kOwn, 6, 3,   3,     0x90,  40,    0,    0,
       0,    kTime, 9,    kOwn, 6,    3,   5,     4,     0,    0,    0, 0,   kTime, 9,     kOwn,  6,    3,
       6,    0x91,  4,    0,    0,    0,   kTime, 9,     kOwn, 6,    3, 1,   0,     0,     0,     0,    0,
       kOwn, 6,     3,    4,    0,    0,   0,     0,     0,    kOwn, 6, 3,   8,     0,     0,     0,    0,
       0,    kTime, 9,    kOwn, 4,    0,   90,    0,     kOwn, 4,    1, 90,  9,     kOwn,  5,     0,    200,
       0,    0,     kOwn, 5,    2,    200, 0,     0,     kOwn, 5,    1, 200, 0,     0,     kTime, 50},
      // Lies: sizes, offsets, grants, chains, extra information, indices.
      {0,     kOwn, 0,     0,  kOwn, 2,   0,   20,   0,     0, 0,     5,   0,    0,  kTime, 9, kOwn, 2,
       0,     255,  0,     0,  0,    100, 0,   3,    kTime, 9, kOwn,  2,   0,    20, 0,     0, 4,    100,
       0,     3,    kTime, 9,  kOwn, 2,   0,   20,   0,     0, 8,     100, 0,    0,  kOwn,  3, 0,    2,
       1,     1,    0,     94, 0,    0,   1,   kOwn, 3,     0, 3,     0,   1,    0,  94,    0, 0,    1,
       kTime, 9,    kOwn,  6,  4,    0,   100, kOwn, 6,     6, kTime, 9,   kOwn, 7},
      // Buffers that are not there, for half a minute; a filter; detached by the toolstack.
      {0,   kOwn, 0,     0x80, kOwn,  5,   8,     100, 0,    0,      kOwn, 5,     2,   100,
       0,   0,    kLong, 255,  kLong, 255, kOwn,  6,   1,    kState, 6,    kLong, 255, kLong,
       255, kOwn, 6,     0,    kLong, 255, kLong, 255, kOwn, 0,      0,    kOwn,  6,   2},
      // An address comes into the filter, and goes.
      {0, kOwn, 0, 0x80, kOwn, 2, 0, 20, 0,  0, 8, 60,   0, 0, kOwn, 3, 0, 2, 0, 1, 0, 0, 0,     0, 1, kTime,
       9, kOwn, 2, 0,    20,   0, 0, 8,  60, 0, 0, kOwn, 3, 0, 3,    0, 1, 0, 0, 0, 0, 1, kTime, 9},
      // A rate, losses and faults.
      {192, kFaults, 3,   4,     kOwn, 0,    0x30, kOwn, 4, 0,    100, 0,    kOwn, 1,  0,     2,   0xdc,
       5,   1,       1,   0,     kOwn, 2,    0,    20,   0, 0,    0,   0xdc, 5,    30, kLong, 200, kOwn,
       6,   5,       200, kLong, 200,  kOwn, 1,    0,    2, 0xdc, 5,   1,    1,    0,  kTime, 99},
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  if (size == 0) return 0;
  NetBench net(data[0]);
  net.bench.advance(microseconds(20));
  FuzzInput input(data + 1, size - 1);
  run_frontend_operations(net.bench, input, net.folder,
                          [&net](uint8_t code, FuzzInput& rest) { net.own(code, rest); });
  net.bench.advance(milliseconds(20));
  (void)state_digest(*net.backend);
  // What is under way at its end must find the backend gone.
  net.backend.reset();
  net.bench.advance(seconds(2));
  net.bench.check_returned();
  return 0;
}

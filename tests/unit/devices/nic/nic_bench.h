// A controller on a bus with memory, a switch with a peer, and a driver's first steps. Register offsets and
// bits are restated here from the manual (317453), not taken from the model.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "devices/nic/e1000.h"
#include "host/network/network.h"
#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/memory.h"
#include "sim/wire.h"

namespace ringside {

namespace reg {
inline constexpr uint32_t CTRL = 0x0, STATUS = 0x8, EECD = 0x10, EERD = 0x14, MDIC = 0x20, FCAL = 0x28,
                          FCAH = 0x2c, FCT = 0x30, VET = 0x38, ICR = 0xc0, ITR = 0xc4, ICS = 0xc8, IMS = 0xd0,
                          IMC = 0xd8, RCTL = 0x100, FCTTV = 0x170, TCTL = 0x400, TIPG = 0x410, PBA = 0x1000,
                          FCRTL = 0x2160, FCRTH = 0x2168, RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808,
                          RDH = 0x2810, RDT = 0x2818, RDTR = 0x2820, RXDCTL = 0x2828, RADV = 0x282c,
                          RSRPD = 0x2c00, TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810,
                          TDT = 0x3818, TIDV = 0x3820, TXDCTL = 0x3828, TADV = 0x382c, CRCERRS = 0x4000,
                          MPC = 0x4010, XOFFRXC = 0x4050, GPRC = 0x4074, GPTC = 0x4080, GORCL = 0x4088,
                          GORCH = 0x408c, RNBC = 0x40a0, RUC = 0x40a4, ROC = 0x40ac, TSCTC = 0x40f8,
                          TSCTFC = 0x40fc, RXCSUM = 0x5000, MTA = 0x5200, RAL = 0x5400, RAH = 0x5404,
                          VFTA = 0x5600;
}  // namespace reg

using Bytes = std::vector<uint8_t>;

class NicBench {
 public:
  static constexpr uint64_t kMemoryBytes = 4 << 20;
  static constexpr uint32_t kBar0 = 0xfebc0000, kBar2 = 0xc000;
  static constexpr uint32_t kTxRing = 0x10000, kRxRing = 0x20000, kBuffers = 0x100000;
  static constexpr uint32_t kBufferBytes = 2048;

  explicit NicBench(E1000Config config = {})
      : memory(Memory::create(GuestPhys{0}, kMemoryBytes).value()),
        dma(site, *memory),
        nic_port(lan.attach("nic0")),
        peer(lan.attach("peer")),
        nic(std::make_unique<E1000>(site, config, ports, mmio, dma, nic_port)) {
    peer.set_receiver([this](std::span<const uint8_t> frame) {
      sent.emplace_back(frame.begin(), frame.end());
      sent_at.push_back(clock.now);
    });
    nic->pci().config_write(0x10, 4, kBar0);
    nic->pci().config_write(0x18, 4, kBar2);
    nic->pci().config_write(0x04, 2, 0x0007);  // ports, memory, bus master
  }

  uint32_t r(uint32_t offset) { return static_cast<uint32_t>(mmio.read(kBar0 + offset, 4)); }
  void w(uint32_t offset, uint32_t value) { mmio.write(kBar0 + offset, 4, value); }
  bool interrupt() const { return nic->pci().intx.level(); }

  void run_until(Tick end) {
    while (!events.empty() && events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = std::max(clock.now, end);
  }
  void run_for(Tick duration) { run_until(clock.now + duration); }

  // What a driver does: link up, rings of `descriptors` each, engines on, buffers given to the receiver.
  void start(uint32_t descriptors = 64, uint32_t rctl = 0x04008002, uint32_t tctl = 0x0004010a) {
    w(reg::CTRL, r(reg::CTRL) | 0x40);  // SLU
    run_for(seconds(3));
    REQUIRE((r(reg::STATUS) & 2) != 0);
    w(reg::TIPG, 0x00602008);
    w(reg::TDBAL, kTxRing);
    w(reg::TDLEN, descriptors * 16);
    w(reg::TDH, 0);
    w(reg::TDT, 0);
    w(reg::RDBAL, kRxRing);
    w(reg::RDLEN, descriptors * 16);
    w(reg::RDH, 0);
    w(reg::RDT, 0);
    for (uint32_t i = 0; i < descriptors; ++i) store64(kRxRing + 16 * i, kBuffers + i * kBufferBytes);
    count = descriptors;
    w(reg::TCTL, tctl);
    w(reg::RCTL, rctl);
    w(reg::RDT, descriptors - 1);
    r(reg::ICR);
  }

  void store64(uint64_t at, uint64_t value) { memory->store(GuestPhys{at}, value); }
  void store_bytes(uint64_t at, const Bytes& bytes) {
    REQUIRE(memory->write(GuestPhys{at}, bytes.data(), bytes.size()));
  }
  uint64_t load64(uint64_t at) { return memory->load<uint64_t>(GuestPhys{at}); }

  // Puts a raw descriptor at the tail, without ringing.
  void put_tx(uint64_t low, uint64_t high) {
    store64(kTxRing + 16 * tail, low);
    store64(kTxRing + 16 * tail + 8, high);
    tail = (tail + 1) % count;
  }
  void ring_tx() { w(reg::TDT, tail); }
  // A legacy descriptor; CMD as the manual numbers it: EOP 1, IFCS 2, IC 4, RS 8, VLE 0x40, IDE 0x80.
  void put_legacy(uint64_t address, uint32_t length, uint32_t cmd = 0x0b, uint32_t cso = 0, uint32_t css = 0,
                  uint32_t special = 0) {
    put_tx(address, length | cso << 16 | cmd << 24 | uint64_t{css} << 40 | uint64_t{special} << 48);
  }
  void put_context(uint32_t ip, uint32_t tcp, uint32_t paylen, uint32_t tucmd, uint32_t hdrlen,
                   uint32_t mss) {
    put_tx(ip | uint64_t{tcp} << 32,
           paylen | uint64_t{tucmd | 0x20} << 24 | uint64_t{hdrlen} << 40 | uint64_t{mss} << 48);
  }
  void put_data(uint64_t address, uint32_t length, uint32_t dcmd, uint32_t popts, uint32_t special = 0) {
    put_tx(address,
           length | 1u << 20 | uint64_t{dcmd | 0x20} << 24 | uint64_t{popts} << 40 | uint64_t{special} << 48);
  }
  void send(const Bytes& frame, uint32_t cmd = 0x0b) {
    const uint64_t at = 0x200000 + (tail % 64) * 0x4000;
    store_bytes(at, frame);
    put_legacy(at, static_cast<uint32_t>(frame.size()), cmd);
    ring_tx();
  }

  struct Received {
    Bytes bytes;
    uint8_t status, errors;
    uint16_t checksum, special, length;
  };
  // The receive descriptor that follows the last one taken; false when it is not done.
  bool take(Received& into) {
    const uint64_t high = load64(kRxRing + 16 * next + 8);
    if ((high >> 32 & 1) == 0) return false;
    into.length = static_cast<uint16_t>(high);
    into.checksum = static_cast<uint16_t>(high >> 16);
    into.status = static_cast<uint8_t>(high >> 32);
    into.errors = static_cast<uint8_t>(high >> 40);
    into.special = static_cast<uint16_t>(high >> 48);
    into.bytes.resize(into.length);
    memory->read(GuestPhys{load64(kRxRing + 16 * next)}, into.bytes.data(), into.length);
    store64(kRxRing + 16 * next + 8, 0);
    w(reg::RDT, next);
    next = (next + 1) % count;
    return true;
  }
  Received receive(const Bytes& frame) {
    peer.transmit(frame);
    run_for(milliseconds(1));
    Received got{};
    REQUIRE(take(got));
    return got;
  }
  bool arrives(const Bytes& frame) {
    peer.transmit(frame);
    run_for(milliseconds(1));
    Received got{};
    return take(got);
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  DeviceSite site{"dom1", "nic0", clock, events, wiring, notices};
  std::unique_ptr<Memory> memory;
  Bus ports{Bus::Space::ports, site.named("pio")};
  Bus mmio{Bus::Space::memory, site.named("mmio")};
  DmaPort dma;
  EthernetSwitch lan{"lan", microseconds(1), clock, events};
  SwitchPort& nic_port;
  SwitchPort& peer;
  std::unique_ptr<E1000> nic;
  std::vector<Bytes> sent;
  std::vector<Tick> sent_at;
  uint32_t tail = 0, next = 0, count = 0;
};

inline constexpr MacAddress kNicMac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
inline constexpr MacAddress kPeerMac = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};

// An Ethernet II frame with a payload that counts up. What goes to the peer comes from the controller, all
// else from the peer: the switch learns by it.
inline Bytes make_frame(const MacAddress& to, size_t bytes, uint16_t type = 0x88b5) {
  Bytes frame(bytes);
  std::copy(to.begin(), to.end(), frame.begin());
  const MacAddress& from = to == kPeerMac ? kNicMac : kPeerMac;
  std::copy(from.begin(), from.end(), frame.begin() + 6);
  frame[12] = static_cast<uint8_t>(type >> 8);
  frame[13] = static_cast<uint8_t>(type);
  for (size_t i = 14; i < bytes; ++i) frame[i] = static_cast<uint8_t>(i);
  return frame;
}

// The Internet checksum written the slow way, to compare with: a sum with end-around carry, word by word.
inline uint16_t slow_checksum(const Bytes& bytes, size_t from, size_t to, const Bytes& pseudo = {}) {
  Bytes all = pseudo;
  if (all.size() % 2 != 0) all.push_back(0);
  all.insert(all.end(), bytes.begin() + static_cast<long>(from), bytes.begin() + static_cast<long>(to));
  if (all.size() % 2 != 0) all.push_back(0);
  uint32_t sum = 0;
  for (size_t i = 0; i < all.size(); i += 2) {
    sum += static_cast<uint32_t>(all[i] * 256 + all[i + 1]);
    if (sum >= 65536) sum -= 65535;
  }
  return static_cast<uint16_t>(65535 - sum);
}

}  // namespace ringside

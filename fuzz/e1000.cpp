// Hostile drivers and peers of the 82540EM, on a switch with one peer. The first byte says whether the driver
// has set up both rings already (bit 0), receives everything (bit 1) and is its own peer (bit 2: loopback).
// Own codes: frames from the peer, descriptors at the tail, the cable, the PHY, the EEPROM, PCI's registers,
// buffers for the receiver.
#include <algorithm>
#include <array>

#include "devices/nic/checksum.h"
#include "devices/nic/e1000.h"
#include "fuzz/bus_operations.h"
#include "fuzz/driver.h"
#include "host/network/network.h"

namespace ringside {

namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kBar0 = 0xfebc0000, kBar2 = 0xc000;
constexpr uint32_t kTxRing = 0x1000, kRxRing = 0x2000, kBuffers = 0x100000, kRingBytes = 0x200;
constexpr uint32_t kCtrl = 0x0, kEecd = 0x10, kMdic = 0x20, kRctl = 0x100, kTctl = 0x400, kRdbal = 0x2800,
                   kRdlen = 0x2808, kRdt = 0x2818, kTdbal = 0x3800, kTdlen = 0x3808, kTdt = 0x3818,
                   kRal = 0x5400;
constexpr MacAddress kMac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};

// The ranges of the bus operations; a short offset reaches 1 KiB.
enum Range : uint8_t { general, transmit_control, flow, receive, transmit, statistics, filters, addresses };

void put16(Bytes& bytes, size_t at, uint32_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

// A transport segment for IPv4 or IPv6 whose checksums are right.
Bytes packet(bool ipv6, bool tcp, size_t payload) {
  const size_t header = ipv6 ? 40 : 20, segment = (tcp ? 20 : 8) + payload;
  Bytes bytes(header + segment);
  const uint8_t protocol = tcp ? 6 : 17;
  if (ipv6) {
    bytes[0] = 0x60;
    put16(bytes, 4, static_cast<uint32_t>(segment));
    bytes[6] = protocol;
    bytes[8] = bytes[24] = 0xfd;
  } else {
    bytes[0] = 0x45;
    put16(bytes, 2, static_cast<uint32_t>(bytes.size()));
    bytes[9] = protocol;
    bytes[12] = bytes[16] = 10;
    put16(bytes, 10, static_cast<uint16_t>(~ones_complement_sum(std::span(bytes).first(20))));
  }
  if (!tcp) put16(bytes, header + 4, static_cast<uint32_t>(segment));
  const auto ends = std::span(bytes).subspan(ipv6 ? 8 : 12, ipv6 ? 32 : 8);
  const uint16_t pseudo = pseudo_header_sum(ends, protocol, static_cast<uint32_t>(segment));
  const auto sum = static_cast<uint16_t>(~ones_complement_sum(std::span(bytes).subspan(header), pseudo));
  put16(bytes, header + (tcp ? 16 : 6), sum);
  return bytes;
}

// A frame of the kinds that the controller looks into.
Bytes frame_of(uint8_t kind, size_t payload) {
  static constexpr MacAddress kTargets[] = {
      kMac, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {1, 0, 0x5e, 0, 0, 1}, {2, 1, 2, 3, 4, 5}};
  const MacAddress& target = kTargets[kind >> 6];
  Bytes frame(target.begin(), target.end());
  frame.insert(frame.end(), {2, 0, 0, 0, 0, 1});
  if ((kind & 0x10) != 0) frame.insert(frame.end(), {0x81, 0x00, 0x10, 0x05});
  if ((kind & 7) == 7) {  // PAUSE for some quanta
    const Bytes pause{0x01, 0x80, 0xc2, 0x00, 0x00, 0x01, 2, 0, 0,
                      0,    0,    1,    0x88, 0x08, 0,    1, 0, static_cast<uint8_t>(payload)};
    frame.assign(pause.begin(), pause.end());
  } else if ((kind & 7) < 4) {
    const bool ipv6 = (kind & 2) != 0;
    const Bytes body = packet(ipv6, (kind & 1) != 0, payload);
    if ((kind & 8) != 0) {  // SNAP
      const auto length = static_cast<uint16_t>(std::min<size_t>(body.size() + 8, 1500));
      frame.insert(frame.end(),
                   {static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length), 0xaa, 0xaa, 3, 0, 0, 0});
    }
    frame.insert(frame.end(),
                 {static_cast<uint8_t>(ipv6 ? 0x86 : 0x08), static_cast<uint8_t>(ipv6 ? 0xdd : 0x00)});
    frame.insert(frame.end(), body.begin(), body.end());
  } else {
    frame.insert(frame.end(), {static_cast<uint8_t>(kind << 3), 0xb5});
    frame.resize(frame.size() + payload);
  }
  if ((kind & 0x20) == 0 && frame.size() < 60) frame.resize(60);
  return frame;
}

// The controller with its surroundings, and what a driver and an operator do to it.
struct NicBench : DeviceBench {
  explicit NicBench(const E1000Config& config)
      : DeviceBench("nic0"),
        lan("lan", microseconds(1), clock, events),
        port(lan.attach("nic0")),
        peer(lan.attach("peer")),
        nic(site, config, ports, mmio, dma, port) {
    dma.set_message_interrupt([](uint32_t, uint32_t) {});
    peer.set_receiver([](std::span<const uint8_t>) {});
    map();
  }
  void map() {
    nic.pci().config_write(0x10, 4, kBar0);
    nic.pci().config_write(0x18, 4, kBar2);
    nic.pci().config_write(0x04, 2, 7);
  }
  uint32_t r(uint32_t offset) { return static_cast<uint32_t>(mmio.read(kBar0 + offset, 4)); }
  void w(uint32_t offset, uint32_t value) { mmio.write(kBar0 + offset, 4, value); }

  void start(bool promiscuous, bool loopback) {
    w(kCtrl, r(kCtrl) | 0x40);
    advance(microseconds(100));
    w(kTdbal, kTxRing);
    w(kTdlen, kRingBytes);
    w(kRdbal, kRxRing);
    w(kRdlen, kRingBytes);
    for (uint32_t i = 0; i < kRingBytes / 16; ++i) {
      memory->store(GuestPhys{kRxRing + 16 * i}, uint64_t{kBuffers + 0x1000 * i});
    }
    w(kTctl, 0x0004010a);
    w(kRctl, 0x04008002 | (promiscuous ? 0x18 : 0) | (loopback ? 0x40 : 0));
    w(kRdt, kRingBytes / 16 - 1);
  }
  // As the last descriptor, wherever the ring is now.
  void put_descriptor(std::span<const uint8_t> descriptor) {
    const uint32_t count = std::max(1u, r(kTdlen) / 16), tail = r(kTdt) % count;
    memory->write(GuestPhys{r(kTdbal) + 16 * tail}, descriptor.data(), descriptor.size());
    w(kTdt, (tail + 1) % count);
  }
  // One command over the EEPROM's pins; `bits` of it, the start bit being the first.
  void eeprom_command(uint32_t command, unsigned bits) {
    constexpr uint32_t kClock = 1, kSelect = 2, kIn = 4, kRequest = 0x40;
    w(kEecd, kRequest | kSelect);
    for (unsigned i = 0; i < bits; ++i) {
      const uint32_t data = (command >> (31 - i % 32) & 1) != 0 ? kIn : 0;
      w(kEecd, kRequest | kSelect | data);
      w(kEecd, kRequest | kSelect | data | kClock);
    }
    w(kEecd, kRequest);
  }

  EthernetSwitch lan;
  SwitchPort& port;
  SwitchPort& peer;
  E1000 nic;
};

void run_own(NicBench& bench, uint8_t code, FuzzInput& input) {
  switch (code & 7) {
    case 0: {  // a good frame, with up to one damaged byte
      const auto kind = input.take<uint8_t>();
      Bytes frame = frame_of(kind, input.take<uint16_t>() % 2048);
      const auto at = input.take<uint8_t>();
      frame[at % frame.size()] ^= input.take<uint8_t>();
      bench.peer.transmit(frame);
      break;
    }
    case 1: {
      const auto raw = input.take_bytes(input.take<uint8_t>());
      bench.peer.transmit(raw);
      break;
    }
    case 2: bench.put_descriptor(input.take_bytes(16)); break;
    case 3: bench.port.set_link((input.take<uint8_t>() & 1) != 0); break;
    case 4: {
      const uint32_t number = input.take<uint8_t>();
      bench.w(kMdic, input.take<uint16_t>() | (number & 31) << 16 | 1 << 21 |
                         ((number & 0x80) != 0 ? 2u : 1u) << 26 | (number & 0x40) << 23);
      bench.advance(microseconds(30));
      bench.r(kMdic);
      break;
    }
    case 5: {
      const auto command = input.take<uint32_t>();
      bench.eeprom_command(command, input.take<uint8_t>() & 63);
      break;
    }
    case 6: {
      const auto offset = static_cast<uint8_t>(input.take<uint8_t>());
      if (offset == 0xff) {
        bench.nic.reset();
        bench.map();
      } else if ((offset & 1) != 0) {
        bench.nic.pci().config_write(offset & 0xfc, 4, input.take<uint32_t>());
      } else {
        bench.nic.pci().config_read(offset & 0xfc, 4);
      }
      break;
    }
    default:
      bench.w(kRdt, (bench.r(kRdt) + input.take<uint8_t>()) % std::max(1u, bench.r(kRdlen) / 16));
      break;
  }
}

// --- Seeds ---

struct Seed : Bytes {
  explicit Seed(uint8_t options) { push_back(options); }
  Seed& add(std::initializer_list<unsigned> more) {
    for (const unsigned byte : more) push_back(static_cast<uint8_t>(byte));
    return *this;
  }
  Seed& word(uint32_t value) { return add({value, value >> 8, value >> 16, value >> 24}); }
  // A register of one of the ranges, by the short form where it reaches.
  Seed& w(Range range, uint32_t offset, uint32_t value) {
    if (offset < 0x400) return add({3, range, offset / 4}).word(value);
    return add({1, range, offset, offset >> 8, 2}).word(value);
  }
  Seed& r(Range range, uint32_t offset) { return add({0, range, offset, offset >> 8, 2}); }
  Seed& wait(unsigned us) { return add({6, us * 10, us * 10 >> 8}); }
  Seed& frame(unsigned kind, unsigned payload, unsigned at = 0, unsigned change = 0) {
    return add({7, 0, kind, payload, payload >> 8, at, change});
  }
  Seed& descriptor(uint64_t low, uint64_t high) {
    add({7, 2}).word(static_cast<uint32_t>(low)).word(static_cast<uint32_t>(low >> 32));
    return word(static_cast<uint32_t>(high)).word(static_cast<uint32_t>(high >> 32));
  }
  Seed& phy(unsigned number, unsigned value, bool reads = false) {
    return add({7, 4, number | (reads ? 0x80 : 0), value, value >> 8});
  }
  Seed& eeprom(uint32_t command, unsigned bits) { return add({7, 5}).word(command).add({bits}); }
};

// Legacy descriptors, checksum and segmentation contexts, their data.
Seed transmit_seed(uint8_t options) {
  Seed seed(options);
  seed.descriptor(0x100000, 0x0b00'0000 | 100)
      .wait(20)
      .descriptor(0x100000, 0x8f00'0000 | 60 | uint64_t{0x0e} << 40);
  seed.w(transmit, 0x20, 4).w(transmit, 0x2c, 8).descriptor(0x100000, uint64_t{0x8b00'0000} | 60).wait(40);
  seed.descriptor(0x00'22'18'0e'00'21'18'0e,
                  0x2600'0000 | 0x600 | uint64_t{54} << 40 | uint64_t{0x200} << 48);  // context, TSE
  seed.descriptor(0x100000, 0x2d10'0000 | 0x636 | uint64_t{3} << 40).wait(60);
  seed.descriptor(0x00'22'18'0e'00'21'18'0e, 0x2100'0000)
      .descriptor(0x100000, 0x2b10'0000 | 90 | uint64_t{3} << 40)
      .wait(40);
  seed.w(general, 0, 0x40000249)
      .descriptor(0x100000, uint64_t{0x4b00'0000} | 70 | uint64_t{0x123} << 48)
      .wait(20);
  seed.descriptor(0x100000, 0x0900'0000 | 64)
      .descriptor(0, 0x0b00'0000)
      .descriptor(0xfff00000, 0x0b00'0000 | 64)
      .wait(30);
  return seed;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const uint8_t options : {1, 5}) seeds.push_back(transmit_seed(options));
  // Each kind of frame, with the checksum offload, filters and VLANs on.
  for (const unsigned base : {0x00u, 0x10u, 0x08u, 0x40u, 0x80u, 0xc0u}) {
    Seed seed(base == 0xc0 ? 3 : 1);
    seed.w(filters, 0, 0x300).w(general, 0, base == 0x10 ? 0x40000249 : 0x249);
    for (unsigned kind = 0; kind < 8; ++kind)
      seed.frame(base | kind, 10 + 40 * kind).wait(10).frame(base | kind, 64, 50, 1).wait(5);
    seed.add({7, 7, 8}).r(general, 0xc0).r(statistics, 0x74).r(statistics, 0x88).r(statistics, 0x8c);
    seeds.push_back(seed);
  }
  // VLAN filter, small buffers, delays, a multicast table, an address that is compared with the source.
  seeds.push_back(Seed(1)
                      .w(filters, 0x200, 2)
                      .w(general, 0x100, 0x040f0002)
                      .w(addresses, 0x200, 0xffffffff)
                      .w(receive, 0x20, 5)
                      .w(receive, 0x2c, 9)
                      .frame(0x10, 700)
                      .wait(40)
                      .frame(0x90, 64)
                      .wait(20)
                      .w(addresses, 8, 0x00000002)
                      .w(addresses, 12, 0x80010100)
                      .frame(0xc4, 90)
                      .wait(20)
                      .w(receive, 0x20, 0x80000000));
  // Flow control: a small FIFO level, no buffers, PAUSE in and out.
  seeds.push_back(Seed(1)
                      .w(general, 0, 0x18000249)
                      .w(general, 0x28, 0x00c28001)
                      .w(general, 0x2c, 0x100)
                      .w(general, 0x30, 0x8808)
                      .w(general, 0x170, 0x40)
                      .w(flow, 0x160, 0x80000100)
                      .w(flow, 0x168, 0x200)
                      .frame(0, 900)
                      .frame(7, 200)
                      .frame(0, 900)
                      .wait(60)
                      .descriptor(0x100000, 0x0b00'0000 | 100)
                      .w(transmit_control, 0, 0x0044010a)
                      .wait(40));
  // Interrupts: cause, mask, throttle; MSI and PCI's command register.
  seeds.push_back(Seed(0)
                      .w(general, 0xd0, 0x1f6df)
                      .w(general, 0xc8, 4)
                      .w(general, 0xc4, 100)
                      .w(general, 0xc8, 2)
                      .wait(30)
                      .r(general, 0xc0)
                      .w(general, 0xc0, 6)
                      .w(general, 0xd8, 4)
                      .add({7, 6, 0x55, 0, 0, 0xe0, 0xfe, 7, 6, 0x51, 5, 0, 1, 0})
                      .w(general, 0xc8, 4)
                      .add({7, 6, 5, 3, 0, 0, 0, 7, 6, 0xff}));
  // The PHY: every register, loopback, forced speed, power down, reset; the cable.
  Seed phy(1);
  for (unsigned number = 0; number < 32; ++number) phy.phy(number, 0, true);
  phy.phy(18, 0xffff)
      .phy(0, 0x2100)
      .wait(200)
      .phy(0, 0x4140)
      .descriptor(0x100000, 0x0b00'0000 | 100)
      .wait(20)
      .phy(0, 0x0800)
      .phy(0, 0x9140);
  phy.add({7, 3, 0})
      .wait(20)
      .phy(17, 0, true)
      .phy(19, 0, true)
      .add({7, 3, 1})
      .wait(200)
      .phy(9, 0)
      .phy(4, 0x1e1)
      .phy(0, 0x1340)
      .wait(200);
  phy.w(general, 0, 0x80000249).wait(10).w(general, 0, 0x1a49).wait(200).w(general, 0, 0x04000249);
  seeds.push_back(phy);
  // The EEPROM: EWEN, WRITE, READ, ERASE, WRAL, ERAL, EWDS; EERD; reset from it.
  seeds.push_back(Seed(0)
                      .eeprom(0x98000000, 9)
                      .eeprom(0xa1000000 | 0x1234 << 7, 25)
                      .wait(3000)
                      .eeprom(0xc1000000, 30)
                      .eeprom(0xe1000000, 9)
                      .wait(3000)
                      .eeprom(0x88000000 | 0xbeef << 7, 25)
                      .wait(3000)
                      .eeprom(0x90000000, 9)
                      .wait(3000)
                      .eeprom(0x80000000, 9)
                      .w(general, 0x14, 0x0a01)
                      .wait(40)
                      .r(general, 0x14)
                      .w(general, 0x10, 0)
                      .w(general, 0x14, 0x4101)
                      .wait(40)
                      .w(general, 0x18, 0x2000)
                      .w(transmit_control, 0, 2));
  // The port window, the tables behind 64 KiB, odd widths.
  seeds.push_back(Seed(1)
                      .add({3, 10, 0})
                      .word(0x5400)
                      .add({0, 10, 4, 0, 2, 3, 10, 1})
                      .word(7)
                      .add({3, 10, 0})
                      .word(0x20000)
                      .add({0, 10, 4, 0, 2})
                      .add({1, 9, 0x34, 0x12, 2})
                      .word(5)
                      .add({0, 9, 0x34, 0x12, 3, 1, 8, 0, 0, 2})
                      .word(9)
                      .add({1, 0, 0, 0, 0})
                      .word(9)
                      .add({0, 0, 1, 0, 1})
                      .w(transmit_control, 0xc00, 1)
                      .add({7, 0xff, 3, 4})
                      .frame(0, 100)
                      .frame(1, 100)
                      .wait(50));
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  FuzzInput input(data, size);
  const auto options = input.take<uint8_t>();
  E1000Config config;
  config.mac = kMac;
  config.phy.autonegotiation = microseconds(50);
  config.phy.forced_link = microseconds(10);
  config.phy.partner_mbps = (options & 8) != 0 ? 100 : 1000;
  NicBench bench(config);
  if ((options & 1) != 0) bench.start((options & 2) != 0, (options & 4) != 0);
  const std::vector<FuzzRange> ranges{{&bench.mmio, kBar0, 0x400},
                                      {&bench.mmio, kBar0 + 0x400, 0xc14},
                                      {&bench.mmio, kBar0 + 0x2000, 0x800},
                                      {&bench.mmio, kBar0 + 0x2800, 0x800},
                                      {&bench.mmio, kBar0 + 0x3800, 0x800},
                                      {&bench.mmio, kBar0 + 0x4000, 0x200},
                                      {&bench.mmio, kBar0 + 0x5000, 0xff0},
                                      {&bench.mmio, kBar0 + kRal, 0x400},
                                      {&bench.mmio, kBar0 + 0x9000, 0x1000},
                                      {&bench.mmio, kBar0 + 0x10000, 0x10000},
                                      {&bench.ports, kBar2, 64}};
  // Steps are short: at line rate a millisecond is a thousand frames.
  run_bus_operations(
      bench, input, ranges, [&](uint8_t code, FuzzInput& more) { run_own(bench, code, more); },
      nanoseconds(100));
  state_digest(bench.nic);
  return 0;
}

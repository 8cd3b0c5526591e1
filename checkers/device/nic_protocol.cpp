#include "checkers/device/nic_protocol.h"

#include <fmt/format.h>

#include <bitset>
#include <memory>
#include <utility>

#include "devices/nic/payloads.h"

namespace ringside {

namespace {

constexpr uint32_t kSpace = 0x20000;  // BAR0
constexpr uint32_t kCtrl = 0x00000, kEecd = 0x00010, kEerd = 0x00014, kMdic = 0x00020;
constexpr uint32_t kRctl = 0x00100, kTctl = 0x00400, kReceiveRing = 0x02800, kTransmitRing = 0x03800;
// Offsets in a ring's block of registers.
constexpr uint32_t kBaseLow = 0x00, kBaseHigh = 0x04, kLength = 0x08, kHead = 0x10, kTail = 0x18;
constexpr uint32_t kCtrlReset = 1u << 26, kEnable = 1u << 1;
constexpr uint32_t kEerdStart = 1u << 0, kEerdDone = 1u << 4;
constexpr uint32_t kEecdSelect = 1u << 1, kEecdRequest = 1u << 6, kEecdGrant = 1u << 7;
constexpr uint32_t kMdicReady = 1u << 28;

// Table 13-2, the registers that the 82540EM has: runs of words, from the first to the last.
struct Run {
  uint32_t first, last;
};
constexpr Run kRegisters[] = {{0x00000, 0x00018}, {0x00020, 0x00020}, {0x00028, 0x00030}, {0x00038, 0x00038},
                              {0x000c0, 0x000c8}, {0x000d0, 0x000d0}, {0x000d8, 0x000d8}, {0x00100, 0x00100},
                              {0x00170, 0x00180}, {0x00400, 0x00400}, {0x00410, 0x00410}, {0x00458, 0x00458},
                              {0x00e00, 0x00e00}, {0x01000, 0x01000}, {0x02160, 0x02168}, {0x02410, 0x02430},
                              {0x02800, 0x0282c}, {0x02c00, 0x02c00}, {0x03410, 0x03430}, {0x03800, 0x03830},
                              {0x04000, 0x040fc}, {0x05000, 0x05000}, {0x05200, 0x0547c}, {0x05600, 0x05810},
                              {0x05820, 0x05820}, {0x05838, 0x058fc}, {0x05900, 0x05a7c}, {0x05f00, 0x05f18},
                              {0x09000, 0x093f8}, {0x09800, 0x09bf8}, {0x10000, 0x1fffc}};

bool is_register(uint32_t offset) {
  static const auto known = [] {
    auto words = std::make_unique<std::bitset<kSpace / 4>>();
    for (const Run& run : kRegisters) {
      for (uint32_t at = run.first; at <= run.last; at += 4) words->set(at / 4);
    }
    return words;
  }();
  return known->test(offset / 4 % (kSpace / 4));
}

}  // namespace

void NicProtocol::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::nic_ring) return tail_written(seen);
  BusAccessRecord access;
  if (!read_record(seen.crossing, access)) return;
  const auto value = static_cast<uint32_t>(access.value);
  if (seen.part == DevicePart::nic_ports) {
    // 13.2.2: IOADDR, IODATA.
    if (access.size != 4) return;
    if ((access.address & 63) == 0 && access.write != 0) port_address_ = value & (kSpace - 4);
    if ((access.address & 63) == 4)
      access.write != 0 ? write(seen, port_address_, value) : read(seen, port_address_, value);
    return;
  }
  const auto offset = static_cast<uint32_t>(access.address & (kSpace - 1));
  if (access.write == 0) {
    if (access.size == 4) read(seen, offset, value);
    return;
  }
  if (access.size < 4 || (offset & 3) != 0)
    return violate(
        "nic_register_width", seen,
        fmt::format("register {:#07x}: a write of {} bytes, where 32 bits are wanted", offset, access.size));
  write(seen, offset, value);
  if (access.size == 8) write(seen, (offset + 4) & (kSpace - 1), static_cast<uint32_t>(access.value >> 32));
}

void NicProtocol::read(const Seen& seen, uint32_t offset, uint32_t value) {
  if (!seen.genuine()) return;
  if (offset == kEerd && (value & kEerdDone) != 0) eeprom_reading_ = false;
  if (offset == kEecd && (value & kEecdGrant) != 0) eeprom_granted_ = true;
  if (offset == kMdic && (value & kMdicReady) != 0) management_busy_ = false;
}

void NicProtocol::write(const Seen& seen, uint32_t offset, uint32_t value) {
  if (!is_register(offset)) {
    return violate("nic_register_reserved", seen,
                   fmt::format("register {:#07x} = {:#x}: the 82540EM has none there", offset, value));
  }
  if (offset == kEecd) return write_eeprom_pins(seen, value);
  if (offset == kEerd && (value & kEerdStart) != 0) {
    if (eeprom_reading_) violate("nic_eeprom_busy", seen, "EERD is started again before it has shown DONE");
    eeprom_reading_ = true;
  }
  if (offset == kMdic) {
    if (management_busy_) violate("nic_mdic_busy", seen, "MDIC is written before it has shown Ready");
    management_busy_ = true;
  }
  if (!seen.arrives()) return;
  if (offset == kCtrl && (value & kCtrlReset) != 0) return reset();
  if (offset == kRctl) receive_.enabled = (value & kEnable) != 0;
  if (offset == kTctl) transmit_.enabled = (value & kEnable) != 0;
  if (offset - kReceiveRing <= kTail) write_ring(seen, receive_, offset - kReceiveRing, value);
  if (offset - kTransmitRing <= kTail) write_ring(seen, transmit_, offset - kTransmitRing, value);
}

// 13.4.3: the pins are software's once EE_REQ was answered by EE_GNT.
void NicProtocol::write_eeprom_pins(const Seen& seen, uint32_t value) {
  const bool requests = (value & kEecdRequest) != 0;
  if (!requests) eeprom_granted_ = false;
  if ((value & kEecdSelect) != 0 && !eeprom_granted_)
    violate("nic_eeprom_not_granted", seen,
            fmt::format("EECD = {:#x} selects the EEPROM, which EE_GNT has not given", value));
}

void NicProtocol::write_ring(const Seen& seen, Ring& ring, uint32_t which, uint32_t value) {
  switch (which) {
    case kBaseLow:
      // 13.4.25, 13.4.36.
      if ((value & 15) != 0)
        violate("nic_ring_misaligned", seen,
                fmt::format("{}DBAL = {:#x}: not a multiple of 16", ring.letter, value));
      return change(seen, ring, "DBAL", ring.base, value);
    case kBaseHigh: return change(seen, ring, "DBAH", ring.base_high, value);
    case kLength:
      // 13.4.27, 13.4.38: bits 19 to 7.
      if ((value & ~0x000fff80u) != 0)
        violate("nic_ring_length", seen,
                fmt::format("{}DLEN = {:#x}: not a multiple of 128 below 1 MiB", ring.letter, value));
      return change(seen, ring, "DLEN", ring.length, value & 0x000fff80);
    case kHead:
      // 13.4.28, 13.4.39: software writes it only behind a reset, before the engine is enabled.
      if (ring.enabled)
        violate("nic_ring_while_enabled", seen,
                fmt::format("{}DH = {} while the engine is enabled", ring.letter, value));
      ring.head = value;
      return;
    case kTail: return write_tail(seen, ring, value);
    default: return;
  }
}

void NicProtocol::change(const Seen& seen, const Ring& ring, const char* name, uint32_t& stored,
                         uint32_t value) {
  const uint32_t before = std::exchange(stored, value);
  if (ring.enabled && before != value)
    violate("nic_ring_while_enabled", seen,
            fmt::format("{}{} becomes {:#x} while the engine is enabled", ring.letter, name, value));
}

void NicProtocol::write_tail(const Seen& seen, const Ring& ring, uint32_t value) {
  if (value != 0 && value >= ring.count())
    violate("nic_tail_beyond_ring", seen,
            fmt::format("{}DT = {}, but the ring has {} descriptors", ring.letter, value, ring.count()));
}

// 3.2.6, 3.4: the descriptors from head to tail are the controller's, and one is always left to software.
void NicProtocol::tail_written(const Seen& seen) {
  NicRingRecord record;
  if (!read_record(seen.crossing, record)) return;
  Indices& indices = seen_[record.ring & 1];
  const Indices before = indices;
  indices = {true, record.head, record.tail, record.descriptors};
  if (static_cast<NicRingEvent>(record.event) != NicRingEvent::tail_written) return;
  const uint32_t count = record.descriptors;
  // A driver that sets its rings up anew does so while the engine is off.
  const bool receives = static_cast<NicRing>(record.ring) == NicRing::receive;
  if (!(receives ? receive_ : transmit_).enabled) return;
  if (!before.known || before.count != count || record.head >= count || record.tail >= count ||
      before.tail >= count)
    return;
  const uint32_t owned = (before.tail + count - record.head) % count;
  const uint32_t added = (record.tail + count - before.tail) % count;
  if (owned + added >= count)
    violate("nic_tail_passes_head", seen,
            fmt::format("the tail goes from {} to {} over the head at {} of {} descriptors", before.tail,
                        record.tail, record.head, count));
}

void NicProtocol::reset() {
  receive_ = {"R"};
  transmit_ = {"T"};
  seen_[0] = seen_[1] = {};
  eeprom_reading_ = eeprom_granted_ = management_busy_ = false;
}

}  // namespace ringside

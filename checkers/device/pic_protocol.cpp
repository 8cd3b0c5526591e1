#include "checkers/device/pic_protocol.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/interrupt.h"

namespace ringside {

namespace {

constexpr unsigned kCascade = 2, kLevels = 8;
constexpr uint64_t kMasterPorts = 0x20, kSlavePorts = 0xa0, kElcrPorts = 0x4d0;
constexpr uint8_t kIcw1 = 0x10, kIcw1NeedsIcw4 = 0x01, kIcw1Single = 0x02, kIcw4AutomaticEnd = 0x02;
constexpr uint8_t kOcw3 = 0x08;
constexpr unsigned kEoi = 1, kSpecificEoi = 3, kRotateEoi = 5, kRotateSpecificEoi = 7;  // OCW2, bits 7-5
// A level has a service under way and a request behind it; behind the cascade stand eight.
constexpr unsigned kAskedMax = 2, kCascadeAskedMax = 16, kTotalMax = 24;

}  // namespace

void PicProtocol::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::interrupt_line) return line_changed(seen);
  BusAccessRecord access;
  if (!read_record(seen.crossing, access) || access.write == 0 || !seen.arrives()) return;
  const auto value = static_cast<uint8_t>(access.value);
  const auto low = static_cast<unsigned>(access.address & 1);
  switch (access.address & ~uint64_t{1}) {
    case kMasterPorts: return write_chip(seen, 0, low, value);
    case kSlavePorts: return write_chip(seen, 1, low, value);
    case kElcrPorts: chips_[low].level_triggered = value; return;
    default: return;
  }
}

void PicProtocol::line_changed(const Seen& seen) {
  InterruptRecord record;
  if (seen.index >= 2 * kLevels || seen.index == kCascade || !read_record(seen.crossing, record)) return;
  const auto bit = static_cast<uint16_t>(1u << seen.index);
  const bool high = record.level != 0;
  lines_ = static_cast<uint16_t>(high ? lines_ | bit : lines_ & ~bit);
  if (!high && seen.genuine()) return;
  // A fault may repeat it, or let it come late.
  const unsigned times = seen.genuine() ? seen.verdict.copies : kAskedMax;
  const bool slave = seen.index >= kLevels;
  ask(chips_[slave ? 1 : 0], seen.index % kLevels, times);
  if (slave) ask(chips_[0], kCascade, times);
}

void PicProtocol::ask(Chip& chip, unsigned level, unsigned times) {
  const bool master = &chip == &chips_[0];
  const unsigned most = master && level == kCascade ? kCascadeAskedMax : kAskedMax;
  const bool by_level = (chip.level_triggered >> level & 1) != 0;
  if (by_level) times = most;
  if (by_level) chip.high |= static_cast<uint8_t>(1u << level);
  chip.requests[level] = static_cast<uint8_t>(std::min(chip.requests[level] + times, most));
  chip.total = std::min(chip.total + times, kTotalMax);
}

void PicProtocol::write_chip(const Seen& seen, unsigned number, unsigned address, uint8_t value) {
  Chip& chip = chips_[number];
  if (address != 0) {
    if (chip.next != Step::operating) write_initialization(chip, value);
    return;
  }
  if ((value & kIcw1) != 0) {
    // What is high asks again where it is a level; an edge has to come anew.
    chip.requests = {};
    chip.total = 0;
    chip.single = (value & kIcw1Single) != 0;
    chip.needs_icw4 = (value & kIcw1NeedsIcw4) != 0;
    chip.automatic_end = false;
    chip.next = Step::icw2;
    return;
  }
  if ((value & kOcw3) != 0) return;
  const unsigned command = value >> 5;
  const bool specific = command == kSpecificEoi || command == kRotateSpecificEoi;
  if (specific || command == kEoi || command == kRotateEoi)
    end_of_interrupt(seen, number, specific, value & 7);
}

void PicProtocol::write_initialization(Chip& chip, uint8_t value) {
  const Step last = chip.needs_icw4 ? Step::icw4 : Step::operating;
  switch (chip.next) {
    case Step::icw2: chip.next = chip.single ? last : Step::icw3; break;
    case Step::icw3: chip.next = last; break;
    case Step::icw4: chip.automatic_end = (value & kIcw4AutomaticEnd) != 0; [[fallthrough]];
    case Step::operating: chip.next = Step::operating; break;
  }
}

// "End of interrupt": the command is issued when a service is over, once for it.
void PicProtocol::end_of_interrupt(const Seen& seen, unsigned number, bool specific, unsigned level) {
  Chip& chip = chips_[number];
  const uint8_t levels_high = static_cast<uint8_t>(lines_ >> (number * kLevels)) & chip.level_triggered;
  // While a level-triggered line is high it may be served again and again; for the master, so may the
  // cascade.
  const bool by_level = (chip.high | levels_high) != 0 || (number == 0 && chips_[1].high != 0);
  const bool none = specific ? chip.requests[level] == 0 || chip.total == 0 : chip.total == 0;
  if (chip.total > 0 && !none) --chip.total;
  if (specific && !none) --chip.requests[level];
  chip.high = levels_high;
  if (chip.automatic_end) {
    return violate("pic_eoi_without_service", seen,
                   fmt::format("an EOI ({}) to the {}, which ends its services itself (AEOI)",
                               specific ? "specific" : "non-specific", number == 0 ? "master" : "slave"));
  }
  if (none && !by_level)
    violate(
        "pic_eoi_without_service", seen,
        fmt::format("{} EOI to the {} while {} can be in service",
                    specific ? fmt::format("a specific (level {})", level) : std::string("a non-specific"),
                    number == 0 ? "master" : "slave", specific ? "that level not" : "nothing"));
}

}  // namespace ringside

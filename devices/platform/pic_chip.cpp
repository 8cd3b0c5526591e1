#include "devices/platform/pic_chip.h"

#include <fmt/format.h>

#include "devices/platform/pic_registers.h"

namespace ringside {

using namespace pic;

namespace {

constexpr uint8_t bit(unsigned ir) { return static_cast<uint8_t>(1u << (ir & 7)); }

}  // namespace

PicChip::PicChip(const DeviceSite& site, bool master, uint8_t level_capable)
    : site_(site), master_(master), level_capable_(level_capable) {}

void PicChip::reset() {
  // The levels of the inputs belong to those who drive them.
  edges_ = mask_ = service_ = elcr_ = 0;
  icw1_ = icw2_ = icw3_ = icw4_ = 0;
  next_step_ = Step::reset;
  single_ = special_mask_ = rotate_automatic_ = read_service_ = poll_ = false;
  lowest_ = 7;
}

void PicChip::set_input(unsigned ir, bool level) {
  if (level) {
    if ((lines_ & bit(ir)) == 0) edges_ |= bit(ir);
    lines_ |= bit(ir);
  } else {
    // An edge counts only while its input stays high (datasheet, "Interrupt request edge and level modes").
    edges_ &= static_cast<uint8_t>(~bit(ir));
    lines_ &= static_cast<uint8_t>(~bit(ir));
  }
}

uint8_t PicChip::requests() const {
  // DEVIATES: 8259A datasheet, LTIM - the PIIX has ELCR in its place and ignores that bit of ICW1.
  return static_cast<uint8_t>(lines_ & (edges_ | elcr_));
}

std::optional<uint8_t> PicChip::highest_in_service(uint8_t among) const {
  for (unsigned step = 1; step <= 8; ++step) {
    const auto ir = static_cast<uint8_t>((lowest_ + step) & 7);
    if (among & bit(ir)) return ir;
  }
  return std::nullopt;
}

std::optional<uint8_t> PicChip::pending() const {
  const auto wanted = static_cast<uint8_t>(requests() & ~mask_);
  if (wanted == 0) return std::nullopt;
  const auto holding = static_cast<uint8_t>(special_mask_ ? service_ & ~mask_ : service_);
  for (unsigned step = 1; step <= 8; ++step) {
    const auto ir = static_cast<uint8_t>((lowest_ + step) & 7);
    const bool in_service = (holding & bit(ir)) != 0;
    // Special fully nested mode: a slave in service may interrupt again, with a request of its own that has
    // a higher priority there.
    const bool nested = (icw4_ & kIcw4FullyNested) != 0 && has_slave(ir);
    if ((wanted & bit(ir)) != 0 && (!in_service || nested)) return ir;
    if (in_service) return std::nullopt;
  }
  return std::nullopt;
}

PicChip::Acknowledged PicChip::acknowledge() {
  const std::optional<uint8_t> level = pending();
  if (!level.has_value()) return {};
  edges_ &= static_cast<uint8_t>(~bit(*level));
  if ((icw4_ & kIcw4AutoEoi) != 0) {
    // The EOI follows the last INTA pulse at once, so the ISR is never seen set.
    if (rotate_automatic_) lowest_ = *level;
  } else {
    service_ |= bit(*level);
  }
  return {*level, false};
}

uint8_t PicChip::vector(uint8_t ir) const {
  if ((icw4_ & kIcw4Processor86) != 0) return static_cast<uint8_t>((icw2_ & 0xf8) | ir);
  // MCS-80/85: the second byte of a CALL, which an x86 takes for the vector.
  if ((icw1_ & kIcw1Interval4) != 0) return static_cast<uint8_t>((icw1_ & 0xe0) | (ir << 2));
  return static_cast<uint8_t>((icw1_ & 0xc0) | (ir << 3));
}

uint8_t PicChip::read(unsigned a0) {
  if (poll_) {
    poll_ = false;
    const Acknowledged acknowledged = acknowledge();
    return acknowledged.spurious ? 0 : static_cast<uint8_t>(0x80 | acknowledged.ir);
  }
  if (a0 != 0) return mask_;
  return read_service_ ? service_ : requests();
}

void PicChip::write(unsigned a0, uint8_t value) {
  if (a0 == 0) {
    if ((value & kIcw1) != 0) return begin_initialization(value);
    if ((value & kOcw3) != 0) return write_ocw3(value);
    return write_ocw2(value);
  }
  switch (next_step_) {
    case Step::reset:
    case Step::operating: mask_ = value; return;
    default: return write_icw(value);
  }
}

void PicChip::begin_initialization(uint8_t icw1) {
  icw1_ = icw1;
  single_ = (icw1 & kIcw1Single) != 0;
  edges_ = 0;
  mask_ = 0;
  // DEVIATES: 8259A datasheet, ICW1 - its list does not name the ISR, yet an interrupt that stayed in service
  // over an initialization would block the chip for good; the clones in chipsets clear it.
  service_ = 0;
  lowest_ = 7;
  icw3_ = master_ ? 0 : 7;
  icw4_ = 0;
  special_mask_ = rotate_automatic_ = read_service_ = poll_ = false;
  next_step_ = Step::icw2;
}

void PicChip::write_icw(uint8_t value) {
  const bool needs_icw4 = (icw1_ & kIcw1NeedsIcw4) != 0;
  switch (next_step_) {
    case Step::icw2:
      icw2_ = value;
      next_step_ = !single_ ? Step::icw3 : needs_icw4 ? Step::icw4 : Step::operating;
      break;
    case Step::icw3:
      icw3_ = value;
      next_step_ = needs_icw4 ? Step::icw4 : Step::operating;
      break;
    case Step::icw4:
      icw4_ = value;
      next_step_ = Step::operating;
      break;
    default: break;
  }
  if (next_step_ == Step::operating && (icw4_ & kIcw4Processor86) == 0) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("ICW4 {:#04x} leaves the 8259A in MCS-80/85 mode: its vectors are no 8086 ones", icw4_));
  }
}

void PicChip::end_of_interrupt(std::optional<uint8_t> level, bool rotate) {
  if (!level.has_value()) return;
  service_ &= static_cast<uint8_t>(~bit(*level));
  if (rotate) lowest_ = *level;
}

void PicChip::write_ocw2(uint8_t value) {
  const uint8_t level = value & 7;
  // A non-specific EOI does not clear what is masked in special mask mode (datasheet, "End of interrupt").
  const auto ended = highest_in_service(static_cast<uint8_t>(special_mask_ ? service_ & ~mask_ : service_));
  switch (static_cast<Ocw2>(value >> 5)) {
    case Ocw2::rotate_automatic_clear: rotate_automatic_ = false; break;
    case Ocw2::rotate_automatic_set: rotate_automatic_ = true; break;
    case Ocw2::non_specific_eoi: end_of_interrupt(ended, false); break;
    case Ocw2::rotate_non_specific_eoi: end_of_interrupt(ended, true); break;
    case Ocw2::specific_eoi: end_of_interrupt(level, false); break;
    case Ocw2::rotate_specific_eoi: end_of_interrupt(level, true); break;
    case Ocw2::set_priority: lowest_ = level; break;
    case Ocw2::no_operation: break;
  }
}

void PicChip::write_ocw3(uint8_t value) {
  if ((value & kOcw3SetSpecialMask) != 0) special_mask_ = (value & kOcw3SpecialMask) != 0;
  // Poll overrides a read command in the same word.
  if ((value & kOcw3Poll) != 0) {
    poll_ = true;
  } else if ((value & kOcw3ReadCommand) != 0) {
    read_service_ = (value & kOcw3ReadIsr) != 0;
  }
}

void PicChip::visit_state(StateVisitor& visitor) const {
  const std::string prefix = master_ ? "master_" : "slave_";
  const auto number = [&](const char* name, uint64_t value) { visitor.number(prefix + name, value); };
  number("lines", lines_);
  number("edges", edges_);
  number("imr", mask_);
  number("isr", service_);
  number("elcr", elcr_);
  number("icw1", icw1_);
  number("icw2", icw2_);
  number("icw3", icw3_);
  number("icw4", icw4_);
  number("next_step", static_cast<uint64_t>(next_step_));
  number("single", single_);
  number("lowest", lowest_);
  number("special_mask", special_mask_);
  number("rotate_automatic", rotate_automatic_);
  number("read_service", read_service_);
  number("poll", poll_);
}

}  // namespace ringside

// One 8259A interrupt controller (Intel 8259A datasheet 231468): requests, mask, in-service bits, priorities
// and the command words. No bus, no clock: pic.h puts two of them on the ports of a PC.
//
// The way of a request: an input rises, and its bit in the IRR is set while the input stays high (edge) or
// simply follows it (level). The highest request that no mask and no service of the same or a higher priority
// holds back raises INT. The first INTA makes it in service and clears the edge; a request that went away
// before that gives level 7 instead, which is then not in service: a spurious interrupt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "sim/device_site.h"
#include "sim/state.h"

namespace ringside {

class PicChip final : public Stateful {
 public:
  // `level_capable`: which inputs the edge/level control register may make level-sensitive.
  PicChip(const DeviceSite& site, bool master, uint8_t level_capable);

  // As after power on, where nothing is defined: no request passes before ICW1 to ICW4 were written.
  void reset();

  void set_input(unsigned ir, bool level);
  // INT.
  bool output() const { return next_step_ == Step::operating && pending().has_value(); }

  uint8_t read(unsigned a0);
  void write(unsigned a0, uint8_t value);
  uint8_t read_elcr() const { return elcr_; }
  void write_elcr(uint8_t value) { elcr_ = value & level_capable_; }

  // The first INTA pulse: freezes the priorities and takes the highest request into service.
  struct Acknowledged {
    uint8_t ir = 7;
    bool spurious = true;  // nothing was pending
  };
  Acknowledged acknowledge();
  // What the chip puts on the data bus for that request at the second INTA pulse.
  uint8_t vector(uint8_t ir) const;

  // ICW3 of a master: is there a slave at this input? Of a slave: its identification.
  bool has_slave(uint8_t ir) const { return master_ && !single_ && (icw3_ & (1u << ir)) != 0; }
  uint8_t slave_id() const { return icw3_ & 7; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  // What the next write to A0 = 1 is.
  enum class Step : uint8_t { reset, icw2, icw3, icw4, operating };

  uint8_t requests() const;  // IRR
  std::optional<uint8_t> pending() const;
  // The in-service bit of the highest priority; none when nothing is in service.
  std::optional<uint8_t> highest_in_service(uint8_t among) const;
  void begin_initialization(uint8_t icw1);
  void write_icw(uint8_t value);
  void write_ocw2(uint8_t value);
  void write_ocw3(uint8_t value);
  void end_of_interrupt(std::optional<uint8_t> level, bool rotate);

  const DeviceSite site_;
  const bool master_;
  const uint8_t level_capable_;

  uint8_t lines_ = 0;    // levels of IR7-IR0
  uint8_t edges_ = 0;    // rose since they were last acknowledged
  uint8_t mask_ = 0;     // IMR
  uint8_t service_ = 0;  // ISR
  uint8_t elcr_ = 0;
  uint8_t icw1_ = 0, icw2_ = 0, icw3_ = 0, icw4_ = 0;
  Step next_step_ = Step::reset;
  bool single_ = false;
  uint8_t lowest_ = 7;  // the level of the lowest priority; the next one up, in a circle, is the highest
  bool special_mask_ = false;
  bool rotate_automatic_ = false;
  bool read_service_ = false;  // OCW3: A0 = 0 reads the ISR
  bool poll_ = false;          // OCW3: the next read is an acknowledge
};

}  // namespace ringside

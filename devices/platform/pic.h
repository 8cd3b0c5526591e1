// The pair of 8259As of a PC, as the PIIX3 has them (Intel 8259A datasheet 231468; 82371SB datasheet 290550):
// the master at ports 0x20-0x21, the slave at 0xa0-0xa1 behind the master's IR2, and the edge/level control
// registers at 0x4d0-0x4d1. Line 2 of the PC is the cascade, so nothing else can use it.
#pragma once

#include <cstdint>

#include "devices/platform/byte_ports.h"
#include "devices/platform/pic_chip.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class Pic final : public Stateful {
 public:
  Pic(const DeviceSite& site, Bus& ports);
  Pic(const Pic&) = delete;
  Pic& operator=(const Pic&) = delete;

  void reset();
  // Lines 0-15; the cascade, line 2, and what is behind 15 are ignored.
  void set_line(unsigned line, bool level);
  // INTA, both pulses. Always gives a vector, as the chips do: that of level 7 when the request has gone.
  uint8_t acknowledge();

  // INT of the master.
  InterruptPin output;

  void visit_state(StateVisitor& visitor) const override;

 private:
  // The slave's INT to the master, then the master's to whoever listens.
  void update();
  uint8_t acknowledge_slave(uint8_t ir);

  const DeviceSite site_;
  PicChip master_, slave_;
  BytePorts master_ports_, slave_ports_, elcr_ports_;
};

}  // namespace ringside

// The rules of a PC's pair of 8259As: Intel 8259A datasheet 231468, with the edge/level control registers of
// the 82371SB (290550, 2.4). What is in service no wire shows: it is bounded by the requests that the lines
// have made. An edge asks for one service, a level for any number while it lasts.
#pragma once

#include <array>

#include "checkers/device/device_protocol.h"

namespace ringside {

class PicProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  enum class Step : uint8_t { operating, icw2, icw3, icw4 };
  struct Chip {
    std::array<uint8_t, 8> requests{};  // services that each level may have had and not ended, at most
    unsigned total = 0;                 // of all levels together
    uint8_t level_triggered = 0;        // ELCR
    uint8_t high = 0;                   // level-triggered lines that are high, or were since the last EOI
    bool automatic_end = false;         // ICW4: AEOI
    bool single = false, needs_icw4 = false;
    Step next = Step::operating;
  };
  void line_changed(const Seen& seen);
  void ask(Chip& chip, unsigned level, unsigned times);
  void write_chip(const Seen& seen, unsigned number, unsigned address, uint8_t value);
  void write_initialization(Chip& chip, uint8_t value);
  void end_of_interrupt(const Seen& seen, unsigned number, bool specific, unsigned level);

  std::array<Chip, 2> chips_;  // the master, the slave
  uint16_t lines_ = 0;
};

}  // namespace ringside

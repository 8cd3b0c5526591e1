// The 64-word Microwire EEPROM beside the controller (a 93C46 in its 16-bit organisation; Microchip DS21712,
// "93XX46A/B/C"), and its contents as SDM chapter 5 lays them out. The controller reads it for its defaults;
// software reaches it through EECD's four pins, or reads words through EERD.
//
// On the pins: after chip select, a start bit, two bits of opcode and six of address are taken on rising
// edges of the clock. READ answers with a zero and then with the word, most significant bit first, and goes
// on with the next word. WRITE, ERASE, WRAL and ERAL take effect when chip select falls, if EWEN has been
// given; then the part is busy, which it shows on its output while selected.
#pragma once

#include <array>
#include <cstdint>

#include "host/network/network.h"
#include "sim/state.h"
#include "sim/tick.h"

namespace ringside {

class MicrowireEeprom final : public Stateful {
 public:
  static constexpr unsigned kWords = 64;
  // SDM 5.6.35: the sum of all words, the last one included.
  static constexpr uint16_t kChecksum = 0xbaba;

  MicrowireEeprom(const MacAddress& mac, Tick write_time);

  uint16_t word(unsigned index) const { return words_[index % kWords]; }

  void set_pins(bool chip_select, bool clock, bool data_in, Tick now);
  bool data_out(Tick now) const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  enum class Phase : uint8_t { idle, command, reading, writing, done };
  void clock_in(bool bit, Tick now);
  void decode();
  void commit(Tick now);

  const Tick write_time_;
  std::array<uint16_t, kWords> words_{};
  bool chip_select_ = false, clock_ = false, data_out_ = true, write_enabled_ = false;
  Phase phase_ = Phase::idle;
  uint8_t opcode_ = 0, address_ = 0;
  uint32_t shift_ = 0;
  unsigned bits_ = 0;
  Tick busy_until_;
};

}  // namespace ringside

// The SMBus host controller in the PIIX4's function 3 (order number 290562, chapter 11.5): sixteen ports, and
// a bus on which no device answers. Every transfer ends at once with DEV_ERR, as it does on a board without
// memory modules that can be asked.
#pragma once

#include <array>
#include <cstdint>

#include "sim/bus.h"
#include "sim/state.h"

namespace ringside {

class Smbus final : public Stateful, private BusTarget {
 public:
  static constexpr unsigned kPorts = 16;

  explicit Smbus(Bus& ports) : ports_(ports) {}
  ~Smbus() override { map(0); }
  Smbus(const Smbus&) = delete;
  Smbus& operator=(const Smbus&) = delete;

  // Where it answers; 0: nowhere.
  void map(uint16_t base);
  void reset();
  void visit_state(StateVisitor& visitor) const override;

 private:
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  Bus& ports_;
  Bus::Mapping mapping_ = 0;
  uint16_t base_ = 0;
  std::array<uint8_t, kPorts> registers_{};
};

}  // namespace ringside

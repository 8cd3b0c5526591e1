// The 8254's rules: Intel 8254 datasheet 231164.
#pragma once

#include <array>

#include "checkers/device/device_protocol.h"

namespace ringside {

class PitProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  struct Counter {
    uint8_t access = 0;  // RW1-RW0; 0: not programmed yet
    uint8_t mode = 0;
    uint8_t low = 0;
    bool expects_high = false;
  };
  void write_control(uint8_t value);
  void write_count(const Seen& seen, unsigned number, uint8_t value);

  std::array<Counter, 3> counters_{};
};

}  // namespace ringside

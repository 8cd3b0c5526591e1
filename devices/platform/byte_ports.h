// A few neighbouring 8-bit ports on a bus. The bus splits wider accesses (map with width_max 1), so what is
// behind sees single bytes, as an 8-bit ISA device does.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "sim/bus.h"

namespace ringside {

class BytePorts final : public BusTarget {
 public:
  using Read = std::function<uint8_t(unsigned offset)>;
  using Write = std::function<void(unsigned offset, uint8_t value)>;

  BytePorts(Read on_read, Write on_write) : read_(std::move(on_read)), write_(std::move(on_write)) {}

  uint64_t read(uint64_t offset, unsigned) override { return read_(static_cast<unsigned>(offset)); }
  void write(uint64_t offset, unsigned, uint64_t value) override {
    write_(static_cast<unsigned>(offset), static_cast<uint8_t>(value));
  }

 private:
  const Read read_;
  const Write write_;
};

}  // namespace ringside

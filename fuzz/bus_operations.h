// The operations that most devices' inputs are made of: accesses to their ranges on either bus, stores into
// memory (descriptors, tables), and time. A target adds codes of its own.
//
//   code % 8 = 0  read:  range, offset (2 bytes), size
//              1  write: range, offset (2 bytes), size, value (4 bytes)
//              2  a short write: range, offset (1 byte), value (1 byte), as 1 byte
//              3  a word's write: range, offset (1 byte, times 4), value (4 bytes), as 4 bytes
//              4  memory: address (2 bytes, times 16), length (1 byte), bytes
//              5  time: 1 byte, in units of 1 us
//              6  time: 2 bytes, in units of 100 us, or of what the target says
//              7  the target's own: its number is the next byte; 255 is no target's, but begins faults on the
//                 wires: seed (1 byte), rate (1 byte, 0: no more)
#pragma once

#include <functional>
#include <vector>

#include "fuzz/device_bench.h"

namespace ringside {

struct FuzzRange {
  Bus* bus;
  uint64_t base;
  uint32_t length;
};

inline void run_bus_operations(DeviceBench& bench, FuzzInput& input, const std::vector<FuzzRange>& ranges,
                               const std::function<void(uint8_t code, FuzzInput&)>& own = {},
                               Tick long_unit = microseconds(100)) {
  const auto range_of = [&]() -> const FuzzRange& { return ranges[input.take<uint8_t>() % ranges.size()]; };
  // Time is bounded too: a device may work as long as the input lets it.
  constexpr Tick kLongest = seconds(30);
  while (!input.empty() && bench.clock.now < kLongest) {
    switch (input.take<uint8_t>() % 8) {
      case 0: {
        const FuzzRange& range = range_of();
        const uint64_t address = range.base + input.take<uint16_t>() % range.length;
        range.bus->read(address, 1u << (input.take<uint8_t>() & 3));
        break;
      }
      case 1: {
        const FuzzRange& range = range_of();
        const uint64_t address = range.base + input.take<uint16_t>() % range.length;
        const unsigned size = 1u << (input.take<uint8_t>() & 3);
        range.bus->write(address, size, input.take<uint32_t>());
        break;
      }
      case 2: {
        const FuzzRange& range = range_of();
        const uint64_t address = range.base + input.take<uint8_t>() % range.length;
        range.bus->write(address, 1, input.take<uint8_t>());
        break;
      }
      case 3: {
        const FuzzRange& range = range_of();
        const uint64_t address = range.base + 4u * input.take<uint8_t>() % range.length;
        range.bus->write(address, 4, input.take<uint32_t>());
        break;
      }
      case 4: {
        const GuestPhys address{16u * input.take<uint16_t>()};
        const auto bytes = input.take_bytes(input.take<uint8_t>());
        bench.memory->write(address, bytes.data(), bytes.size());
        break;
      }
      case 5: bench.advance(microseconds(input.take<uint8_t>())); break;
      case 6: bench.advance(long_unit * input.take<uint16_t>()); break;
      default: {
        const auto code = input.take<uint8_t>();
        if (code == 0xff) {
          const auto seed = input.take<uint8_t>();
          bench.faults.set(seed, input.take<uint8_t>());
        } else if (own) {
          own(code, input);
        }
        break;
      }
    }
  }
}

}  // namespace ringside

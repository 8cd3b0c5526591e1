// A bus: addresses, and who answers there. A PC has two, one of I/O ports and one of physical memory outside
// of RAM. Each range has a wire of its own ("pio/uart0", "mmio/nic0"), which shows every access with its
// value; a tap may change what a read gives or make the access fail.
//
// Where ranges overlap, the one mapped first answers. Where nobody answers, a read gives ones and a write
// goes nowhere, as on a PC; the guest's author gets a notice, once for each address.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "sim/device_site.h"

namespace ringside {

// On "pio/<device>" and "mmio/<device>": one access, with the value read or written. Little-endian.
struct BusAccessRecord {
  uint64_t address;
  uint64_t value;
  uint8_t size;   // bytes: 1, 2, 4 or 8
  uint8_t write;  // 0: a read
  uint8_t reserved[6];
};
static_assert(sizeof(BusAccessRecord) == 24);
extern const PayloadType kBusAccessPayload;

// A device's face on a bus. `offset` counts from the start of the range; size is 1, 2, 4 or 8 and the access
// lies within the range. Implementations never fail: what hardware does with a bad access is theirs to know.
class BusTarget {
 public:
  virtual ~BusTarget() = default;
  virtual uint64_t read(uint64_t offset, unsigned size) = 0;
  virtual void write(uint64_t offset, unsigned size, uint64_t value) = 0;
};

class Bus {
 public:
  enum class Space : uint8_t { ports, memory };
  // Names a mapping for unmap(); 0 is none.
  using Mapping = uint32_t;

  // `site` gives the domain and everything else; its name ("pio" or "mmio") begins the wires' names.
  Bus(Space space, const DeviceSite& site);
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // `width_max`: wider accesses are split into several, the lowest address first, as an 8-bit ISA device sees
  // them. An access that leaves the range is split into bytes, each for whoever answers there. The target
  // must outlive the mapping. A range behind the end of the space is cut.
  Mapping map(const std::string& name, uint64_t base, uint64_t length, BusTarget& target,
              unsigned width_max = 8);
  void unmap(Mapping mapping);

  uint64_t read(uint64_t address, unsigned size);
  void write(uint64_t address, unsigned size, uint64_t value);

  // Who makes the core wait when a fault delays an access; without one it does not.
  void set_wait(std::function<void(Tick)> wait) { wait_ = std::move(wait); }
  void wait(Tick delay) const {
    if (delay.ps != 0 && wait_) wait_(delay);
  }

  // For people: "0x3f8-0x3ff uart0" in the order of the addresses.
  std::vector<std::string> describe() const;
  uint64_t unclaimed_accesses() const { return unclaimed_; }

 private:
  struct Range {
    Mapping mapping = 0;
    std::string name;
    uint64_t base = 0, last = 0;
    BusTarget* target = nullptr;
    Wire* wire = nullptr;
    unsigned width_max = 8;
  };
  // A piece of the space in which one range answers.
  struct Segment {
    uint64_t first = 0, last = 0;
    size_t range = 0;
  };
  void rebuild();
  const Segment* find(uint64_t address);
  uint64_t read_unclaimed(uint64_t address, unsigned size);
  void write_unclaimed(uint64_t address, unsigned size, uint64_t value);
  bool first_time(uint64_t address, bool write);

  const Space space_;
  const DeviceSite site_;
  const uint64_t last_address_;
  std::vector<Range> ranges_;  // in the order of mapping
  std::vector<Segment> segments_;
  size_t last_found_ = 0;
  Mapping last_mapping_ = 0;
  uint64_t unclaimed_ = 0;
  std::set<uint64_t> noticed_;
  std::function<void(Tick)> wait_;
};

}  // namespace ringside

// The 82540EM's descriptors (SDM 317453 revision 4.0, 3.2 to 3.4): from the head up to the tail they and
// their buffers are the controller's. The checker reads each from memory when its driver hands it over, and
// keeps it until the controller is done with it.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "checkers/dma/dma_role.h"
#include "devices/nic/payloads.h"

namespace ringside {

class NicBuffers final : public DmaRole {
 public:
  using DmaRole::DmaRole;
  void on_crossing(const Seen& seen) override;
  void transfer(const Seen& seen, const DmaRecord& record) override;

 private:
  using Descriptor = std::array<uint8_t, 16>;
  struct Live {
    MemoryRange range;
    uint32_t index;
  };
  struct Ring {
    bool receives = false;
    bool known = false;  // its place, its indices and what was handed over
    bool enabled = false;
    uint32_t base_low = 0, base_high = 0;
    uint32_t head = 0, tail = 0, count = 0;
    std::vector<Descriptor> kept;
    std::vector<Live> live;      // buffers of descriptors that are handed over, by address
    uint64_t longest_bytes = 0;  // of them, since the ring was set up
    const char* letter() const { return receives ? "R" : "T"; }
    uint64_t base() const { return base_low | static_cast<uint64_t>(base_high) << 32; }
    uint32_t owned() const { return (tail + count - head) % count; }
    MemoryRange memory() const { return {base(), base() + uint64_t{count} * sizeof(Descriptor)}; }
  };

  void write_register(uint32_t offset, uint32_t value);
  static void forget(Ring& ring);
  void indices_moved(const Seen& seen);
  void tail_written(const Seen& seen, Ring& ring, const NicRingRecord& record);
  void give(const Seen& seen, Ring& ring, uint32_t index);
  void take_back(Ring& ring, uint32_t index);
  void judge_buffer(const Seen& seen, const Ring& ring, uint32_t index, const MemoryRange& buffer);
  void judge_descriptors(const Seen& seen, const Ring& ring, const MemoryRange& moved);
  std::optional<MemoryRange> buffer_of(const Ring& ring, const Descriptor& descriptor) const;
  static const Live* find_overlap(const Ring& ring, const MemoryRange& range);

  Ring receive_{.receives = true}, transmit_;
  uint32_t buffer_bytes_ = 1522;  // RCTL
  uint32_t port_address_ = 0;     // IOADDR
  uint64_t registers_at_ = 0;     // the address of BAR0, where the driver has used it
};

}  // namespace ringside

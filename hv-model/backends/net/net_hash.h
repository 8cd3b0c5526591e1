// Which queue a frame for the guest goes to. The frontend may choose the hash and what it maps to by control
// requests (netif.h, "Hash types"; drivers/net/xen-netback/hash.c); until it does, flows are spread by a hash
// of our own, which is a function of the frame alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "sim/state.h"

namespace ringside {

class NetHash final : public Stateful {
 public:
  static constexpr uint32_t kKeyBytesMax = 40;      // XEN_NETBK_MAX_HASH_KEY_SIZE
  static constexpr uint32_t kMappingSizeMax = 128;  // XEN_NETBK_MAX_HASH_MAPPING_SIZE

  // --- Control requests: XEN_NETIF_CTRL_STATUS_* ---
  uint32_t set_algorithm(uint32_t algorithm);
  uint32_t get_flags(uint32_t& flags) const;
  uint32_t set_flags(uint32_t flags);
  // At most kKeyBytesMax.
  void set_key(std::span<const uint8_t> key);
  uint32_t set_mapping_size(uint32_t size);
  uint32_t mapping_size() const { return mapping_size_; }
  uint32_t set_mapping(std::span<const uint32_t> entries, uint32_t offset, uint32_t queues);

  // What goes to the frontend with the frame.
  struct Value {
    uint8_t type = 0;  // _XEN_NETIF_CTRL_HASH_TYPE_*
    uint32_t value = 0;
  };
  // Nothing while no algorithm is chosen, and for frames of no type that was asked for.
  std::optional<Value> of(std::span<const uint8_t> frame) const;
  // `queues` is 1 at least.
  uint32_t queue_of(std::span<const uint8_t> frame, const std::optional<Value>& value, uint32_t queues) const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  uint32_t algorithm_ = 0, flags_ = 0;
  std::array<uint8_t, kKeyBytesMax> key_{};
  uint32_t mapping_size_ = 0;
  std::array<uint32_t, kMappingSizeMax> mapping_{};
};

}  // namespace ringside

// The kind of a site: its wire without the domain and the numbers of devices, and the operation that its
// payload names: "ring/xvda/request read". A table and a failure class speak of kinds, so that the same fault
// at a thousand crossings is one row.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/wire.h"

namespace ringside {

// "dom1/eth/vif0/tx" is "eth/vif/tx", "irq/4" is "irq".
std::string wire_kind_name(std::string_view wire, std::span<const std::string> domains);

// Numbers the kinds as they come.
class SiteKinds {
 public:
  explicit SiteKinds(std::vector<std::string> domains) : domains_(std::move(domains)) {}

  uint32_t kind_of(const Wire& wire, std::span<const uint8_t> payload);
  const std::vector<std::string>& names() const { return names_; }

 private:
  // A guest chooses some operations by itself: what is beyond so many for a wire is one kind, without name.
  static constexpr uint32_t kOperationsMax = 64;
  struct OfWire {
    const Field* operation = nullptr;  // null: its payload names none
    std::string base;
    std::map<uint64_t, uint32_t> by_operation;
    std::optional<uint32_t> other;  // the one without an operation
  };
  uint32_t number_of(const std::string& name);
  uint32_t without_operation(OfWire& wire);

  const std::vector<std::string> domains_;
  std::map<uint32_t, OfWire> wires_;  // by the wire's index
  std::vector<std::string> names_;
};

}  // namespace ringside

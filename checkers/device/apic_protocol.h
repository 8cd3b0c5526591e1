// The local APIC's rules: Intel SDM volume 3A, chapter 10. Which vectors are in service no wire shows: it is
// bounded by what it has accepted ("apic/accept").
#pragma once

#include <array>

#include "checkers/device/device_protocol.h"

namespace ringside {

class ApicProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  void accepted(const Seen& seen);

  // Of each vector: how often it was accepted since the last EOI. One waits in IRR, one is in service: a
  // third is the one that waits already.
  struct Accepted {
    uint32_t since_end = 0;  // valid where `end` is ends_
    uint32_t end = 0;
  };
  std::array<Accepted, 256> vectors_{};
  uint32_t ends_ = 1;
  uint64_t outstanding_ = 0;  // accepted and not ended, at most
};

}  // namespace ringside

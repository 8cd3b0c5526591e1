// One device's protocol: what a driver may do to its registers in which state. The checker `device`
// (device_checker.cpp) makes one for each device that it finds and hands it the crossings of its wires.
//
// A protocol follows the states from what it sees: what the driver writes, what it reads, what the device
// sends. Where that leaves open what the state is, it keeps the bound that lets the driver be right: a
// violation is certain, and some stay unseen.
#pragma once

#include <string>

#include "checkers/device_wires.h"

namespace ringside {

class ViolationSink {
 public:
  virtual ~ViolationSink() = default;
  virtual void report(std::string_view rule, const Wire& wire, const Crossing& crossing,
                      std::string text) = 0;
};

class DeviceProtocol {
 public:
  explicit DeviceProtocol(ViolationSink& sink) : sink_(sink) {}
  virtual ~DeviceProtocol() = default;

  struct Seen {
    DevicePart part;
    uint8_t index;  // DeviceWire's
    const Wire& wire;
    const Crossing& crossing;
    const Verdict& verdict;
    bool arrives() const { return ringside::arrives(verdict); }
    bool genuine() const { return ringside::genuine(crossing); }
  };
  virtual void on_crossing(const Seen& seen) = 0;

 protected:
  // Not for what a fault has made of an access.
  void violate(std::string_view rule, const Seen& seen, std::string text) {
    if (seen.genuine()) sink_.report(rule, seen.wire, seen.crossing, std::move(text));
  }

 private:
  ViolationSink& sink_;
};

}  // namespace ringside

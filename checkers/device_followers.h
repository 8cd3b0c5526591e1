// A checker that follows devices: it taps the wires that belong to one and hands each crossing to the object
// that keeps that device's states. A table by the wire's number leads there.
#pragma once

#include <vector>

#include "checkers/checker.h"
#include "checkers/device/device_protocol.h"

namespace ringside {

class DeviceFollowers : public Checker, protected ViolationSink {
 public:
  using Checker::Checker;

  bool wants(const Wire& wire) const final {
    // A name that two globs match is followed once.
    return !is_followed(wire) && follows(device_wire(wire, machine().wiring).part);
  }
  void on_wire_added(const Wire& wire) final {
    const DeviceWire kind = device_wire(wire, machine().wiring);
    if (wire.index() >= entries_.size()) entries_.resize(wire.index() + 1);
    entries_[wire.index()] = {&follower_of(wire, kind), kind.part, kind.index};
  }
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) final {
    const Entry& entry = entries_[wire.index()];
    entry.follower->on_crossing({entry.part, entry.index, wire, crossing, verdict});
  }

 protected:
  virtual bool follows(DevicePart part) const = 0;
  // Who takes the crossings of that wire, from now on for as long as the checker lives.
  virtual DeviceProtocol& follower_of(const Wire& wire, const DeviceWire& kind) = 0;

 private:
  struct Entry {
    DeviceProtocol* follower = nullptr;
    DevicePart part = DevicePart::none;
    uint8_t index = 0;
  };
  bool is_followed(const Wire& wire) const {
    return wire.index() < entries_.size() && entries_[wire.index()].follower != nullptr;
  }
  void report(std::string_view rule, const Wire& wire, const Crossing& crossing, std::string text) final {
    violate(rule, wire, &crossing, std::move(text));
  }

  std::vector<Entry> entries_;
};

}  // namespace ringside

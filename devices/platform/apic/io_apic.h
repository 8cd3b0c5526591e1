// The I/O APIC: Intel 82093AA (order number 290566), 24 inputs, each with a redirection entry that says which
// vector the local APIC gets, how and when. Version 0x11, the 82093AA's own: the newer version 0x20 adds an
// EOI register, which matters only where a local APIC can suppress EOI broadcasts, and ours cannot.
#pragma once

#include <array>
#include <cstdint>

#include "devices/platform/apic/local_apic.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/state.h"

namespace ringside {

class IoApic final : public Stateful, public BusTarget {
 public:
  static constexpr unsigned kPins = 24;
  static constexpr uint64_t kDefaultBase = 0xfec0'0000;

  // Maps itself on the memory bus. `id` is what firmware would write into IOAPICID; all outlive it.
  IoApic(const DeviceSite& site, Bus& memory, LocalApic& local_apic, uint8_t id = 0);
  ~IoApic() override;
  IoApic(const IoApic&) = delete;
  IoApic& operator=(const IoApic&) = delete;

  // The level of an input (0-23). High is active unless the entry's INTPOL says low.
  void set_pin(unsigned pin, bool level);
  // The local APIC's EOI broadcast: connect LocalApicOutputs::end_of_interrupt to it.
  void end_of_interrupt(uint8_t vector);
  // Power-on state: all entries masked. The inputs stay as they are.
  void reset();

  // IOREGSEL at 0x00, IOWIN at 0x10.
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  uint32_t window_read() const;
  void window_write(uint32_t value);
  bool active(unsigned pin) const;
  void evaluate_level(unsigned pin);
  bool send(unsigned pin);

  const DeviceSite site_;
  Bus& memory_;
  LocalApic& local_apic_;
  const uint8_t power_on_id_;
  Bus::Mapping mapping_ = 0;
  std::array<uint64_t, kPins> entries_{};  // IOREDTBL
  uint32_t pins_ = 0;                      // levels
  uint8_t select_ = 0;                     // IOREGSEL
  uint8_t id_ = 0;                         // IOAPICID, four bits
};

}  // namespace ringside

// A PC's platform, put together: interrupt controllers, timers, clock, system ports, power management, and
// the PCI host with its ISA bridge (Intel 440FX and PIIX3/PIIX4, as QEMU's `pc` board has them). Devices
// connect their interrupt pins here; the core asks here which vector to take.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

class PciFunction;

struct PlatformConfig {
  uint64_t memory_bytes = 0;           // what the CMOS RAM says of it
  uint64_t wall_clock_seconds = 0;     // since 1970, at power on: the RTC's date
  uint64_t apic_bus_hz = 100'000'000;  // what the local APIC's timer counts before its divider
  bool hpet = true;
  // The boot devices in three nibbles, the first one lowest: 1 floppy, 2 hard disk, 3 CD, 4 network.
  uint16_t boot_order = 0x032;
};

// What leaves the platform for the core and the machine.
struct PlatformOutputs {
  std::function<void(bool level)> interrupt;  // INTR: somebody has a vector for the core
  std::function<void()> nmi;
  std::function<void()> init;   // INIT# by port 0x92, the keyboard controller or an INIT message
  std::function<void()> reset;  // a full reset by port 0xcf9
  std::function<void(const std::string& how)> power_off;  // ACPI S5: "poweroff"; S3/S4: "suspend"
  std::function<void(bool enabled)> address_line_20;
};

class Platform {
 public:
  static constexpr unsigned kLines = 24;  // the I/O APIC's inputs; 0-15 reach the 8259As too

  // Maps itself on both buses. `site` gives the domain; the parts have names of their own ("pic", "pit",
  // ...).
  Platform(const DeviceSite& site, const PlatformConfig& config, Bus& ports, Bus& memory,
           PlatformOutputs outputs);
  ~Platform();
  Platform(const Platform&) = delete;
  Platform& operator=(const Platform&) = delete;

  // Connects a device's pin to an interrupt line (0-23). Several pins may share one: it is high while any is.
  void connect(InterruptPin& pin, unsigned line);
  // Every change of a line's level behind its taps, for VCD files.
  void on_line_change(std::function<void(unsigned line, bool level)> listener);
  bool line_level(unsigned line) const;
  // A spurious pulse on a line, some microseconds from now: for faults.
  void glitch(unsigned line);

  // Each line that the guest prints on a debug console (ports 0x402 and 0xe9), without its end. It crosses
  // the wire "debugcon" too.
  void on_debug_text(std::function<void(const std::string& text)> listener);

  // Puts a function on PCI bus 0 (device 2 to 31) and routes its INTx pin as the PIIX does.
  void add_pci(unsigned device, unsigned function, PciFunction& pci);
  // The PIIX3's own functions that are modelled elsewhere (1: IDE): device 1.
  static constexpr unsigned kSouthBridge = 1;

  // INTA: the vector for the core; none when the request has gone (then nothing is delivered).
  std::optional<uint8_t> acknowledge_interrupt();
  // A store to 0xfee..... by a device.
  void message_interrupt(uint32_t address, uint32_t data);

  // The MSRs that belong here (IA32_APIC_BASE, x2APIC where enabled): nullopt or false for all others.
  std::optional<uint64_t> read_msr(uint32_t index);
  bool write_msr(uint32_t index, uint64_t value);
  void set_task_priority(uint8_t cr8);
  uint8_t task_priority() const;

  // RESET#: everything as at power on (the RTC keeps its time). The local APIC then passes the 8259As'
  // request through to the core (virtual wire mode).
  void reset();

  // For digests, in a fixed order: name and part.
  std::vector<std::pair<std::string, const Stateful*>> parts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

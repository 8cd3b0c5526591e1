// One PCI function: its configuration space (PCI Local Bus Specification 3.0, chapter 6, header type 0), base
// address registers that map and unmap the device's ranges, INTx and MSI. A device core owns one, describes
// itself to it, and asks it whether it may master the bus.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/dma.h"
#include "sim/interrupt.h"
#include "sim/state.h"

namespace ringside {

struct PciIdentity {
  uint16_t vendor = 0xffff, device = 0xffff;
  uint32_t class_code = 0;  // base class, sub-class, programming interface: 0x010180
  uint8_t revision = 0;
  uint16_t subsystem_vendor = 0, subsystem = 0;
  uint8_t interrupt_pin = 0;       // 0: none, 1: INTA# ... 4: INTD#
  uint8_t header_type = 0;         // 0x80: the device has several functions
  bool message_signalled = false;  // has the MSI capability (64-bit address, one vector) at 0x50
};

enum class BarKind : uint8_t { ports, memory };

class PciFunction final : public Stateful {
 public:
  // `dma` carries MSI; null where there is none. The buses must outlive the function.
  PciFunction(const DeviceSite& site, const PciIdentity& identity, Bus& ports, Bus& memory,
              DmaPort* dma = nullptr);
  ~PciFunction() override;
  PciFunction(const PciFunction&) = delete;
  PciFunction& operator=(const PciFunction&) = delete;

  // --- For the device, at construction ---
  // `length` is a power of two (ports: at least 4, memory: at least 16). The target answers where the BAR
  // says while the command register enables the space. The mapping's name is the site's unless given. The
  // command register's enable bits for ports and memory can be written once there is a BAR of that kind.
  void add_bar(unsigned index, BarKind kind, uint32_t length, BusTarget& target, std::string name = {});
  // A register of the device's own at `offset` (0x40 and up, or a standard one that differs, such as a
  // hard-wired command register): 1, 2 or 4 bytes. `on_write` gets the whole register as it now stands,
  // after any write that touched one of its bytes; not at reset.
  void add_register(std::string name, uint8_t offset, unsigned size, uint32_t reset, uint32_t writable,
                    std::function<void(uint32_t value)> on_write = {});
  // Called whenever the command register or a BAR has changed.
  void on_change(std::function<void()> listener);

  // --- For the host bridge ---
  // Size 1, 2 or 4, naturally aligned, within 256 bytes.
  uint32_t config_read(uint8_t offset, unsigned size) const;
  void config_write(uint8_t offset, unsigned size, uint32_t value);
  const PciIdentity& identity() const { return identity_; }
  const std::string& name() const { return site_.name; }

  // --- For the device, while it runs ---
  // The level of the device's interrupt: INTx, unless disabled by the command register, or one message at
  // each rise where MSI is enabled. The status register's bit 3 follows it.
  void set_interrupt(bool level);
  bool may_master() const;
  bool ports_enabled() const;
  bool memory_enabled() const;
  // Changes stored bytes of the configuration space past all masks: what the device itself writes into a
  // register of its own. No listener hears of it.
  void put(uint8_t offset, unsigned size, uint32_t value);
  // Sets bits of the status register (master abort 0x2000, ...); the guest clears them.
  void raise_status(uint16_t bits);
  // RST#: every register as at power on, BARs unmapped, the interrupt withdrawn. Listeners hear of it.
  void reset();

  // The INTx# pin, as the platform routes it.
  InterruptPin intx;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Bar {
    BarKind kind = BarKind::memory;
    uint32_t length = 0;
    BusTarget* target = nullptr;
    std::string name;
    Bus::Mapping mapping = 0;
    uint32_t mapped_at = 0;
  };
  struct OwnRegister {
    std::string name;
    uint8_t offset = 0;
    unsigned size = 1;
    uint32_t reset = 0;
    std::function<void(uint32_t)> on_write;
  };
  void lay_out();
  void remap();
  void update_pin();
  void send_message();
  bool message_enabled() const;
  uint32_t stored(uint8_t offset, unsigned size) const;
  void set_writable(uint8_t offset, unsigned size, uint32_t mask);

  const DeviceSite site_;
  const PciIdentity identity_;
  Bus& ports_;
  Bus& memory_;
  DmaPort* dma_;
  std::array<uint8_t, 256> space_{};
  std::array<uint8_t, 256> writable_{};      // masks
  std::array<uint8_t, 256> write_clears_{};  // masks of write-one-to-clear bits
  std::array<std::optional<Bar>, 6> bars_;
  std::vector<OwnRegister> own_;
  std::vector<std::function<void()>> listeners_;
  bool level_ = false;
};

}  // namespace ringside

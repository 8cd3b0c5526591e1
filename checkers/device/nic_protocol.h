// The 82540EM's rules: Intel "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual",
// 317453 revision 4.0. Sections are its own.
#pragma once

#include "checkers/device/device_protocol.h"

namespace ringside {

class NicProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  struct Ring {
    const char* letter;  // "R", "T"
    bool enabled = false;
    uint32_t base = 0, base_high = 0, length = 0, head = 0;  // as written; a head that moved is not here
    uint32_t count() const { return length / 16; }
  };
  void write(const Seen& seen, uint32_t offset, uint32_t value);
  void read(const Seen& seen, uint32_t offset, uint32_t value);
  void write_ring(const Seen& seen, Ring& ring, uint32_t which, uint32_t value);
  void change(const Seen& seen, const Ring& ring, const char* name, uint32_t& stored, uint32_t value);
  void write_tail(const Seen& seen, const Ring& ring, uint32_t value);
  void write_eeprom_pins(const Seen& seen, uint32_t value);
  void tail_written(const Seen& seen);
  void reset();

  Ring receive_{"R"}, transmit_{"T"};
  // Of each ring (0: receive), as "nic/<nic>/ring" told last.
  struct Indices {
    bool known = false;
    uint32_t head = 0, tail = 0, count = 0;
  };
  Indices seen_[2];
  bool eeprom_reading_ = false;   // EERD was started, and has not shown DONE
  bool eeprom_granted_ = false;   // EECD has shown GNT since EE_REQ was set
  bool management_busy_ = false;  // MDIC was written, and has not shown Ready
  uint32_t port_address_ = 0;     // IOADDR
};

}  // namespace ringside

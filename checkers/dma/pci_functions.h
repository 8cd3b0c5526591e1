// What "pci/config" tells of a domain's PCI functions: where their registers are, and whether they may master
// the bus (PCI Local Bus Specification 3.0, 6.2.2 and 6.2.5). What nobody has read or written is not known.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "devices/pci/payloads.h"

namespace ringside {

class PciFunctions {
 public:
  void config_access(const PciConfigRecord& record);
  // True where the function that has this address in a BAR is known to have bus mastering switched off.
  bool may_not_master(bool ports, uint64_t address) const;

 private:
  struct Function {
    uint16_t place = 0;
    bool command_known = false, may_master = false;
    std::array<uint32_t, 6> bars{};
    std::array<uint32_t, 6> masks{};  // as a sizing read has shown them; 0: not sized
    std::array<bool, 6> sizing{};     // all ones were written last
  };
  Function& find(uint16_t place);

  std::vector<Function> functions_;  // at most 256: bus 0 has no more
};

}  // namespace ringside

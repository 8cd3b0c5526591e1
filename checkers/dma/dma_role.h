// What a device's transfers are judged by: the descriptors that its driver has handed over. The checker `dma`
// gives each device the role that its wires show; a device of somebody's own has none, and is judged only by
// where its transfers go.
#pragma once

#include "checkers/device/device_protocol.h"
#include "checkers/dma/pci_functions.h"
#include "sim/dma.h"
#include "sim/memory.h"

namespace ringside {

// What the devices of one domain share.
struct DmaDomain {
  PciFunctions pci;
  const Memory* memory = nullptr;  // null until the domain's memory is there
};

class DmaRole : public DeviceProtocol {
 public:
  DmaRole(ViolationSink& sink, DmaDomain& domain) : DeviceProtocol(sink), domain_(domain) {}
  // Every crossing of the device's wires but those of "dma/<device>".
  void on_crossing(const Seen& seen) override = 0;
  // A transfer that memory took or gave.
  virtual void transfer(const Seen& seen, const DmaRecord& record) = 0;

 protected:
  // Bytes of memory as they are; false where there is none.
  bool load(uint64_t address, void* into, uint64_t length) const {
    return domain_.memory != nullptr && domain_.memory->read(GuestPhys{address}, into, length);
  }
  // The access at `address` sets a device to work whose PCI function may not master the bus.
  void judge_mastering(const Seen& seen, bool ports, uint64_t address) {
    if (domain_.pci.may_not_master(ports, address))
      violate("mastering_disabled", seen,
              "the device is set to work, but its PCI command register does not let it master the bus");
  }

 private:
  DmaDomain& domain_;
};

// Bytes of memory from `first` up to, not including, `end`.
struct MemoryRange {
  uint64_t first = 0, end = 0;
  bool empty() const { return first >= end; }
  bool overlaps(const MemoryRange& other) const { return first < other.end && other.first < end; }
  bool holds(const MemoryRange& other) const { return first <= other.first && other.end <= end; }
};
inline MemoryRange range_of(const DmaRecord& record) {
  return {record.address, record.address + record.length};
}

}  // namespace ringside

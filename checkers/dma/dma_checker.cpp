// The checker `dma`: transfers that reach what the driver has not handed over. Where a transfer goes is
// judged for every device; what its descriptors are, for those whose descriptors we know (dma_role.h).
//
// Which pages a guest has freed no interface tells. What can be seen is a buffer that was taken back: its
// descriptor by moving the tail, its table by stopping the engine, all of them by a reset.
#include <fmt/format.h>

#include <map>
#include <memory>

#include "checkers/device_checkers.h"
#include "checkers/device_followers.h"
#include "checkers/dma/ata_regions.h"
#include "checkers/dma/nic_buffers.h"
#include "checkers/dma/page_tables.h"

namespace ringside {

namespace {

constexpr std::string_view kName = "dma";

class DmaDevice final : public DeviceProtocol {
 public:
  DmaDevice(ViolationSink& sink, const CheckedMachine& machine, DmaDomain& domain, std::string domain_name)
      : DeviceProtocol(sink),
        sink_(sink),
        machine_(machine),
        domain_(domain),
        name_(std::move(domain_name)) {}

  template <class Role>
  void take_role() {
    if (!role_) role_ = std::make_unique<Role>(sink_, domain_);
  }
  void on_crossing(const Seen& seen) override;

 private:
  void judge_place(const Seen& seen, const DmaRecord& record);

  ViolationSink& sink_;
  const CheckedMachine& machine_;
  DmaDomain& domain_;
  const std::string name_;
  std::unique_ptr<DmaRole> role_;
  PageTableFrames page_tables_;
};

void DmaDevice::on_crossing(const Seen& seen) {
  if (domain_.memory == nullptr && machine_.memory) domain_.memory = machine_.memory(name_);
  if (seen.part != DevicePart::dma) {
    if (role_) role_->on_crossing(seen);
    return;
  }
  DmaRecord record;
  if (!read_record(seen.crossing, record)) return;
  if (record.done == 0) {
    violate("outside_ram", seen,
            fmt::format("{} {} bytes at {:#x}, where no memory is",
                        record.write != 0 ? "the device stores" : "the device reads", record.length,
                        record.address));
    return;
  }
  if (!seen.arrives()) return;
  if (role_) role_->transfer(seen, record);
  if (record.write != 0) judge_place(seen, record);
}

void DmaDevice::judge_place(const Seen& seen, const DmaRecord& record) {
  if (!machine_.page_table_root || domain_.memory == nullptr || record.length == 0) return;
  const Memory& memory = *domain_.memory;
  const MemoryRange range = range_of(record);
  const Tick now = seen.crossing.at;
  if (!page_tables_.may_hold(memory, range.first, range.end, now)) return;
  const auto root = machine_.page_table_root(name_);
  Mfn table;
  if (!root || !page_tables_.holds_any(memory, *root, range.first, range.end, now, table)) return;
  violate(
      "into_page_table", seen,
      fmt::format("the device stores {} bytes at {:#x}, into the page table in frame {:#x} of the address "
                  "space at CR3 {:#x}",
                  record.length, record.address, table.value, *root));
}

// All that "pci/config" shows of a domain.
class PciConfig final : public DeviceProtocol {
 public:
  PciConfig(ViolationSink& sink, DmaDomain& domain) : DeviceProtocol(sink), domain_(domain) {}
  void on_crossing(const Seen& seen) override {
    PciConfigRecord record;
    if (!read_record(seen.crossing, record) || !seen.arrives() || (record.write == 0 && !seen.genuine()))
      return;
    domain_.pci.config_access(record);
  }

 private:
  DmaDomain& domain_;
};

class DmaChecker final : public DeviceFollowers {
 public:
  explicit DmaChecker(Checkers& checkers) : DeviceFollowers(checkers, kName) {}

  std::vector<std::string> wires() const override {
    return {"dma/*", "nic/*", "mmio/*", "pio/*", "pci/config"};
  }

 private:
  bool follows(DevicePart part) const override {
    return part == DevicePart::dma || part == DevicePart::nic_ring || part == DevicePart::nic_registers ||
           part == DevicePart::nic_ports || part == DevicePart::ata_bus_master ||
           part == DevicePart::pci_config;
  }
  DeviceProtocol& follower_of(const Wire& wire, const DeviceWire& kind) override;
  DmaDevice& device(const std::string& domain, const std::string& name);
  DmaDomain& domain(const std::string& name) {
    auto& found = domains_[name];
    if (!found) found = std::make_unique<DmaDomain>();
    return *found;
  }

  std::map<std::string, std::unique_ptr<DmaDomain>> domains_;
  std::map<std::string, std::unique_ptr<DmaDevice>> devices_;
  std::map<std::string, std::unique_ptr<PciConfig>> configs_;
};

DmaDevice& DmaChecker::device(const std::string& domain_name, const std::string& name) {
  auto& found = devices_[name];
  if (!found)
    found = std::make_unique<DmaDevice>(static_cast<ViolationSink&>(*this), machine(), domain(domain_name),
                                        domain_name);
  return *found;
}

// A device's way to memory may be made before its other wires, so its role comes with those.
DeviceProtocol& DmaChecker::follower_of(const Wire& wire, const DeviceWire& kind) {
  const std::string domain_name(domain_of(wire.name()));
  if (kind.part == DevicePart::pci_config) {
    auto& found = configs_[domain_name];
    if (!found) found = std::make_unique<PciConfig>(static_cast<ViolationSink&>(*this), domain(domain_name));
    return *found;
  }
  if (kind.part == DevicePart::ata_bus_master) {
    // "dom1/pio/ide/bus-master" is of "dom1/dma/ide".
    constexpr std::string_view kSpace = "/pio/", kRange = "/bus-master";
    const size_t from = domain_name.size() + kSpace.size();
    const std::string controller = wire.name().substr(from, wire.name().size() - from - kRange.size());
    DmaDevice& found = device(domain_name, domain_name + "/" + controller);
    found.take_role<AtaRegions>();
    return found;
  }
  DmaDevice& found = device(domain_name, kind.device);
  if (kind.part != DevicePart::dma) found.take_role<NicBuffers>();
  return found;
}

}  // namespace

KnownChecker dma_checker() {
  return {
      kName, "DMA that reaches what the driver has not handed over",
      [](Checkers& checkers) -> std::unique_ptr<Checker> { return std::make_unique<DmaChecker>(checkers); },
      []() -> std::vector<CheckerRule> {
        return {
            {"outside_ram", "a transfer where no memory is"},
            {"outside_buffers", "a transfer where no descriptor that the device owns points"},
            {"into_page_table", "a device stores into a page table that is in use"},
            {"buffer_overlaps_ring", "a buffer lies over a descriptor ring or table"},
            {"buffers_overlap", "two buffers that the device owns overlap, and it stores into one"},
            {"descriptor_rewritten", "a descriptor changed while the device owns it"},
            {"mastering_disabled", "set to work while PCI bus mastering is off"},
            {"region_odd", "a bus master's region has an odd address or count"},
            {"region_crosses_64k", "a bus master's region crosses 64 KiB"},
            {"table_crosses_64k", "a bus master's table crosses 64 KiB"},
            {"table_without_end", "a bus master's table has no EOT"},
        };
      }};
}

}  // namespace ringside

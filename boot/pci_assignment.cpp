#include "boot/pci_assignment.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace ringside {

namespace {

using namespace pci_header;

constexpr uint64_t kPortsBase = 0xc000;
constexpr uint64_t kPortsEnd = 0x10000;

// A memory BAR has a page of its own, so that a kernel can map one device without its neighbour.
constexpr uint64_t kMemoryAlignment = 4096;

constexpr uint32_t kIsPorts = 1;
constexpr uint32_t kMemoryType = 0x6, kMemory64 = 0x4;

// What BAR `bar` of a function wants; nothing where it is not implemented. `width` is its number of
// registers.
PciAssignment size_bar(const PcHardware& hardware, const PciFound& found, unsigned bar, unsigned& width) {
  const auto offset = static_cast<uint8_t>(kBars + 4 * bar);
  const uint32_t before = hardware.config_read(found.device, found.function, offset, 4);
  hardware.config_write(found.device, found.function, offset, 4, ~uint32_t{0});
  const uint32_t ones = hardware.config_read(found.device, found.function, offset, 4);
  hardware.config_write(found.device, found.function, offset, 4, before);
  PciAssignment wanted{found.device, found.function, static_cast<uint8_t>(bar), (ones & kIsPorts) != 0, 0, 0};
  width = !wanted.ports && (ones & kMemoryType) == kMemory64 ? 2 : 1;
  const uint32_t address_bits = ones & (wanted.ports ? ~uint32_t{0x3} : ~uint32_t{0xf});
  if (address_bits == 0) return wanted;
  // The lowest address bit that can be set is the length: upper bits may be wired to zero, in port BARs.
  wanted.length = address_bits & (~address_bits + 1);
  return wanted;
}

std::vector<PciAssignment> sizes_wanted(const PcHardware& hardware, const std::vector<PciFound>& found) {
  constexpr unsigned kBarsMax = 6;
  constexpr uint16_t kDecoding = 0x3;
  std::vector<PciAssignment> wanted;
  for (const PciFound& function : found) {
    if ((function.header_type & 0x7f) != 0) continue;  // bridges have other registers there
    const uint32_t command = hardware.config_read(function.device, function.function, kCommand, 2);
    hardware.config_write(function.device, function.function, kCommand, 2, command & ~uint32_t{kDecoding});
    unsigned width = 1;
    for (unsigned bar = 0; bar < kBarsMax; bar += width) {
      const PciAssignment assignment = size_bar(hardware, function, bar, width);
      if (assignment.length != 0) wanted.push_back(assignment);
      if (width == 2 && bar + 1 < kBarsMax) {
        hardware.config_write(function.device, function.function, static_cast<uint8_t>(kBars + 4 * (bar + 1)),
                              4, 0);
      }
    }
  }
  return wanted;
}

}  // namespace

std::vector<PciFound> find_pci_functions(const PcHardware& hardware) {
  constexpr unsigned kDevices = 32, kFunctions = 8;
  constexpr uint8_t kSeveralFunctions = 0x80;
  std::vector<PciFound> found;
  for (uint8_t device = 0; device < kDevices; ++device) {
    unsigned functions = 1;
    for (uint8_t function = 0; function < functions; ++function) {
      PciFound one{device, function, hardware.config_read(device, function, kVendor, 4)};
      const uint16_t vendor = one.identity & 0xffff;
      if (vendor == 0xffff || vendor == 0) continue;
      one.class_code = hardware.config_read(device, function, kClass, 4) >> 8;
      one.header_type = static_cast<uint8_t>(hardware.config_read(device, function, kHeaderType, 1));
      one.pin = static_cast<uint8_t>(hardware.config_read(device, function, kInterruptPin, 1));
      if (function == 0 && (one.header_type & kSeveralFunctions) != 0) functions = kFunctions;
      found.push_back(one);
    }
  }
  return found;
}

Result<std::vector<PciAssignment>> assign_pci_addresses(const PcHardware& hardware,
                                                        const std::vector<PciFound>& found) {
  std::vector<PciAssignment> wanted = sizes_wanted(hardware, found);
  std::stable_sort(wanted.begin(), wanted.end(), [](const PciAssignment& a, const PciAssignment& b) {
    return std::tuple(!a.ports, ~a.length) < std::tuple(!b.ports, ~b.length);
  });
  uint64_t next_port = kPortsBase, next_memory = kPciWindow;
  for (PciAssignment& assignment : wanted) {
    uint64_t& next = assignment.ports ? next_port : next_memory;
    const uint64_t alignment =
        assignment.ports ? assignment.length : std::max(assignment.length, kMemoryAlignment);
    const uint64_t end = assignment.ports ? kPortsEnd : kPciWindowEnd;
    const uint64_t base = (next + alignment - 1) & ~(alignment - 1);
    if (base + assignment.length > end) {
      return fail(
          fmt::format("the PCI device at 00:{:02x}.{} wants {:#x} bytes of {} for its BAR {}, and {:#x} are "
                      "left: the machine has too many devices",
                      assignment.device, assignment.function, assignment.length,
                      assignment.ports ? "I/O ports" : "memory", assignment.bar, end - std::min(base, end)));
    }
    assignment.base = base;
    next = base + assignment.length;
    hardware.config_write(assignment.device, assignment.function,
                          static_cast<uint8_t>(kBars + 4 * assignment.bar), 4, static_cast<uint32_t>(base));
  }
  return wanted;
}

}  // namespace ringside

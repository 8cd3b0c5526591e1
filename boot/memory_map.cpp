#include "boot/memory_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/assert.h"

namespace ringside {

namespace {

// A kernel's image is free to lie here.
constexpr MemoryRange kConventional = {kKernelsFrom, kStackBottom - kKernelsFrom};

bool within(MemoryRange inner, MemoryRange outer) {
  return inner.base >= outer.base && inner.length <= outer.length &&
         inner.base - outer.base <= outer.length - inner.length;
}

constexpr uint64_t round_down(uint64_t address) { return address & ~(kPageSize - 1); }

}  // namespace

std::vector<E820Entry> e820_map(uint64_t memory_end) {
  std::vector<E820Entry> map;
  map.push_back({0, kExtendedBiosData, E820Type::ram});
  map.push_back({kExtendedBiosData, kVgaWindow - kExtendedBiosData, E820Type::reserved});
  map.push_back({kAcpiArea, kMegabyte - kAcpiArea, E820Type::reserved});
  const uint64_t low_end = std::min(memory_end, kPciWindow);
  if (low_end > kMegabyte) map.push_back({kMegabyte, low_end - kMegabyte, E820Type::ram});
  if (memory_end > kFourGigabytes) {
    map.push_back({kFourGigabytes, memory_end - kFourGigabytes, E820Type::ram});
  }
  return map;
}

Result<> check_pc_memory(const Memory& memory) {
  SIM_ASSERT(memory.base().value == 0);
  constexpr uint64_t kSmallest = 2 << 20;
  if (memory.size() >= kSmallest) return {};
  return fail(fmt::format("the machine has {} KiB of memory, and a PC here has 2M or more: raise `memory`",
                          memory.size() >> 10));
}

uint64_t low_memory_end(const Memory& memory) { return std::min(memory.size(), kPciWindow); }

uint64_t ram_bytes(const Memory& memory) {
  return low_memory_end(memory) + (memory.size() > kFourGigabytes ? memory.size() - kFourGigabytes : 0);
}

Result<> check_kernel_range(const Memory& memory, const std::string& what, MemoryRange range) {
  const MemoryRange high = {kMegabyte, std::max(low_memory_end(memory), kMegabyte) - kMegabyte};
  if (within(range, kConventional) || within(range, high)) return {};
  if (range.base >= kMegabyte && range.base + range.length >= range.base && range.end() <= kPciWindow) {
    return fail(
        fmt::format("{} needs the addresses {:#x}-{:#x}, and the machine's memory ends at {:#x}: "
                    "raise `memory` to {}M or more",
                    what, range.base, range.end(), low_memory_end(memory), (range.end() >> 20) + 1));
  }
  return fail(
      fmt::format("{} wants to be loaded at {:#x} with {:#x} bytes, where a PC has no room for it: "
                  "{:#x}-{:#x} and {:#x}-{:#x} are free; link it elsewhere",
                  what, range.base, range.length, kConventional.base, kConventional.end(), kMegabyte,
                  low_memory_end(memory)));
}

Result<MemoryRange> check_kernel_segments(const Memory& memory, const std::string& kernel_name,
                                          const ElfImage& image) {
  MemoryRange covered = {kMegabyte, 0};
  for (size_t i = 0; i < image.segments.size(); ++i) {
    const ElfSegment& segment = image.segments[i];
    SIM_TRY(check_kernel_range(memory, fmt::format("kernel '{}' (segment {})", kernel_name, i),
                               {segment.physical_address, segment.memory_size}));
    const uint64_t end = segment.physical_address + segment.memory_size;
    if (end > covered.end()) covered.length = end - covered.base;
  }
  return covered;
}

void store_segments(Memory& memory, const ElfImage& image) {
  for (const ElfSegment& segment : image.segments) {
    const GuestPhys base{segment.physical_address};
    memory.write(base, segment.contents.data(), segment.contents.size());
    store_zeros(memory,
                {base.value + segment.contents.size(), segment.memory_size - segment.contents.size()});
  }
}

Result<MemoryRange> place_ramdisk(const Memory& memory, const BootRequest& request, uint64_t kernel_end,
                                  uint64_t limit) {
  if (request.ramdisk.empty()) return MemoryRange{};
  const uint64_t top = std::min(low_memory_end(memory), limit);
  const uint64_t bytes = request.ramdisk.size();
  const uint64_t base = bytes <= top ? round_down(top - bytes) : 0;
  if (base < kernel_end) {
    return fail(
        fmt::format("ramdisk '{}' has {} KiB and does not fit between kernel '{}', which ends at {:#x}, "
                    "and the end of memory at {:#x}: raise `memory` to {}M or more",
                    request.ramdisk_name, (bytes >> 10) + 1, request.kernel_name, kernel_end, top,
                    ((kernel_end + bytes) >> 20) + 1));
  }
  return MemoryRange{base, bytes};
}

Result<> check_command_line(const BootRequest& request, uint64_t length_max) {
  const std::string& text = request.command_line;
  if (text.find('\0') != std::string::npos) {
    return fail(
        fmt::format("the command line for kernel '{}' has a NUL byte in it: nothing behind it would reach "
                    "the kernel",
                    request.kernel_name));
  }
  const uint64_t most = std::min(length_max, kCommandLineSpace - 1);
  if (text.size() > most) {
    return fail(
        fmt::format("the command line has {} characters, and kernel '{}' takes at most {}: shorten "
                    "`command_line`",
                    text.size(), request.kernel_name, most));
  }
  return {};
}

void store_command_line(Memory& memory, const BootRequest& request) {
  const std::string& text = request.command_line;
  SIM_ASSERT(text.size() < kCommandLineSpace);
  memory.write(GuestPhys{kCommandLine}, text.c_str(), text.size() + 1);
}

void store_zeros(Memory& memory, MemoryRange range) {
  static constexpr uint8_t kZeros[kPageSize] = {};
  SIM_ASSERT(memory.contains(GuestPhys{range.base}, range.length));
  for (uint64_t at = range.base; at < range.end();) {
    const uint64_t bytes = std::min(range.end() - at, kPageSize - at % kPageSize);
    const GuestPhys address{at};
    if (memory.frame_flags(frame_of(address)) & Memory::touched) memory.write(address, kZeros, bytes);
    at += bytes;
  }
}

}  // namespace ringside

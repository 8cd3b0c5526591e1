// What lies where on the bus, as a processor with a PC around it sees it: RAM, read-only memory over it, and
// everything else, which belongs to devices.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cpu/native_cpu.h"

namespace ringside {

class PhysicalMap {
 public:
  PhysicalMap(const NativeCpuConfig& config, Memory& memory) : memory_(memory), holes_(config.holes) {
    for (const ReadOnlyMemory& rom : config.roms) roms_.push_back({rom.base, rom.bytes});
  }

  enum class Kind : uint8_t { ram, rom, device };
  struct Place {
    Kind kind = Kind::device;
    size_t rom = 0;       // which one
    uint64_t offset = 0;  // in it
  };
  // Of the page that holds the address; no kind changes within a page.
  Place place(GuestPhys address) const;
  bool is_ram(GuestPhys address) const { return place(address).kind == Kind::ram; }

  // Null unless all bytes, which lie in one page, are RAM or read-only memory.
  const uint8_t* bytes_at(GuestPhys address, uint64_t length) const;
  // Within one page. Reads of devices give ones; stores reach RAM only.
  void read(GuestPhys address, void* into, uint64_t length) const;
  void write(GuestPhys address, const void* from, uint64_t length);

  // The emulator wants read-only memory at addresses of its own: one after the other.
  const std::vector<ReadOnlyMemory>& roms() const { return roms_; }

 private:
  Memory& memory_;
  std::vector<ReadOnlyMemory> roms_;
  std::vector<NativeCpuConfig::Hole> holes_;
};

}  // namespace ringside

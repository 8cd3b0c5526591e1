// What stands before a guest's first instruction on a PC: a file is parsed, memory filled, and the registers
// to begin with are returned. boot/README.md tells the protocols, boot/memory_map.h what lies where.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sim/ids.h"
#include "sim/memory.h"
#include "sim/result.h"

namespace ringside {

enum class BootMode : uint8_t {
  reset_vector,  // real mode, f000:fff0; nothing else of BootState counts
  protected_32,  // protected mode, paging off, flat segments
  long_64,       // long mode, paging on, flat segments
};

// How the guest begins. Interrupts are off; the machine loads the segments from the descriptor table.
struct BootState {
  // Indices into `general`, in the order of the instruction encoding.
  enum General { rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi };
  BootMode mode = BootMode::reset_vector;
  uint64_t rip = 0;
  std::array<uint64_t, 16> general{};
  GuestPhys page_table_root;   // long_64
  GuestPhys descriptor_table;  // GDT
  uint16_t descriptor_table_limit = 0;
  uint16_t code_selector = 0, data_selector = 0;
};

struct BootRequest {
  std::string kernel_name;  // for messages
  std::span<const uint8_t> kernel;
  std::string ramdisk_name;
  std::span<const uint8_t> ramdisk;  // empty: none
  std::string command_line;
  std::optional<GuestPhys> rsdp;  // where the ACPI tables begin, for kernels that are told (boot/acpi.h)
};

enum class BootProtocol : uint8_t {
  automatic,  // bzImage and ELF64: linux; ELF32: pvh
  linux,      // boot/bzimage.h, boot/vmlinux.h
  pvh,        // boot/pvh.h
  bare,       // boot/bare.h
};

// Fills memory as the protocol says. The memory begins at address 0. Nothing is stored when it fails.
Result<BootState> boot_kernel(Memory& memory, const BootRequest& request, BootProtocol protocol);

}  // namespace ringside

#include "machine/pc/crash_report.h"

#include <fmt/format.h>

#include <cctype>
#include <cstring>
#include <optional>

#include "boot/symbols.h"

namespace ringside {

namespace {

constexpr unsigned kFramesMax = 16;
constexpr unsigned kStackWords = 128;
constexpr unsigned kInstructions = 6;

Symbols read_symbols(std::span<const uint8_t> file) {
  if (file.size() >= 4 && std::memcmp(file.data(),
                                      "\x7f"
                                      "ELF",
                                      4) == 0)
    return Symbols::from_elf(file);
  // A map is text: "ffffffff81000000 T _text".
  const bool text = file.size() > 20 && std::isxdigit(file[0]) != 0 && file[16] == ' ';
  if (!text) return {};
  return Symbols::from_map({reinterpret_cast<const char*>(file.data()), file.size()});
}

std::string place(const Symbols& symbols, uint64_t address) {
  const std::string name = symbols.describe(address);
  return name.empty() ? fmt::format("{:#x}", address) : fmt::format("{:#x} {}", address, name);
}

std::string registers_text(const Registers& registers, const SystemRegisters& system) {
  constexpr const char* kNames[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
  std::string text;
  for (size_t i = 0; i < 16; ++i) {
    text += fmt::format("  {:<3} {:016x}{}", kNames[i], registers.general[i], i % 3 == 2 ? "\n" : "");
  }
  text += fmt::format("  rfl {:016x}  rip {:016x}\n", registers.rflags, registers.rip);
  text +=
      fmt::format("  cs {:04x}  ss {:04x}  ds {:04x}  es {:04x}  fs {:04x} base {:x}  gs {:04x} base {:x}\n",
                  registers.cs, registers.ss, registers.ds, registers.es, registers.fs, registers.fs_base,
                  registers.gs, registers.gs_base);
  text += fmt::format("  cr0 {:x}  cr2 {:x}  cr3 {:x}  cr4 {:x}  efer {:x}  cpl {}\n", system.cr0, system.cr2,
                      system.cr3, system.cr4, system.efer, system.privilege);
  text += fmt::format("  gdt {:x} limit {:x}  idt {:x} limit {:x}  tr {:04x}\n", system.gdtr.base,
                      system.gdtr.limit, system.idtr.base, system.idtr.limit, system.tr.selector);
  return text;
}

std::optional<uint64_t> word_at(NativeCpu& cpu, uint64_t address) {
  uint64_t word = 0;
  if (!cpu.read_virtual(GuestVirt{address}, &word, sizeof word)) return std::nullopt;
  return word;
}

// By frame pointers, as far as they lead upwards.
std::string frames_text(NativeCpu& cpu, const Registers& registers, const Symbols& symbols,
                        unsigned& frames) {
  std::string text;
  uint64_t frame = registers.general[Registers::rbp];
  for (frames = 0; frames < kFramesMax; ++frames) {
    const auto next = word_at(cpu, frame), back = word_at(cpu, frame + 8);
    if (!next || !back || *back == 0) break;
    if (!symbols.empty() && !symbols.find(*back)) break;
    text += fmt::format("  {}\n", place(symbols, *back));
    if (*next <= frame) {
      ++frames;
      break;
    }
    frame = *next;
  }
  return text;
}

// Where there are no frame pointers: whatever on the stack looks like an address of code.
std::string guesses_text(NativeCpu& cpu, const Registers& registers, const Symbols& symbols) {
  std::string text;
  unsigned found = 0;
  const uint64_t stack = registers.general[Registers::rsp];
  for (unsigned i = 0; i < kStackWords && found < kFramesMax; ++i) {
    const auto word = word_at(cpu, stack + 8ull * i);
    if (!word) break;
    if (!symbols.find(*word)) continue;
    text += fmt::format("  ? {}\n", place(symbols, *word));
    ++found;
  }
  return text;
}

}  // namespace

std::string crash_report(NativeCpu& cpu, const std::string& symbols_name,
                         std::span<const uint8_t> symbols_file) {
  const Registers registers = cpu.registers();
  const Symbols symbols = read_symbols(symbols_file);
  std::string text = "registers:\n" + registers_text(registers, cpu.system_registers());
  text += fmt::format("code at {}:\n", place(symbols, registers.rip));
  const std::string code = cpu.disassemble(GuestVirt{registers.rip}, kInstructions);
  text += code.empty() ? "  (there is no memory)\n" : code;
  if (text.back() != '\n') text += '\n';
  unsigned frames = 0;
  std::string stack = frames_text(cpu, registers, symbols, frames);
  if (frames < 2 && !symbols.empty()) stack += guesses_text(cpu, registers, symbols);
  text += fmt::format("stack{}:\n", symbols.empty() ? "" : fmt::format(" (names by {})", symbols_name));
  text += stack.empty() ? "  (nothing there looks like a return address)\n" : stack;
  return text;
}

}  // namespace ringside

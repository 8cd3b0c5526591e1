// Return addresses on a guest's stack, with names where the kernel's file has them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "boot/symbols.h"
#include "machine/host_file.h"
#include "machine/views.h"

namespace ringside {

namespace {

constexpr unsigned kFramesMax = 32;
constexpr unsigned kStackWords = 256;

Symbols symbols_of(const Scenario& scenario, const DomainScenario& domain) {
  for (const std::string& name : {domain.symbols, domain.kernel}) {
    if (name.empty()) continue;
    const auto path = locate_file(scenario, name, "symbols");
    if (!path) continue;
    const auto file = read_whole_file(*path);
    if (!file || file->size() < 20) continue;
    const bool map = std::isxdigit((*file)[0]) != 0 && (*file)[16] == ' ';
    Symbols symbols = map ? Symbols::from_map({reinterpret_cast<const char*>(file->data()), file->size()})
                          : Symbols::from_elf(*file);
    if (!symbols.empty()) return symbols;
  }
  return {};
}

std::optional<uint64_t> word_at(Cpu& cpu, uint64_t address) {
  uint64_t word = 0;
  if (!cpu.read_virtual(GuestVirt{address}, &word, sizeof word)) return std::nullopt;
  return word;
}

// Whether a call ends right before the address: E8 with a displacement, or FF /2 in one of its lengths.
bool follows_a_call(Cpu& cpu, uint64_t address) {
  std::array<uint8_t, 7> bytes{};
  if (address < bytes.size() || !cpu.translate(GuestVirt{address}, Access::fetch)) return false;
  if (!cpu.read_virtual(GuestVirt{address - bytes.size()}, bytes.data(), bytes.size())) return false;
  if (bytes[2] == 0xe8) return true;
  for (size_t length = 2; length <= 7; ++length) {
    const size_t at = bytes.size() - length;
    if (bytes[at] == 0xff && (bytes[at + 1] >> 3 & 7) == 2) return true;
  }
  return false;
}

}  // namespace

Result<Views> MachineViews::backtrace(const std::string& domain) {
  auto guest = find(domain);
  if (!guest) return tl::unexpected(guest.error());
  const auto index = static_cast<size_t>(std::find(parts_.guests.begin(), parts_.guests.end(), *guest) -
                                         parts_.guests.begin());
  const Symbols symbols = symbols_of(parts_.scenario, parts_.scenario.domains[index]);
  Cpu& cpu = (*guest)->cpu();
  const Registers registers = cpu.registers();
  View view;
  const auto add = [&](std::string_view how, uint64_t address) {
    view.lines.push_back(
        fmt::format("#{:<2} {} {:016x} {}", view.lines.size(), how, address, symbols.describe(address)));
  };
  add(" ", registers.rip);
  uint64_t frame = registers.general[Registers::rbp];
  while (view.lines.size() < kFramesMax) {
    const auto next = word_at(cpu, frame), back = word_at(cpu, frame + 8);
    if (!next || !back || !follows_a_call(cpu, *back)) break;
    add(" ", *back);
    if (*next <= frame) break;
    frame = *next;
  }
  if (view.lines.size() > 1) return Views{view};
  // There are no frame pointers: what looks like a return address, and may be an old one.
  const uint64_t stack = registers.general[Registers::rsp];
  for (unsigned i = 0; i < kStackWords && view.lines.size() < kFramesMax; ++i) {
    const auto word = word_at(cpu, stack + 8ull * i);
    if (!word) break;
    if (follows_a_call(cpu, *word)) add("?", *word);
  }
  return Views{view};
}

}  // namespace ringside

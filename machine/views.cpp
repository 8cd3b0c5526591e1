#include "machine/views.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "cpu/native_cpu.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

constexpr std::array<std::string_view, 16> kGeneral{"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                                    "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr std::array<std::pair<uint64_t, std::string_view>, 10> kFlags{{{1, "CF"},
                                                                        {4, "PF"},
                                                                        {0x10, "AF"},
                                                                        {0x40, "ZF"},
                                                                        {0x80, "SF"},
                                                                        {0x100, "TF"},
                                                                        {0x200, "IF"},
                                                                        {0x400, "DF"},
                                                                        {0x800, "OF"},
                                                                        {0x40000, "AC"}}};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// Code is not read backwards. Of the places ahead from which instructions lead there, the farthest one
// counts: what is read wrongly at first falls into step after a few.
std::vector<std::string> lines_before(Cpu& cpu, uint64_t address, unsigned before) {
  constexpr uint64_t kBytesMax = 6;  // of most instructions
  const std::string here = fmt::format("{:#018x} ", address);
  for (uint64_t back = std::min(kBytesMax * before, address); back > 0; --back) {
    std::vector<std::string> lines = lines_of(cpu.disassemble({address - back}, static_cast<unsigned>(back)));
    const auto found = std::find_if(lines.begin(), lines.end(),
                                    [&](const std::string& line) { return line.starts_with(here); });
    if (found == lines.end()) continue;
    lines.erase(found, lines.end());
    if (lines.size() > before) lines.erase(lines.begin(), lines.end() - before);
    const bool is_bad = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find("  (") != std::string::npos;
    });
    if (!is_bad) return lines;
  }
  return {};
}

}  // namespace

Result<Guest*> MachineViews::find(const std::string& domain) {
  if (domain.empty()) return parts_.guests.front();
  std::vector<std::string> names;
  for (size_t i = 0; i < parts_.guests.size(); ++i) {
    if (parts_.scenario.domains[i].name == domain) return parts_.guests[i];
    names.push_back(parts_.scenario.domains[i].name);
  }
  return fail(fmt::format("there is no domain '{}': {}", domain, fmt::join(names, ", ")));
}

Result<Views> MachineViews::registers(const std::string& domain) {
  auto guest = find(domain);
  if (!guest) return tl::unexpected(guest.error());
  const Registers registers = (*guest)->cpu().registers();
  View view;
  for (size_t i = 0; i < kGeneral.size(); ++i)
    view.facts.emplace_back(kGeneral[i], fmt::format("{:016x}", registers.general[i]));
  view.facts.emplace_back("rip", fmt::format("{:016x}", registers.rip));
  std::string flags = fmt::format("{:08x}", registers.rflags);
  for (const auto& [bit, name] : kFlags) {
    if ((registers.rflags & bit) != 0) flags += fmt::format(" {}", name);
  }
  view.facts.emplace_back("rflags", flags);
  view.facts.emplace_back("cs ss ds es", fmt::format("{:04x} {:04x} {:04x} {:04x}", registers.cs,
                                                     registers.ss, registers.ds, registers.es));
  view.facts.emplace_back("fs", fmt::format("{:04x} base {:016x}", registers.fs, registers.fs_base));
  view.facts.emplace_back("gs", fmt::format("{:04x} base {:016x}", registers.gs, registers.gs_base));
  if (NativeCpu* native = (*guest)->debuggable()) {
    const SystemRegisters system = native->system_registers();
    view.facts.emplace_back("cr0", fmt::format("{:016x}", system.cr0));
    view.facts.emplace_back("cr2", fmt::format("{:016x}", system.cr2));
    view.facts.emplace_back("cr3", fmt::format("{:016x}", system.cr3));
    view.facts.emplace_back("cr4", fmt::format("{:016x}", system.cr4));
    view.facts.emplace_back("efer", fmt::format("{:016x}", system.efer));
    view.facts.emplace_back("cpl", fmt::format("{}", system.privilege));
    view.facts.emplace_back("gdtr", fmt::format("{:016x} limit {:x}", system.gdtr.base, system.gdtr.limit));
    view.facts.emplace_back("idtr", fmt::format("{:016x} limit {:x}", system.idtr.base, system.idtr.limit));
  } else {
    view.facts.emplace_back("cr3", fmt::format("{:016x}", (*guest)->cpu().page_table_root().value));
  }
  return Views{view};
}

Result<Views> MachineViews::disassembly(const std::string& domain, std::optional<uint64_t> address,
                                        unsigned count, unsigned before) {
  auto guest = find(domain);
  if (!guest) return tl::unexpected(guest.error());
  Cpu& cpu = (*guest)->cpu();
  View view;
  const uint64_t begin = address.value_or(cpu.rip());
  view.lines = lines_before(cpu, begin, std::min(before, 32U));
  for (std::string& line : lines_of(cpu.disassemble({begin}, count))) view.lines.push_back(std::move(line));
  return Views{view};
}

Result<Views> MachineViews::memory(const std::string& domain, uint64_t address, uint64_t length,
                                   bool physical) {
  auto guest = find(domain);
  if (!guest) return tl::unexpected(guest.error());
  Memory* ram = viewed_memory(**guest);
  View view;
  constexpr uint64_t kRow = 16;
  for (uint64_t row = 0; row < length; row += kRow) {
    std::array<uint8_t, kRow> bytes{};
    const uint64_t count = std::min(kRow, length - row);
    const bool there = physical
                           ? ram->read({address + row}, bytes.data(), count)
                           : (*guest)->cpu().read_virtual({address + row}, bytes.data(), count).has_value();
    std::string line = fmt::format("{:016x} ", address + row);
    if (!there) {
      view.lines.push_back(line + (physical ? " no memory there" : " not mapped"));
      break;
    }
    std::string text;
    for (uint64_t i = 0; i < kRow; ++i) {
      line += i % 8 == 0 ? " " : "";
      line += i < count ? fmt::format("{:02x} ", bytes[i]) : "   ";
      if (i < count) text += bytes[i] >= 0x20 && bytes[i] < 0x7f ? static_cast<char>(bytes[i]) : '.';
    }
    view.lines.push_back(line.substr(0, line.size() - 1) + " " + text);
  }
  return Views{view};
}

Result<Views> MachineViews::devices(const std::string& name) {
  if (!name.empty()) {
    std::vector<std::string> names;
    for (const auto& [component, part] : parts_.components) {
      names.push_back(component);
      if (component != name) continue;
      View view;
      view.title = component;
      view.lines = state_lines(*part);
      return Views{view};
    }
    return fail(
        fmt::format("there is no part '{}'; near: {}", name, fmt::join(near_names(name, names, 3), ", ")));
  }
  View view;
  view.columns = {"part", "state digest"};
  for (const auto& [component, part] : parts_.components)
    view.rows.push_back({component, fmt::format("{:016x}", state_digest(*part))});
  return Views{view};
}

}  // namespace ringside

#include "cpu/unicorn_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

namespace ringside {

Result<void> check_emulator(uc_err error, const char* what) {
  if (error == UC_ERR_OK) return {};
  return fail(fmt::format("the CPU emulator cannot {}: {}; Ringside was built for Unicorn {}.{}.{}", what,
                          uc_strerror(error), UC_API_MAJOR, UC_API_MINOR, UC_API_PATCH));
}

Result<void> add_emulator_hooks(uc_engine* uc, void* core, std::initializer_list<EmulatorHook> hooks) {
  for (const EmulatorHook& hook : hooks) {
    uc_hook handle;
    SIM_TRY(check_emulator(uc_hook_add(uc, &handle, hook.type, hook.callback, core, 1, 0, hook.instruction),
                           hook.what));
  }
  return {};
}

void visit_registers(const Registers& registers, StateVisitor& visitor) {
  static constexpr std::array<const char*, 16> kNames = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                         "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                         "r12", "r13", "r14", "r15"};
  for (size_t i = 0; i < kNames.size(); ++i) visitor.number(kNames[i], registers.general[i]);
  visitor.number("rip", registers.rip);
  visitor.number("rflags", registers.rflags);
  visitor.number("cs", registers.cs);
  visitor.number("ss", registers.ss);
  visitor.number("ds", registers.ds);
  visitor.number("es", registers.es);
  visitor.number("fs", registers.fs);
  visitor.number("gs", registers.gs);
  visitor.number("fs_base", registers.fs_base);
  visitor.number("gs_base", registers.gs_base);
}

void visit_float_registers(uc_engine* uc, StateVisitor& visitor) {
  const auto number = [&](const char* name, int reg) {
    uint64_t value = 0;
    uc_reg_read(uc, reg, &value);
    visitor.number(name, value);
  };
  number("mxcsr", UC_X86_REG_MXCSR);
  number("fpu_control", UC_X86_REG_FPCW);
  number("fpu_status", UC_X86_REG_FPSW);
  number("fpu_tags", UC_X86_REG_FPTAG);
  const auto wide = [&](const char* name, int first, size_t count, size_t each) {
    std::array<uint8_t, 256> values{};
    for (size_t i = 0; i < count; ++i) {
      std::array<uint8_t, 64> value{};
      uc_reg_read(uc, first + static_cast<int>(i), value.data());
      std::copy_n(value.begin(), each, values.begin() + static_cast<ptrdiff_t>(i * each));
    }
    visitor.bytes(name, std::span(values).first(count * each));
  };
  wide("x87", UC_X86_REG_FP0, 8, 10);
  wide("xmm", UC_X86_REG_XMM0, 16, 16);
}

}  // namespace ringside

// What both cores do with the emulator in the same way: errors, hooks, the state of its registers.
#pragma once

#include <unicorn/unicorn.h>

#include <initializer_list>

#include "cpu/cpu.h"
#include "sim/result.h"
#include "sim/state.h"

namespace ringside {

// "the CPU emulator cannot <what>", with its own words.
Result<void> check_emulator(uc_err error, const char* what);

// A callback takes the core as its last argument.
struct EmulatorHook {
  int type;
  void* callback;
  const char* what;  // for the message
  int instruction = 0;
};
template <class Function>
void* hook_pointer(Function* function) {
  return reinterpret_cast<void*>(function);
}
Result<void> add_emulator_hooks(uc_engine* uc, void* core, std::initializer_list<EmulatorHook> hooks);

// General registers, RIP, RFLAGS and segments.
void visit_registers(const Registers& registers, StateVisitor& visitor);
// x87, MMX and SSE registers with their control words.
void visit_float_registers(uc_engine* uc, StateVisitor& visitor);

}  // namespace ringside

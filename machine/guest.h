// One domain as the run loop sees it: a core, whether it can run, and what happens between its exits.
// xen_guest.h is a paravirtual domain of the hypervisor model, pc/pc_guest.h a whole PC.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cpu/cpu.h"
#include "sim/memory.h"
#include "sim/notice.h"
#include "sim/state.h"

namespace ringside {

class NativeCpu;

// How a domain ended.
struct GuestEnd {
  // In the words of [expect]: "poweroff", "reboot", "suspend", "crash", "watchdog", ...
  std::string way;
  // For people: "poweroff", or why it crashed.
  std::string text;
  // A crash: what led there, in several lines (registers, disassembly, stack), where it is known.
  std::string details;
};

// Parts of a digest, in its order: name and part.
using Components = std::vector<std::pair<std::string, const Stateful*>>;

class Guest {
 public:
  virtual ~Guest() = default;

  virtual Cpu& cpu() = 0;
  // False while it waits for an event, and after its end.
  virtual bool runnable() const = 0;
  // It runs again after it has waited.
  virtual void on_wake() {}
  // Runs until `horizon`, or until something has to be done.
  virtual Exit run(Tick horizon) { return cpu().run(horizon); }
  // From a callback of a run in progress: it should end at the next place at which a horizon could end it.
  virtual void end_run_soon() {}
  // For a debugger: the core that can be stepped, and one step of it. Null where it cannot.
  virtual NativeCpu* debuggable() { return nullptr; }
  virtual Exit step(Tick horizon) { return run(horizon); }
  // Called before a run where a free run would look for pending events: deliver them.
  virtual void look_for_events() {}
  // Deals with what ended a run; never called for `deadline`, nor for a stop that only a debugger made.
  virtual void handle_exit(const Exit& exit) = 0;
  // Null while it lives.
  virtual const GuestEnd* end() const = 0;
  // Bytes from outside for a wire of this domain (full name). False: there is no such wire.
  virtual bool take_input(const std::string& wire, const std::vector<uint8_t>& bytes) = 0;
  virtual uint64_t notices() const = 0;
  // Where others, checkers for one, put what they have to say of this domain.
  virtual Notices& notice_sink() = 0;
  virtual void list_components(Components& into) const = 0;
  // Memory of its own; null where it is part of the hypervisor's.
  virtual Memory* memory() { return nullptr; }
};

}  // namespace ringside

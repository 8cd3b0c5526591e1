// A domain: what Xen keeps of a guest. Domain 0 is the toolstack and the backends; it has no core and no
// memory of its own here.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cpu/cpu.h"
#include "hv-model/grant_table.h"
#include "sim/event_queue.h"
#include "sim/ids.h"
#include "sim/notice.h"
#include "sim/state.h"

namespace ringside {

struct TrapHandler {
  uint64_t address = 0;  // 0: none
  uint16_t cs = 0;
  uint8_t dpl = 0;            // who may raise it by INT n
  bool masks_events = false;  // TI_GET_IF
};

// The paravirtual state of the only vCPU (Xen's struct vcpu and its pv part).
struct Vcpu {
  bool initialised = true;
  bool up = true;
  bool blocked = false;  // SCHEDOP_block
  bool polling = false;  // SCHEDOP_poll: poll_ports, and a timer for the timeout
  std::vector<EventPort> poll_ports;
  EventQueue::Handle poll_timer;

  bool kernel_mode = true;     // which of the two page table roots is live
  Mfn kernel_root, user_root;  // user_root 0: none
  uint64_t kernel_sp = 0;      // HYPERVISOR_stack_switch
  uint16_t kernel_ss = 0;
  uint64_t gs_base_kernel = 0, gs_base_user = 0;  // SEGBASE_GS_KERNEL: the inactive one is swapped in
  uint64_t fs_base = 0;
  bool task_switched = false;  // CR0.TS by fpu_taskswitch
  uint64_t control_4 = 0;      // the bits of CR4 that the guest may choose

  std::array<TrapHandler, 256> traps{};
  uint64_t event_callback = 0, failsafe_callback = 0, syscall_callback = 0, nmi_callback = 0;
  bool event_callback_masks = true, syscall_callback_masks = false, failsafe_callback_masks = false;

  std::vector<Mfn> gdt_frames;  // HYPERVISOR_set_gdt
  uint32_t gdt_entries = 0;
  uint64_t ldt_address = 0;
  uint32_t ldt_entries = 0;
  std::array<uint64_t, 8> debug_registers{};
  uint16_t gs_user_selector = 0;       // SEGBASE_GS_USER_SEL
  uint8_t iopl = 0;                    // PHYSDEVOP_set_iopl
  std::optional<GuestVirt> io_bitmap;  // PHYSDEVOP_set_iobitmap
  uint32_t io_bitmap_ports = 0;
  bool nmi_pending = false, nmi_in_handler = false;
  uint64_t page_fault_address = 0;  // what MOV from CR2 gives

  std::optional<GuestPhys> info;       // VCPUOP_register_vcpu_info: where vcpu_info lives now
  std::optional<GuestVirt> runstate;   // VCPUOP_register_runstate_memory_area
  std::optional<GuestVirt> time_area;  // VCPUOP_register_vcpu_time_memory_area
  EventQueue::Handle singleshot_timer, periodic_timer;
  Tick singleshot_at = Tick::never();
  Tick periodic_period;  // 0: no periodic timer. It rests while the vCPU waits.
  Tick periodic_last;    // when it ticked last; zero before that

  // RUNSTATE_*, as VCPUOP_get_runstate_info shows it.
  uint32_t runstate_now = 0;
  Tick runstate_since;
  std::array<Tick, 4> runstate_time{};
  bool runstate_stale = false;        // the registered area has to be written again
  bool time_area_stale = false;       // likewise
  Tick time_updated = Tick::never();  // when vcpu_time_info was written last; never() before the first time
};

struct DomainEnd {
  bool crashed = false;
  uint32_t shutdown_reason = 0;  // SHUTDOWN_*
  std::string text;              // "poweroff", or why it crashed
};

class Domain : public Stateful {
 public:
  Domain(DomainId domain_id, Wiring& wiring);

  const DomainId id;
  const std::string name;  // "dom1"
  Notices notices;

  // Null for domain 0. Owned by the machine, which makes it before the domain is built.
  Cpu* cpu = nullptr;
  // Its program runs on the host's processor: it has no page tables, and finds each frame where it is.
  bool hosted = false;
  Vcpu vcpu;

  // Memory. p2m[pfn] is the frame at build time (guests keep their own table from then on).
  uint64_t max_pages = 0;
  uint64_t owned_pages = 0;
  Mfn shared_info;
  uint64_t vm_assist = 0;  // one bit for each VMASST_TYPE_*
  GrantTable grants;

  std::optional<DomainEnd> end;
  // VIRQ_DOM_EXC: called once, when it has ended.
  std::function<void()> on_end;
  // Ends the domain; the first end counts.
  void crash(std::string why);
  // SHUTDOWN_*; the code that SCHEDOP_shutdown_code gave before wins, as in Xen.
  void shut_down(uint32_t reason);
  std::optional<uint32_t> shutdown_code;
  std::array<EventQueue::Handle, 2> watchdogs;  // SCHEDOP_watchdog
  bool in_multicall = false;
  // The toolstack wants to save the domain, and cannot: SHUTDOWN_suspend then returns to the guest with 1, as
  // after XEN_DOMCTL_resumedomain.
  bool cancels_suspend = false;

  // Null for domain 0.
  Wire* hypercall_wire = nullptr;    // "<domain>/hypercall"
  Wire* grant_wire = nullptr;        // "<domain>/grant"
  Wire* xen_console_wire = nullptr;  // "<domain>/xen_console"

  // Hypercall arguments. False on a fault: the caller returns -EFAULT.
  bool copy_from_guest(void* into, GuestVirt from, uint64_t bytes);
  bool copy_to_guest(GuestVirt to, const void* from, uint64_t bytes);
  template <class T>
  bool copy_from_guest(T& into, GuestVirt from) {
    return copy_from_guest(&into, from, sizeof into);
  }
  template <class T>
  bool copy_to_guest(GuestVirt to, const T& from) {
    return copy_to_guest(to, &from, sizeof from);
  }

  // Whether Xen would touch these addresses for a guest at all: never its own part of the address space
  // (xen/include/asm-x86/x86_64/uaccess.h, __addr_ok).
  static bool accessible(GuestVirt from, uint64_t bytes);

  void visit_state(StateVisitor& visitor) const override;
};

}  // namespace ringside

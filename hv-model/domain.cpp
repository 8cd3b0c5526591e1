#include "hv-model/domain.h"

#include <fmt/format.h>

#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "sim/hash.h"

namespace ringside {
namespace {

const char* shutdown_name(uint32_t reason) {
  switch (reason) {
    case SHUTDOWN_poweroff: return "poweroff";
    case SHUTDOWN_reboot: return "reboot";
    case SHUTDOWN_suspend: return "suspend";
    case SHUTDOWN_crash: return "crash";
    case SHUTDOWN_watchdog: return "watchdog";
    case SHUTDOWN_soft_reset: return "soft_reset";
    default: return nullptr;
  }
}

uint64_t trap_digest(const std::array<TrapHandler, 256>& traps) {
  uint64_t digest = 0;
  for (size_t vector = 0; vector < traps.size(); ++vector) {
    const TrapHandler& trap = traps[vector];
    if (trap.address == 0 && trap.cs == 0 && trap.dpl == 0 && !trap.masks_events) continue;
    digest = hash_mix(digest, vector);
    digest = hash_mix(digest, trap.address);
    digest = hash_mix(digest, trap.cs | uint64_t{trap.dpl} << 16 | uint64_t{trap.masks_events} << 24);
  }
  return digest;
}

void visit_vcpu(StateVisitor& visitor, const Vcpu& vcpu) {
  visitor.number("flags", uint64_t{vcpu.initialised} | uint64_t{vcpu.up} << 1 | uint64_t{vcpu.blocked} << 2 |
                              uint64_t{vcpu.polling} << 3 | uint64_t{vcpu.kernel_mode} << 4 |
                              uint64_t{vcpu.task_switched} << 5 | uint64_t{vcpu.event_callback_masks} << 6 |
                              uint64_t{vcpu.syscall_callback_masks} << 7 |
                              uint64_t{vcpu.failsafe_callback_masks} << 8 | uint64_t{vcpu.nmi_pending} << 9 |
                              uint64_t{vcpu.nmi_in_handler} << 10 | uint64_t{vcpu.runstate_stale} << 11 |
                              uint64_t{vcpu.time_area_stale} << 12);
  uint64_t polled = vcpu.poll_ports.size();
  for (const EventPort port : vcpu.poll_ports) polled = hash_mix(polled, port.value);
  visitor.number("poll_ports", polled);
  visitor.number("poll_timeout", vcpu.poll_timer ? vcpu.poll_timer.at.ps : 0);
  visitor.number("kernel_root", vcpu.kernel_root.value);
  visitor.number("user_root", vcpu.user_root.value);
  visitor.number("kernel_sp", vcpu.kernel_sp);
  visitor.number("kernel_ss", vcpu.kernel_ss);
  visitor.number("gs_base_kernel", vcpu.gs_base_kernel);
  visitor.number("gs_base_user", vcpu.gs_base_user);
  visitor.number("gs_user_selector", vcpu.gs_user_selector);
  visitor.number("fs_base", vcpu.fs_base);
  visitor.number("control_4", vcpu.control_4);
  visitor.number("iopl", vcpu.iopl);
  visitor.number("io_bitmap", vcpu.io_bitmap ? vcpu.io_bitmap->value + vcpu.io_bitmap_ports : 0);
  visitor.number("page_fault_address", vcpu.page_fault_address);
  visitor.number("traps", trap_digest(vcpu.traps));
  visitor.number("event_callback", vcpu.event_callback);
  visitor.number("failsafe_callback", vcpu.failsafe_callback);
  visitor.number("syscall_callback", vcpu.syscall_callback);
  visitor.number("nmi_callback", vcpu.nmi_callback);
  uint64_t gdt = vcpu.gdt_entries;
  for (const Mfn frame : vcpu.gdt_frames) gdt = hash_mix(gdt, frame.value);
  visitor.number("gdt", gdt);
  visitor.number("ldt", hash_mix(vcpu.ldt_address, vcpu.ldt_entries));
  uint64_t debug = 0;
  for (const uint64_t value : vcpu.debug_registers) debug = hash_mix(debug, value);
  visitor.number("debug_registers", debug);
  visitor.number("info", vcpu.info ? vcpu.info->value + 1 : 0);
  visitor.number("runstate_area", vcpu.runstate ? vcpu.runstate->value + 1 : 0);
  visitor.number("time_area", vcpu.time_area ? vcpu.time_area->value + 1 : 0);
  visitor.number("singleshot_at", vcpu.singleshot_at.ps);
  visitor.number("periodic_period", vcpu.periodic_period.ps);
  visitor.number("periodic_at", vcpu.periodic_timer ? vcpu.periodic_timer.at.ps : 0);
  visitor.number("periodic_last", vcpu.periodic_last.ps);
  visitor.number("runstate", vcpu.runstate_now);
  visitor.number("runstate_since", vcpu.runstate_since.ps);
  uint64_t spent = 0;
  for (const Tick time : vcpu.runstate_time) spent = hash_mix(spent, time.ps);
  visitor.number("runstate_time", spent);
  visitor.number("time_updated", vcpu.time_updated.ps);
}

}  // namespace

Domain::Domain(DomainId domain_id, Wiring& wiring)
    : id(domain_id), name(fmt::format("dom{}", domain_id.value)), notices(wiring, name) {
  if (id.value == 0) return;
  hypercall_wire = &wiring.add(name + "/hypercall", WireKind::call, kHypercallPayload);
  grant_wire = &wiring.add(name + "/grant", WireKind::call, kGrantPayload);
  xen_console_wire = &wiring.add(name + "/xen_console", WireKind::message, kXenConsolePayload);
}

void Domain::crash(std::string why) {
  if (end) return;
  end = DomainEnd{.crashed = true, .shutdown_reason = SHUTDOWN_crash, .text = std::move(why)};
  if (on_end) on_end();
}

void Domain::shut_down(uint32_t reason) {
  if (end) return;
  const uint32_t code = shutdown_code.value_or(reason);
  const char* known = shutdown_name(code);
  end = DomainEnd{.crashed = code == SHUTDOWN_crash,
                  .shutdown_reason = code,
                  .text = known ? known : fmt::format("shutdown with reason {}", code)};
  if (on_end) on_end();
}

bool Domain::accessible(GuestVirt from, uint64_t bytes) {
  constexpr uint64_t low_end = uint64_t{1} << 47;
  constexpr uint64_t hypervisor_end = 0xffff880000000000;
  if (bytes == 0) return true;
  const uint64_t last = from.value + (bytes - 1);
  if (last < from.value) return false;
  return last < low_end || from.value >= hypervisor_end;
}

bool Domain::copy_from_guest(void* into, GuestVirt from, uint64_t bytes) {
  if (bytes == 0) return true;
  return cpu && accessible(from, bytes) && cpu->read_virtual(from, into, bytes).has_value();
}

bool Domain::copy_to_guest(GuestVirt to, const void* from, uint64_t bytes) {
  if (bytes == 0) return true;
  return cpu && accessible(to, bytes) && cpu->write_virtual(to, from, bytes).has_value();
}

void Domain::visit_state(StateVisitor& visitor) const {
  visit_vcpu(visitor, vcpu);
  visitor.number("max_pages", max_pages);
  visitor.number("owned_pages", owned_pages);
  visitor.number("shared_info", shared_info.value);
  visitor.number("vm_assist", vm_assist);
  visitor.number("shutdown_code", shutdown_code ? uint64_t{*shutdown_code} + 1 : 0);
  visitor.number("watchdogs", hash_mix(watchdogs[0].at.ps + (watchdogs[0] ? 1 : 0),
                                       watchdogs[1].at.ps + (watchdogs[1] ? 1 : 0)));
  visitor.number("cancels_suspend", cancels_suspend);
  visitor.number("ended", end ? uint64_t{end->shutdown_reason} << 1 | 1 : 0);
}

}  // namespace ringside

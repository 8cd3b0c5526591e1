// Ways to end oneself. Each leaves the domain dead, or asleep for good, and nobody else any worse.
#include "storm.h"

static long extended(unsigned command, uint64_t mfn) {
  struct mmuext_op operation = {.cmd = command, .arg1.mfn = mfn};
  return call(__HYPERVISOR_mmuext_op, (uint64_t)&operation, 1, 0, DOMID_SELF);
}

static void without_handlers(void) {
  call(__HYPERVISOR_set_trap_table, 0, 0, 0, 0);
  __asm__ volatile("ud2");
}

static void fault_without_stack(void) { __asm__ volatile("movq $0x1000, %rsp; ud2"); }

static void iret_without_frame(void) { __asm__ volatile("movq $0x1000, %rsp; movl $23, %eax; syscall"); }

static void iret_without_user_tables(void) {
  extended(MMUEXT_NEW_USER_BASEPTR, 0);
  user_trip();
}

static void iret_without_failsafe(void) {
  struct callback_register op = {.type = CALLBACKTYPE_failsafe, .address = 0};
  call(__HYPERVISOR_callback_op, CALLBACKOP_register, (uint64_t)&op, 0, 0);
  __asm__ volatile(
      "movq %rsp, %rax; pushq $0xe02b; pushq %rax; pushq $2; pushq $0xf000; pushq $0; pushq $0;"
      "pushq %rcx; pushq %r11; pushq %rax; movl $23, %eax; syscall");
}

static void upcall_to_nowhere(void) {
  call(__HYPERVISOR_set_callbacks, 0, 0, 0, 0);
  ((volatile shared_info_t*)shared_info_page)->vcpu_info[0].evtchn_upcall_pending = 1;
  call(__HYPERVISOR_sched_op, SCHEDOP_block, 0, 0, 0);
  call(__HYPERVISOR_xen_version, 0, 0, 0, 0);
}

static void root_without_us(void) {
  grants_heal();
  frames_heal();
  struct frame* empty = unmapped_frame();
  if (empty) extended(MMUEXT_CLEAR_PAGE, empty->mfn);
  if (empty) extended(MMUEXT_NEW_BASEPTR, empty->mfn);
}

static void no_root_entry(void) {
  struct mmu_update request = {.ptr = roots[0] << 12 | 511 * 8, .val = 0};
  extended(MMUEXT_NEW_BASEPTR, roots[0]);
  call(__HYPERVISOR_mmu_update, (uint64_t)&request, 1, 0, DOMID_SELF);
}

static void unmapped_code(void) {
  extern char guest_base[];
  for (unsigned page = 0; page < 64; ++page) {
    call(__HYPERVISOR_update_va_mapping, (uint64_t)guest_base + page * GUEST_PAGE_SIZE, 0, UVMF_INVLPG, 0);
  }
}

static void no_memory(void) {
  const unsigned long* list = (const unsigned long*)start_info->mfn_list;
  for (uint64_t i = 0; i < start_info->nr_pages; ++i) {
    xen_pfn_t mfn = list[i];
    struct xen_memory_reservation one = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(one.extent_start, &mfn);
    call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&one, 0, 0);
  }
  without_handlers();
}

static void asleep(void) {
  lock_events();
  call(__HYPERVISOR_set_timer_op, 0, 0, 0, 0);
  call(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0, 0);
  struct sched_poll op = {.nr_ports = 0, .timeout = 0};
  call(__HYPERVISOR_sched_op, SCHEDOP_poll, (uint64_t)&op, 0, 0);
}

static void processor_off(void) { call(__HYPERVISOR_vcpu_op, VCPUOP_down, 0, 0, 0); }

static void strange_reason(void) {
  struct sched_shutdown op = {.reason = 0xdeadbeef};
  call(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uint64_t)&op, 0, 0);
}

static void (*const deaths[])(void) = {
    without_handlers,
    fault_without_stack,
    iret_without_frame,
    iret_without_user_tables,
    iret_without_failsafe,
    upcall_to_nowhere,
    root_without_us,
    no_root_entry,
    unmapped_code,
    no_memory,
    asleep,
    processor_off,
    strange_reason,
};

// The n-th, from 1 on; 0 is none.
void die(uint64_t which) {
  if (which == 0 || which > sizeof deaths / sizeof deaths[0]) return;
  deaths[which - 1]();
  print("hypercall-storm: still alive\n");
}

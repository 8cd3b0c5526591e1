// Time and sleeping with a limit. Xen keeps the time of its start, and how the time-stamp counter goes on
// from there, in the shared page (public/xen.h, struct vcpu_time_info).
#include "internal.h"

static uint64_t read_counter(void) {
#ifdef RINGSIDE_HOSTED
  return native->read_counter();
#else
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
  return (uint64_t)high << 32 | low;
#endif
}

uint64_t system_time(void) {
  const volatile struct vcpu_time_info* info = &HYPERVISOR_shared_info->vcpu_info[0].time;
  uint32_t version;
  uint64_t result;
  do {
    version = info->version;
    xen_rmb();  // The version before what it covers.
    uint64_t delta = read_counter() - info->tsc_timestamp;
    delta = info->tsc_shift >= 0 ? delta << info->tsc_shift : delta >> -info->tsc_shift;
    result = info->system_time + (uint64_t)(((unsigned __int128)delta * info->tsc_to_system_mul) >> 32);
    xen_rmb();  // All of it before the version is looked at again.
  } while (version & 1 || version != info->version);
  return result;
}

int wait_until_time(int (*condition)(void* data), void* data, uint64_t deadline) {
  for (;;) {
    lock_events();
    const int holds = condition(data);
    if (holds || system_time() >= deadline) {
      unlock_events();
      return holds;
    }
    poll_ports(deadline);
    unlock_events();  // The handlers of what has come run here.
  }
}

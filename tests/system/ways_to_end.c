// A guest for ends.sh: its command line says how it ends, or does not.
#include "guest/runtime.h"

static int never(void* unused) {
  (void)unused;
  return 0;
}

static void print_every_byte(void) {
  for (int value = 1; value < 256; ++value) {
    const char text[2] = {(char)value, 0};
    print("%s", text);
  }
}

void guest_main(void) {
  const char* way = (const char*)start_info->cmd_line;
  print("way: %s\n", way);
  if (!strcmp(way, "wait")) wait_until(never, 0);
  if (!strcmp(way, "spin")) {
    for (;;) __asm__ volatile("pause");
  }
  if (!strcmp(way, "fault")) *(volatile int*)0x123456789000 = 1;
  // With no handler left for the page fault, Xen ends the domain.
  if (!strcmp(way, "no-handler")) {
    hypercall(__HYPERVISOR_set_trap_table, 0, 0, 0, 0);
    *(volatile int*)0x123456789000 = 1;
  }
  if (!strcmp(way, "reboot")) guest_shutdown(SHUTDOWN_reboot);
  if (!strcmp(way, "bytes")) print_every_byte();
}

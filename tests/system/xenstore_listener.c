// A guest that shows what others write for it in XenStore, until that is "end". It waits for nothing else.
#include "guest/runtime.h"

void guest_main(void) {
  char last[64] = "", now[64];
  xenstore_write("data/greeting", "hello from the guest");
  xenstore_watch("data/command", "command");
  print("listening\n");
  while (strcmp(last, "end") != 0) {
    xenstore_wait_for_watch();
    if (xenstore_read("data/command", now, sizeof now) != 0 || strcmp(now, last) == 0) continue;
    memcpy(last, now, sizeof last);
    print("told: %s\n", last);
    xenstore_write("data/answer", last);
  }
}

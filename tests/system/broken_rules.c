// A guest for checkers.sh: it breaks one rule of the checkers as often as its command line says.
#include "guest/runtime.h"

void guest_main(void) {
  for (const char* place = (const char*)start_info->cmd_line; *place == 's'; ++place) {
    struct evtchn_send closed = {.port = 60};
    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&closed, 0, 0);
  }
  print("broken-rules: done\n");
}

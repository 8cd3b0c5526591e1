// What of the runtime for ring-0 programs is another on the host: start, the processor's own interrupts, and
// the string instructions for ports.
#include "guest/hosted/hosted.h"
#include "guest/pc/apic.h"
#include "guest/pc/internal.h"
#include "guest/pc/interrupts.h"
#include "guest/pc/ports.h"

struct machine machine RUNTIME_STATE;
const char program_name[] = "driver";

void hosted_pc_run(void) {
  machine.command_line = hosted_domain->command_line;
  machine.memory_bytes = hosted_domain->memory_bytes;
  console_start();
  pic_start();
  apic_virtual_wire();
  guest_main();
}

void hosted_interrupt(unsigned vector) {
  if (vector >= kIrqVector && vector < kIrqVector + kIrqs) {
    pic_dispatch(vector - kIrqVector);
  } else if (vector != kApicSpuriousVector) {
    local_apic_write(kApicEndOfInterrupt, 0);
  }
}

void in16_repeated(uint16_t port, void* into, uint64_t count) {
  for (uint16_t* at = into; count != 0; --count) *at++ = in16(port);
}
void out16_repeated(uint16_t port, const void* from, uint64_t count) {
  for (const uint16_t* at = from; count != 0; --count) out16(port, *at++);
}

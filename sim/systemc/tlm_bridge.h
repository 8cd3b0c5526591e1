// Puts somebody's own SystemC model on a machine's bus (docs/bring-your-own-model.md). The model knows
// nothing of us: it is any sc_module with a TLM-2.0 target socket, perhaps an interrupt sc_out<bool>, perhaps
// an initiator socket for DMA. It may call wait() in b_transport (the core stands still for that long), and
// it may report errors: an access then fails with a notice, as one that nobody answers.
//
// Construct bridges and models before the machine runs, with its Timeline entered, and keep them as long as
// it lives. This header includes SystemC.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <systemc>

#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/interrupt.h"
#include "sim/systemc/timeline.h"

namespace ringside {

// From our bus to a model: a BusTarget whose accesses are b_transport calls. Addresses in the payload count
// from the start of the mapped range.
class TlmTargetBridge final : public sc_core::sc_module, public BusTarget {
 public:
  TlmTargetBridge(sc_core::sc_module_name module_name, const DeviceSite& site, Timeline& timeline,
                  Clock& clock);

  // Bind it to the model's target socket.
  tlm_utils::simple_initiator_socket<TlmTargetBridge> socket;
  // Bind the model's sc_out<bool> to it; `interrupt` follows. A model may drive it from b_transport, which is
  // the machine's process, and from processes of its own.
  sc_core::sc_signal<bool, sc_core::SC_MANY_WRITERS> interrupt_signal;
  InterruptPin interrupt;

  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

 private:
  bool transport(tlm::tlm_command command, uint64_t offset, unsigned size, uint8_t* bytes);
  void follow_interrupt();

  const DeviceSite site_;
  Timeline& timeline_;
  Clock& clock_;
};

// From a model that masters the bus to memory: bind its initiator socket here. Addresses are physical; an
// access outside of memory gets TLM_ADDRESS_ERROR_RESPONSE.
class TlmDmaBridge final : public sc_core::sc_module {
 public:
  TlmDmaBridge(sc_core::sc_module_name module_name, DmaPort& dma);
  tlm_utils::simple_target_socket<TlmDmaBridge> socket;

 private:
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  DmaPort& dma_;
};

}  // namespace ringside

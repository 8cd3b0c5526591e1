// Somebody's own SystemC model on the board of a machine's PC (docs/bring-your-own-model.md), for tests of a
// driver whose hardware is a model. The only header of ours that includes SystemC: link Ringside::systemc.
//
//   m.models([](const std::string& domain, TlmBoard& board) {
//     auto timer = std::make_shared<Timer>("timer");            // yours: an sc_module, any
//     board.memory("timer", 0xd0000000, 0x1000, timer->registers);
//     board.interrupt("timer", timer->interrupt, 10);
//     return timer;                                             // lives as long as the machine
//   });
//
// Each access is then a crossing on "mmio/timer", the line is "irq/10", and both are in the session.
#pragma once

#include <tlm>

#include <cstdint>
#include <memory>
#include <string>
#include <systemc>

#include "ringside/export.h"
#include "ringside/machine.h"

namespace ringside::test {

// Names are of the wires and of what notices say; what has one name is one device's.
class RINGSIDE_API TlmBoard {
 public:
  using TargetSocket = tlm::tlm_base_target_socket_b<32>;
  using InitiatorSocket = tlm::tlm_base_initiator_socket_b<32>;

  // Registers in physical memory outside of RAM, or ports. Addresses in the payload count from the start.
  void memory(const std::string& name, uint64_t address, uint64_t size, TargetSocket& socket);
  void ports(const std::string& name, uint16_t first, uint16_t count, TargetSocket& socket);
  // The model's interrupt to a line from 0 to 15. After its registers.
  void interrupt(const std::string& name, sc_core::sc_out<bool>& output, unsigned line);
  // A model that masters the bus: physical addresses.
  void master(const std::string& name, InitiatorSocket& socket);

  struct Impl;
  explicit TlmBoard(Impl& impl) : impl_(impl) {}

 private:
  Impl& impl_;
};

}  // namespace ringside::test

// SystemC models as somebody else would write them: they include no header of Ringside and know nothing of
// it.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include <cstdint>
#include <cstring>
#include <systemc>

namespace foreign {

// Four words of memory and an interrupt: a write to word 3 sets the line to its lowest bit.
struct Plain : sc_core::sc_module {
  tlm_utils::simple_target_socket<Plain> registers;
  sc_core::sc_out<bool> interrupt;
  uint32_t words[4] = {0x1234'5678, 0, 0, 0};

  explicit Plain(sc_core::sc_module_name name)
      : sc_module(name), registers("registers"), interrupt("interrupt") {
    registers.register_b_transport(this, &Plain::transport);
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    if (payload.get_address() + payload.get_data_length() > sizeof words) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      return;
    }
    uint8_t* place = reinterpret_cast<uint8_t*>(words) + payload.get_address();
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), place, payload.get_data_length());
    if (payload.is_write()) std::memcpy(place, payload.get_data_ptr(), payload.get_data_length());
    if (payload.is_write() && payload.get_address() == 12) interrupt.write((words[3] & 1) != 0);
    delay += sc_core::sc_time(100, sc_core::SC_NS);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

// Takes its time: each access waits for 5 us, as a model of a slow bus does.
struct Waiting : sc_core::sc_module {
  tlm_utils::simple_target_socket<Waiting> registers;
  uint32_t accesses = 0;

  explicit Waiting(sc_core::sc_module_name name) : sc_module(name), registers("registers") {
    registers.register_b_transport(this, &Waiting::transport);
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    sc_core::wait(5, sc_core::SC_US);
    ++accesses;
    std::memset(payload.get_data_ptr(), 0, payload.get_data_length());
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), &accesses, 4);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

// Reports an error at each access, as a model with an unfinished register does.
struct Failing : sc_core::sc_module {
  tlm_utils::simple_target_socket<Failing> registers;

  explicit Failing(sc_core::sc_module_name name) : sc_module(name), registers("registers") {
    registers.register_b_transport(this, &Failing::transport);
  }
  void transport(tlm::tlm_generic_payload&, sc_core::sc_time&) {
    SC_REPORT_ERROR("foreign/failing", "this register is not modelled");
  }
};

// Masters the bus: a write of an address to its register makes it, 20 us later, add one to the word there,
// store it behind, and pull its interrupt line. Word 1 tells how the last transfer ended: 1 well, 2 not.
struct Master : sc_core::sc_module {
  tlm_utils::simple_target_socket<Master> registers;
  tlm_utils::simple_initiator_socket<Master> bus;
  sc_core::sc_out<bool> interrupt;
  sc_core::sc_event asked;
  uint64_t address = 0;
  uint32_t status = 0;

  SC_HAS_PROCESS(Master);
  explicit Master(sc_core::sc_module_name name)
      : sc_module(name), registers("registers"), bus("bus"), interrupt("interrupt") {
    registers.register_b_transport(this, &Master::transport);
    SC_THREAD(serve);
  }
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (payload.is_read()) {
      std::memset(payload.get_data_ptr(), 0, payload.get_data_length());
      std::memcpy(payload.get_data_ptr(), &status, 4);
      return;
    }
    address = 0;
    std::memcpy(&address, payload.get_data_ptr(), payload.get_data_length());
    status = 0;
    interrupt.write(false);
    asked.notify(20, sc_core::SC_US);
  }
  bool transfer(tlm::tlm_command command, uint64_t at, uint32_t& word) {
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(at);
    payload.set_data_ptr(reinterpret_cast<uint8_t*>(&word));
    payload.set_data_length(4);
    payload.set_streaming_width(4);
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    bus->b_transport(payload, delay);
    return payload.is_response_ok();
  }
  void serve() {
    for (;;) {
      wait(asked);
      uint32_t word = 0;
      const bool done = transfer(tlm::TLM_READ_COMMAND, address, word) &&
                        transfer(tlm::TLM_WRITE_COMMAND, address + 4, ++word);
      status = done ? 1 : 2;
      interrupt.write(true);
    }
  }
};

}  // namespace foreign

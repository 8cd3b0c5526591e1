#include "sim/systemc/tlm_bridge.h"

#include <fmt/format.h>

#include <cstring>

namespace ringside {

TlmTargetBridge::TlmTargetBridge(sc_core::sc_module_name module_name, const DeviceSite& site,
                                 Timeline& timeline, Clock& clock)
    : sc_core::sc_module(module_name),
      socket("socket"),
      interrupt_signal("interrupt"),
      site_(site),
      timeline_(timeline),
      clock_(clock) {
  SC_HAS_PROCESS(TlmTargetBridge);
  SC_METHOD(follow_interrupt);
  sensitive << interrupt_signal;
  dont_initialize();
}

void TlmTargetBridge::follow_interrupt() { interrupt.set(interrupt_signal.read()); }

bool TlmTargetBridge::transport(tlm::tlm_command command, uint64_t offset, unsigned size, uint8_t* bytes) {
  tlm::tlm_generic_payload payload;
  payload.set_command(command);
  payload.set_address(offset);
  payload.set_data_ptr(bytes);
  payload.set_data_length(size);
  payload.set_streaming_width(size);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  const char* const what = command == tlm::TLM_READ_COMMAND ? "read" : "write";
  // The model's wait() and its notifications count from SystemC's time.
  timeline_.catch_up_modules();
  const uint64_t began = sc_core::sc_time_stamp().value();
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  try {
    socket->b_transport(payload, delay);
  } catch (const std::exception& error) {
    // An SC_REPORT_ERROR: it must not unwind through the core's frames.
    site_.notice(NoticeKind::unusual,
                 fmt::format("the model reported an error at a {} of {} bytes at offset {:#x}: {}", what,
                             size, offset, error.what()));
    payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
  }
  clock_.now += Tick{sc_core::sc_time_stamp().value() - began + delay.value()};
  if (payload.is_response_ok()) return true;
  if (payload.get_response_status() != tlm::TLM_GENERIC_ERROR_RESPONSE) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("the model answered a {} of {} bytes at offset {:#x} with {}", what, size,
                             offset, payload.get_response_string()));
  }
  return false;
}

uint64_t TlmTargetBridge::read(uint64_t offset, unsigned size) {
  uint8_t bytes[8] = {};
  if (!transport(tlm::TLM_READ_COMMAND, offset, size, bytes)) return ~0ull;
  uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void TlmTargetBridge::write(uint64_t offset, unsigned size, uint64_t value) {
  uint8_t bytes[8];
  std::memcpy(bytes, &value, sizeof value);
  transport(tlm::TLM_WRITE_COMMAND, offset, size, bytes);
}

TlmDmaBridge::TlmDmaBridge(sc_core::sc_module_name module_name, DmaPort& dma)
    : sc_core::sc_module(module_name), socket("socket"), dma_(dma) {
  socket.register_b_transport(this, &TlmDmaBridge::transport);
}

void TlmDmaBridge::transport(tlm::tlm_generic_payload& payload, sc_core::sc_time&) {
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
    return;
  }
  if (payload.get_streaming_width() < payload.get_data_length()) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  const std::span<uint8_t> bytes(payload.get_data_ptr(), payload.get_data_length());
  const GuestPhys address{payload.get_address()};
  bool done = true;
  if (payload.is_read()) done = dma_.read(address, bytes);
  if (payload.is_write()) done = dma_.write(address, bytes);
  payload.set_response_status(done ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

}  // namespace ringside

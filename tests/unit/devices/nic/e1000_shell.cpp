// The controller's shell as a foreign SystemC platform would use it: a TLM-2.0 initiator in an SC_THREAD
// sends a frame and hears of it by the interrupt port. The generic shell's own rules are tested with the
// UART.
#include "devices/nic/e1000_shell.h"
#include "tests/support/simulation_shell.h"

#include <tlm_utils/simple_initiator_socket.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

// SystemC's library wants one; a platform that is built around the shell has it.
[[gnu::visibility("default")]] int sc_main(int, char*[]) { return 0; }

using namespace ringside;

namespace {

struct Driver : sc_core::sc_module {
  SC_HAS_PROCESS(Driver);
  tlm_utils::simple_initiator_socket<Driver> socket{"socket"};
  sc_core::sc_in<bool> interrupt{"interrupt"};
  bool interrupted = false;

  explicit Driver(sc_core::sc_module_name module_name) : sc_core::sc_module(module_name) { SC_THREAD(main); }

  void access(bool write, uint64_t offset, uint32_t& value) {
    tlm::tlm_generic_payload transaction;
    transaction.set_command(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    transaction.set_address(offset);
    transaction.set_data_ptr(reinterpret_cast<uint8_t*>(&value));
    transaction.set_data_length(4);
    transaction.set_streaming_width(4);
    transaction.set_byte_enable_ptr(nullptr);
    transaction.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    sc_core::sc_time delay;
    socket->b_transport(transaction, delay);
    REQUIRE(transaction.get_response_status() == tlm::TLM_OK_RESPONSE);
  }
  void w(uint64_t offset, uint32_t value) { access(true, offset, value); }
  uint32_t r(uint64_t offset) {
    uint32_t value = 0;
    access(false, offset, value);
    return value;
  }

  void main() {
    w(0x0000, 0x249);  // CTRL.SLU
    wait(sc_core::sc_time(2, sc_core::SC_SEC));
    REQUIRE((r(0x0008) & 2) != 0);
    r(0x00c0);
    w(0x00d0, 1);  // IMS: TXDW
    w(0x3800, 0x1000);
    w(0x3808, 128);
    w(0x0400, 0x4010a);
    w(0x3818, 1);
    wait(interrupt.posedge_event());
    interrupted = true;
    CHECK((r(0x00c0) & 1) != 0);
  }
};

}  // namespace

TEST_CASE("a TLM initiator sends a frame, and the interrupt reaches the signal") {
  Simulation simulation;
  auto memory = std::move(*Memory::create(GuestPhys{0}, 1 << 20));
  std::vector<uint8_t> frame(60, 0xaa);
  std::fill_n(frame.begin(), 6, uint8_t{0xff});
  memory->write(GuestPhys{0x8000}, frame.data(), frame.size());
  memory->store<uint64_t>(GuestPhys{0x1000}, 0x8000);
  memory->store<uint64_t>(GuestPhys{0x1008}, 60 | 0x0bu << 24);

  E1000Shell nic("nic", E1000Config{}, *memory);
  Driver driver("driver");
  sc_core::sc_signal<bool> irq("irq");
  driver.socket.bind(nic.socket);
  nic.interrupt.bind(irq);
  driver.interrupt.bind(irq);
  std::vector<std::vector<uint8_t>> sent;
  nic.core.cable.set_receiver(
      [&](std::span<const uint8_t> bytes) { sent.emplace_back(bytes.begin(), bytes.end()); });
  sc_core::sc_start(sc_core::sc_time(3, sc_core::SC_SEC));
  CHECK(driver.interrupted);
  REQUIRE(sent.size() == 1);
  CHECK(sent[0] == frame);
}

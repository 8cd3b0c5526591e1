// The UART's shell as a foreign SystemC platform would use it: a TLM-2.0 initiator in an SC_THREAD, an
// sc_signal at the interrupt port, and no run loop of ours. What a temporally decoupled platform makes of the
// annotated delay is its own.
#include "devices/uart/uart_shell.h"
#include "tests/support/simulation_shell.h"

#include <tlm_utils/simple_initiator_socket.h>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

// SystemC's library wants one; a platform that is built around the shell has it.
[[gnu::visibility("default")]] int sc_main(int, char*[]) { return 0; }

namespace {

using ringside::Simulation;
using ringside::Uart;
using ringside::UartShell;
using sc_core::sc_time;

struct Driver : sc_core::sc_module {
  SC_HAS_PROCESS(Driver);
  tlm_utils::simple_initiator_socket<Driver> socket{"socket"};
  sc_core::sc_in<bool> interrupt{"interrupt"};
  std::function<void(Driver&)> program;
  std::vector<std::pair<bool, sc_time>> edges;

  explicit Driver(sc_core::sc_module_name module_name) : sc_core::sc_module(module_name) {
    SC_THREAD(main);
    SC_METHOD(watch);
    sensitive << interrupt;
    dont_initialize();
  }
  void main() { program(*this); }
  void watch() { edges.emplace_back(interrupt.read(), sc_core::sc_time_stamp()); }

  tlm::tlm_response_status transport(tlm::tlm_command command, uint64_t address, uint8_t* data,
                                     unsigned length, sc_time delay = sc_core::SC_ZERO_TIME) {
    tlm::tlm_generic_payload transaction;
    transaction.set_command(command);
    transaction.set_address(address);
    transaction.set_data_ptr(data);
    transaction.set_data_length(length);
    transaction.set_streaming_width(length);
    transaction.set_byte_enable_ptr(nullptr);
    transaction.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    socket->b_transport(transaction, delay);
    return transaction.get_response_status();
  }
  void out(uint64_t address, uint8_t value) {
    REQUIRE(transport(tlm::TLM_WRITE_COMMAND, address, &value, 1) == tlm::TLM_OK_RESPONSE);
  }
  uint8_t in(uint64_t address) {
    uint8_t value = 0;
    REQUIRE(transport(tlm::TLM_READ_COMMAND, address, &value, 1) == tlm::TLM_OK_RESPONSE);
    return value;
  }
};

struct Platform {
  explicit Platform(std::function<void(Driver&)> program) {
    driver.program = std::move(program);
    driver.socket.bind(uart.socket);
    uart.interrupt.bind(irq);
    driver.interrupt.bind(irq);
    uart.core.set_output([this](uint8_t byte) { sent.emplace_back(byte, sc_core::sc_time_stamp()); });
  }
  void run() { sc_core::sc_start(sc_time(1, sc_core::SC_SEC)); }

  UartShell uart{"uart"};
  Driver driver{"driver"};
  sc_core::sc_signal<bool> irq{"irq"};
  std::vector<std::pair<uint8_t, sc_time>> sent;
};

sc_time picoseconds(double n) { return {n, sc_core::SC_PS}; }

}  // namespace

TEST_CASE("a TLM initiator sends and receives, and the interrupt reaches the signal") {
  Simulation simulation;
  std::string received;
  UartShell* shell = nullptr;
  Platform platform([&](Driver& driver) {
    driver.out(3, 0x80);
    driver.out(0, 1);
    driver.out(1, 0);
    driver.out(3, 0x03);
    driver.out(4, 0x0b);
    driver.out(1, 0x01);
    driver.out(0, 'x');
    wait(driver.interrupt.posedge_event());
    // The character that `act` lets arrive below: 86.8 us from its start.
    CHECK(sc_core::sc_time_stamp() == picoseconds(100e6 + 86'805'555));
    CHECK(driver.in(2) == 0x04);
    received += static_cast<char>(driver.in(0));
    wait(sc_core::SC_ZERO_TIME);
    wait(sc_core::SC_ZERO_TIME);
    CHECK_FALSE(driver.interrupt.read());
  });
  shell = &platform.uart;
  struct Typist : sc_core::sc_module {
    SC_HAS_PROCESS(Typist);
    UartShell& uart;
    Typist(sc_core::sc_module_name module_name, UartShell& target)
        : sc_core::sc_module(module_name), uart(target) {
      SC_THREAD(main);
    }
    void main() {
      wait(sc_time(100, sc_core::SC_US));
      uart.act([](Uart& core) {
        const uint8_t typed[] = {'k'};
        core.receive(typed);
      });
    }
  } typist("typist", *shell);
  platform.run();
  CHECK(received == "k");
  REQUIRE(platform.sent.size() == 1);
  CHECK(platform.sent[0].first == 'x');
  CHECK(platform.sent[0].second == picoseconds(8'680'555 + 86'805'555));  // with nobody asking in between
  CHECK(platform.driver.edges.size() == 2);
}

TEST_CASE("an annotated delay is waited for before the access") {
  Simulation simulation;
  Platform platform([](Driver& driver) {
    uint8_t value = 0x5a;
    CHECK(driver.transport(tlm::TLM_WRITE_COMMAND, 7, &value, 1, sc_time(3, sc_core::SC_US)) ==
          tlm::TLM_OK_RESPONSE);
    CHECK(sc_core::sc_time_stamp() == sc_time(3, sc_core::SC_US));
  });
  platform.run();
  CHECK(platform.uart.core.read(7, 1) == 0x5a);
}

TEST_CASE("a transaction of several bytes is split, and what the socket cannot do is refused") {
  Simulation simulation;
  Platform platform([](Driver& driver) {
    uint8_t pair[2] = {0x80, 0x0b};
    CHECK(driver.transport(tlm::TLM_WRITE_COMMAND, 3, pair, 2) == tlm::TLM_OK_RESPONSE);
    uint8_t all[8] = {};
    CHECK(driver.transport(tlm::TLM_READ_COMMAND, 0, all, 8) == tlm::TLM_OK_RESPONSE);
    CHECK(std::vector<uint8_t>(all, all + 8) == std::vector<uint8_t>{12, 0, 0x01, 0x80, 0x0b, 0x60, 0xb0, 0});
    CHECK(driver.transport(tlm::TLM_READ_COMMAND, 8, all, 1) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(driver.transport(tlm::TLM_READ_COMMAND, 7, all, 2) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(driver.transport(tlm::TLM_READ_COMMAND, ~0ull, all, 2) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    CHECK(driver.transport(tlm::TLM_READ_COMMAND, 0, all, 0) == tlm::TLM_BURST_ERROR_RESPONSE);
    CHECK(driver.transport(tlm::TLM_IGNORE_COMMAND, 0, all, 1) == tlm::TLM_COMMAND_ERROR_RESPONSE);
  });
  platform.run();
}

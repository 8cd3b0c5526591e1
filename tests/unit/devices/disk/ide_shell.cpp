// The disk's shell as a foreign SystemC platform would use it: a TLM-2.0 initiator in an SC_THREAD reads a
// sector by DMA and waits for the interrupt at the port. Time there is SystemC's.
#include "devices/disk/ide_shell.h"

#include <tlm_utils/simple_initiator_socket.h>

#include <functional>

#include "tests/support/simulation_shell.h"
#include "tests/unit/devices/disk/disk_bench.h"

// SystemC's library wants one; a platform that is built around the shell has it.
[[gnu::visibility("default")]] int sc_main(int, char*[]) { return 0; }

namespace {

using namespace ringside;

struct Driver : sc_core::sc_module {
  SC_HAS_PROCESS(Driver);
  tlm_utils::simple_initiator_socket<Driver> socket{"socket"};
  sc_core::sc_in<bool> interrupt{"interrupt"};
  std::function<void(Driver&)> program;

  explicit Driver(sc_core::sc_module_name module_name) : sc_core::sc_module(module_name) { SC_THREAD(main); }
  void main() { program(*this); }

  void access(tlm::tlm_command command, uint64_t address, void* data, unsigned length) {
    tlm::tlm_generic_payload transaction;
    sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
    transaction.set_command(command);
    transaction.set_address(address);
    transaction.set_data_ptr(static_cast<unsigned char*>(data));
    transaction.set_data_length(length);
    transaction.set_streaming_width(length);
    transaction.set_byte_enable_ptr(nullptr);
    transaction.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    socket->b_transport(transaction, delay);
    REQUIRE(transaction.get_response_status() == tlm::TLM_OK_RESPONSE);
  }
  void out(uint64_t address, uint8_t value) { access(tlm::TLM_WRITE_COMMAND, address, &value, 1); }
  void out32(uint64_t address, uint32_t value) { access(tlm::TLM_WRITE_COMMAND, address, &value, 4); }
  uint8_t in(uint64_t address) {
    uint8_t value = 0;
    access(tlm::TLM_READ_COMMAND, address, &value, 1);
    return value;
  }
};

}  // namespace

TEST_CASE("A TLM initiator reads a sector by DMA, and the interrupt reaches the signal", "[disk][systemc]") {
  DiskBench bench;  // for its image file
  Simulation simulation;
  DiskImageConfig image;
  image.name = "disk0";
  image.path = (bench.folder / "disk0").string();
  AtaDriveConfig drive;
  drive.name = "disk0";
  IdeShell ide("ide0", image, drive);
  REQUIRE(ide.core.failure().empty());
  Driver driver("driver");
  sc_core::sc_signal<bool> irq("irq");
  driver.socket.bind(ide.socket);
  driver.interrupt.bind(irq);
  ide.interrupt.bind(irq);

  Bytes got(512);
  sc_core::sc_time ended;
  driver.program = [&](Driver& cpu) {
    const uint32_t descriptor[] = {0x4000, 0x80000200};
    REQUIRE(ide.core.memory()->write(GuestPhys{0x1000}, descriptor, sizeof descriptor));
    CHECK(cpu.in(8) == 0x50);
    CHECK(cpu.in(0x0c) == 0xff);  // nothing is there
    cpu.out32(0x14, 0x1000);
    cpu.out(6, 0xe0);
    cpu.out(2, 1);
    cpu.out(3, 42);
    cpu.out(7, 0xc8);
    cpu.out(0x10, 0x09);
    sc_core::wait(cpu.interrupt.posedge_event());
    ended = sc_core::sc_time_stamp();
    CHECK(cpu.in(0x12) == 0x04);
    CHECK(cpu.in(7) == 0x50);
    REQUIRE(ide.core.memory()->read(GuestPhys{0x4000}, got.data(), got.size()));
  };
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_SEC));
  CHECK(got == disk_sectors(42, 1));
  // At least the drive's overhead, the medium's command and seek, and 256 words of 120 ns.
  CHECK(ended > sc_core::sc_time(10 + 20 + 50 + 30, sc_core::SC_US));
  CHECK(ended < sc_core::sc_time(1, sc_core::SC_MS));
}

TEST_CASE("A shell without an image has an empty channel and says why", "[disk][systemc]") {
  Simulation simulation;
  DiskImageConfig image;
  image.name = "disk0";
  image.path = "/nonexistent/disk.img";
  IdeShell ide("ide0", image, AtaDriveConfig{});
  CHECK(ide.core.failure().find("/nonexistent/disk.img") != std::string::npos);
  CHECK(ide.core.read(7, 1) == 0x7f);
}

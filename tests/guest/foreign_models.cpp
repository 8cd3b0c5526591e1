// Somebody else's SystemC models on the machine's bus, driven by a real guest: a plain target with an
// interrupt, one that calls wait() in b_transport, one that reports an SC_ERROR there, one that masters the
// bus. The models include no header of ours. Proves that the guest sees each as a device of the board, that
// virtual time counts their waiting, and that two runs are equal. Cannot show: models that never return.
#include "tests/guest/foreign_models.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "machine/machine.h"
#include "machine/pc/pc_board.h"
#include "sim/systemc/tlm_bridge.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

struct Models {
  explicit Models(PcBoard& board)
      : plain_bridge("plain_bridge", board.site("plain"), board.timeline(), board.timeline().clock()),
        waiting_bridge("waiting_bridge", board.site("waiting"), board.timeline(), board.timeline().clock()),
        failing_bridge("failing_bridge", board.site("failing"), board.timeline(), board.timeline().clock()),
        master_bridge("master_bridge", board.site("master"), board.timeline(), board.timeline().clock()),
        master_dma("master_dma", board.dma("master")) {
    plain_bridge.socket.bind(plain.registers);
    plain.interrupt.bind(plain_bridge.interrupt_signal);
    waiting_bridge.socket.bind(waiting.registers);
    failing_bridge.socket.bind(failing.registers);
    master_bridge.socket.bind(master.registers);
    master.interrupt.bind(master_bridge.interrupt_signal);
    master.bus.bind(master_dma.socket);
    board.memory_bus().map("plain", 0xd0000000, 0x1000, plain_bridge);
    board.memory_bus().map("waiting", 0xd0001000, 0x1000, waiting_bridge);
    board.memory_bus().map("failing", 0xd0002000, 0x1000, failing_bridge);
    board.memory_bus().map("master", 0xd0003000, 0x1000, master_bridge);
    board.platform().connect(plain_bridge.interrupt, 10);
    board.platform().connect(master_bridge.interrupt, 11);
  }
  foreign::Plain plain{"plain"};
  foreign::Waiting waiting{"waiting"};
  foreign::Failing failing{"failing"};
  foreign::Master master{"master"};
  TlmTargetBridge plain_bridge, waiting_bridge, failing_bridge, master_bridge;
  TlmDmaBridge master_dma;
};

constexpr const char* kScenario = R"(name = "foreign"
[[domain]]
personality = "bare"
memory = "16M"
kernel = "foreign-driver.elf"
[check]
allow = ["dma/outside_ram"]  # it makes the foreign master miss, to see it refused
[expect]
shutdown = "poweroff"
within = "5s"
)";

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Run {
  RunReport report;
  std::string console, session, vcd;
};

Run run_models() {
  const auto folder =
      std::filesystem::temp_directory_path() / ("ringside-foreign-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  auto scenario =
      parse_scenario(kScenario, "foreign", {{"domain.kernel", RINGSIDE_GUESTS "/foreign-driver.elf"}});
  REQUIRE(scenario);
  Run run;
  std::unique_ptr<Machine> machine;
  std::unique_ptr<Models> models;  // goes before the machine, whose simulation they belong to
  MachineOptions options;
  options.record_to = (folder / "s.pcapng").string();
  options.vcd_to = (folder / "s.vcd").string();
  options.on_console = [&](const std::string&, std::span<const uint8_t> bytes) {
    run.console.append(bytes.begin(), bytes.end());
  };
  options.customize_board = [&](const std::string&, PcBoard& board) {
    models = std::make_unique<Models>(board);
  };
  auto made = Machine::create(*scenario, options);
  REQUIRE(made);
  machine = std::move(*made);
  const auto report = machine->run();
  INFO((report ? std::string() : report.error().message));
  REQUIRE(report);
  run.report = *report;
  run.session = contents(options.record_to);
  run.vcd = contents(options.vcd_to);
  std::filesystem::remove_all(folder);
  return run;
}

}  // namespace

TEST_CASE("models that know nothing of us are devices of the machine") {
  const Run first = run_models();
  INFO(first.console);
  CHECK(first.report.exit_code == ExitCode::ok);
  CHECK(first.report.reason == "poweroff");
  CHECK_THAT(first.console, Contains("foreign-driver: PASS"));
  CHECK_THAT(first.session, Contains("this register is not modelled"));
  // Their interrupt lines are in the VCD file as everybody's.
  CHECK_THAT(first.vcd, Contains("irq10") && Contains("irq11") && Contains("$timescale"));

  const Run second = run_models();
  CHECK(second.report.at == first.report.at);
  CHECK(second.session == first.session);
}

// A PC: a whole x86-64 core, its memory, the platform of QEMU's `pc` board, and the devices that the scenario
// gives it. pc_environment.h is what the core sees, pc_devices.cpp puts the devices on their buses,
// pc_boot.cpp brings the first instruction about.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "boot/acpi.h"
#include "boot/boot.h"
#include "boot/fw_cfg.h"
#include "cpu/native_cpu.h"
#include "devices/platform/platform.h"
#include "devices/uart/uart.h"
#include "machine/guest.h"
#include "machine/hosted/hosted_cpu.h"
#include "machine/pc/pc_board.h"
#include "machine/pc/pc_environment.h"
#include "machine/scenario.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class DiskImage;
class E1000;
class IdeController;
class Networks;

// The files of a [[domain]], in memory; empty where it names none.
struct PcFiles {
  std::vector<uint8_t> kernel, ramdisk, firmware, symbols;
};

// What a PC is made from, besides its own scenario.
struct PcSurroundings {
  const Scenario& scenario;
  Timeline& timeline;
  Wiring& wiring;
  std::vector<std::pair<const DiskScenario*, DiskImage*>> disks;  // this domain's
  Networks& networks;
  std::function<void(std::span<const uint8_t>)> console;
  // Puts somebody's own models on the board before the guest starts; may be empty.
  std::function<void(PcBoard&)> customize;
  // Of a hosted PC: what runs in the place of a kernel.
  HostedProgram program;
};

class PcGuest final : public Guest {
 public:
  static Result<std::unique_ptr<PcGuest>> create(const DomainScenario& domain, PcFiles files,
                                                 const PcSurroundings& surroundings);
  ~PcGuest() override;

  Cpu& cpu() override { return *cpu_; }
  NativeCpu& native_cpu() { return *cpu_; }
  bool runnable() const override { return !ended_ && !cpu_->halted(); }
  Exit run(Tick horizon) override;
  void end_run_soon() override { cpu_->bring_deadline_forward(surroundings_.timeline.clock().now); }
  NativeCpu* debuggable() override { return hosted_ == nullptr ? cpu_.get() : nullptr; }
  Exit step(Tick horizon) override;
  void handle_exit(const Exit& exit) override;
  const GuestEnd* end() const override { return ended_ ? &end_ : nullptr; }
  bool take_input(const std::string& wire, const std::vector<uint8_t>& bytes) override;
  uint64_t notices() const override;
  Notices& notice_sink() override { return notices_; }
  void list_components(Components& into) const override;
  Memory* memory() override { return memory_.get(); }
  PcBoard& board() { return *board_; }
  // Null unless its program runs on the host.
  const HostedCpu* hosted() const { return hosted_; }

 private:
  PcGuest(const DomainScenario& domain, PcFiles files, const PcSurroundings& surroundings);

  // --- pc_boot.cpp ---
  Result<> make_memory_and_core();
  Result<> boot();
  Result<> start_hosted();
  Result<GuestPhys> do_firmwares_work();
  void add_firmware_config();
  AcpiConfig acpi_config() const;
  // --- pc_devices.cpp ---
  void make_platform();
  void make_uarts();
  Result<> make_ide();
  Result<> make_nics();

  Tick bound(Tick horizon);
  void end_by(std::string way, std::string text);

  const DomainScenario& domain_;
  const PcFiles files_;
  const PcSurroundings surroundings_;
  Notices notices_;
  const DeviceSite site_;
  std::unique_ptr<Memory> memory_;
  Bus ports_;
  Bus mmio_;
  PcEnvironment environment_;
  std::unique_ptr<NativeCpu> cpu_;
  HostedCpu* hosted_ = nullptr;  // the core, where it is one
  BootState entry_;
  std::unique_ptr<Platform> platform_;
  std::unique_ptr<PcBoard> board_;
  std::unique_ptr<FwCfg> firmware_config_;  // with firmware only
  struct SerialPort {
    const UartScenario* scenario = nullptr;
    std::unique_ptr<Uart> uart;
  };
  std::vector<SerialPort> uarts_;
  std::unique_ptr<IdeController> ide_;
  struct Nic {
    std::string name;
    std::unique_ptr<E1000> controller;
  };
  std::vector<Nic> nics_;

  bool ended_ = false;
  GuestEnd end_;
};

}  // namespace ringside

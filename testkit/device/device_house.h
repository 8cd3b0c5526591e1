// The inside of a DeviceBench: buses, memory for DMA, PCI, interrupt lines, and the devices with what stands
// behind them. For testkit/device/*.cpp only.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "devices/disk/ide_controller.h"
#include "devices/nic/e1000.h"
#include "devices/pci/pci_bus.h"
#include "devices/uart/uart.h"
#include "host/disk_image.h"
#include "host/network/network.h"
#include "host/network/responder.h"
#include "ringside/device.h"
#include "sim/bus.h"
#include "sim/dma.h"
#include "testkit/device/bench_house.h"

namespace ringside::test::house {

// Ports, or physical memory outside of RAM.
struct RegisterSpace {
  RegisterSpace(Bench& the_bench, ringside::Bus::Space space, const char* name)
      : bench(the_bench),
        bus(space, the_bench.site(name)),
        access_time(to_tick(the_bench.options.access_time)) {}

  uint64_t read(uint64_t address, unsigned size) {
    pass_time();
    return bus.read(address, size);
  }
  void write(uint64_t address, unsigned size, uint64_t value) {
    pass_time();
    bus.write(address, size, value);
  }

  Bench& bench;
  ringside::Bus bus;
  const Tick access_time;

 private:
  // A driver that polls while time stands still would do so for ever.
  static constexpr uint64_t kAccessesInPlaceMax = 10'000'000;
  void pass_time() {
    if (access_time.ps != 0) return bench.advance_to(bench.clock.now + access_time);
    if (++bench.accesses_in_place > kAccessesInPlaceMax) [[unlikely]]
      too_many();
  }
  [[noreturn]] static void too_many();
};

// Memory that the test has given to devices.
class Allocations {
 public:
  explicit Allocations(uint64_t size) : size_(size) {}
  // Error: no room.
  uint64_t allocate(uint64_t bytes, uint64_t alignment);
  void free(uint64_t address);
  // Given by address, whether allocated or not.
  void give(uint64_t address, uint64_t bytes);
  bool holds(uint64_t address, uint64_t bytes) const;

 private:
  const uint64_t size_;
  uint64_t next_ = 4096;                    // address 0 is nobody's
  std::map<uint64_t, uint64_t> given_;      // first -> end
  std::multimap<uint64_t, uint64_t> free_;  // bytes -> first
};

struct DeviceBench final : Bench {
  explicit DeviceBench(const BenchOptions& options);
  ~DeviceBench() override;

  Memory* ram() override { return memory.get(); }
  Memory& need_ram();
  PciBus& need_pci();
  Line& line(unsigned number);
  void add_violations(std::vector<Violation>& to) const override;

  RegisterSpace ports{*this, ringside::Bus::Space::ports, "pio"};
  RegisterSpace mmio{*this, ringside::Bus::Space::memory, "mmio"};
  std::unique_ptr<Memory> memory;
  Allocations allocations{options.memory};
  std::unique_ptr<PciBus> pci;
  unsigned next_pci_device = 3;  // as on our PC: 1 is the south bridge
  std::map<unsigned, std::unique_ptr<Line>> lines;

  // Transfers that touched memory which is nobody's.
  struct StrayTap final : Tap {
    explicit StrayTap(DeviceBench& the_bench) : bench(the_bench) {}
    void on_crossing(const Wire& wire, ringside::Crossing& crossing, Verdict& verdict) override;
    DeviceBench& bench;
    std::vector<Violation> seen;
  };
  std::unique_ptr<StrayTap> stray;
};

struct Uart {
  Uart(DeviceBench& the_bench, const UartOptions& options);
  ~Uart();
  DeviceBench& bench;
  ringside::Uart core;
  Line& line;
  ringside::Bus::Mapping mapping;
  std::string sent;
};

// A medium, and the model of the disk in front of it.
struct Disk {
  std::unique_ptr<DiskImage> image;
};
std::unique_ptr<Disk> make_disk(Bench& bench, const std::string& name, const std::string& path,
                                uint64_t sectors);

struct Ide {
  Ide(DeviceBench& the_bench, const std::string& name);
  ~Ide();
  DeviceBench& bench;
  DmaPort dma;
  std::array<bool, 4> taken{};
  std::vector<std::unique_ptr<test::Disk>> disks;  // before the controller, which refers to them
  IdeController core;
};

struct Nic {
  Nic(DeviceBench& the_bench, const NicOptions& options, unsigned device);
  ~Nic();
  DeviceBench& bench;
  const unsigned device;
  const uint16_t port_base;
  DmaPort dma;
  EthernetSwitch network;
  SwitchPort& port;
  SwitchPort& peer;
  E1000 core;
  Line& line;
  std::vector<std::unique_ptr<Responder>> responders;
  std::vector<Mac> responder_macs;
  std::vector<Frame> sent;
};

}  // namespace ringside::test::house

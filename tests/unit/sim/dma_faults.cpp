// Proves what a fault makes of a device's transfer: failed, elsewhere, shorter, longer.
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>

#include "sim/dma.h"

using namespace ringside;

namespace {

struct Bench {
  Bench() { wiring.add_tap(fault, "dom1/dma/nic0"); }
  ~Bench() { wiring.remove_tap(fault); }
  struct Fault : Tap {
    std::function<void(DmaRecord&, Verdict&)> act = [](DmaRecord&, Verdict&) {};
    void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
      DmaRecord record;
      std::memcpy(&record, crossing.payload->data(), sizeof record);
      act(record, verdict);
      std::memcpy(crossing.payload->data(), &record, sizeof record);
    }
  } fault;
  uint32_t load(uint64_t at) { return memory->load<uint32_t>(GuestPhys{at}); }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0}, 1 << 16).value());
  DmaPort port{{"dom1", "nic0", clock, events, wiring, notices}, *memory};
  const std::vector<uint8_t> data{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<uint8_t> into = std::vector<uint8_t>(8, 0x55);
};

}  // namespace

TEST_CASE_METHOD(Bench, "DMA: as it is, and failed") {
  CHECK(port.write(GuestPhys{0x100}, data));
  CHECK(load(0x104) == 0x08070605);
  CHECK(port.read(GuestPhys{0x100}, into));
  CHECK(into == data);
  CHECK(port.take_delay().ps == 0);
  fault.act = [](DmaRecord&, Verdict& verdict) { verdict.fail = -5; };
  CHECK_FALSE(port.write(GuestPhys{0x200}, data));
  CHECK(load(0x200) == 0);
  CHECK_FALSE(port.read(GuestPhys{0x100}, into));
  CHECK(into == std::vector<uint8_t>(8, 0xff));
}

TEST_CASE_METHOD(Bench, "DMA: elsewhere, and where there is no memory") {
  fault.act = [](DmaRecord& record, Verdict&) { record.address += 0x1000; };
  CHECK(port.write(GuestPhys{0x100}, data));
  CHECK(load(0x100) == 0);
  CHECK(load(0x1100) == 0x04030201);
  CHECK(port.read(GuestPhys{0x100}, into));
  CHECK(into == data);
  fault.act = [](DmaRecord& record, Verdict&) { record.address = UINT64_MAX; };
  CHECK_FALSE(port.write(GuestPhys{0x100}, data));
  CHECK_FALSE(port.read(GuestPhys{0x100}, into));
  CHECK(into == std::vector<uint8_t>(8, 0xff));
}

TEST_CASE_METHOD(Bench, "DMA: shorter, never longer, and late") {
  fault.act = [](DmaRecord& record, Verdict&) { record.length = 4; };
  CHECK(port.write(GuestPhys{0x100}, data));
  CHECK(load(0x104) == 0);
  CHECK(port.read(GuestPhys{0x100}, into));
  CHECK(into == std::vector<uint8_t>{1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff});
  fault.act = [](DmaRecord& record, Verdict& verdict) {
    record.length = UINT32_MAX;
    verdict.delay = microseconds(3);
  };
  CHECK(port.write(GuestPhys{0x100}, data));
  CHECK(load(0x104) == 0x08070605);
  CHECK(load(0x108) == 0);
  CHECK(port.read(GuestPhys{0x100}, into));
  CHECK(port.take_delay() == microseconds(6));
  CHECK(port.take_delay().ps == 0);
}

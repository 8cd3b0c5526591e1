#include "ringside/device.h"

#include <fmt/format.h>

#include <algorithm>

#include "testkit/device/device_house.h"

namespace ringside::test {

namespace house {

namespace {
constexpr std::string_view kWatching[] = {"device", "dma"};
}

void RegisterSpace::too_many() {
  throw Error(
      "ten million accesses to registers while virtual time stood still: a driver that polls needs "
      "bench.advance() between its reads, or a bench with BenchOptions::access_time");
}

DeviceBench::DeviceBench(const BenchOptions& given) : Bench(given, kWatching) {}

DeviceBench::~DeviceBench() = default;

Memory& DeviceBench::need_ram() {
  if (!memory) {
    memory = value_or_error(Memory::create(GuestPhys{0}, options.memory));
    if (options.check) {
      stray = std::make_unique<StrayTap>(*this);
      wiring.add_tap(*stray, options.domain + "/dma/*");
    }
  }
  return *memory;
}

PciBus& DeviceBench::need_pci() {
  if (!pci) pci = std::make_unique<PciBus>(site("pci"), ports.bus);
  return *pci;
}

Line& DeviceBench::line(unsigned number) {
  auto& found = lines[number];
  if (!found) found = std::make_unique<Line>(*this, number);
  return *found;
}

void DeviceBench::StrayTap::on_crossing(const Wire& wire, ringside::Crossing& crossing, Verdict&) {
  DmaRecord record;
  if (crossing.bytes().size() != sizeof record) return;
  std::memcpy(&record, crossing.bytes().data(), sizeof record);
  if (record.done == 0 || bench.allocations.holds(record.address, record.length)) return;
  constexpr size_t kSeenMax = 1000;
  if (seen.size() >= kSeenMax) return;
  seen.push_back({"bench/stray_dma", wire.name(),
                  fmt::format("the device {} {} bytes at {:#x}, which the test has not given to it",
                              record.write != 0 ? "stores" : "reads", record.length, record.address),
                  to_duration(crossing.at), false});
}

void DeviceBench::add_violations(std::vector<Violation>& to) const {
  if (!stray) return;
  for (Violation violation : stray->seen) {
    violation.allowed = std::any_of(options.allow.begin(), options.allow.end(), [&](const std::string& glob) {
      return wire_matches(glob, violation.rule);
    });
    to.push_back(std::move(violation));
  }
}

uint64_t Allocations::allocate(uint64_t bytes, uint64_t alignment) {
  if (bytes == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
    throw Error(
        fmt::format("cannot allocate {} bytes aligned to {}: sizes are at least 1, alignments powers of two",
                    bytes, alignment));
  const uint64_t first = (next_ + alignment - 1) & ~(alignment - 1);
  if (first > size_ || bytes > size_ - first) {
    throw Error(
        fmt::format("the bench has no {} bytes of memory left of its {}; make BenchOptions::memory larger",
                    bytes, size_));
  }
  // The end of one is never the start of the next, so that what runs over is seen.
  next_ = first + bytes + 64;
  given_[first] = first + bytes;
  return first;
}

void Allocations::free(uint64_t address) {
  if (given_.erase(address) == 0)
    throw Error(fmt::format("free: the buffer at {:#x} is not allocated (any more)", address));
}

void Allocations::give(uint64_t address, uint64_t bytes) {
  uint64_t& end = given_[address];
  end = std::max(end, address + bytes);
  next_ = std::max(next_, std::min(size_, end));
}

bool Allocations::holds(uint64_t address, uint64_t bytes) const {
  auto behind = given_.upper_bound(address);
  if (behind == given_.begin()) return false;
  --behind;
  return bytes <= behind->second - behind->first && address <= behind->second - bytes;
}

}  // namespace house

// --- Registers ---

uint64_t Registers::read(uint64_t offset, unsigned size) const { return space_->read(base_ + offset, size); }
void Registers::write(uint64_t offset, unsigned size, uint64_t value) const {
  space_->write(base_ + offset, size, value);
}

uint32_t Registers::expect(uint64_t offset, unsigned size, uint32_t mask, uint32_t wanted, Duration within,
                           const SourcePlace& place) const {
  uint32_t value = 0;
  const auto look = [&] {
    value = static_cast<uint32_t>(space_->read(base_ + offset, size));
    return (value & mask) == wanted;
  };
  if (!space_->bench.wait_for(look, within)) {
    house::fail_expectation(
        place, fmt::format("register {:#x} is {:#x}; expected {:#x} in the bits {:#x}{}", base_ + offset,
                           value, wanted, mask, within.count() != 0 ? " within " + to_string(within) : ""));
  }
  return value;
}

uint32_t Registers::expect8(uint64_t offset, uint8_t mask, uint8_t wanted, Duration within,
                            SourcePlace place) const {
  return expect(offset, 1, mask, wanted, within, place);
}
uint32_t Registers::expect32(uint64_t offset, uint32_t mask, uint32_t wanted, Duration within,
                             SourcePlace place) const {
  return expect(offset, 4, mask, wanted, within, place);
}

// --- PCI configuration, by configuration mechanism 1 ---

namespace {

uint64_t choose(house::DeviceBench& bench, unsigned device, unsigned function, uint8_t offset) {
  bench.ports.write(0xcf8, 4, 0x80000000u | device << 11 | function << 8 | (offset & 0xfcu));
  return 0xcfc + (offset & 3u);
}

}  // namespace

uint8_t PciConfig::read8(uint8_t offset) const {
  return static_cast<uint8_t>(bench_->ports.read(choose(*bench_, device_, function_, offset), 1));
}
uint16_t PciConfig::read16(uint8_t offset) const {
  return static_cast<uint16_t>(bench_->ports.read(choose(*bench_, device_, function_, offset), 2));
}
uint32_t PciConfig::read32(uint8_t offset) const {
  return static_cast<uint32_t>(bench_->ports.read(choose(*bench_, device_, function_, offset), 4));
}
void PciConfig::write8(uint8_t offset, uint8_t value) const {
  bench_->ports.write(choose(*bench_, device_, function_, offset), 1, value);
}
void PciConfig::write16(uint8_t offset, uint16_t value) const {
  bench_->ports.write(choose(*bench_, device_, function_, offset), 2, value);
}
void PciConfig::write32(uint8_t offset, uint32_t value) const {
  bench_->ports.write(choose(*bench_, device_, function_, offset), 4, value);
}

// --- Memory ---

Buffer DeviceMemory::allocate(size_t bytes, size_t alignment) {
  Memory& memory = bench_->need_ram();
  const uint64_t address = bench_->allocations.allocate(bytes, alignment);
  return {address, std::span(memory.data() + address, bytes)};
}

void DeviceMemory::free(const Buffer& buffer) { bench_->allocations.free(buffer.address()); }

Buffer DeviceMemory::at(uint64_t address, size_t bytes) {
  Memory& memory = bench_->need_ram();
  if (!memory.contains(GuestPhys{address}, bytes)) {
    throw Error(fmt::format("{} bytes at {:#x} lie outside of the bench's memory of {:#x} bytes", bytes,
                            address, memory.size()));
  }
  bench_->allocations.give(address, bytes);
  return {address, std::span(memory.data() + address, bytes)};
}

void DeviceMemory::expect_no_stray_dma(SourcePlace place) const {
  if (!bench_->stray || bench_->stray->seen.empty()) return;
  const Violation& first = bench_->stray->seen.front();
  house::fail_expectation(place, first.wire + " at " + to_string(first.at) + ": " + first.text);
}

// --- The bench ---

DeviceBench::DeviceBench(const BenchOptions& options)
    : Bench(std::make_unique<house::DeviceBench>(options)), memory_(own()) {}
DeviceBench::~DeviceBench() = default;

house::DeviceBench& DeviceBench::own() const { return static_cast<house::DeviceBench&>(*house_); }

Uart& DeviceBench::add_uart(const UartOptions& options) {
  uarts_.push_back(
      std::unique_ptr<Uart>(new Uart(std::make_unique<house::Uart>(own(), options), options.port)));
  return *uarts_.back();
}

Ide& DeviceBench::add_ide() {
  if (!ides_.empty()) throw Error("the bench has its IDE controller already: two would share their ports");
  ides_.push_back(std::unique_ptr<Ide>(new Ide(std::make_unique<house::Ide>(own(), "ide"))));
  return *ides_.back();
}

Nic& DeviceBench::add_nic(const NicOptions& options) {
  nics_.push_back(std::unique_ptr<Nic>(
      new Nic(std::make_unique<house::Nic>(own(), options, own().next_pci_device++), options.memory_base)));
  return *nics_.back();
}

Registers DeviceBench::ports() const { return {own().ports, 0}; }
Registers DeviceBench::mmio() const { return {own().mmio, 0}; }
InterruptLine DeviceBench::irq(unsigned line) const { return {own(), own().line(line)}; }

}  // namespace ringside::test

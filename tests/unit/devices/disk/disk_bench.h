// A bench for the IDE controller: the test is the processor, the PCI host and the memory. The disk's sector n
// holds bytes that follow from n, so that every sector tells where it came from.
#pragma once

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "devices/disk/ide_controller.h"
#include "host/disk_image.h"
#include "sim/bus.h"
#include "sim/dma.h"
#include "sim/memory.h"

namespace ringside {

using Bytes = std::vector<uint8_t>;

inline uint8_t disk_byte(uint64_t sector, size_t at) {
  return static_cast<uint8_t>(sector * 37 + sector / 256 * 11 + at * 5 + at / 256);
}
inline Bytes disk_sectors(uint64_t first, size_t count) {
  Bytes bytes;
  for (size_t i = 0; i < count; ++i) {
    for (size_t at = 0; at < 512; ++at) bytes.push_back(disk_byte(first + i, at));
  }
  return bytes;
}
inline Bytes pattern(size_t length, uint8_t seed) {
  Bytes bytes(length);
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<uint8_t>(seed + i * 7 + i / 512);
  return bytes;
}

// A tap that does to crossings what the test says, and keeps them.
class FaultTap : public Tap {
 public:
  std::function<void(Crossing&, Verdict&)> act;
  std::vector<Bytes> seen;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
    seen.emplace_back(crossing.bytes().begin(), crossing.bytes().end());
    if (act) act(crossing, verdict);
  }
};

// Shows every notice's text.
class NoticeTap : public Tap {
 public:
  std::vector<std::string> texts;
  void on_crossing(const Wire&, Crossing& crossing, Verdict&) override {
    texts.emplace_back(crossing.bytes().begin(), crossing.bytes().end());
  }
  bool said(const std::string& part) const {
    for (const auto& text : texts) {
      if (text.find(part) != std::string::npos) return true;
    }
    return false;
  }
};

struct DiskBenchOptions {
  uint64_t sectors = 4096;
  AtaDriveConfig drive = {};
  DiskLatency latency = {};
  bool attach = true;
};

class DiskBench {
 public:
  static constexpr uint16_t kPrimary = 0x1f0, kControl = 0x3f6, kBusMaster = 0xc000;
  static constexpr uint64_t kMemoryBytes = 4 << 20;

  explicit DiskBench(const DiskBenchOptions& options = {}) {
    std::string name = (std::filesystem::temp_directory_path() / "ringside-disk-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder = name;
    auto made = Memory::create(GuestPhys{0}, kMemoryBytes);
    REQUIRE(made.has_value());
    memory = std::move(*made);
    dma = std::make_unique<DmaPort>(site(), *memory);
    ide = std::make_unique<IdeController>(site(), ports, mmio, *dma);
    wiring.add_tap(notices_seen, "*notice");
    if (options.attach) add(0, 0, "disk0", options);
    ide->set_up_as_firmware(kBusMaster);
  }
  ~DiskBench() { std::filesystem::remove_all(folder); }

  DeviceSite site() { return {"dom1", "ide0", clock, events, wiring, notices}; }

  AtaDrive& add(unsigned channel, unsigned unit, const std::string& name, const DiskBenchOptions& options) {
    const std::string path = (folder / name).string();
    const Bytes bytes = disk_sectors(0, options.sectors);
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    DiskImageConfig config;
    config.name = name;
    config.path = path;
    config.latency = options.latency;
    auto opened = DiskImage::open(config, clock, events, wiring);
    REQUIRE(opened.has_value());
    images.push_back(std::move(*opened));
    AtaDriveConfig drive = options.drive;
    drive.name = name;
    return ide->attach(channel, unit, *images.back(), drive);
  }

  // --- Time ---
  void run_for(Tick time) {
    const Tick end = clock.now + time;
    while (!events.empty() && events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }
  bool step() {
    if (events.empty()) return false;
    clock.now = std::max(clock.now, events.next_tick());
    events.run_due(clock.now);
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  // Until BSY is clear; false when nothing will ever clear it.
  bool wait() {
    while ((in(kControl)&0x80) != 0) {
      if (!step()) return false;
    }
    return true;
  }

  // --- Ports ---
  uint8_t in(uint16_t port) { return static_cast<uint8_t>(ports.read(port, 1)); }
  uint16_t in16(uint16_t port) { return static_cast<uint16_t>(ports.read(port, 2)); }
  uint32_t in32(uint16_t port) { return static_cast<uint32_t>(ports.read(port, 4)); }
  void out(uint16_t port, uint8_t value) { ports.write(port, 1, value); }
  void out16(uint16_t port, uint16_t value) { ports.write(port, 2, value); }
  void out32(uint16_t port, uint32_t value) { ports.write(port, 4, value); }

  uint8_t status() { return in(kPrimary + 7); }  // ends the interrupt
  uint8_t alt() { return in(kControl); }
  uint8_t error() { return in(kPrimary + 1); }
  bool irq(unsigned channel = 0) { return ide->interrupt(channel).level(); }

  // --- Commands ---
  void lba28(uint32_t lba, uint8_t count, uint8_t unit = 0) {
    out(kPrimary + 6, static_cast<uint8_t>(0xe0 | unit << 4 | (lba >> 24 & 0xf)));
    out(kPrimary + 2, count);
    out(kPrimary + 3, static_cast<uint8_t>(lba));
    out(kPrimary + 4, static_cast<uint8_t>(lba >> 8));
    out(kPrimary + 5, static_cast<uint8_t>(lba >> 16));
  }
  void lba48(uint64_t lba, uint16_t count) {
    out(kPrimary + 6, 0x40);
    for (const unsigned half : {1u, 0u}) {
      out(kPrimary + 2, static_cast<uint8_t>(count >> (8 * half)));
      out(kPrimary + 3, static_cast<uint8_t>(lba >> (24 * half)));
      out(kPrimary + 4, static_cast<uint8_t>(lba >> (24 * half + 8)));
      out(kPrimary + 5, static_cast<uint8_t>(lba >> (24 * half + 16)));
    }
  }
  void command(uint8_t opcode) { out(kPrimary + 7, opcode); }
  // A command without data; its Status at the end.
  uint8_t simple(uint8_t opcode, uint8_t features = 0, uint8_t count = 0, uint8_t device = 0xe0) {
    out(kPrimary + 6, device);
    out(kPrimary + 1, features);
    out(kPrimary + 2, count);
    command(opcode);
    REQUIRE(wait());
    return status();
  }
  // Takes DRQ blocks until the drive has no more; counts them.
  Bytes take(size_t block = 512, unsigned* blocks = nullptr) {
    Bytes bytes;
    while (wait() && (alt() & 0x08) != 0) {
      if (blocks != nullptr) ++*blocks;
      for (size_t i = 0; i < block / 2; ++i) {
        const uint16_t word = in16(kPrimary);
        bytes.push_back(static_cast<uint8_t>(word));
        bytes.push_back(static_cast<uint8_t>(word >> 8));
      }
    }
    return bytes;
  }
  // Gives all of it, in DRQ blocks of that size (the last may be short).
  void give(const Bytes& bytes, size_t block = 512) {
    size_t at = 0;
    while (wait() && (alt() & 0x08) != 0 && at < bytes.size()) {
      const size_t end = std::min(at + block, bytes.size());
      for (; at < end; at += 2) out16(kPrimary, static_cast<uint16_t>(bytes[at] | bytes[at + 1] << 8));
    }
  }
  Bytes read28(uint32_t lba, uint8_t count) {
    lba28(lba, count);
    command(0x20);
    return take();
  }
  std::vector<uint16_t> identify(uint8_t device = 0xa0) {
    out(kPrimary + 6, device);
    command(0xec);
    const Bytes bytes = take();
    std::vector<uint16_t> words;
    for (size_t i = 0; i + 1 < bytes.size(); i += 2)
      words.push_back(static_cast<uint16_t>(bytes[i] | bytes[i + 1] << 8));
    status();
    return words;
  }

  // --- Memory and bus master ---
  struct Region {
    uint32_t address;
    uint32_t length;  // 0x10000 is written as 0
  };
  void store(uint64_t address, const Bytes& bytes) {
    REQUIRE(memory->write(GuestPhys{address}, bytes.data(), bytes.size()));
  }
  Bytes load(uint64_t address, size_t length) {
    Bytes bytes(length);
    REQUIRE(memory->read(GuestPhys{address}, bytes.data(), length));
    return bytes;
  }
  void dword(uint64_t address, uint32_t value) { memory->write(GuestPhys{address}, &value, sizeof value); }
  void table(uint32_t address, const std::vector<Region>& regions, bool end = true) {
    for (size_t i = 0; i < regions.size(); ++i) {
      dword(address + 8 * i, regions[i].address);
      dword(address + 8 * i + 4,
            (regions[i].length & 0xffff) | (end && i + 1 == regions.size() ? 0x80000000u : 0));
    }
    out32(kBusMaster + 4, address);
  }
  void start(bool to_memory) {
    out(kBusMaster + 2, 0x06);  // clears error and interrupt
    out(kBusMaster, to_memory ? 0x08 : 0x00);
    out(kBusMaster, to_memory ? 0x09 : 0x01);
  }
  uint8_t bus_master_status() { return in(kBusMaster + 2); }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Notices notices{wiring, "dom1"};
  NoticeTap notices_seen;
  Bus ports{Bus::Space::ports, DeviceSite{"dom1", "pio", clock, events, wiring, notices}};
  Bus mmio{Bus::Space::memory, DeviceSite{"dom1", "mmio", clock, events, wiring, notices}};
  std::filesystem::path folder;
  std::unique_ptr<Memory> memory;
  std::vector<std::unique_ptr<DiskImage>> images;
  std::unique_ptr<DmaPort> dma;
  std::unique_ptr<IdeController> ide;
};

}  // namespace ringside

#include "checkers/dma/ata_regions.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

namespace {

constexpr unsigned kCommand = 0, kTable = 4;
constexpr uint8_t kStart = 0x01, kToMemory = 0x08;
constexpr uint64_t kDescriptorBytes = 8, kBoundary = 0x1'0000;
// 1.2: a table lies within 64 KiB.
constexpr size_t kRegionsMax = kBoundary / kDescriptorBytes;

uint32_t load_dword(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) | static_cast<uint32_t>(bytes[1]) << 8 |
         static_cast<uint32_t>(bytes[2]) << 16 | static_cast<uint32_t>(bytes[3]) << 24;
}

}  // namespace

void AtaRegions::on_crossing(const Seen& seen) {
  BusAccessRecord access;
  if (seen.part != DevicePart::ata_bus_master || !read_record(seen.crossing, access)) return;
  if (access.write == 0 || !seen.arrives()) return;
  for (unsigned i = 0; i < access.size && i < 8; ++i) {
    const auto offset = static_cast<unsigned>((access.address + i) & 15);
    const bool starts = (offset & 7) == kCommand && (access.value >> (8 * i) & kStart) != 0;
    if (starts && !engines_[offset >> 3].started) judge_mastering(seen, true, access.address);
    write_register(seen, offset >> 3, offset & 7, static_cast<uint8_t>(access.value >> (8 * i)));
  }
}

void AtaRegions::write_register(const Seen& seen, unsigned number, unsigned offset, uint8_t value) {
  Engine& engine = engines_[number];
  if (offset >= kTable) {
    const unsigned shift = 8 * (offset - kTable);
    engine.table = ((engine.table & ~(0xffu << shift)) | static_cast<uint32_t>(value) << shift) & ~3u;
    return;
  }
  if (offset != kCommand) return;
  const bool started = (value & kStart) != 0;
  engine.to_memory = (value & kToMemory) != 0;
  const bool begins = started && !engine.started;
  engine.started = started;
  if (!started) engine.known = false;
  if (begins) start(seen, engine);
}

void AtaRegions::start(const Seen& seen, Engine& engine) {
  engine.regions.clear();
  engine.sorted.clear();
  engine.current = 0;
  engine.known = false;
  if (engine.table == 0) return;
  read_table(seen, engine);
  judge_overlaps(seen, engine);
  engine.known = true;
}

// 1.2: descriptors of address, byte count (0: 64 KiB) and, in the last one, EOT.
void AtaRegions::read_table(const Seen& seen, Engine& engine) {
  bool last = false;
  while (!last && engine.regions.size() < kRegionsMax) {
    Region region;
    const uint64_t at = engine.table + engine.regions.size() * kDescriptorBytes;
    if (!load(at, region.descriptor.data(), region.descriptor.size())) return;
    const uint32_t base = load_dword(region.descriptor.data()), control = load_dword(&region.descriptor[4]);
    const uint64_t bytes = (control & 0xfffe) != 0 ? control & 0xfffe : kBoundary;
    region.range = {base & ~1u, (base & ~1u) + bytes};
    last = (control & 0x8000'0000) != 0;
    if (((base | control) & 1) != 0)
      violate("region_odd", seen,
              fmt::format("descriptor {} at {:#x} has an odd address or count ({:#x}, {:#x})",
                          engine.regions.size(), at, base, control));
    if ((base & ~1u & (kBoundary - 1)) + bytes > kBoundary)
      violate("region_crosses_64k", seen,
              fmt::format("descriptor {} at {:#x}: {:#x} bytes at {:#x} cross 64 KiB", engine.regions.size(),
                          at, bytes, base));
    engine.regions.push_back(region);
  }
  if (!last)
    violate("table_without_end", seen,
            fmt::format("the table at {:#x} has no EOT within 64 KiB", engine.table));
  if ((engine.table & (kBoundary - 1)) + engine.regions.size() * kDescriptorBytes > kBoundary)
    violate("table_crosses_64k", seen,
            fmt::format("the table of {} descriptors at {:#x} crosses 64 KiB", engine.regions.size(),
                        engine.table));
}

// Regions that the device stores into, and the table itself, are apart.
void AtaRegions::judge_overlaps(const Seen& seen, Engine& engine) {
  const MemoryRange table{engine.table, engine.table + engine.regions.size() * kDescriptorBytes};
  for (const Region& region : engine.regions) engine.sorted.push_back(&region);
  std::sort(engine.sorted.begin(), engine.sorted.end(),
            [](const Region* a, const Region* b) { return a->range.first < b->range.first; });
  const Region* before = nullptr;
  for (const Region* region : engine.sorted) {
    if (region->range.overlaps(table))
      violate("buffer_overlaps_ring", seen,
              fmt::format("the region {:#x}-{:#x} lies over the table at {:#x}", region->range.first,
                          region->range.end - 1, engine.table));
    if (engine.to_memory && before != nullptr && region->range.overlaps(before->range))
      violate("buffers_overlap", seen,
              fmt::format("the region {:#x}-{:#x} lies over {:#x}-{:#x}", region->range.first,
                          region->range.end - 1, before->range.first, before->range.end - 1));
    before = region;
  }
}

// Whether it is a descriptor of this engine's table, as a read of eight bytes where the next one stands is.
bool AtaRegions::fetches(const Seen& seen, Engine& engine, const DmaRecord& record) {
  if (record.write != 0 || record.length != kDescriptorBytes || record.address < engine.table) return false;
  const size_t index = (record.address - engine.table) / kDescriptorBytes;
  if (index >= engine.regions.size() || (record.address - engine.table) % kDescriptorBytes != 0) return false;
  engine.current = index;
  std::array<uint8_t, kDescriptorBytes> now{};
  const std::array<uint8_t, kDescriptorBytes>& kept = engine.regions[index].descriptor;
  if (load(record.address, now.data(), now.size()) && now != kept)
    violate("descriptor_rewritten", seen,
            fmt::format(
                "descriptor {} at {:#x} has changed since Start: its region was at {:#x}, and is at {:#x}",
                index, record.address, load_dword(kept.data()), load_dword(now.data())));
  return true;
}

void AtaRegions::transfer(const Seen& seen, const DmaRecord& record) {
  const MemoryRange moved = range_of(record);
  bool unknown = false;
  for (Engine& engine : engines_) {
    if (!engine.started) continue;
    if (!engine.known) {
      unknown = true;
      continue;
    }
    if (fetches(seen, engine, record)) return;
    if (engine.current < engine.regions.size() && engine.regions[engine.current].range.holds(moved)) return;
  }
  if (!unknown)
    violate("outside_buffers", seen,
            fmt::format("{} {} bytes at {:#x}, where no descriptor of a started engine points",
                        record.write != 0 ? "the device stores" : "the device reads", record.length,
                        record.address));
}

}  // namespace ringside

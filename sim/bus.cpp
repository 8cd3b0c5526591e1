#include "sim/bus.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace ringside {

namespace {

constexpr FieldName kDirections[] = {{0, "read"}, {1, "write"}};
constexpr Field kBusAccessFields[] = {
    {"op", offsetof(BusAccessRecord, write), 1, FieldFormat::enumeration, kDirections},
    {"address", offsetof(BusAccessRecord, address), 8, FieldFormat::hex},
    {"size", offsetof(BusAccessRecord, size), 1, FieldFormat::decimal},
    {"value", offsetof(BusAccessRecord, value), 8, FieldFormat::hex},
};

// How many addresses without a device get a notice; the rest are counted.
constexpr size_t kNoticedMax = 256;

constexpr uint64_t ones(unsigned size) { return size >= 8 ? ~0ull : (1ull << (8 * size)) - 1; }

// The bytes of the access that is shown, kept because each one would ask the heap for them otherwise. A tap
// that uses a bus itself finds them taken, and gets some of its own.
std::vector<uint8_t> shown;
bool shown_taken = false;

// Shows an access to the taps, which may change it.
Verdict show(Wire& wire, Direction direction, BusAccessRecord& record) {
  std::vector<uint8_t> own;
  const bool nested = std::exchange(shown_taken, true);
  std::vector<uint8_t>& payload = nested ? own : shown;
  payload.resize(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = wire.pass(direction, payload);
  if (payload.size() == sizeof record) std::memcpy(&record, payload.data(), sizeof record);
  shown_taken = nested;
  return verdict;
}

}  // namespace

const PayloadType kBusAccessPayload{.id = 30,
                                    .name = "bus_access",
                                    .title = "A guest's access to a device's register",
                                    .size = sizeof(BusAccessRecord),
                                    .fields = kBusAccessFields,
                                    .group = "bus"};

Bus::Bus(Space space, const DeviceSite& site)
    : space_(space), site_(site), last_address_(space == Space::ports ? 0xffff : (1ull << 52) - 1) {}

Bus::Mapping Bus::map(const std::string& name, uint64_t base, uint64_t length, BusTarget& target,
                      unsigned width_max) {
  if (length == 0 || base > last_address_) return 0;
  Range range;
  range.mapping = ++last_mapping_;
  range.name = name;
  range.base = base;
  range.last = length - 1 > last_address_ - base ? last_address_ : base + (length - 1);
  range.target = &target;
  range.wire = &site_.wire(site_.name + "/" + name, WireKind::call, kBusAccessPayload);
  range.width_max = width_max;
  ranges_.push_back(std::move(range));
  rebuild();
  return last_mapping_;
}

void Bus::unmap(Mapping mapping) {
  std::erase_if(ranges_, [&](const Range& range) { return range.mapping == mapping; });
  rebuild();
}

// Cuts each range to what no earlier one holds.
void Bus::rebuild() {
  segments_.clear();
  for (size_t i = 0; i < ranges_.size(); ++i) {
    std::vector<Segment> pieces{{ranges_[i].base, ranges_[i].last, i}};
    for (const Segment& taken : segments_) {
      std::vector<Segment> left;
      for (const Segment& piece : pieces) {
        if (piece.last < taken.first || piece.first > taken.last) {
          left.push_back(piece);
          continue;
        }
        if (piece.first < taken.first) left.push_back({piece.first, taken.first - 1, i});
        if (piece.last > taken.last) left.push_back({taken.last + 1, piece.last, i});
      }
      pieces = std::move(left);
    }
    segments_.insert(segments_.end(), pieces.begin(), pieces.end());
  }
  std::sort(segments_.begin(), segments_.end(),
            [](const Segment& a, const Segment& b) { return a.first < b.first; });
  last_found_ = 0;
}

const Bus::Segment* Bus::find(uint64_t address) {
  if (last_found_ < segments_.size()) {
    const Segment& last = segments_[last_found_];
    if (address >= last.first && address <= last.last) return &last;
  }
  const auto behind =
      std::upper_bound(segments_.begin(), segments_.end(), address,
                       [](uint64_t wanted, const Segment& segment) { return wanted < segment.first; });
  if (behind == segments_.begin()) return nullptr;
  const Segment& found = *(behind - 1);
  if (address > found.last) return nullptr;
  last_found_ = static_cast<size_t>(behind - 1 - segments_.begin());
  return &found;
}

uint64_t Bus::read(uint64_t address, unsigned size) {
  const Segment* segment = find(address);
  if (segment == nullptr && size == 1) return read_unclaimed(address, size);
  const Range* range = segment != nullptr ? &ranges_[segment->range] : nullptr;
  if (range == nullptr || size > range->width_max || segment->last - address < size - 1) {
    // Nobody at the first byte does not mean nobody at the others.
    if (range == nullptr && find(address + size - 1) == nullptr) return read_unclaimed(address, size);
    const unsigned piece = range != nullptr && segment->last - address >= size - 1 ? range->width_max : 1;
    uint64_t value = 0;
    for (unsigned at = 0; at < size; at += piece) value |= read(address + at, piece) << (8 * at);
    return value;
  }
  uint64_t value = range->target->read(address - range->base, size) & ones(size);
  if (range->wire->tapped()) {
    BusAccessRecord record{address, value, static_cast<uint8_t>(size), 0, {}};
    const Verdict verdict = show(*range->wire, Direction::in, record);
    wait(verdict.delay);
    value = (verdict.fail != 0 || verdict.copies == 0 ? ~0ull : record.value) & ones(size);
  }
  return value;
}

void Bus::write(uint64_t address, unsigned size, uint64_t value) {
  value &= ones(size);
  const Segment* segment = find(address);
  if (segment == nullptr && size == 1) return write_unclaimed(address, size, value);
  const Range* range = segment != nullptr ? &ranges_[segment->range] : nullptr;
  if (range == nullptr || size > range->width_max || segment->last - address < size - 1) {
    if (range == nullptr && find(address + size - 1) == nullptr) return write_unclaimed(address, size, value);
    const unsigned piece = range != nullptr && segment->last - address >= size - 1 ? range->width_max : 1;
    for (unsigned at = 0; at < size; at += piece)
      write(address + at, piece, (value >> (8 * at)) & ones(piece));
    return;
  }
  BusTarget* target = range->target;
  const uint64_t offset = address - range->base;
  uint32_t copies = 1;
  if (range->wire->tapped()) {
    BusAccessRecord record{address, value, static_cast<uint8_t>(size), 1, {}};
    const Verdict verdict = show(*range->wire, Direction::out, record);
    value = record.value & ones(size);
    wait(verdict.delay);
    copies = verdict.fail != 0 ? 0 : verdict.copies;
  }
  // The write may unmap the range (a BAR): nothing of it is touched behind the call.
  for (uint32_t copy = 0; copy < copies; ++copy) target->write(offset, size, value);
}

bool Bus::first_time(uint64_t address, bool write) {
  ++unclaimed_;
  if (noticed_.size() >= kNoticedMax) return false;
  return noticed_.insert(address << 1 | (write ? 1 : 0)).second;
}

uint64_t Bus::read_unclaimed(uint64_t address, unsigned size) {
  if (first_time(address, false)) {
    site_.notice(NoticeKind::unhandled,
                 fmt::format("a read of {} {:#x} ({} bytes), where no device answers: it gave ones",
                             space_ == Space::ports ? "port" : "address", address, size));
  }
  return ones(size);
}

void Bus::write_unclaimed(uint64_t address, unsigned size, uint64_t value) {
  if (first_time(address, true)) {
    site_.notice(NoticeKind::unhandled,
                 fmt::format("a write of {:#x} to {} {:#x} ({} bytes), where no device answers: it is lost",
                             value, space_ == Space::ports ? "port" : "address", address, size));
  }
}

std::vector<std::string> Bus::describe() const {
  std::vector<std::string> lines;
  for (const Segment& segment : segments_) {
    lines.push_back(fmt::format("{:#x}-{:#x} {}", segment.first, segment.last, ranges_[segment.range].name));
  }
  return lines;
}

}  // namespace ringside

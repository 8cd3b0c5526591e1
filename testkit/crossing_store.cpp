#include "testkit/crossing_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "sim/fault/fault_actions.h"
#include "sim/near_names.h"

namespace ringside::test {

namespace {

constexpr size_t kBlockBytes = 1u << 20;

}  // namespace

void CrossingStore::add_wire(const Wire& wire) {
  if (wires_.size() <= wire.index()) wires_.resize(wire.index() + 1);
  wires_[wire.index()] = {wire.name(), &wire.payload_type()};
}

const uint8_t* CrossingStore::keep(std::span<const uint8_t> payload) {
  if (blocks_.empty() || blocks_.back().size - blocks_.back().used < payload.size()) {
    Block block;
    block.size = std::max(kBlockBytes, payload.size());
    block.bytes = std::make_unique_for_overwrite<uint8_t[]>(block.size);
    block_bytes_ += block.size;
    blocks_.push_back(std::move(block));
  }
  Block& block = blocks_.back();
  uint8_t* const place = block.bytes.get() + block.used;
  std::copy(payload.begin(), payload.end(), place);
  block.used += payload.size();
  block.last = next() - 1;  // its crossing is in records_ already
  return place;
}

void CrossingStore::forget_oldest() {
  records_.pop_front();
  ++first_;
  while (blocks_.size() > 1 && blocks_.front().last < first_) {
    block_bytes_ -= blocks_.front().size;
    blocks_.pop_front();
  }
  // What is decoded in order is decoded while the bytes are there, or never.
  if (!rendered_.empty()) rendered_.erase(rendered_.begin(), rendered_.lower_bound(first_));
}

void CrossingStore::add(const Wire& wire, const ringside::Crossing& crossing, const Verdict& verdict) {
  while (!records_.empty() &&
         (records_.size() >= limits_.crossings_max || block_bytes_ > limits_.payload_bytes_max)) {
    forget_oldest();
  }
  const auto bytes = crossing.bytes();
  records_.push_back({crossing.at, crossing.sequence, wire.index(), static_cast<uint32_t>(bytes.size()),
                      nullptr, crossing.direction, crossing.flags, verdict});
  records_.back().payload = keep(bytes);
}

const CrossingStore::Record& CrossingStore::at(uint64_t number) const {
  if (number >= first_ && number < next()) return records_[number - first_];
  throw Error(fmt::format(
      "crossing {} of this run is no longer kept: {} have come behind it, and the last {} are kept. "
      "Look at it sooner, or keep its text() or its fields",
      number + 1, next() - number - 1, limits_.crossings_max));
}

const std::vector<DecodedField>& CrossingStore::fields_of(uint64_t number) {
  const Record& record = at(number);
  const PayloadType& type = *wires_[record.wire].type;
  if (type.make_renderer == nullptr) {
    if (cached_ != number) {
      cached_fields_ = decode(type, {record.payload, record.size});
      cached_ = number;
    }
    return cached_fields_;
  }
  for (rendered_to_ = std::max(rendered_to_, first_); rendered_to_ <= number; ++rendered_to_) {
    const Record& earlier = at(rendered_to_);
    const WireName& wire = wires_[earlier.wire];
    if (wire.type->make_renderer == nullptr) continue;
    rendered_[rendered_to_] =
        decoder_.decode(*wire.type, wire.name, {earlier.payload, earlier.size}, earlier.size);
  }
  return rendered_[number];
}

std::string CrossingStore::line_of(uint64_t number) {
  const Record& record = at(number);
  const auto marks = fault_marks(record.flags);
  const uint64_t ps = record.at.ps;
  return fmt::format("{}.{:09} {} {} {}{}", ps / 1'000'000'000'000, ps / 1000 % 1'000'000'000,
                     wires_[record.wire].name, record.direction == ringside::Direction::out ? "->" : "<-",
                     to_line(fields_of(number)),
                     marks.empty() ? std::string() : fmt::format(" [injected: {}]", fmt::join(marks, ", ")));
}

bool CrossingStore::knows(std::string_view glob) const {
  return std::any_of(wires_.begin(), wires_.end(), [&](const WireName& wire) {
    return wire.type != nullptr && wire_matches(glob, wire.name);
  });
}

std::vector<std::string> CrossingStore::wire_names() const {
  std::vector<std::string> names;
  for (const WireName& wire : wires_) {
    if (wire.type != nullptr) names.push_back(wire.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Names are compared with and without their domain, as globs are.
std::string CrossingStore::no_such_wire(std::string_view glob) const {
  const std::vector<std::string> full = wire_names();
  std::vector<std::string> candidates = full;
  for (const std::string& name : full) {
    const size_t slash = name.find('/');
    if (slash != std::string::npos) candidates.push_back(name.substr(slash + 1));
  }
  std::string text = fmt::format("no wire matches '{}'", glob);
  if (full.empty()) return text + "; there are no wires yet: run the machine first";
  std::vector<std::string> near = near_names(glob, candidates, 3);
  if (!near.empty()) return text + did_you_mean(near);
  // Those that have a part of its name in common, else the first few.
  const size_t slash = glob.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? glob : glob.substr(slash + 1);
  for (const std::string& name : full) {
    if (near.size() < 5 && !last.empty() && name.find(last) != std::string::npos) near.push_back(name);
  }
  if (near.empty())
    near.assign(full.begin(), full.begin() + static_cast<ptrdiff_t>(std::min<size_t>(5, full.size())));
  return text + fmt::format("; there are {} wires, among them {}", full.size(), fmt::join(near, ", "));
}

std::string cut_line(std::string line, size_t columns) {
  if (line.size() <= columns) return line;
  line.resize(columns - 3);
  return line + "...";
}

}  // namespace ringside::test

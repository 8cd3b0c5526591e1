#include "viewer/session/crossing_table.h"

#include <algorithm>
#include <cstring>

namespace ringside::viewer {

std::span<const uint8_t> CrossingTable::payload(Row row) const {
  if (payload_size_[row] == 0) return {};
  return {blocks_[payload_block_[row]].get() + payload_offset_[row], payload_size_[row]};
}

std::optional<uint32_t> CrossingTable::find_wire(std::string_view name) const {
  const auto found = wires_by_name_.find(std::string(name));
  if (found == wires_by_name_.end()) return std::nullopt;
  return found->second;
}

Row CrossingTable::last_row_at(Tick at) const {
  const auto behind = std::upper_bound(at_.begin(), at_.end(), at.ps);
  return behind == at_.begin() ? kNoRow : static_cast<Row>(behind - at_.begin() - 1);
}

Row CrossingTable::last_row_of_sequence(uint64_t sequence) const {
  const auto behind = std::upper_bound(sequence_.begin(), sequence_.end(), sequence);
  return behind == sequence_.begin() ? kNoRow : static_cast<Row>(behind - sequence_.begin() - 1);
}

uint32_t CrossingTable::add_wire(const std::string& name, WireKind kind, uint16_t payload_type,
                                 CapturePolicy capture) {
  const auto [place, is_new] = wires_by_name_.try_emplace(name, static_cast<uint32_t>(wires_.size()));
  if (is_new)
    wires_.push_back({name, kind, payload_type, PayloadRegistry::instance().find(payload_type), capture, {}});
  return place->second;
}

void CrossingTable::add(Tick at, uint64_t sequence, uint32_t wire, Direction direction, uint8_t flags,
                        uint32_t full_size, std::span<const uint8_t> payload) {
  if (wire >= wires_.size() || at_.size() == kNoRow) return;
  // A block never moves, so that a payload's span holds as long as its row does.
  if (last_block_bytes_ - last_block_used_ < payload.size()) {
    last_block_bytes_ = std::max(kBlockBytes, payload.size());
    last_block_used_ = 0;
    blocks_.push_back(std::make_unique_for_overwrite<uint8_t[]>(last_block_bytes_));
  }
  payload_block_.push_back(blocks_.empty() ? 0 : static_cast<uint32_t>(blocks_.size() - 1));
  payload_offset_.push_back(static_cast<uint32_t>(last_block_used_));
  payload_size_.push_back(static_cast<uint32_t>(payload.size()));
  if (!payload.empty()) std::memcpy(blocks_.back().get() + last_block_used_, payload.data(), payload.size());
  last_block_used_ += payload.size();

  wires_[wire].rows.push_back(size());
  sequence_.push_back(sequence);
  wire_.push_back(wire);
  full_size_.push_back(full_size);
  bits_.push_back(static_cast<uint8_t>(static_cast<unsigned>(direction) << 7 | (flags & 0x7f)));
  at_.push_back(at.ps);
}

// Payloads of what is gone stay until the table goes: another history is short, and rare.
void CrossingTable::truncate(Row first) {
  if (first >= size()) return;
  for (ViewedWire& wire : wires_)
    wire.rows.erase(std::lower_bound(wire.rows.begin(), wire.rows.end(), first), wire.rows.end());
  at_.resize(first);
  sequence_.resize(first);
  wire_.resize(first);
  full_size_.resize(first);
  bits_.resize(first);
  payload_block_.resize(first);
  payload_offset_.resize(first);
  payload_size_.resize(first);
  truncations_.push_back(first);
}

Row CrossingTable::kept_since(uint64_t history) const {
  Row kept = size();
  for (size_t i = history; i < truncations_.size(); ++i) kept = std::min(kept, truncations_[i]);
  return kept;
}

size_t CrossingTable::bytes() const {
  const auto of = [](const auto& column) { return column.capacity() * sizeof(column[0]); };
  size_t bytes = of(at_) + of(sequence_) + of(wire_) + of(full_size_) + of(bits_) + of(payload_block_) +
                 of(payload_offset_) + of(payload_size_) + blocks_.size() * kBlockBytes;
  for (const ViewedWire& wire : wires_) bytes += of(wire.rows);
  return bytes;
}

}  // namespace ringside::viewer

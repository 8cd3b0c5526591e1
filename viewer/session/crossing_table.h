// The crossings that the viewer knows, by column: read from a session (viewed_session.h), or heard from a
// live machine. A row is a number from 0 that stays a crossing's until truncate() takes it away. A million
// rows are about 100 MB with their payloads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sim/field_table.h"
#include "sim/tick.h"
#include "sim/wire.h"

namespace ringside::viewer {

using Row = uint32_t;
inline constexpr Row kNoRow = UINT32_MAX;

struct ViewedWire {
  std::string name;  // "dom1/ring/xvda/request"
  WireKind kind = WireKind::message;
  uint16_t payload_type = 0;          // PayloadRegistry id
  const PayloadType* type = nullptr;  // null: this program does not know the id
  CapturePolicy capture;
  std::vector<Row> rows;  // in order
};

class CrossingTable {
 public:
  Row size() const { return static_cast<Row>(at_.size()); }
  bool empty() const { return at_.empty(); }

  Tick at(Row row) const { return {at_[row]}; }
  uint64_t sequence(Row row) const { return sequence_[row]; }
  uint32_t wire(Row row) const { return wire_[row]; }
  Direction direction(Row row) const { return static_cast<Direction>(bits_[row] >> 7); }
  uint8_t flags(Row row) const { return bits_[row] & 0x7f; }
  // Bytes of the payload before the capture policy cut it.
  uint32_t full_size(Row row) const { return full_size_[row]; }
  std::span<const uint8_t> payload(Row row) const;

  const std::vector<ViewedWire>& wires() const { return wires_; }
  const ViewedWire& wire_of(Row row) const { return wires_[wire_[row]]; }
  std::optional<uint32_t> find_wire(std::string_view name) const;

  // The last row that is not later than `at`; kNoRow where none is.
  Row last_row_at(Tick at) const;
  // The row of that number, or the last one before it; kNoRow.
  Row last_row_of_sequence(uint64_t sequence) const;
  // The first and the last row's times; both 0 where there is none.
  Tick begin() const { return empty() ? Tick{} : Tick{at_.front()}; }
  Tick end() const { return empty() ? Tick{} : Tick{at_.back()}; }

  // The name is the key: the same one again gives the same index.
  uint32_t add_wire(const std::string& name, WireKind kind, uint16_t payload_type, CapturePolicy capture);
  // In the order of `sequence`; `flags` are Crossing's.
  void add(Tick at, uint64_t sequence, uint32_t wire, Direction direction, uint8_t flags, uint32_t full_size,
           std::span<const uint8_t> payload);
  // Another history begins: rows from `first` on are gone. What others have derived from them is, too, and
  // history() tells them: a number that each truncation makes larger.
  void truncate(Row first);
  uint64_t history() const { return truncations_.size(); }
  // How many of the first rows are the same as they were at that earlier history().
  Row kept_since(uint64_t history) const;

  size_t bytes() const;

 private:
  static constexpr size_t kBlockBytes = size_t{1} << 20;

  std::vector<uint64_t> at_, sequence_;
  std::vector<uint32_t> wire_, full_size_;
  std::vector<uint8_t> bits_;
  // Where a payload lies: the block's number and the offset in it; sizes beside.
  std::vector<uint32_t> payload_block_, payload_offset_, payload_size_;
  std::vector<std::unique_ptr<uint8_t[]>> blocks_;
  size_t last_block_bytes_ = 0, last_block_used_ = 0;
  std::vector<ViewedWire> wires_;
  std::unordered_map<std::string, uint32_t> wires_by_name_;
  std::vector<Row> truncations_;  // from which row each one was
};

}  // namespace ringside::viewer

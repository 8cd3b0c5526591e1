// The rows of several wires as one row of rows, in their order.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

class RowMerge {
 public:
  // From the first row that is not before `first` on.
  void seek(const CrossingTable& table, const std::vector<uint32_t>& wires, Row first) {
    heads_.clear();
    for (const uint32_t wire : wires) {
      const std::vector<Row>& rows = table.wires()[wire].rows;
      const auto place = std::lower_bound(rows.begin(), rows.end(), first);
      if (place != rows.end()) heads_.push_back({*place, wire, static_cast<size_t>(place - rows.begin())});
    }
    for (size_t i = heads_.size() / 2; i-- > 0;) sift_down(i);
  }
  // kNoRow: there are no more.
  Row next() const { return heads_.empty() ? kNoRow : heads_.front().row; }
  uint32_t wire() const { return heads_.front().wire; }
  void pop(const CrossingTable& table) {
    Head& head = heads_.front();
    const std::vector<Row>& rows = table.wires()[head.wire].rows;
    if (++head.place < rows.size()) {
      head.row = rows[head.place];
    } else {
      head = heads_.back();
      heads_.pop_back();
    }
    sift_down(0);
  }

 private:
  struct Head {
    Row row;
    uint32_t wire;
    size_t place;  // in the wire's rows
  };
  void sift_down(size_t at) {
    for (;;) {
      size_t least = at;
      for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heads_.size(); ++child) {
        if (heads_[child].row < heads_[least].row) least = child;
      }
      if (least == at) return;
      std::swap(heads_[least], heads_[at]);
      at = least;
    }
  }

  std::vector<Head> heads_;  // a heap
};

// How many rows of these wires lie before `end`.
inline size_t count_rows(const CrossingTable& table, const std::vector<uint32_t>& wires, Row end) {
  size_t count = 0;
  for (const uint32_t wire : wires) {
    const std::vector<Row>& rows = table.wires()[wire].rows;
    count += static_cast<size_t>(std::lower_bound(rows.begin(), rows.end(), end) - rows.begin());
  }
  return count;
}

}  // namespace ringside::viewer

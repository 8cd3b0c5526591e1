// Requests from begin to end, and rows that stand out: what the timeline needs of every row at once. One walk
// over the rows, reading records as they lie there.
//
// A request of a ring begins where the indices show it published, which is known when the backend takes it;
// those that are published and were never taken stand at the end of their lane, and are made anew by every
// update.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include "viewer/story/open_spans.h"
#include "viewer/story/story_wires.h"

namespace ringside::viewer {

class DeviceFacts;

class Spans {
 public:
  Spans(const CrossingTable& table, const StoryWires& wires) : table_(table), wires_(wires) {}

  // Goes on to `end`. Gives what frontends write to `facts`.
  void update(Row end, DeviceFacts& facts);
  Row done() const { return done_; }
  void clear();

  const std::vector<Lane>& lanes() const { return lanes_; }
  const std::vector<Story::Highlight>& highlights() const { return highlights_; }
  // Null. Of a request's crossing as well, where its span begins before.
  const Span* span_of(Row row) const;
  // The crossing by which the backend took it; kNoRow. Of a span that span_of() or lanes() gave.
  Row request_of(const Span& span) const;

 private:
  struct Published {
    uint32_t req_prod;
    Row row;
  };
  struct Track {
    OpenSpans open;
    std::vector<uint32_t> ended;                     // spans in the order of their ends
    std::vector<std::pair<Row, uint32_t>> requests;  // taken: the crossing, and the span
    std::array<Row, 255> level_ends{};               // kNoRow: busy
    uint8_t levels = 0;
    // Slots: what was published and is not taken, from `first_published` on.
    std::vector<Published> published;
    size_t first_published = 0;
    uint32_t next_index = 0;
    bool is_known = false;     // next_index
    size_t untaken = 0;        // spans at the end of the lane that are made anew
    uint32_t current = kNone;  // where only one is under way
  };

  void take(Row row, const WireRole& role);
  void add_lanes();
  uint32_t begin(const WireRole& role, Row begin);
  void end(const WireRole& role, uint32_t span, Row row, bool failed);
  void end(const WireRole& role, std::optional<uint32_t> span, Row row, bool failed) {
    if (span) end(role, *span, row, failed);
  }
  static uint8_t free_level(std::array<Row, 255>& level_ends, uint8_t& levels, Row begin);

  void take_hypercall(Row row, const WireRole& role);
  void take_store(Row row, const WireRole& role);
  void take_indices(Row row, const WireRole& role);
  void take_request(Row row, const WireRole& role);
  void take_response(Row row, const WireRole& role);
  void take_control(Row row, const WireRole& role);
  void take_ninep(Row row, const WireRole& role);
  void take_ata(Row row, const WireRole& role);
  void take_notice(Row row);
  void take_slot(Row row, const WireRole& role, uint32_t index, uint64_t id);
  void restart(Track& track, uint32_t index);
  void publish(Track& track, uint32_t req_prod, Row row);
  void show_untaken();
  void hide_untaken();

  const CrossingTable& table_;
  const StoryWires& wires_;
  DeviceFacts* facts_ = nullptr;  // while it updates
  Row done_ = 0;
  std::vector<Lane> lanes_;
  std::vector<Track> tracks_;
  std::vector<Story::Highlight> highlights_;
};

}  // namespace ringside::viewer

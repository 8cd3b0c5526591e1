#include "viewer/story/spans.h"

#include "sim/notice.h"
#include "viewer/story/device_facts.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {
// As many requests as any ring has slots.
constexpr uint32_t kOutstandingMax = 4096;
}  // namespace

void Spans::clear() {
  done_ = 0;
  lanes_.clear();
  tracks_.clear();
  highlights_.clear();
}

void Spans::add_lanes() {
  for (size_t lane = lanes_.size(); lane < wires_.lanes().size(); ++lane)
    lanes_.push_back({.name = wires_.lanes()[lane]});
  tracks_.resize(lanes_.size());
}

void Spans::update(Row row_end, DeviceFacts& facts) {
  facts_ = &facts;
  add_lanes();
  hide_untaken();
  for (; done_ < row_end; ++done_) {
    const WireRole& role = wires_.role(table_.wire(done_));
    if (table_.flags(done_) & Crossing::kInjected)
      highlights_.push_back({done_, Story::Highlight::Kind::fault});
    if (role.part == WirePart::none) continue;
    if (role.part == WirePart::xenstore) facts.take(table_, done_);
    take(done_, role);
  }
  facts.done(done_);
  show_untaken();
}

void Spans::take(Row row, const WireRole& role) {
  switch (role.part) {
    case WirePart::hypercall: take_hypercall(row, role); break;
    case WirePart::xenstore: take_store(row, role); break;
    case WirePart::indices: take_indices(row, role); break;
    case WirePart::request:
    case WirePart::first_request:
    case WirePart::net_request: take_request(row, role); break;
    case WirePart::response:
    case WirePart::net_response: take_response(row, role); break;
    case WirePart::control_request:
    case WirePart::control_response: take_control(row, role); break;
    case WirePart::ninep_request:
    case WirePart::ninep_response: take_ninep(row, role); break;
    case WirePart::ata_command:
    case WirePart::ata_completion: take_ata(row, role); break;
    case WirePart::notice: take_notice(row); break;
    case WirePart::fault: {
      constexpr uint8_t kRefusedFault = 255;  // it was meant, and did not strike
      const auto payload = table_.payload(row);
      if (payload.empty() || payload[0] != kRefusedFault)
        highlights_.push_back({row, Story::Highlight::Kind::fault});
      break;
    }
    default: break;
  }
}

void Spans::take_notice(Row row) {
  const auto payload = table_.payload(row);
  const bool violation = !payload.empty() && payload[0] == static_cast<uint8_t>(NoticeKind::violation);
  highlights_.push_back(
      {row, violation ? Story::Highlight::Kind::violation : Story::Highlight::Kind::notice});
}

// The lowest one whose last span has ended by then. Where none is free, the highest is shared.
uint8_t Spans::free_level(std::array<Row, 255>& level_ends, uint8_t& levels, Row begin) {
  uint8_t level = 0;
  while (level < levels && (level_ends[level] == kNoRow || level_ends[level] > begin)) ++level;
  if (level == level_ends.size()) --level;
  if (level == levels) ++levels;
  level_ends[level] = kNoRow;
  return level;
}

uint32_t Spans::begin(const WireRole& role, Row begin) {
  Track& track = tracks_[role.lane];
  Lane& lane = lanes_[role.lane];
  const auto number = static_cast<uint32_t>(lane.spans.size());
  const uint8_t level = free_level(track.level_ends, track.levels, begin);
  lane.spans.push_back({.begin = begin, .lane = role.lane, .level = level});
  lane.levels = track.levels;
  return number;
}

void Spans::end(const WireRole& role, uint32_t number, Row row, bool failed) {
  Span& span = lanes_[role.lane].spans[number];
  span.end = row;
  span.failed = failed;
  Track& track = tracks_[role.lane];
  track.level_ends[span.level] = row;
  track.ended.push_back(number);
}

void Spans::publish(Track& track, uint32_t req_prod, Row row) {
  if (req_prod - track.next_index > kOutstandingMax) return;
  if (!track.published.empty() && track.first_published < track.published.size() &&
      !is_before(track.published.back().req_prod, req_prod))
    return;
  if (req_prod == track.next_index) return;
  if (track.first_published == track.published.size() || track.first_published > kOutstandingMax) {
    track.published.erase(track.published.begin(),
                          track.published.begin() + static_cast<ptrdiff_t>(track.first_published));
    track.first_published = 0;
  }
  track.published.push_back({req_prod, row});
}

// A connection begins: what was open on the one before is not answered any more.
void Spans::restart(Track& track, uint32_t index) {
  track.open.clear();
  track.published.clear();
  track.first_published = 0;
  track.next_index = index;
  track.is_known = true;
}

void Spans::show_untaken() {
  for (size_t i = 0; i < tracks_.size(); ++i) {
    Track& track = tracks_[i];
    if (track.first_published == track.published.size()) continue;
    Lane& lane = lanes_[i];
    std::array<Row, 255> level_ends = track.level_ends;
    uint32_t index = track.next_index;
    for (size_t place = track.first_published; place < track.published.size(); ++place) {
      const Published& published = track.published[place];
      for (; is_before(index, published.req_prod) && track.untaken < kOutstandingMax; ++index) {
        const uint8_t level = free_level(level_ends, lane.levels, published.row);
        lane.spans.push_back({.begin = published.row, .lane = static_cast<uint32_t>(i), .level = level});
        ++track.untaken;
      }
    }
  }
}

void Spans::hide_untaken() {
  for (size_t i = 0; i < tracks_.size(); ++i) {
    Lane& lane = lanes_[i];
    lane.spans.resize(lane.spans.size() - tracks_[i].untaken);
    lane.levels = tracks_[i].levels;
    tracks_[i].untaken = 0;
  }
}

const Span* Spans::span_of(Row row) const {
  if (row >= done_) return nullptr;
  const WireRole& role = wires_.role(table_.wire(row));
  if (role.lane == kNone || role.lane >= lanes_.size()) return nullptr;
  const std::vector<Span>& spans = lanes_[role.lane].spans;
  const Track& track = tracks_[role.lane];
  const auto taken = std::lower_bound(track.requests.begin(), track.requests.end(), row,
                                      [](const auto& request, Row wanted) { return request.first < wanted; });
  if (taken != track.requests.end() && taken->first == row) return &spans[taken->second];
  const auto ended = std::lower_bound(track.ended.begin(), track.ended.end(), row,
                                      [&](uint32_t span, Row wanted) { return spans[span].end < wanted; });
  if (ended != track.ended.end() && spans[*ended].end == row) return &spans[*ended];
  const auto begun = std::lower_bound(spans.begin(), spans.end(), row,
                                      [](const Span& span, Row wanted) { return span.begin < wanted; });
  return begun != spans.end() && begun->begin == row ? &*begun : nullptr;
}

// Requests are taken in the order of their spans.
Row Spans::request_of(const Span& span) const {
  const Track& track = tracks_[span.lane];
  const auto number = static_cast<uint32_t>(&span - lanes_[span.lane].spans.data());
  const auto taken =
      std::lower_bound(track.requests.begin(), track.requests.end(), number,
                       [](const auto& request, uint32_t wanted) { return request.second < wanted; });
  return taken != track.requests.end() && taken->second == number ? taken->first : kNoRow;
}

}  // namespace ringside::viewer

#include "viewer/story/xenbus.h"

#include <algorithm>

#include "hv-model/payloads.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

void go_back_to(XenbusState::End& side, Row end) {
  while (!side.path.empty() && side.path.back().second >= end) side.path.pop_back();
  side.state = side.path.empty() ? uint8_t{0} : side.path.back().first;
  side.since = side.path.empty() ? kNoRow : side.path.back().second;
}

}  // namespace

const std::vector<XenbusState>& XenbusStory::at(const StoryParts& parts, Row end) {
  const std::vector<KnownXenbus>& known = parts.wires.xenbus();
  for (size_t i = shown_.size(); i < known.size(); ++i) {
    shown_.push_back({.device = known[i].name, .frontend = {}, .backend = {}});
    taken_.push_back(0);
  }
  for (size_t i = 0; i < known.size(); ++i) {
    const std::vector<Row>& rows = parts.table.wires()[known[i].wire].rows;
    XenbusState& device = shown_[i];
    const auto wanted = static_cast<size_t>(std::lower_bound(rows.begin(), rows.end(), end) - rows.begin());
    if (wanted < taken_[i]) {
      go_back_to(device.frontend, end);
      go_back_to(device.backend, end);
    }
    for (size_t place = taken_[i]; place < wanted; ++place) {
      XenbusStateRecord record;
      if (!read_record(parts.table.payload(rows[place]), record)) continue;
      XenbusState::End& side = record.end == 0 ? device.frontend : device.backend;
      side.state = record.state;
      side.since = rows[place];
      side.path.emplace_back(record.state, rows[place]);
    }
    taken_[i] = wanted;
  }
  return shown_;
}

}  // namespace ringside::viewer

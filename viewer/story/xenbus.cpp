#include "viewer/story/xenbus.h"

#include <algorithm>
#include <map>

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
  shown_.resize(taken_.size());
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
  take_messages(parts, end);
  return shown_;
}

// Few, and made anew each time. A device is there from its first message on.
void XenbusStory::take_messages(const StoryParts& parts, Row end) {
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < shown_.size(); ++i) places.emplace(shown_[i].device, i);
  for (const DeviceState& state : parts.facts.states()) {
    if (state.row >= end) break;
    const std::string name = parts.wires.domains()[state.domain].name + "/" +
                             parts.facts.name_of(parts.table, state.domain, state.device_class, state.device);
    const auto [place, is_new] = places.emplace(name, shown_.size());
    if (is_new) shown_.push_back({.device = name, .frontend = {}, .backend = {}});
    if (place->second < taken_.size()) continue;
    XenbusState& device = shown_[place->second];
    XenbusState::End& side = state.backend ? device.backend : device.frontend;
    if (side.since != kNoRow && side.state == state.state) continue;
    side.state = state.state;
    side.since = state.row;
    side.path.emplace_back(state.state, state.row);
  }
}

}  // namespace ringside::viewer

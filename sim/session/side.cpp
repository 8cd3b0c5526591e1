#include "sim/session/side.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

std::vector<uint32_t> SessionSide::matching(const std::string& glob) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < wires.size(); ++i) {
    if (wire_matches(glob, wires[i].name)) found.push_back(i);
  }
  return found;
}

namespace {

constexpr uint32_t kOther = UINT32_MAX;  // a wire that nobody asked for

class SideReader {
 public:
  SideReader(SessionReader& reader, const std::vector<std::string>& globs, SessionSide& side)
      : reader_(reader), globs_(globs), side_(side) {}

  // The bytes that are kept of it.
  uint64_t take(SessionRecord&& record) {
    if (auto* crossing = std::get_if<SessionCrossing>(&record)) {
      side_.end = std::max(side_.end, crossing->at);
      const uint32_t place = place_of(crossing->wire);
      if (place == kOther) return 0;
      crossing->wire = place;
      const uint64_t bytes = sizeof *crossing + crossing->payload.size();
      side_.crossings.push_back(std::move(*crossing));
      return bytes;
    }
    if (auto* input = std::get_if<InputRecord>(&record)) {
      const uint64_t bytes = sizeof *input + input->bytes.size();
      side_.inputs.push_back(std::move(*input));
      return bytes;
    }
    if (const auto* outcome = std::get_if<RunOutcome>(&record)) side_.end = std::max(side_.end, outcome->at);
    return 0;
  }

 private:
  uint32_t place_of(uint32_t wire) {
    while (places_.size() <= wire) {
      const SessionWire& met = reader_.wires()[places_.size()];
      const bool wanted = std::any_of(globs_.begin(), globs_.end(),
                                      [&](const std::string& glob) { return wire_matches(glob, met.name); });
      places_.push_back(wanted ? static_cast<uint32_t>(side_.wires.size()) : kOther);
      if (wanted) side_.wires.push_back(met);
    }
    return places_[wire];
  }

  SessionReader& reader_;
  const std::vector<std::string>& globs_;
  SessionSide& side_;
  std::vector<uint32_t> places_;  // by the session's number of a wire
};

}  // namespace

Result<SessionSide> read_session_side(const std::string& path, const std::string& name,
                                      const std::vector<std::string>& globs, uint64_t bytes_max) {
  auto reader = SessionReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  SessionSide side;
  side.path = name;
  side.header = reader->header();
  SideReader taker(*reader, globs, side);
  uint64_t bytes = 0;
  for (;;) {
    auto record = reader->next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) break;
    bytes += taker.take(std::move(**record));
    if (bytes > bytes_max) {
      return fail(fmt::format(
          "{}: what is wanted of this session takes more than {} MiB of memory; name fewer wires, or record "
          "a shorter run",
          name, bytes_max >> 20));
    }
  }
  side.all_wires = reader->wires();
  if (reader->was_cut())
    side.cut = fmt::format("it was cut; {} bytes behind its last whole epoch are lost", reader->bytes_lost());
  return side;
}

}  // namespace ringside

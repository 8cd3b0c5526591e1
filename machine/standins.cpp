#include "machine/standins.h"

#include <fmt/format.h>

#include <algorithm>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "machine/machine.h"
#include "machine/regenerate.h"

namespace ringside {

Result<std::string> find_side(const SessionSide& side, const std::string& kind, const std::string& last_part,
                              const std::string& wanted, const std::string& name) {
  std::vector<std::string> found, exact;
  for (const SessionWire& wire : side.wires) {
    if (!wire.name.ends_with(last_part)) continue;
    const std::string base = wire.name.substr(0, wire.name.size() - last_part.size());
    if (!wire_matches(kind + "*", base)) continue;
    if (!wanted.empty() && !wire_matches(wanted, base)) continue;
    found.push_back(base);
    if (wire_matches(kind + name, base)) exact.push_back(base);
  }
  if (exact.size() == 1) return exact.front();
  if (found.size() == 1) return found.front();
  std::string list;
  for (const std::string& base : found) list += "\n  " + base;
  if (found.empty()) {
    for (const SessionWire& wire : side.all_wires) {
      if (wire.name.ends_with(last_part)) list += "\n  " + wire.name;
    }
    return fail(fmt::format("{} has recorded nothing on a wire like {}{}{}{}", side.path,
                            wanted.empty() ? kind + "*" : wanted, last_part,
                            list.empty() ? "" : "; there are:", list));
  }
  return fail(
      fmt::format("{} has several sides that could be meant; write \"session:{}#WIRE\" with one of:{}",
                  side.path, side.path, list));
}

NinePRecording learn_ninep(const SessionSide& side, const std::string& base) {
  NinePRecording recording;
  const std::string t = base + "/T", r = base + "/R";
  for (const SessionCrossing& crossing : side.crossings) {
    const std::string& wire = side.wires[crossing.wire].name;
    if ((wire != t && wire != r) || crossing.payload.size() < sizeof(P9MessageRecord)) continue;
    const auto message = std::span(crossing.payload).subspan(sizeof(P9MessageRecord));
    const auto size = crossing.full_size - static_cast<uint32_t>(sizeof(P9MessageRecord));
    if (message.size() < ninep::header_bytes) continue;
    const auto tag = static_cast<uint16_t>(message[5] | message[6] << 8);
    const bool dropped = (crossing.flags & Crossing::kDropped) != 0;
    const bool failed = (crossing.flags & Crossing::kFailed) != 0;
    if (wire == r && dropped) {
      recording.forget(tag);
      continue;
    }
    if (wire == t && dropped) continue;
    if (wire == r && failed) recording.fail(tag);
    recording.learn(message, size);
    if (wire == t && failed) recording.fail(tag);
  }
  return recording;
}

Result<SessionSide> Standins::read(const StandinScenario& standin,
                                   const std::vector<std::string>& globs) const {
  register_all_payload_types();
  const auto path = paths_.find(standin.file);
  if (path == paths_.end()) return fail(fmt::format("session '{}' is not there", standin.file));
  return read_session_side(path->second, standin.file, globs);
}

Result<> Standins::locate_all() {
  for (const StandinScenario* standin : standins_of(scenario_)) {
    const auto path = locate_file(scenario_, standin->file, "session");
    if (!path) return tl::unexpected(path.error());
    add_file(standin->file, *path);
  }
  return {};
}

Result<DiskRecording> Standins::disk(const DiskScenario& disk) const {
  auto side = read(disk.standin, {"image/*/data"});
  if (!side) return tl::unexpected(side.error());
  if (side->wires.empty()) {
    auto regenerated = side_with_data(paths_.at(disk.standin.file), disk.standin.file, {"image/*/data"});
    if (!regenerated) return fail(fmt::format("disk '{}': {}", disk.name, regenerated.error().message));
    side = std::move(regenerated);
  }
  const auto base = find_side(*side, "image/", "/data", disk.standin.wire, disk.name);
  if (!base) return fail(fmt::format("disk '{}': {}", disk.name, base.error().message));
  DiskRecording recording;
  for (const SessionCrossing& crossing : side->crossings) {
    if (side->wires[crossing.wire].name != *base + "/data") continue;
    if (!recording.learn(crossing.payload))
      return fail(fmt::format("disk '{}': {} has no image data on {}/data", disk.name, side->path, *base));
  }
  if (recording.sectors == 0)
    return fail(fmt::format("disk '{}': {} has no operations on {}", disk.name, side->path, *base));
  return recording;
}

Result<XenStoreRecording> Standins::xenstore(const std::string& domain, DomainId id) const {
  const StandinScenario& standin = scenario_.xenstore_standin;
  const auto side = read(standin, {"*/xenstore"});
  if (!side) return tl::unexpected(side.error());
  const auto base = find_side(*side, "*", "/xenstore", standin.wire, domain);
  if (!base) return fail(fmt::format("xenstore: {}", base.error().message));
  XenStoreRecording recording(id);
  for (const SessionCrossing& crossing : side->crossings) {
    if (side->wires[crossing.wire].name != *base + "/xenstore") continue;
    if ((crossing.flags & Crossing::kDropped) != 0) continue;
    recording.learn(crossing.payload, crossing.direction == Direction::out, crossing.at);
  }
  if (recording.requests() == 0)
    return fail(fmt::format("xenstore: {} has no requests on {}/xenstore", side->path, *base));
  return recording;
}

Result<EventRecording> Standins::events(const std::string& domain) const {
  const StandinScenario& standin = scenario_.events_standin;
  const auto side = read(standin, {"*/evtchn"});
  if (!side) return tl::unexpected(side.error());
  const auto base = find_side(*side, "*", "/evtchn", standin.wire, domain);
  if (!base) return fail(fmt::format("events: {}", base.error().message));
  EventRecording recording;
  for (const SessionCrossing& crossing : side->crossings) {
    if (side->wires[crossing.wire].name != *base + "/evtchn") continue;
    recording.learn(crossing.payload, crossing.direction == Direction::out, crossing.flags, crossing.at);
  }
  if (recording.empty()) return fail(fmt::format("events: {} has none on {}/evtchn", side->path, *base));
  return recording;
}

Result<NinePRecording> Standins::ninep(const ShareScenario& share) const {
  const auto side = read(share.standin, {"9p/*/T", "9p/*/R"});
  if (!side) return tl::unexpected(side.error());
  const auto base = find_side(*side, "9p/", "/T", share.standin.wire, share.name);
  if (!base) return fail(fmt::format("share '{}': {}", share.name, base.error().message));
  NinePRecording recording = learn_ninep(*side, *base);
  if (recording.requests() == 0)
    return fail(fmt::format("share '{}': {} has no messages on {}/T", share.name, side->path, *base));
  return recording;
}

}  // namespace ringside

#include "machine/drive/drive.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/payloads.h"
#include "machine/machine.h"
#include "sim/bus.h"

namespace ringside {

namespace {

struct Kind {
  const PayloadType* payload;
  const char* name;
  Result<DriveReport> (*drive)(const DriveInput&);
};

// By the payload of the wires that are fed.
const Kind* kind_of(uint16_t payload_type) {
  static const Kind kinds[] = {
      {&kP9RequestPayload, "9P", drive_ninep},      {&kP9ResponsePayload, "9P", drive_ninep},
      {&kBlkRequestPayload, "blkif", drive_blk},    {&kBlkResponsePayload, "blkif", drive_blk},
      {&kBlkIndicesPayload, "blkif", drive_blk},    {&kEventPayload, "event channels", drive_events},
      {&kBusAccessPayload, "registers", drive_uart}};
  for (const Kind& kind : kinds) {
    if (kind.payload->id == payload_type) return &kind;
  }
  return nullptr;
}

Error no_such_wire(const SessionSide& side, const std::string& glob) {
  std::set<std::string> names;
  for (const SessionWire& wire : side.all_wires) {
    if (kind_of(wire.payload_type) != nullptr) names.insert(wire.name);
  }
  std::string list;
  for (const std::string& name : names) list += "\n  " + name;
  const bool exists = std::any_of(side.all_wires.begin(), side.all_wires.end(),
                                  [&](const SessionWire& wire) { return wire_matches(glob, wire.name); });
  return {
      ExitCode::bad_input,
      fmt::format(
          "{} of {} can be driven by '{}'{}{}", exists ? "no wire" : "none of the wires", side.path, glob,
          list.empty() ? "; it has no 9P, blkif, event channels or registers" : "; those that can:", list)};
}

}  // namespace

Result<DriveReport> drive(const DriveOptions& options) {
  register_all_payload_types();
  // All of them, because to drive one takes others (grants, data).
  auto names = read_session_side(options.session, options.session, {});
  if (!names) return tl::unexpected(names.error());
  const Kind* kind = nullptr;
  std::set<std::string> bases;
  for (const SessionWire& wire : names->all_wires) {
    const Kind* found = wire_matches(options.wire, wire.name) ? kind_of(wire.payload_type) : nullptr;
    if (found == nullptr) continue;
    if (kind != nullptr && kind->drive != found->drive) {
      return fail(fmt::format("'{}' matches wires of {} and of {}; drive one at a time", options.wire,
                              kind->name, found->name));
    }
    kind = found;
    std::string base = wire.name.substr(0, wire.name.rfind('/'));
    if (const size_t queue = base.rfind("/queue-"); queue != base.npos && found->drive == drive_blk)
      base.resize(queue);
    if (found->drive == drive_events) base = options.wire;
    if (found->drive == drive_uart) base = wire.name;
    bases.insert(base);
  }
  if (kind == nullptr) return tl::unexpected(no_such_wire(*names, options.wire));
  if (bases.size() > 1) {
    return fail(fmt::format("'{}' matches several devices; drive one at a time:\n  {}", options.wire,
                            fmt::join(bases, "\n  ")));
  }
  auto scenario = options.scenario.empty() ? scenario_of_session(names->header, "")
                                           : load_scenario(options.scenario, options.overrides);
  if (!scenario) return tl::unexpected(scenario.error());
  if (options.scenario.empty() && !options.overrides.empty()) {
    Overrides all = names->header.overrides;
    all.insert(all.end(), options.overrides.begin(), options.overrides.end());
    const std::vector<std::string> folders = scenario->remembered_folders;
    scenario = parse_scenario(names->header.scenario_text, names->header.scenario_name, all);
    if (!scenario) return tl::unexpected(scenario.error());
    scenario->remembered_folders = folders;
  }
  // The backend may be a changed one: its files are what they are now.
  scenario->expected_files.clear();
  return kind->drive({options, *names, *scenario, *bases.begin()});
}

}  // namespace ringside

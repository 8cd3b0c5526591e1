#include "tests/unit/viewer/story/story_table.h"

#include <unistd.h>
#include <filesystem>

#include "machine/machine.h"
#include "machine/scenario.h"
#include "sim/session/reader.h"

namespace ringside::viewer::story_test {

CrossingTable table_of_scenario(const std::string& name,
                                const std::vector<std::pair<std::string, std::string>>& overrides) {
  const auto scenario = load_scenario(std::string(RINGSIDE_SCENARIOS) + "/" + name, overrides);
  INFO(name << ": " << (scenario ? "" : scenario.error().message));
  REQUIRE(scenario);
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("ringside-story-" + std::to_string(getpid()) + "-" + name + ".pcapng"))
                               .string();
  MachineOptions options;
  options.record_to = path;
  {
    auto machine = Machine::create(*scenario, options);
    REQUIRE(machine);
    REQUIRE((*machine)->run());
  }
  register_all_payload_types();
  CrossingTable table;
  auto reader = SessionReader::open(path);
  REQUIRE(reader);
  std::vector<uint32_t> wires;
  for (;;) {
    auto record = reader->next();
    REQUIRE(record);
    if (!*record) break;
    const auto* crossing = std::get_if<SessionCrossing>(&**record);
    if (crossing == nullptr) continue;
    for (size_t i = wires.size(); i < reader->wires().size(); ++i) {
      const SessionWire& wire = reader->wires()[i];
      wires.push_back(table.add_wire(wire.name, wire.kind, wire.payload_type, wire.capture));
    }
    table.add(crossing->at, crossing->sequence, wires[crossing->wire], crossing->direction, crossing->flags,
              crossing->full_size, crossing->payload);
  }
  std::filesystem::remove(path);
  return table;
}

bool equal(const RingState& a, const RingState& b) {
  if (a.size != b.size || a.slots.size() != b.slots.size() || a.last != b.last) return false;
  for (size_t i = 0; i < a.slots.size(); ++i) {
    const RingSlot &x = a.slots[i], &y = b.slots[i];
    if (x.state != y.state || x.index != y.index || x.published != y.published || x.request != y.request ||
        x.response != y.response)
      return false;
  }
  return a.req_prod == b.req_prod && a.rsp_prod == b.rsp_prod && a.req_cons == b.req_cons &&
         a.rsp_cons == b.rsp_cons && a.out.prod == b.out.prod && a.in.prod == b.in.prod &&
         a.out.size == b.out.size && a.head == b.head && a.tail == b.tail;
}

bool equal(const NinePState& a, const NinePState& b) {
  if (a.fids.size() != b.fids.size() || a.in_flight.size() != b.in_flight.size() ||
      a.latencies.size() != b.latencies.size())
    return false;
  for (size_t i = 0; i < a.fids.size(); ++i) {
    if (a.fids[i].fid != b.fids[i].fid || a.fids[i].path != b.fids[i].path ||
        a.fids[i].open != b.fids[i].open || a.fids[i].since != b.fids[i].since)
      return false;
  }
  for (size_t i = 0; i < a.in_flight.size(); ++i)
    if (a.in_flight[i].request != b.in_flight[i].request) return false;
  for (size_t i = 0; i < a.latencies.size(); ++i)
    if (a.latencies[i].sum != b.latencies[i].sum || a.latencies[i].histogram != b.latencies[i].histogram)
      return false;
  return true;
}

std::string text_of(const StoreNode& node) {
  std::string text =
      node.name + "=" + node.value + (node.removed ? "-" : "") + "@" + std::to_string(node.changed) + "{";
  for (const auto& [name, child] : node.children) text += text_of(child);
  return text + "}";
}

}  // namespace ringside::viewer::story_test

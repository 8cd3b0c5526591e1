#include "machine/scenario_standins.h"

#include <fmt/format.h>

#include "machine/scenario.h"
#include "machine/toml_reader.h"

namespace ringside {

Result<StandinScenario> parse_standin(std::string_view text) {
  constexpr std::string_view kStart = "session:";
  if (!text.starts_with(kStart))
    return fail(fmt::format("'{}' is no backend; write \"session:FILE\" or \"session:FILE#WIRE\"", text));
  StandinScenario standin;
  standin.text = text;
  const std::string_view rest = text.substr(kStart.size());
  const size_t mark = rest.find('#');
  standin.file = rest.substr(0, mark);
  if (mark != rest.npos) standin.wire = rest.substr(mark + 1);
  if (standin.file.empty()) return fail("'session:' names no file");
  if (mark != rest.npos && standin.wire.empty()) return fail("there is no wire behind '#'");
  return standin;
}

void read_standin(TomlReader& table, const char* key, StandinScenario& standin) {
  std::string text;
  table.read(key, text);
  if (!table.has(key)) return;
  auto parsed = parse_standin(text);
  if (!parsed) return table.error(key, parsed.error().message);
  standin = std::move(*parsed);
}

void read_disk_contents(TomlReader& table, DiskScenario& disk) {
  table.read("image", disk.image);
  read_standin(table, "backend", disk.standin);
  table.read("record_data", disk.record_data);
  if (table.has("image") && disk.image.empty()) table.error("image", "'image' names no file");
  // Beside a backend the image is not opened, so that `--set disk.xvda.backend=...` is enough.
  if (!table.has("image") && !table.has("backend"))
    table.error("[[disk]] needs an 'image', or a 'backend', which is a recorded session");
  bool write = false;
  table.read("write", write);
  if (write && table.has("backend"))
    table.error("write", "a recorded session is never written to: leave out 'write'");
  disk.write_file = write;
}

void read_standin_tables(TomlReader& top, Scenario& scenario) {
  top.table("xenstore", [&](TomlReader& table) {
    table.require("backend");
    read_standin(table, "backend", scenario.xenstore_standin);
  });
  top.table("events", [&](TomlReader& table) {
    table.require("backend");
    read_standin(table, "backend", scenario.events_standin);
  });
}

std::vector<const StandinScenario*> standins_of(const Scenario& scenario) {
  std::vector<const StandinScenario*> found;
  const auto add = [&](const StandinScenario& standin) {
    if (standin) found.push_back(&standin);
  };
  for (const DiskScenario& disk : scenario.disks) add(disk.standin);
  for (const ShareScenario& share : scenario.shares) add(share.standin);
  add(scenario.xenstore_standin);
  add(scenario.events_standin);
  return found;
}

}  // namespace ringside

// `backend = "session:old.pcapng"` in a scenario: a recorded session answers in the place of a backend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside {

class TomlReader;
struct DiskScenario;
struct Scenario;

struct StandinScenario {
  std::string text;  // as it was written; empty: there is none
  std::string file;  // the session
  std::string wire;  // which of its wires, a glob; empty: the one that has the device's name, or the only one
  explicit operator bool() const { return !text.empty(); }
};

// "session:old.pcapng" or "session:old.pcapng#9p/data".
Result<StandinScenario> parse_standin(std::string_view text);
// The value of that key, where it is there.
void read_standin(TomlReader& table, const char* key, StandinScenario& standin);
// `image` or `backend` of a [[disk]].
void read_disk_contents(TomlReader& table, DiskScenario& disk);
// [xenstore] and [events].
void read_standin_tables(TomlReader& top, Scenario& scenario);

// All of a scenario's, in its order.
std::vector<const StandinScenario*> standins_of(const Scenario& scenario);

}  // namespace ringside

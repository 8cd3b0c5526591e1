// [[console]]: a paravirtual domain's consoles beside its first one.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "machine/scenario_devices.h"

namespace ringside {

void read_console(TomlReader& table, ConsoleScenario& console) {
  table.read("name", console.name);
  table.read("domain", console.domain);
}

// They are numbered in their order, per domain: Linux's hvc1 is the first.
void number_consoles(Scenario& scenario, TomlReader& top) {
  constexpr uint32_t kConsolesMax = 15;
  std::map<std::string, uint32_t> last;
  for (ConsoleScenario& console : scenario.consoles) {
    console.device = ++last[console.domain];
    if (console.device > kConsolesMax)
      top.error(fmt::format("'{}' has more than {} consoles", console.domain, kConsolesMax));
    if (console.name.empty()) console.name = fmt::format("console{}", console.device);
    if (console.name == "console" || console.name == "toolstack" || console.name == "xenstore")
      top.error(
          fmt::format("'{}' names another wire of '{}'; choose another name", console.name, console.domain));
  }
}

}  // namespace ringside

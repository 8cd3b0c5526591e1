#include "machine/xen_consoles.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

void XenConsoles::attach(const std::string& domain_name, Domain& domain, XenHost& host,
                         const Output& output) {
  for (const ConsoleScenario& given : scenario_.consoles) {
    if (given.domain != domain_name) continue;
    auto console = std::make_unique<Console>();
    console->scenario = &given;
    console->watch = ConsoleWatch(scenario_.expect.console);
    console->backend = std::make_unique<ConsoleBackend>(*host.hypervisor, *host.toolstack, domain,
                                                        ConsoleConfig{given.name, given.device});
    host.fault_targets.add({fmt::format("{}/{}/", domain.name, given.name)}, *console->backend);
    console->backend->set_output([own = console.get(), output](std::span<const uint8_t> bytes) {
      own->watch.on_output({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      output(*own->scenario, bytes);
    });
    consoles_.push_back(std::move(console));
  }
}

bool XenConsoles::take_input(const std::string& wire, const std::vector<uint8_t>& bytes) {
  for (const auto& console : consoles_) {
    if (wire != console->scenario->full_name() + "/in") continue;
    console->backend->type(bytes);
    return true;
  }
  return false;
}

bool XenConsoles::seen(size_t index) const {
  return std::any_of(consoles_.begin(), consoles_.end(),
                     [&](const auto& console) { return console->watch.seen(index); });
}

void XenConsoles::list_components(Components& into) const {
  for (const auto& console : consoles_)
    into.emplace_back("console/" + console->scenario->full_name(), console->backend.get());
}

}  // namespace ringside

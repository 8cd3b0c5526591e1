// The further consoles of paravirtual domains: [[console]] in a scenario, a backend for each, and what they
// show. The first console of a domain is its guest's own (xen_guest.h).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "hv-model/console/console_backend.h"
#include "machine/console_watch.h"
#include "machine/guest.h"
#include "machine/scenario.h"
#include "machine/xen_host.h"

namespace ringside {

class XenConsoles {
 public:
  // Full name ("dom1/console1") and bytes.
  using Output = std::function<void(const ConsoleScenario& console, std::span<const uint8_t> bytes)>;
  explicit XenConsoles(const Scenario& scenario) : scenario_(scenario) {}

  // Those of a domain that has just been built.
  void attach(const std::string& domain_name, Domain& domain, XenHost& host, const Output& output);
  bool take_input(const std::string& wire, const std::vector<uint8_t>& bytes);
  // Whether the text of [expect] with this index has appeared on one of them.
  bool seen(size_t index) const;
  void list_components(Components& into) const;

 private:
  struct Console {
    const ConsoleScenario* scenario;
    ConsoleWatch watch;
    std::unique_ptr<ConsoleBackend> backend;
  };
  const Scenario& scenario_;
  std::vector<std::unique_ptr<Console>> consoles_;
};

}  // namespace ringside

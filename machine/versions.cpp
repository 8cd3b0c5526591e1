#include "machine/versions.h"

#include <fmt/format.h>

#include "checkers/driver/driver_report.h"
#include "cpu/cpu.h"
#include "devices/disk/payloads.h"
#include "devices/nic/payloads.h"
#include "devices/pci/payloads.h"
#include "devices/platform/apic/payloads.h"
#include "devices/platform/payloads.h"
#include "devices/uart/payloads.h"
#include "host/network/payloads.h"
#include "host/payloads.h"
#include "hv-model/payloads.h"
#include "machine/machine.h"
#include "sim/payloads.h"
#include "sim/systemc/timeline.h"

namespace ringside {

std::vector<std::pair<std::string, std::string>> component_versions() {
  return {{"ringside", RINGSIDE_VERSION},
          {"unicorn", unicorn_version()},
          {"systemc", systemc_version()},
          {"capstone", capstone_version()},
          {"cost_table", cost_table_version()}};
}

Result<> check_versions(const SessionHeader& header) {
  for (const auto& [name, recorded] : header.versions) {
    for (const auto& [have_name, have] : component_versions()) {
      if (have_name != name || have == recorded) continue;
      return fail(
          fmt::format("the session was recorded with {} {}, and this is {} {}: it may run differently. "
                      "Replay it with the version that recorded it, or record anew.",
                      name, recorded, name, have));
    }
  }
  return {};
}

void register_all_payload_types() {
  register_sim_payload_types();
  register_checker_payload_types();
  register_host_payload_types();
  register_network_payload_types();
  register_hypervisor_payload_types();
  register_pci_payload_types();
  register_platform_payload_types();
  register_apic_payload_types();
  register_uart_payload_types();
  register_disk_payload_types();
  register_nic_payload_types();
}

}  // namespace ringside

// The hypervisor model and what it shares among its domains: machine memory, XenStore, the toolstack.
#pragma once

#include <memory>

#include "host/disk_image.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "hv-model/xenstore/socket_clients.h"
#include "hv-model/xenstore/xenstore.h"
#include "machine/block_devices.h"
#include "machine/fault_targets.h"
#include "machine/guest.h"
#include "machine/scenario.h"
#include "machine/standins.h"
#include "machine/xen_toolstack.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class XenGuest;

class XenHost {
 public:
  ~XenHost();
  // For the paravirtual domains of the scenario.
  static Result<std::unique_ptr<XenHost>> create(const Scenario& scenario, Timeline& timeline,
                                                 Wiring& wiring);

  // Bytes from outside for domain 0 itself. False: there is no such wire.
  bool take_input(const std::string& wire, const std::vector<uint8_t>& bytes);
  // What is nobody's in particular.
  void list_components(Components& into) const;

  std::unique_ptr<Memory> memory;
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<XenStore> xenstore;
  std::unique_ptr<XenStoreClient> toolstack;  // domain 0's connection to XenStore
  std::unique_ptr<XenStoreSocketClients> socket_clients;
  std::unique_ptr<XenToolstack> commands;
  std::unique_ptr<BlockDevices> disks;
  XenFaultTargets fault_targets;
  std::unique_ptr<RecordedEvents> recorded_events;  // null but for [events]
  std::vector<std::unique_ptr<RecordedXenStore>> recorded_stores;

  // [xenstore] and [events], for a domain that has been made and has no connections yet.
  Result<> attach_standins(const Scenario& scenario, Standins& standins, Domain& domain,
                           const std::string& name);
};

}  // namespace ringside

// What follows when a backend's domain is killed (the fault `crash`), as its frontend sees it:
//
//   at once   Xen ends the domain's event channels and grant mappings (domain_kill: evtchn_destroy,
//             gnttab_release_mappings): the frontend's port is unbound, its events go nowhere, nobody serves
//             its rings. Nothing is written to XenStore. The backend's own object has gone by then.
//   then      the toolstack destroys the domain, whose home in XenStore goes with all backends in it
//             (libxl__destroy_domid): the frontend's watch fires, and there is no state any more. Its own
//             nodes stay: no toolstack touches them.
//   later     or never, a new backend offers itself under the same path. A frontend that has closed itself
//             meanwhile connects anew from InitWait. One that has stayed Connected finds its old ring served
//             again from its last response on, as by a Linux backend that is bound again (`allow_rebind` of
//             xen-blkback and xen-netback): what was in flight is done once more.
//
// DEVIATES: libxl - a new driver domain has another number, and an administrator attaches the device to it;
// here it gets the number of the dead one.
#pragma once

#include <functional>

#include "hv-model/backends/device_nodes.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "sim/state.h"

namespace ringside {

class BackendDeath : public Stateful {
 public:
  // From the death to the end of its folder: VIRQ_DOM_EXC, xenstored's @releaseDomain, xl's reaction.
  static constexpr Tick kTeardown = milliseconds(1);

  // `come_back` is called from the event queue `back_after` from now (0: never), and no sooner than the
  // folder has gone; it may destroy this. The store and the hypervisor outlive it.
  BackendDeath(XenStoreClient& store, Hypervisor& hypervisor, const DevicePaths& paths, Tick back_after,
               std::function<void()> come_back);
  ~BackendDeath() override;
  BackendDeath(const BackendDeath&) = delete;
  BackendDeath& operator=(const BackendDeath&) = delete;

  const DevicePaths& paths() const { return paths_; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  EventQueue& events_;
  const DevicePaths paths_;
  EventQueue::Handle teardown_, return_;
};

}  // namespace ringside

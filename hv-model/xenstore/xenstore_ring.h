// XenStore over its shared ring (public/io/xs_wire.h): one connection of a domain. Crossings on
// "<domain>/xenstore" carry whole messages, requests out and replies and watch events in.
#pragma once

#include <memory>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

class XenStoreRing : public Stateful {
 public:
  // `port` is domain 0's end. The ring is served when the guest notifies, from the event queue.
  XenStoreRing(Hypervisor& hypervisor, XenStore& store, Domain& domain, Mfn ring, EventPort port);
  ~XenStoreRing() override;
  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

// XenStore over its shared ring (public/io/xs_wire.h): one connection of a domain. Crossings on
// "<domain>/xenstore" carry whole messages, requests out and replies and watch events in.
//
// A request takes this way: the guest notifies; its bytes are copied out of the ring until a message is
// whole; the message crosses the wire; kRequestLatency later the store handles it; replies and events cross
// the wire, wait in a queue until the ring has room, and the guest is notified. One request is served at a
// time, as the single-threaded xenstored does, and none is taken while the guest leaves
// XenStoreQuota::outstanding_requests replies unread.
//
// The guest is hostile: indices are copied and then judged. More than 1024 bytes between producer and
// consumer, or a message longer than XENSTORE_PAYLOAD_MAX, and the connection is ignored for good: its
// watches and transactions end, and the ring's `error` field says why (XENSTORE_ERROR_*).
#pragma once

#include <memory>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

class XenStoreRing : public Stateful {
 public:
  // What xenstored takes for a request, from its wake-up to the reply.
  static constexpr Tick kRequestLatency = microseconds(20);

  // `port` is domain 0's end. The ring is served when the guest notifies, from the event queue.
  XenStoreRing(Hypervisor& hypervisor, XenStore& store, Domain& domain, Mfn ring, EventPort port);
  ~XenStoreRing() override;

  // True once the connection is ignored.
  bool ignored() const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

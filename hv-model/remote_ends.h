// Who is at the other end of an event channel whose domain is not here: a stand-in. EventChannels tells it
// what the domains that are here do with such channels, and it answers through EventChannels.
#pragma once

#include "sim/ids.h"
#include "sim/state.h"

namespace ringside {

class RemoteEnds : public Stateful {
 public:
  // An unbound port was allocated for `remote` to bind.
  virtual void allocated(DomainId domain, EventPort port, DomainId remote) = 0;
  // Whether there is such a port to bind to.
  virtual bool can_bind(DomainId domain, DomainId remote, EventPort remote_port) = 0;
  virtual void bound(DomainId domain, EventPort port, DomainId remote, EventPort remote_port) = 0;
  virtual void sent(DomainId domain, EventPort port) = 0;
  virtual void closed(DomainId domain, EventPort port) = 0;
};

}  // namespace ringside

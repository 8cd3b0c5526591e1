// The control ring of an interface: requests that set up the hash by which frames are spread over queues
// (netif.h, "Control requests"). After netback.c (process_ctrl_request) and hash.c of xen-netback: the same
// requests are served; those for grant mappings are answered XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hv-model/backends/net/net_interface.h"
#include "sim/ids.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

struct NetControlRequestRecord;
struct NetControlResponseRecord;

struct NetControlWires {
  Wire& request;
  Wire& response;
};

class NetControl final : public std::enable_shared_from_this<NetControl>, public Stateful {
 public:
  NetControl(NetInterface& interface, NetControlWires wires, Grants::Mapped page, EventPort port);
  ~NetControl() override;

  // Takes what there is; called at each event.
  void serve();
  // Gives the page and the port back.
  void close();

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Ring;
  void receive(NetControlRequestRecord request);
  void process(const NetControlRequestRecord& request);
  uint32_t set_key(uint32_t reference, uint32_t length);
  uint32_t set_mapping(uint32_t reference, uint32_t length, uint32_t offset);
  void respond(const NetControlRequestRecord& request, uint32_t status, uint32_t data);
  void put_response(const NetControlResponseRecord& record);

  NetInterface& interface_;
  const NetControlWires wires_;
  const Grants::Mapped page_;
  const EventPort port_;
  std::unique_ptr<Ring> ring_;
  bool live_ = true;
  bool halted_ = false;  // the frontend's indices are broken: nothing more is taken
};

}  // namespace ringside

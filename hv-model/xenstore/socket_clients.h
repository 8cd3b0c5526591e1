// XenStore's clients outside the machine: programs of the host that speak the wire protocol (io/xs_wire.h) on
// a Unix socket, as those of a real domain 0 do (tools/xenstore/xs.c). This is the part inside the machine,
// so it knows no socket: what they do arrives as inputs, which a session records and a replay gives again.
//
// An input is a ClientInput and, behind it, the bytes of a whole request, or a text that says why a client is
// gone. Each client is a connection of domain 0. Crossings on "dom0/xenstore/socket/N" carry whole messages,
// requests `out` and replies and watch events `in`, as on a domain's own wire; N is a place that is used
// again when its client has gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

struct ClientInput {
  enum Kind : uint32_t { connected = 1, request = 2, gone = 3 };
  uint32_t client = 0;  // below XenStoreSocketClients::kClientsMax
  uint32_t kind = 0;
};
std::vector<uint8_t> encode(const ClientInput& input, std::span<const uint8_t> rest = {});

class XenStoreSocketClients : public Stateful {
 public:
  static constexpr uint32_t kClientsMax = 32;
  static constexpr std::string_view kWire = "dom0/xenstore/socket/in";

  XenStoreSocketClients(Hypervisor& hypervisor, XenStore& store);
  ~XenStoreSocketClients() override;

  // A message for a client; an empty one: the server has ended the connection.
  using Output = std::function<void(uint32_t client, std::span<const uint8_t> message)>;
  void set_output(Output output);
  // What means nothing is ignored: a session may have been altered.
  void take_input(std::span<const uint8_t> input);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

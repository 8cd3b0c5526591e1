// Domain 0's toolstack: what `xl` writes for a domain when it makes it, and does to it when somebody gives it
// a command (tools/libs/light: libxl_create.c, libxl_domain.c, libxl_dom_suspend.c, libxl_mem.c). Commands
// are recorded inputs, and crossings of the wire "<domain>/toolstack"; what cannot be done is a notice, as xl
// would print an error.
//
// A request to a guest is a word in its node control/shutdown, which it empties when it has seen it. A guest
// that is to be saved and suspends itself (SHUTDOWN_suspend) is told that the suspension was cancelled:
// nothing here saves a domain.
#pragma once

#include <map>
#include <string>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"
#include "machine/toolstack_command.h"
#include "sim/state.h"

namespace ringside {

// What the backends of one kind of device do for the toolstack. An error is for people.
class HotPlug {
 public:
  virtual ~HotPlug() = default;
  // `device` is its name in the scenario, whose checks have found it to be the domain's.
  virtual Result<> attach(Domain& domain, const std::string& device) = 0;
  virtual Result<> detach(Domain& domain, const std::string& device, bool forced) = 0;
  virtual Result<> resize(Domain& domain, const std::string& device, uint64_t bytes) {
    (void)domain, (void)bytes;
    return fail("'" + device + "' cannot change its size");
  }
};

class XenToolstack : public Stateful {
 public:
  XenToolstack(Hypervisor& hypervisor, XenStoreClient& store) : hypervisor_(hypervisor), store_(store) {}

  // Both outlive this. Until they are given, commands about such devices are refused.
  void set_block_devices(HotPlug& devices) { block_devices_ = &devices; }
  void set_network_devices(HotPlug& devices) { network_devices_ = &devices; }
  void set_shares(HotPlug& devices) { shares_ = &devices; }

  // Writes the nodes of a domain that has just been built.
  void introduce(Domain& domain, const std::string& name, uint64_t memory_bytes);
  // The text of an input: one command or several.
  void take_input(Domain& domain, const std::vector<uint8_t>& text);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Known {
    Wire* wire = nullptr;
    uint64_t memory_bytes = 0;  // static-max
    EventQueue::Handle save_limit;
  };

  void execute_all(Domain& domain, const std::string& text);
  Result<> execute(Domain& domain, const ToolstackCommand& command);
  Result<> with_device(HotPlug* devices, Domain& domain, const ToolstackCommand& command);
  Result<> request(Domain& domain, const std::string& what);
  Result<> save(Domain& domain);
  Result<> set_memory(Domain& domain, uint64_t bytes);

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  HotPlug* block_devices_ = nullptr;
  HotPlug* network_devices_ = nullptr;
  HotPlug* shares_ = nullptr;
  std::map<DomainId, Known> domains_;
};

}  // namespace ringside

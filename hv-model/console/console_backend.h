// A further console of a domain (device/console/M; Linux calls it hvcM). Its frontend makes ring and event
// channel itself and tells them by XenBus (Linux's drivers/tty/hvc/hvc_xen.c), as for any device; the first
// console has no device folder, because the domain builder makes it.
//
// The nodes are those of libxl (tools/libs/light/libxl_console.c); the walk of states is that of QEMU's
// backend, which serves such consoles (hw/char/xen_console.c, hw/xen/xen-legacy-backend.c). Kept of Linux's
// backends is that what was wrong stands in an error node. Wires: "<domain>/<name>/out" and ".../in".
#pragma once

#include <memory>
#include <span>
#include <string>

#include "hv-model/console/pv_console.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

struct ConsoleConfig {
  std::string name;     // of its wires: "console1"
  uint32_t device = 1;  // the number of its folder
};

class ConsoleBackend : public Stateful {
 public:
  // What is typed while no frontend is connected waits; more than this is lost, with a notice.
  static constexpr size_t kWaitingMax = 64 << 10;

  ConsoleBackend(Hypervisor& hypervisor, XenStoreClient& toolstack, Domain& frontend,
                 const ConsoleConfig& config);
  ~ConsoleBackend() override;

  void set_output(PvConsole::Output output);
  void type(std::span<const uint8_t> bytes);
  bool connected() const;
  // The fault `crash` (hv-model/backends/backend_death.h), from the event queue. Of a dead one nothing more
  // can die.
  void crash(Tick back_after);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  struct Device;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

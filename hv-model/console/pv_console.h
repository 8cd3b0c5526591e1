// The paravirtual console (public/io/console.h): a ring of bytes each way, served as xenconsoled does
// (tools/console/daemon/io.c). Crossings on "<domain>/console/out" and "<domain>/console/in" are chunks as
// they are taken from the ring or put into it. Further consoles of a domain (console_backend.h) have the same
// ring.
//
// A ring whose indices are further apart than it is large is left alone until they are sane again, and the
// guest's author gets a notice.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "hv-model/hypervisor.h"

namespace ringside {

class PvConsole : public Stateful {
 public:
  using Output = std::function<void(std::span<const uint8_t> bytes)>;

  // `port` is domain 0's end. The name is that of the wires, and of who complains.
  PvConsole(Hypervisor& hypervisor, Domain& domain, Mfn ring, EventPort port,
            const std::string& name = "console");
  ~PvConsole() override;

  // Called with what the guest printed, as it is taken from the ring.
  void set_output(Output output);
  // Types bytes: they go into the ring as space allows, the rest when the guest has made space. A guest that
  // does not know the console yet finds the first 1024 of them waiting.
  void type(std::span<const uint8_t> bytes);
  // The fault `crash`, from the event queue: the daemon of domain 0 that serves the ring is killed, and the
  // guest's port unbound; what it was about to put into the ring is lost. `back_after` later (0: never)
  // another one binds the port again, and finds in the ring what came meanwhile. Of a dead one nothing more
  // can die.
  void crash(Tick back_after);
  // Typed and not in the ring yet.
  size_t untyped_bytes() const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

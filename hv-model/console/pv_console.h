// The paravirtual console (public/io/console.h): a ring of bytes each way. Crossings on
// "<domain>/console/out" and "<domain>/console/in".
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "hv-model/hypervisor.h"

namespace ringside {

class PvConsole : public Stateful {
 public:
  using Output = std::function<void(std::span<const uint8_t> bytes)>;

  // `port` is domain 0's end.
  PvConsole(Hypervisor& hypervisor, Domain& domain, Mfn ring, EventPort port);
  ~PvConsole() override;

  // Called with what the guest printed, as it is taken from the ring.
  void set_output(Output output);
  // Types bytes: they go into the ring as space allows, the rest when the guest has made space.
  void type(std::span<const uint8_t> bytes);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

// A SystemC simulation for one test, so that several live one after the other in a process.
#pragma once

#include <memory>
#include <systemc>

namespace ringside {

struct Simulation {
  Simulation() { sc_core::sc_curr_simcontext = sc_core::sc_default_global_context = context.get(); }
  ~Simulation() { sc_core::sc_curr_simcontext = sc_core::sc_default_global_context = nullptr; }
  std::unique_ptr<sc_core::sc_simcontext> context = std::make_unique<sc_core::sc_simcontext>();
};

}  // namespace ringside

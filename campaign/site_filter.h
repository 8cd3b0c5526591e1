// Which wires a campaign strikes and what it does there. The counting pass and the pass that forks ask the
// same filter, so that both number the same sites.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/fault/fault_injector.h"
#include "sim/result.h"
#include "sim/wire.h"

namespace ringside {

struct WantedWire {
  uint32_t number = 0;  // of the wanted ones, as they are first seen
  std::string name;
  std::vector<FaultAction> actions;  // never empty
  uint32_t glob = 0;                 // which of the globs has named it
  uint64_t spread = 0;               // so many sites of all that this glob names, evenly; 0: all
};

class SiteFilter {
 public:
  // Globs of wires, and actions as a user lists them: "drop", "delay(2ms)", "parity". Empty: all. Behind a
  // glob may stand "@spread(100)".
  SiteFilter(std::vector<std::string> globs, std::vector<std::string> actions);

  // Whose machine's wires they are. What crosses before this is known, while the machine is built, is no
  // site.
  void set_injector(const FaultInjector& injector) { injector_ = &injector; }

  // Null: not wanted. Asked at every crossing.
  const WantedWire* wanted(const Wire& wire) {
    if (injector_ == nullptr) return nullptr;
    if (wire.index() < known_.size() && known_[wire.index()].judged) return known_[wire.index()].wire;
    return judge(wire);
  }
  const std::vector<std::unique_ptr<WantedWire>>& wires() const { return wires_; }

  // After a run: a glob or an action that has found nothing is an error which says what there is.
  Result<> check(const Wiring& wiring) const;

 private:
  struct Known {
    bool judged = false;
    const WantedWire* wire = nullptr;
  };
  const WantedWire* judge(const Wire& wire);
  std::vector<FaultAction> actions_on(const Wire& wire);

  const FaultInjector* injector_ = nullptr;
  struct SiteGlob {
    std::string glob;
    uint64_t spread = 0;
    std::string error;
  };
  static std::vector<SiteGlob> parse(const std::vector<std::string>& texts);
  const std::vector<SiteGlob> globs_;
  const std::vector<std::string> actions_;
  std::vector<bool> glob_used_, action_used_;
  std::vector<std::string> offered_;  // words of actions that the wanted wires take
  std::vector<Known> known_;          // by the wire's index
  std::vector<std::unique_ptr<WantedWire>> wires_;
};

// "delay" of "delay(1ms)".
std::string action_word(const std::string& action);

}  // namespace ringside

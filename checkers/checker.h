// Checkers: invariants of the interfaces that a guest and its backends meet at, watched while a machine runs.
// Each is a tap in a file of its own, apart from the models that it checks: it knows the interface's
// documents, not the model's code. A violation is a notice (kind `violation`) on the domain's notice wire,
// right behind the crossing that shows it; the run then ends with exit code 6 unless the scenario allows it.
//
// Rules are named CHECKER/RULE: "ring/index_overrun", "grants/leaked", "9p/fid_leaked". [check] of a scenario
// switches checkers off, allows rules, and asks for those that are silent otherwise, by globs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/clock.h"
#include "sim/notice.h"
#include "sim/result.h"
#include "sim/wire.h"

namespace ringside {

class Hypervisor;
class Memory;
class XenStore;

struct CheckSettings {
  std::vector<std::string> off;    // globs of checkers: "grants", "*"
  std::vector<std::string> allow;  // globs of rules: "ring/*", "grants/leaked"
  std::vector<std::string> on;     // globs of rules that are silent unless asked for: "ring/needless_event"
};
// That each glob of them means something. The error names those that come near.
Result<> check_settings(const CheckSettings& settings);

struct Violation {
  std::string rule;  // "ring/index_overrun"
  std::string wire;
  uint64_t sequence = 0;  // of the crossing; 0: found at the end of the run
  Tick at;
  std::string text;
  bool allowed = false;
};

// What checkers may look at besides crossings. Everything outlives them.
struct CheckedMachine {
  const Clock& clock;
  Wiring& wiring;
  // Null where no domain is paravirtual. The machine makes it after the checkers, and before the first
  // crossing.
  Hypervisor* hypervisor = nullptr;
  XenStore* xenstore = nullptr;  // likewise
  // The notices of a domain by its name ("dom1"); of the first one for a wire that belongs to no domain.
  // Null: there is none.
  std::function<Notices*(std::string_view domain)> notices;
  // The RAM that a domain's devices see, for DMA; null: none.
  std::function<Memory*(std::string_view domain)> memory;
  // CR3 of a domain's processor while it runs with 4-level page tables; nothing otherwise.
  std::function<std::optional<uint64_t>(std::string_view domain)> page_table_root;
  // Where a hosted PC's driver is ("file.c:42"), if these bytes of RAM lie in no page that it has; nothing if
  // they do, and for other domains. Null where none is hosted.
  std::function<std::optional<std::string>(std::string_view domain, uint64_t address, uint64_t length)>
      outside_pages;
};

class Checkers;

// A checker's own emission of a notice is a crossing inside the one that it looks at: it does not tap notice
// wires, and calls violate() only when what it keeps is in order again.
class Checker : public Tap {
 public:
  Checker(Checkers& checkers, std::string_view name);
  std::string_view name() const { return name_; }
  // Which wires it wants to see. An empty list: none (it looks at the end only).
  virtual std::vector<std::string> wires() const = 0;
  // A node of XenStore was written or removed; what stands there now, machine().xenstore->peek() tells.
  virtual void on_store_change(const std::string& path) { (void)path; }
  // The run is over: what should have been given back by now. `orderly`: every domain has shut down by
  // itself.
  virtual void on_end(bool orderly) { (void)orderly; }

 protected:
  const CheckedMachine& machine() const { return machine_; }
  // Whether a rule that is silent otherwise was asked for.
  bool asked_for(std::string_view rule) const;
  // `rule` without the checker's name. Null `crossing`: none showed it.
  void violate(std::string_view rule, const Wire& wire, const Crossing* crossing, std::string text);

 private:
  Checkers& checkers_;
  const CheckedMachine& machine_;
  const std::string_view name_;
};

class Checkers {
 public:
  // Makes all that are not off and taps their wires.
  Checkers(CheckedMachine machine, CheckSettings settings);
  ~Checkers();
  Checkers(const Checkers&) = delete;
  Checkers& operator=(const Checkers&) = delete;

  void set_hypervisor(Hypervisor& hypervisor, XenStore& xenstore);
  void end(bool orderly);
  // The first 1000; `count` goes on.
  const std::vector<Violation>& violations() const { return violations_; }
  uint64_t count_not_allowed() const { return not_allowed_; }

 private:
  friend class Checker;
  void report(const Checker& checker, std::string_view rule, const Wire& wire, const Crossing* crossing,
              std::string text);

  CheckedMachine machine_;
  const CheckSettings settings_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  std::vector<Violation> violations_;
  uint64_t not_allowed_ = 0;
};

struct CheckerRule {
  std::string_view name;    // "index_overrun"
  std::string_view title;   // "more requests than the ring has slots"
  bool on_request = false;  // silent unless [check] on names it
};

// Every checker there is, for `ringside checkers` and for globs that match none. Checker and rule together
// have at most 31 characters: they stand in a notice's component.
struct KnownChecker {
  std::string_view name, title;
  std::unique_ptr<Checker> (*make)(Checkers&);
  std::vector<CheckerRule> (*rules)();
};
const std::vector<KnownChecker>& known_checkers();

}  // namespace ringside

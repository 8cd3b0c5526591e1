// The trunk: the run from which all others branch off. It is asked at every site (FaultScout), deep in the
// machine's own stack; where the plan wants a fault, it forks there. The child takes the fault and goes on to
// its verdict; the trunk tries the next action, or goes on to the next site, undisturbed.
//
//   trunk --o----------o------------------o-----------> (ends behind its last point)
//            \ drop     \ delay            \ fail
//             child      child              child --o----------o---->   (--pairs)
//                                                    \ drop     \ drop
//                                                     second     second
//
// With --pairs a child first has a child of its own run on alone. Where that one survives, it becomes a trunk
// itself and forks for second faults, one at a time.
//
// After a fork nothing of the host is the child's: it has no session, its captures and its output go nowhere,
// and what would ask somebody outside has been refused before (refusals.h).
#pragma once

#include <sys/types.h>

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "campaign/child_report.h"
#include "campaign/failure_lines.h"
#include "campaign/plan.h"
#include "campaign/site_filter.h"
#include "campaign/site_kind.h"
#include "sim/fault/fault_injector.h"

namespace ringside {

class Machine;

// A test switch: what becomes of the simulator in the child of one point.
enum class BrokenChild : uint8_t { no, aborts, asserts, reads_nowhere, loops };

struct TrunkOrders {
  const Baseline* baseline = nullptr;
  const Plan* plan = nullptr;
  std::vector<std::string> sites, actions, domains;
  // Points whose runs are done, and points whose pairs are: from an earlier start of the same campaign.
  std::unordered_set<uint64_t> done, pairs_done;
  std::unordered_set<uint64_t> survived;                                    // of `done`
  std::unordered_map<uint64_t, std::unordered_set<uint64_t>> seconds_done;  // by the first one's point
  bool pairs = false;
  // With pairs: at most so many altogether, spread over the points; nothing: all.
  std::optional<uint64_t> pairs_max;
  uint64_t seed = 1;
  unsigned jobs = 1;
  double child_cpu_seconds_max = 60;
  int output = -1;  // a pipe for TrunkMessage
  uint64_t broken_point = 0;
  BrokenChild broken = BrokenChild::no;

  // The first point of this shard from `from` on whose runs are not all done; the plan's end: there is none.
  uint64_t first_to_do(uint64_t from) const;
};

class Trunk final : public FaultScout {
 public:
  explicit Trunk(const TrunkOrders& orders);
  ~Trunk() override;

  // The machine is built; from here on there are sites.
  void begin(Machine& machine);
  const FaultAction* on_site(const FaultSite& site) override;
  void on_console(const std::string& console, std::span<const uint8_t> bytes) {
    lines_.on_console(console, bytes);
  }
  // The machine has come to its end, in whichever process this is.
  [[noreturn]] void end(const Result<RunReport>& report);

 private:
  enum class Role : uint8_t {
    trunk,
    child,         // runs to its verdict
    second_trunk,  // has the first fault, forks for the second
  };
  // Of the processes that run at the same time, each has one: shared memory, and a file for what it says
  // when it dies.
  struct Place {
    ChildReport* report = nullptr;
    int errors = -1;
    pid_t process = 0;  // 0: free
    uint64_t point = 0;
  };

  const FaultAction* strike(const FaultSite& site, const WantedWire& wire, size_t site_number);
  const FaultAction* strike_second(const FaultSite& site, const WantedWire& wire);
  void advance_from(uint64_t point);
  void translate_ahead();
  bool fork_at(Place& place, uint64_t point);
  Place& free_place();
  void reap();
  bool prepare_pairs(uint64_t point);
  bool run_alone(uint64_t point);
  Place& second_place();
  void reported(const Place& place, int wait_status, TrunkMessage& message) const;
  void send(const TrunkMessage& message);
  [[noreturn]] void fail_campaign(const std::string& why);
  [[noreturn]] void finish_trunk();
  [[noreturn]] void finish_second_trunk();
  void break_simulator();

  const TrunkOrders& orders_;
  SiteFilter filter_;
  FailureLines lines_;
  Role role_ = Role::trunk;
  std::vector<Place> places_;  // as many as run at once, and again for the children of each
  Place* own_place_ = nullptr;
  Machine* machine_ = nullptr;
  // The guests' code that has not been translated yet, and when to try again.
  std::vector<std::vector<SeenBlock>> code_to_come_;
  uint64_t ahead_at_instructions_ = 0;

  // The trunk: how far it is.
  size_t site_number_ = 0, next_site_ = 0;
  uint64_t next_point_ = 0;
  // Children: points behind the fault so far. A second trunk also: its point, and the chosen ones of those.
  uint64_t later_points_ = 0;
  uint64_t first_point_ = 0;
  std::vector<uint64_t> chosen_;
  size_t next_chosen_ = 0;
  std::unique_ptr<SiteKinds> kinds_;
};

}  // namespace ringside

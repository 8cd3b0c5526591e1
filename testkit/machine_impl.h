// A test's machine: the house's own (machine/machine.h), a store of what crossed its wires, what its consoles
// showed, and the recording that a failed test keeps.
#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "ringside/machine.h"
#include "testkit/crossing_store.h"
#include "testkit/recording.h"
#include "testkit/test_input.h"
#include "testkit/tlm_board.h"

namespace ringside::test {

// Fills the store, and looks at each crossing while the machine waits for one.
class MachineTap final : public Tap {
 public:
  MachineTap() : store(std::make_shared<CrossingStore>()) {}
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, ringside::Crossing& crossing, Verdict& verdict) override;

  // From now on: a crossing of a wire of this glob that is so. Null: nothing is waited for.
  void wait_for(std::string_view glob, const Condition* condition);
  const std::optional<uint64_t>& found() const { return found_; }

  const std::shared_ptr<CrossingStore> store;
  std::function<void()> on_found;

 private:
  std::string glob_;
  const Condition* condition_ = nullptr;
  std::vector<bool> waited_;  // by Wire::index()
  std::vector<std::string> names_;
  std::optional<uint64_t> found_;
};

struct Machine::Impl {
  explicit Impl(std::string given) : scenario_text(std::move(given)) {}

  const std::string scenario_text;
  Overrides overrides;
  std::vector<std::string> allowed;
  std::map<std::string, std::function<void()>> programs;
  bool failure_allowed = false;

  ringside::Scenario scenario;
  std::unique_ptr<Recording> recording;
  MachineTap tap;
  TestInput input;
  std::map<std::string, std::string> consoles;
  std::map<std::string, size_t> console_found;  // up to where run_until_console() has looked
  std::unique_ptr<ringside::Machine> machine;   // null: not built yet
  MakeModels make_models;                       // of the test; may be null
  std::vector<std::shared_ptr<void>> models;    // go before the machine, whose simulation they belong to
  unsigned number = 0;                          // among its test's machines
  std::exception_ptr thrown;                    // by a predicate within the run
  Outcome outcome;
  bool finished = false;
  bool stopped = false;  // by the test
  std::string replay;    // the session to be compared with; empty: none

  // --- machine.cpp ---
  ringside::Machine& built();
  void build();
  void load();
  void announce();
  std::string replay_command(const std::string& path) const;
  void check_names() const;
  const std::string& console_name(const std::string& domain) const;
  // --- comparison.cpp ---
  // RINGSIDE_REPLAY: the settings of the session that this run is to be compared with, if it is this one's.
  void take_settings_of_replay();
  void compare_with_replay();
  // --- machine_run.cpp ---
  // Runs on until it has ended (true), or a pause.
  bool run_on(Tick until, const std::function<bool()>& pause_wanted);
  void finish();
  std::optional<Crossing> wait_for(std::string_view wire, const Condition& condition, Time within);
  [[noreturn]] void say_what_came(std::string_view wire, const Condition& condition, Time within,
                                  uint64_t from);
  // --- machine_endings.cpp ---
  // In a forked child, whose machine is its own from here on.
  void become_own();
  // In the process of an ending: does it, and leaves.
  [[noreturn]] void do_ending(const std::string& name, const std::function<void()>& ending);
  // In a child that a test's machine forks: true.
  bool fork_child(int& process);
};

// An error of the house becomes one of the test.
template <class T>
T or_throw(Result<T> result) {
  if (!result) throw Error(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace ringside::test

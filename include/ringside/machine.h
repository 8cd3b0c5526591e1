// A whole machine in a test: made from a scenario, run as far as the test says, looked at, and run on.
//
//   Machine m("blk-read");                        // a folder, a .toml file, a known name, or TOML itself
//   m.set("expect.within", "5s");
//   m.host("dom1", [] { rs_main(); });            // a hosted domain's program (ringside/hosted.h)
//   m.run_until("ring/xvda/request", field("operation") == "READ");
//   m.fault("ring/xvda/response fail(-5)");
//   CHECK(m.run().ok());
//
// The machine is built when something first asks for it (a run, a wire); settings come before. Everything is
// virtual time and a seed: the same test does the same each time. Each run is recorded (in memory), so that
// a failed test leaves a session.
//
// It stops between two turns of its run loop, which comes at once behind a guest's exit or an event, so that
// what is asked for by a crossing has happened, and as little as possible behind it. A guest cannot tell.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/crossing.h"
#include "ringside/error.h"
#include "ringside/export.h"
#include "ringside/time.h"

namespace ringside::test {

// How a run ended, in the words of `ringside run` and its exit codes.
struct RINGSIDE_API Outcome {
  enum class Verdict : uint8_t {
    running,  // it has not ended yet
    ok,
    expectation_failed,
    hung,
    crashed,
    invariant_broken,
    bad_input,  // a fault that is for no wire of the machine
    diverged,   // a replay
  };
  Verdict verdict = Verdict::running;
  std::string reason;  // "poweroff", "the guest hung: no end within 60s"
  Time at{0};
  uint64_t instructions = 0;
  std::vector<std::string> missing;  // what the scenario expected and was not met; faults for no wire
  std::string details;               // of a crash: registers, disassembly, stack
  bool ok() const { return verdict == Verdict::ok; }
  // For CHECK(m.run()), which then shows what it was instead.
  explicit operator bool() const { return ok(); }
};
RINGSIDE_API std::string to_string(Outcome::Verdict verdict);
RINGSIDE_API std::ostream& operator<<(std::ostream& to, const Outcome& outcome);

// A rule of an interface that somebody broke: `ringside checkers` lists them.
struct RINGSIDE_API Violation {
  std::string rule;  // "grants/leak"
  std::string wire;  // whose crossing gave it away
  std::string text;
  Time at{0};
  bool allowed = false;
};
RINGSIDE_API std::ostream& operator<<(std::ostream& to, const Violation& violation);

class Machine;
class TlmBoard;

// A place that a machine was at, kept for many endings: a process that sleeps there.
class RINGSIDE_API Snapshot {
 public:
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();

  // Runs an ending from there, in a process of its own, and waits for its end. The ending has the machine as
  // it was; what the test has done since is not there, which is why a lambda must capture nothing.
  void fork(const std::string& name, void (*ending)(Machine& m));

 private:
  friend class Machine;
  struct Impl;
  explicit Snapshot(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class RINGSIDE_API Machine {
 public:
  // A scenario's folder, a TOML file, the name of one that came with Ringside, or the text of one (whatever
  // has a line's end in it).
  explicit Machine(std::string scenario);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // --- before the first run ---
  // A value of the scenario, as with `ringside run --set`: "disk.xvda.latency.command", "1ms".
  Machine& set(const std::string& key, const std::string& value);
  // The program of a hosted domain: personality = "hosted" or "hosted-pc".
  Machine& host(const std::string& domain, std::function<void()> program);
  // SystemC models of somebody's own on the board of each PC (ringside/systemc.h), put there while the
  // machine is made. What this returns lives as long as the machine.
  Machine& models(std::function<std::shared_ptr<void>(const std::string& domain, TlmBoard& board)> make);
  // Violations that are no failure: "grants/*". A rule's glob.
  Machine& allow(const std::string& rule);
  // The end of a run may be a crash, a hang, unmet expectations: the test judges it itself. Otherwise a
  // RINGSIDE_TEST fails by a run that ends so.
  Machine& allow_failure();
  // Builds it now, so that what is wrong with the scenario is said here.
  void start();

  // --- running ---
  // To the end. Once it has ended, this gives the outcome again.
  Outcome run();
  // To a time since it was switched on; false: it ended before.
  bool run_until(Time at);
  bool run_for(Time duration);
  // Until this is so, asked at each turn of the run loop; false: it ended before.
  bool run_until(const std::function<bool()>& predicate);
  // Until such a crossing passes, from now on, and gives it. Error, with what passed instead, when the
  // machine ends before, or `within` has passed.
  Crossing run_until(std::string_view wire, const Condition& condition = {}, Time within = kNever);
  // The same for those that may not come.
  std::optional<Crossing> try_run_until(std::string_view wire, const Condition& condition = {},
                                        Time within = kNever);
  // Until a console shows this text behind what a run_until_console() found before. Error when it does not.
  void run_until_console(const std::string& domain, const std::string& text, Time within = kNever);
  // Ends it here: what can still be said of it is said (the checkers' last words), the session is whole.
  Outcome stop();

  // --- looking ---
  Time now() const;
  uint64_t instructions() const;
  bool ended() const;
  const Outcome& outcome() const;
  // What has passed these wires so far. Error, with near names, when no wire matches.
  Crossings wire(std::string_view glob) const;
  std::vector<std::string> wires() const;
  // All that a domain has printed; "dom1/console1" for a further console.
  const std::string& console(const std::string& domain) const;
  std::vector<Violation> violations() const;
  uint64_t seed() const;
  // Everything that decides what comes, as a number: equal digests, equal futures.
  uint64_t digest() const;

  // --- acting ---
  // A fault, in the words of `ringside run --fault`: "ring/xvda/response@3 fail(-5)". From now on.
  void fault(const std::string& fault);
  // Text for a domain's console, "dom1" or "dom1/console1".
  void type(const std::string& domain, const std::string& text);
  // Bytes for any wire that takes input: "dom1/uart0/rx".
  void input(const std::string& wire, const std::vector<uint8_t>& bytes);

  // --- endings ---
  // Does the rest in a process of its own, which has its own copy of everything, and waits for it; then goes
  // on here as if nothing had been. What it asserts is the test's; messages have the ending's name.
  void fork(const std::string& name, const std::function<void()>& ending);
  void fork(const std::function<void()>& ending) { fork("", ending); }
  // Keeps this place for endings.
  Snapshot snapshot();

  // Writes the session so far, as if it had been stopped here; the machine goes on.
  void save(const std::string& path);
  // The command that replays a session of this machine which is saved there.
  std::string replay_command(const std::string& path) const;
  // What a test fails by without having asked: violations that are not allowed, a run that ended badly.
  std::vector<std::string> complaints() const;

  struct Impl;

 private:
  friend class Snapshot;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::test

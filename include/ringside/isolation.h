// A test's body in a process of its own: a driver that crashes, or never comes back, fails its test and not
// the run. catch.h is made of it; for another test framework, this is what it takes:
//
//   IsolatedTest test("reads a sector", __FILE__, __LINE__);
//   const IsolatedEnd end = test.run([&](IsolatedChild& child) { ... child.send(kMine, "failed") ... },
//                                    [&](uint8_t kind, std::string_view bytes) { ... return std::string();
//                                    });
//
// The child has a limit of CPU time (RINGSIDE_CPU_LIMIT, seconds; 10 unless set) and one of the host's time,
// thirty times as long and a minute. With RINGSIDE_NO_FORK=1 the body runs in this process, for gdb: nothing
// is caught then. Environment: RINGSIDE_OUT is the folder for sessions of failed tests (ringside-sessions),
// RINGSIDE_SEED the seed of all machines, RINGSIDE_REPLAY a session that the test shall be compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ringside/export.h"

namespace ringside::test {

// The child's end of the connection to the process that started it. Kinds from 200 on are ours.
class RINGSIDE_API IsolatedChild {
 public:
  virtual ~IsolatedChild();
  // Reaches the parent when there is enough of it, or at flush().
  virtual void send(uint8_t kind, std::string_view bytes) = 0;
  virtual void flush() = 0;
  // Sends, and waits for what the parent's function returns.
  virtual std::string ask(uint8_t kind, std::string_view bytes) = 0;
};

// How the child ended, where it did not by itself.
struct RINGSIDE_API IsolatedEnd {
  bool died = false;
  std::string text;  // what happened, and where: several lines
  std::string file;  // of the line that did it, the driver's where one is known; else the test's
  unsigned line = 0;
};

class RINGSIDE_API IsolatedTest {
 public:
  using Body = std::function<void(IsolatedChild& child)>;
  using Take = std::function<std::string(uint8_t kind, std::string_view bytes)>;

  IsolatedTest(std::string name, const char* file, unsigned line);
  ~IsolatedTest();
  IsolatedTest(const IsolatedTest&) = delete;
  IsolatedTest& operator=(const IsolatedTest&) = delete;

  // Runs the body in a child, gives each message to `take`, and returns when the child has ended. What the
  // child throws ends it as dead: the body catches its own.
  IsolatedEnd run(const Body& body, const Take& take);
  // The test has failed: the sessions of its machines are written to where failure_notes() said. Gives what
  // went wrong with that.
  std::vector<std::string> keep_sessions();
  // What failure_notes() says in the child, for one that has died.
  std::vector<std::string> notes() const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

// Whether tests shall run in this process (RINGSIDE_NO_FORK).
RINGSIDE_API bool isolation_is_off();

// --- In the child (or, without isolation, in the process), for the test that is running ---
// An assertion has failed: machines make their sessions whole when they go.
RINGSIDE_API void note_failure();
RINGSIDE_API bool has_failed();
// What a failed assertion's message ends with: the seed, the command that replays each machine's session.
RINGSIDE_API std::vector<std::string> failure_notes();
// The name of the ending that this process is in; empty: none.
RINGSIDE_API const std::string& current_ending();
// How a framework takes part in Machine::fork(): `run` is called in an ending's process, catches what its
// body throws and reports what it asserts; `take` gets those messages in a process that is not isolated
// itself.
struct EndingReports {
  std::function<void(IsolatedChild& child, const std::function<void()>& body)> run;
  IsolatedTest::Take take;
};
RINGSIDE_API void set_ending_reports(EndingReports reports);
// What benches that are gone have to say of themselves since the last call: a framework fails the test by it.
RINGSIDE_API std::vector<std::string> take_complaints();
// Coverage is counted by the process that runs a driver. gcov's own functions are hidden in each program, so
// that only code in the program itself can name them: what begins a count anew, and what writes it out.
RINGSIDE_API void set_coverage(void (*begin)(), void (*write)());
// Asks the leak sanitizer, where it is linked: its report is on standard error then.
RINGSIDE_API bool leaks_memory();
// Between begin and end of a body: names the test for its machines' sessions. `pass` counts from 1.
RINGSIDE_API void begin_test(const std::string& name, unsigned pass);

}  // namespace ringside::test

// RINGSIDE_REPLAY=FILE: the test runs again, with the settings and the seed of the session, and says what is
// otherwise than in it. A hosted driver is part of the test, and so is what the test does to the machine:
// both run as they are now, so that a driver that was changed shows whether it still fails.
#include <fmt/format.h>

#include <cstdlib>
#include <iostream>

#include "sim/session/diff.h"
#include "sim/session/reader.h"
#include "sim/session/wire_difference.h"
#include "testkit/machine_impl.h"
#include "testkit/running_test.h"

namespace ringside::test {

namespace {

std::string session_to_compare() {
  const char* given = std::getenv("RINGSIDE_REPLAY");
  return given != nullptr ? given : "";
}

bool is_same_machine(const SessionHeader& header, const std::string& scenario_text, unsigned number,
                     const std::string& path) {
  if (scenario_text != header.scenario_text) return false;
  // Of several machines with one scenario, the one whose session has this file's name.
  const RunningTest& test = RunningTest::instance();
  const std::string file = path.substr(path.rfind('/') + 1);
  const auto name_of = [&](unsigned machine) {
    const std::string whole = test.session_path(machine);
    return whole.substr(whole.rfind('/') + 1);
  };
  for (unsigned machine = 1; machine < 10; ++machine) {
    if (file == name_of(machine)) return machine == number;
  }
  return number == 1;
}

}  // namespace

void Machine::Impl::take_settings_of_replay() {
  const std::string path = session_to_compare();
  if (path.empty()) return;
  const auto reader = or_throw(SessionReader::open(path));
  const SessionHeader& header = reader.header();
  const std::string& test = RunningTest::instance().name;
  if (!header.test.empty() && header.test != test) {
    throw Error(fmt::format("RINGSIDE_REPLAY={}: it is a session of the test {}, and this is {}", path,
                            quoted_test_name(header.test), quoted_test_name(test)));
  }
  load();
  if (!is_same_machine(header, scenario.text, RunningTest::instance().machines + 1, path)) return;
  replay = path;
  // Everything that the recorded run was told beside its scenario, the seed included.
  overrides = header.overrides;
  allowed.clear();
}

void Machine::Impl::compare_with_replay() {
  const auto say = [&](const std::string& text) {
    std::cerr << "replay: " << replay << ": " << text << std::endl;
  };
  machine->flush_recording();
  const auto different = or_throw(diff_sessions(replay, recording->path()));
  if (!different) return say("identical");
  const auto wires = or_throw(first_difference_by_wire(replay, recording->path()));
  const auto side = [](const std::string& text) { return text.empty() ? std::string("nothing more") : text; };
  if (!wires) return say(fmt::format("every wire has the same; {}", different->what));
  say(fmt::format("crossing {} of {} differs at {}\n  recorded: {}\n  now:      {}", wires->number,
                  wires->wire, ringside::to_string(wires->at), side(wires->expected), side(wires->found)));
}

}  // namespace ringside::test

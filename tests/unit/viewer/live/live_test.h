// A machine that a test runs as the window does.
#pragma once

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "viewer/live/live_machine.h"

namespace ringside::viewer {

inline std::string scenario_path(const std::string& name) {
  return std::string(RINGSIDE_SCENARIOS) + "/" + name;
}

// A file that is gone when the test is.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& name)
      : path((std::filesystem::temp_directory_path() / fmt::format("ringside-live-{}-{}", getpid(), name))
                 .string()) {}
  ~TemporaryFile() { std::filesystem::remove(path); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string path;
};

// A folder with a scenario of the test's own.
struct ScenarioFolder {
  explicit ScenarioFolder(const std::string& text)
      : path((std::filesystem::temp_directory_path() / fmt::format("ringside-live-{}", getpid())).string()) {
    std::filesystem::create_directory(path);
    std::ofstream(path + "/scenario.toml") << text;
  }
  ~ScenarioFolder() { std::filesystem::remove_all(path); }
  ScenarioFolder(const ScenarioFolder&) = delete;
  ScenarioFolder& operator=(const ScenarioFolder&) = delete;
  const std::string path;
};

struct LiveTest {
  explicit LiveTest(const std::string& scenario = {}) {
    auto made = LiveMachine::prepare();
    REQUIRE(made);
    live = std::move(*made);
    if (scenario.empty()) return;
    MachineRequest wanted;
    wanted.path = scenario.front() == '/' ? scenario : scenario_path(scenario);
    session = ViewedSession::make_live({});
    live->start(wanted, session.get());
    settle();
    INFO(live->reason());
    REQUIRE(live->state() == LiveMachine::State::paused);
  }

  // Frames, until `done`. A loaded host takes its time.
  template <class Done>
  bool frames_until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < end) {
      live->poll();
      if (std::string text = live->take_message(); !text.empty()) message = std::move(text);
      if (done()) return true;
      poll(nullptr, 0, 2);
    }
    return false;
  }
  // Until it stands.
  void settle() {
    REQUIRE(frames_until([this] {
      const auto state = live->state();
      return state != LiveMachine::State::starting && state != LiveMachine::State::running &&
             state != LiveMachine::State::going;
    }));
  }
  const Json& view(const std::string& name) {
    live->ask_view(name, {{"name", name}, {"address", 0x1000}, {"physical", true}});
    REQUIRE(frames_until([&] { return live->view(name) != nullptr; }));
    return *live->view(name);
  }
  const CrossingTable& table() const { return session->table(); }
  // The wire of the crossing that it stands in.
  std::string wire_here() const {
    const Row row = table().last_row_of_sequence(live->sequence());
    return row == kNoRow || table().sequence(row) != live->sequence() ? "" : table().wire_of(row).name;
  }

  std::unique_ptr<LiveMachine> live;
  std::unique_ptr<ViewedSession> session;
  std::string message;  // the last
};

}  // namespace ringside::viewer

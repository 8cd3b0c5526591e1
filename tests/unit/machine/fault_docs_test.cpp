// Devices' own faults: each can be done, and docs/faults.md lists them all.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "machine/machine.h"
#include "sim/fault/fault_strike.h"

using namespace ringside;

namespace {

// As it stands in the document.
std::string table() {
  std::string text = "| payload | name | what happens | the same as |\n|---|---|---|---|\n";
  for (const PayloadType* type : PayloadRegistry::instance().all()) {
    if (type->id >= 65000) continue;  // the tests' own
    for (const NamedFault& fault : type->faults)
      text += fmt::format("| {} | `{}` | {} | `{}` |\n", type->name, fault.name, fault.title, fault.action);
  }
  return text;
}

}  // namespace

TEST_CASE("every fault of a device's own can be done on a wire of some kind") {
  register_all_payload_types();
  size_t count = 0;
  for (const PayloadType* type : PayloadRegistry::instance().all()) {
    for (const NamedFault& fault : type->faults) {
      INFO(type->name << ": " << fault.name << " = " << fault.action);
      ++count;
      const auto action = parse_fault_action(fault.name);
      REQUIRE(action);
      CHECK(action->kind == FaultKind::named);
      std::string objections;
      bool taken = false;
      for (const WireKind kind : {WireKind::message, WireKind::call, WireKind::signal, WireKind::sampled}) {
        Clock clock;
        EventQueue events;
        Wiring wiring(clock, events);
        Wire& wire = wiring.add("wire", kind, *type);
        wire.set_stimulus([](std::span<const uint8_t>) {});
        wire.set_rewriter([](std::span<const uint8_t>) {});
        const auto strike = FaultStrike::create(*action, wire, nullptr);
        taken = taken || strike.has_value();
        if (!strike) objections += strike.error().message + "\n";
      }
      INFO(objections);
      CHECK(taken);
    }
  }
  CHECK(count > 10);
}

TEST_CASE("docs/faults.md lists the faults of all devices") {
  register_all_payload_types();
  std::ifstream file(RINGSIDE_DOCS "/faults.md");
  std::stringstream whole;
  whole << file.rdbuf();
  const std::string text = whole.str();
  const std::string begin = "<!-- begin: named faults -->\n", end = "<!-- end: named faults -->";
  const size_t from = text.find(begin), to = text.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  // Where they differ, this is what belongs between the two marks.
  CHECK(text.substr(from + begin.size(), to - from - begin.size()) == table());
}

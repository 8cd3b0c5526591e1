// Kinds of sites, and lines that speak of a failure: what makes a thousand failures one.
#include <catch2/catch.hpp>
#include <cstring>

#include "campaign/failure_lines.h"
#include "campaign/site_kind.h"

namespace ringside {
namespace {

std::string kind(std::string_view wire) {
  const std::vector<std::string> domains{"dom1", "server"};
  return wire_kind_name(wire, domains);
}

void print(FailureLines& lines, std::string_view text) {
  lines.on_console("dom1", {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

TEST_CASE("a kind leaves out the domain and the device's number") {
  CHECK(kind("dom1/ring/xvda/request") == "ring/xvda/request");
  CHECK(kind("server/eth/vif0/tx") == "eth/vif/tx");
  CHECK(kind("dom1/irq/14") == "irq");
  CHECK(kind("xenstore/dom1") == "xenstore");
  CHECK(kind("dom1/mmio/e1000") == "mmio/e1000");
  CHECK(kind("hypercall") == "hypercall");
  CHECK(kind("7/8") == "7/8");
}

TEST_CASE("a kind names the operation of its payload") {
  static constexpr FieldName kOperations[] = {{0, "read"}, {1, "write"}};
  static const Field kFields[] = {{"id", 0, 4}, {"operation", 4, 2, FieldFormat::enumeration, kOperations}};
  static const PayloadType kType{99, "test_request", "for a test", 6, kFields};
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  const Wire& wire = wiring.add("dom1/ring/xvda/request", WireKind::message, kType);
  const Wire& other = wiring.add("dom1/ring/xvdb/request", WireKind::message, kType);
  SiteKinds kinds({"dom1"});
  const std::vector<uint8_t> read{1, 2, 3, 4, 0, 0}, write{1, 2, 3, 4, 1, 0}, unknown{1, 2, 3, 4, 7, 1},
      cut{1, 2, 3, 4, 0};
  const auto name = [&](const Wire& of, const std::vector<uint8_t>& payload) {
    return kinds.names()[kinds.kind_of(of, payload)];
  };
  CHECK(name(wire, read) == "ring/xvda/request read");
  CHECK(name(wire, write) == "ring/xvda/request write");
  CHECK(name(other, write) == "ring/xvdb/request write");
  CHECK(name(wire, unknown) == "ring/xvda/request operation 263");
  CHECK(name(wire, cut) == "ring/xvda/request");
  CHECK(kinds.kind_of(wire, read) == kinds.kind_of(wire, read));
}

TEST_CASE("a guest that makes up operations does not make kinds without end") {
  static const Field kFields[] = {{"op", 0, 4, FieldFormat::enumeration}};
  static const PayloadType kType{98, "test_operation", "for a test", 4, kFields};
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  const Wire& wire = wiring.add("dom1/hypercall", WireKind::call, kType);
  SiteKinds kinds({"dom1"});
  for (uint32_t i = 0; i < 10'000; ++i) {
    std::vector<uint8_t> payload(4);
    std::memcpy(payload.data(), &i, sizeof i);
    kinds.kind_of(wire, payload);
  }
  CHECK(kinds.names().size() < 100);
}

TEST_CASE("numbers and addresses do not tell failures apart") {
  CHECK(without_numbers("sector 2048: -5 instead of 0") == "sector #: # instead of #");
  CHECK(without_numbers("[    1.250000] I/O error, dev xvda, sector 7") ==
        without_numbers("[   12.5] I/O error, dev xvda, sector 1234"));
  CHECK(without_numbers("at 0xffffffff81001234 and ffffffff81001234") == "at # and #");
  CHECK(without_numbers("blk-read: FAIL") == "blk-read: FAIL");
  CHECK(without_numbers("e1000 xvda5") == "e1000 xvda5");
}

TEST_CASE("the first new line that speaks of a failure counts") {
  FailureLines usual;
  print(usual, "0 errors so far\nall is well\n");
  CHECK(usual.all() == std::set<std::string>{"# errors so far"});

  FailureLines lines;
  print(lines, "probe failed\n");  // before the fault
  lines.begin(&usual.all());
  print(lines, "3 errors so far\nread of sect");
  CHECK(lines.first().empty());
  print(lines, "or 8 FAILED\nthen another error\n");
  CHECK(lines.first() == "read of sector # FAILED");
}

TEST_CASE("a line that never ends is kept short, and bytes that are no text do no harm") {
  FailureLines lines;
  lines.begin(nullptr);
  print(lines, std::string(1 << 20, 'x'));
  print(lines, "\n\xff\x01 error\n");
  CHECK(lines.all().size() == 1);
}

}  // namespace
}  // namespace ringside

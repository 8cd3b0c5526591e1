// Proves: a further console's nodes as libxl writes them, the walk of XenBus in both directions, what happens
// to text on the way, and that a frontend that lies gets an error node and harms nobody. Offsets are restated
// from public/io/console.h.
#include "hv-model/console/console_backend.h"

#include <catch2/catch.hpp>

#include "hv-model/xen_abi.h"
#include "tests/unit/hv-model/ring_guest.h"

using namespace ringside;

namespace {

constexpr uint32_t kGrant = 9;
constexpr size_t kIn = 0, kOut = 1024, kInCons = 3072, kInProd = 3076, kOutCons = 3080, kOutProd = 3084;
const std::string kFront = "/local/domain/1/device/console/1", kBack = "/local/domain/0/backend/console/1/1";

struct Guest : RingGuest {
  Guest() {
    domain->max_pages = 32;
    REQUIRE(hypervisor.grants.create(*domain));
    grant(page);
    (void)toolstack.make_directory("/local/domain/1");
    (void)toolstack.set_permissions("/local/domain/1", {"n1"});
    store.introduce(domain->id);
    backend = std::make_unique<ConsoleBackend>(hypervisor, toolstack, *domain, ConsoleConfig{"console1", 1});
    backend->set_output(
        [this](std::span<const uint8_t> bytes) { printed.append(bytes.begin(), bytes.end()); });
    run(milliseconds(1));
  }
  void grant(Mfn frame) {
    grant_entry_v1_t entry{};
    entry.flags = GTF_permit_access;
    entry.frame = static_cast<uint32_t>(frame.value);
    memory->store(domain->grants.frames.at(0).address() + kGrant * sizeof entry, entry);
  }
  bool granted_in_use() const {
    return (memory->load<uint16_t>(domain->grants.frames.at(0).address() +
                                   kGrant * sizeof(grant_entry_v1_t)) &
            (GTF_reading | GTF_writing)) != 0;
  }
  std::string read(const std::string& path) { return toolstack.read(path).value_or("none"); }
  void write(const std::string& name, const std::string& value) {
    REQUIRE(guest.write(kFront + "/" + name, value));
  }
  // As hvc_xen does.
  void connect() {
    const int64_t made = hypervisor.channels.alloc_unbound(domain->id, DomainId{0});
    REQUIRE(made > 0);
    port = EventPort{static_cast<uint32_t>(made)};
    write("ring-ref", std::to_string(kGrant));
    write("port", std::to_string(made));
    write("state", "3");
    run(milliseconds(1));
  }
  void type(const std::string& text) {
    backend->type({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    run(milliseconds(1));
  }
  std::string typed() {
    const auto bytes = take(kIn, 1024, kInProd, kInCons, 1 << 20);
    return {bytes.begin(), bytes.end()};
  }
  void print(const std::string& text) {
    REQUIRE(put(kOut, 2048, kOutProd, kOutCons, {text.begin(), text.end()}));
    notify();
    run(milliseconds(1));
  }

  XenStore store;
  XenStoreClient toolstack{store, events, clock, microseconds(1)};
  XenStoreClient guest{store, events, clock, microseconds(1), DomainId{1}};
  std::unique_ptr<ConsoleBackend> backend;
  std::string printed;
};

}  // namespace

TEST_CASE("console backend: nodes") {
  Guest guest;
  CHECK(guest.read(kFront + "/backend") == kBack);
  CHECK(guest.read(kFront + "/backend-id") == "0");
  CHECK(guest.read(kFront + "/protocol") == "vt100");
  CHECK(guest.read(kFront + "/limit") == "1048576");
  CHECK(guest.read(kFront + "/state") == "1");
  CHECK(guest.read(kBack + "/frontend") == kFront);
  CHECK(guest.read(kBack + "/state") == "2");
}

TEST_CASE("console backend: both ways, closed and connected again") {
  Guest guest;
  // Typed before anybody listens.
  guest.type("early ");
  for (int round = 0; round < 2; ++round) {
    guest.connect();
    CHECK(guest.backend->connected());
    CHECK(guest.read(kBack + "/state") == "4");
    CHECK(guest.granted_in_use());
    guest.print("out");
    guest.type("in");
    CHECK(guest.typed() == (round == 0 ? "early in" : "in"));
    guest.write("state", "5");
    guest.run(milliseconds(1));
    CHECK(guest.read(kBack + "/state") == "5");
    CHECK(!guest.granted_in_use());
    guest.write("state", "6");
    guest.run(milliseconds(1));
    CHECK(guest.read(kBack + "/state") == "6");
    guest.write("state", "1");
    guest.run(milliseconds(1));
    CHECK(guest.read(kBack + "/state") == "2");
    guest.set_index(kInCons, 0);
    guest.set_index(kInProd, 0);
    guest.set_index(kOutCons, 0);
    guest.set_index(kOutProd, 0);
  }
  CHECK(guest.printed == "outout");
}

TEST_CASE("console backend: crossings have the console's name") {
  Guest guest;
  ScriptedTap tap;
  guest.wiring.add_tap(tap, "dom1/console1/*");
  guest.connect();
  guest.print("x");
  CHECK(tap.seen == std::vector<std::string>{"dom1/console1/out out text=\"x\""});
  guest.wiring.remove_tap(tap);
}

TEST_CASE("console backend: a frontend that lies") {
  Guest guest;
  SECTION("no ring") { guest.write("state", "3"); }
  SECTION("a grant that is none") {
    guest.write("ring-ref", "77");
    guest.write("port", std::to_string(guest.port.value));
    guest.write("state", "3");
  }
  SECTION("a port that is none") {
    guest.write("ring-ref", std::to_string(kGrant));
    guest.write("port", "4000");
    guest.write("state", "4");
  }
  SECTION("no numbers") {
    guest.write("ring-ref", "many");
    guest.write("port", "-");
    guest.write("state", "3");
  }
  guest.run(milliseconds(1));
  CHECK(!guest.backend->connected());
  CHECK(guest.read(kBack + "/state") == "5");
  CHECK(!guest.granted_in_use());
  guest.type("waits");
  CHECK(guest.printed.empty());
}

TEST_CASE("console backend: what nobody reads is bounded") {
  Guest guest;
  const uint64_t notices = guest.domain->notices.count(NoticeKind::unusual);
  guest.type(std::string(ConsoleBackend::kWaitingMax, 'a'));
  CHECK(guest.domain->notices.count(NoticeKind::unusual) == notices);
  guest.type("more");
  CHECK(guest.domain->notices.count(NoticeKind::unusual) == notices + 1);
}

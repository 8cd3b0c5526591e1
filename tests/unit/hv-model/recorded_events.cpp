// Proves that a recording stands in for the domain at the other end of an event channel, by order and at the
// recorded delays, and for XenStore, by operation and path; and that both name what they cannot answer. The
// recordings are made of what real ones did.
#include "hv-model/recorded_events.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "hv-model/payloads.h"
#include "hv-model/xenstore/client.h"
#include "hv-model/xenstore/recorded_store.h"
#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

struct Bench {
  explicit Bench(unsigned domains) {
    for (unsigned i = 0; i < domains; ++i) {
      Domain& domain = hypervisor.create_domain();
      domain.max_pages = 4;
      domain.shared_info = hypervisor.frames.allocate(domain.id).value();
    }
  }
  void run_for(Tick duration) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory = std::move(*Memory::create(GuestPhys{0x100000}, 64 * kPageSize));
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
};

// What crosses "dom1/evtchn": learnt, and when events came in.
struct Listener final : Tap {
  explicit Listener(Bench& bench) : bench_(bench) { bench.wiring.add_tap(*this, "dom1/evtchn"); }
  ~Listener() override { bench_.wiring.remove_tap(*this); }
  void on_crossing(const Wire&, Crossing& crossing, Verdict&) override {
    const bool out = crossing.direction == Direction::out;
    recording.learn(crossing.bytes(), out, crossing.flags, crossing.at);
    EventRecord record;
    std::memcpy(&record, crossing.bytes().data(), sizeof record);
    if (!out && record.operation == static_cast<uint8_t>(EventOperation::deliver))
      came.push_back(bench_.clock.now);
  }
  EventRecording recording;
  std::vector<Tick> came;

 private:
  Bench& bench_;
};

constexpr DomainId kFirst{1}, kSecond{2};

// Domain 2 binds 30 us after the port is there, answers the first event after 5 us and the second one twice.
EventRecording record_pair(EventPort& port) {
  Bench bench(2);
  Listener listener(bench);
  EventChannels& channels = bench.hypervisor.channels;
  port = EventPort{static_cast<uint32_t>(channels.alloc_unbound(kFirst, kSecond))};
  bench.run_for(microseconds(30));
  const EventPort other{static_cast<uint32_t>(channels.bind_interdomain(kSecond, kFirst, port))};
  bench.run_for(microseconds(100));
  channels.send(kFirst, port);
  bench.run_for(microseconds(5));
  channels.send(kSecond, other);
  bench.run_for(microseconds(100));
  channels.send(kFirst, port);
  bench.run_for(microseconds(7));
  channels.send(kSecond, other);
  bench.run_for(microseconds(2));
  channels.send(kSecond, other);
  REQUIRE(listener.came.size() == 3);
  return std::move(listener.recording);
}

}  // namespace

TEST_CASE("a recording answers in the place of the other domain, at its delays", "[recorded_events]") {
  EventPort port;
  EventRecording recording = record_pair(port);
  Bench bench(1);
  UnansweredRequests unanswered;
  RecordedEvents recorded(bench.hypervisor, "old.pcapng", unanswered);
  recorded.add(kFirst, std::move(recording));
  EventChannels& channels = bench.hypervisor.channels;
  channels.set_remote_ends(&recorded);
  Listener listener(bench);
  REQUIRE(channels.alloc_unbound(kFirst, kSecond) == port.value);
  CHECK(channels.find(kFirst, port)->state == ChannelState::unbound);
  bench.run_for(microseconds(31));
  CHECK(channels.find(kFirst, port)->state == ChannelState::interdomain);
  bench.run_for(milliseconds(3));  // it takes its time
  const Tick first = bench.clock.now;
  CHECK(channels.send(kFirst, port) == 0);
  bench.run_for(microseconds(50));
  REQUIRE(listener.came == std::vector<Tick>{first + microseconds(5)});
  const Tick second = bench.clock.now;
  CHECK(channels.send(kFirst, port) == 0);
  bench.run_for(microseconds(50));
  REQUIRE(listener.came.size() == 3);
  CHECK(listener.came[1] == second + microseconds(7));
  CHECK(listener.came[2] == second + microseconds(9));
  CHECK(unanswered.count() == 0);
  CHECK(channels.send(kFirst, port) == 0);
  bench.run_for(milliseconds(1));
  CHECK(listener.came.size() == 3);
  REQUIRE(unanswered.count() == 1);
  CHECK(unanswered.requests()[0].request == "event 3 on port " + std::to_string(port.value));
  channels.set_remote_ends(nullptr);
}

TEST_CASE("closing ends what was under way, and another channel is not in the recording",
          "[recorded_events]") {
  EventPort port;
  EventRecording recording = record_pair(port);
  Bench bench(1);
  UnansweredRequests unanswered;
  RecordedEvents recorded(bench.hypervisor, "old.pcapng", unanswered);
  recorded.add(kFirst, std::move(recording));
  EventChannels& channels = bench.hypervisor.channels;
  channels.set_remote_ends(&recorded);
  Listener listener(bench);
  channels.alloc_unbound(kFirst, kSecond);
  bench.run_for(microseconds(50));
  channels.send(kFirst, port);
  CHECK(channels.close(kFirst, port) == 0);
  bench.run_for(milliseconds(1));
  CHECK(listener.came.empty());
  channels.alloc_unbound(kFirst, kSecond);
  CHECK(unanswered.count() == 1);
  CHECK(channels.bind_interdomain(kFirst, kSecond, EventPort{9}) < 0);
  CHECK(unanswered.count() == 2);
  channels.set_remote_ends(nullptr);
}

namespace {

// A request of XenStore's wire protocol; '|' stands for NUL.
std::vector<uint8_t> request(const std::string& type, std::string body, uint32_t id,
                             uint32_t transaction = 0) {
  std::replace(body.begin(), body.end(), '|', '\0');
  const XenStoreHeader header{xenstore_message_type(type), id, transaction,
                              static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  return message;
}

std::string shown(const std::vector<uint8_t>& message) {
  XenStoreHeader header;
  std::memcpy(&header, message.data(), sizeof header);
  std::string body(message.begin() + sizeof header, message.end());
  std::replace(body.begin(), body.end(), '\0', '|');
  return xenstore_message_name(header.type) + " " + body;
}

struct StoreFixture {
  StoreFixture() {
    (void)toolstack.write("/local/domain/1/device/state", "1");
    (void)toolstack.set_permissions("/local/domain/1/device/state", {"n1"});
    (void)toolstack.write("/backend/state", "2");
    (void)toolstack.set_permissions("/backend/state", {"n0", "r1"});
    connection = store.connect(
        kFirst, [this](std::vector<uint8_t> message) { recording.learn(message, false, bench.clock.now); });
  }
  void ask(const std::string& type, const std::string& body) {
    const auto message = request(type, body, ++last);
    recording.learn(message, true, bench.clock.now);
    store.handle(connection, message);
    bench.run_for(microseconds(10));
  }
  Bench bench{1};
  XenStore store;
  XenStoreClient toolstack{store, bench.events, bench.clock, microseconds(1)};
  XenStoreRecording recording{kFirst};
  XenStore::ConnectionId connection = 0;
  uint32_t last = 0;
};

}  // namespace

TEST_CASE_METHOD(StoreFixture, "a recorded XenStore answers by path, and tells of changes when they come",
                 "[recorded_store]") {
  ask("WATCH", "/backend/state|token-a|");
  ask("READ", "/backend/state|");
  ask("WRITE", "device/state|3");
  bench.run_for(microseconds(20));
  (void)toolstack.write("/backend/state", "4");
  bench.run_for(microseconds(1));
  ask("READ", "/backend/state|");
  ask("READ", "/nothing|");

  Bench live(1);
  XenStore real;
  UnansweredRequests unanswered;
  RecordedXenStore stand_in(live.hypervisor, real, kFirst, "old.pcapng", std::move(recording), unanswered);
  real.let_answer(kFirst, stand_in);
  std::vector<std::string> heard;
  const auto connected =
      real.connect(kFirst, [&](std::vector<uint8_t> message) { heard.push_back(shown(message)); });
  uint32_t id = 100;
  const auto asked = [&](const std::string& type, const std::string& body) {
    heard.clear();
    real.handle(connected, request(type, body, ++id));
    return heard.empty() ? std::string("nothing") : heard.front();
  };
  CHECK(asked("READ", "/nothing|") == "ERROR EACCES|");
  CHECK(asked("WATCH", "/backend/state|mine|") == "WATCH OK|");
  live.run_for(microseconds(5));
  REQUIRE(heard.size() == 2);
  CHECK(heard[1] == "WATCH_EVENT /backend/state|mine|");
  // However often it is asked, the backend has not moved yet.
  CHECK(asked("READ", "/backend/state|") == "READ 2");
  CHECK(asked("READ", "/backend/state|") == "READ 2");
  CHECK(asked("WRITE", "/local/domain/1/device/state|7") == "WRITE OK|");
  CHECK(asked("READ", "device/state|") == "READ 7");
  CHECK(asked("READ", "/backend/state|") == "READ 2");
  heard.clear();
  live.run_for(microseconds(100));
  CHECK(heard == std::vector<std::string>{"WATCH_EVENT /backend/state|mine|"});
  CHECK(asked("READ", "/backend/state|") == "READ 4");
  CHECK(asked("UNWATCH", "/backend/state|mine|") == "UNWATCH OK|");
  CHECK(asked("TRANSACTION_START", "|").starts_with("TRANSACTION_START "));
  CHECK(unanswered.count() == 0);
  CHECK(asked("READ", "/backend/other|") == "ERROR EIO|");
  REQUIRE(unanswered.count() == 1);
  CHECK(unanswered.requests()[0].request == "READ /backend/other");
  real.disconnect(connected);
}

// Proves: the ring protocol of io/xs_wire.h, its limits, that a hostile guest hurts only its own connection,
// and that messages can be seen and changed on the wire. Offsets are restated from the header.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "hv-model/xenstore/xenstore_ring.h"
#include "sim/random.h"
#include "tests/unit/hv-model/ring_guest.h"
#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

constexpr size_t kRequests = 0, kResponses = 1024;
constexpr size_t kReqCons = 2048, kReqProd = 2052, kRspCons = 2056, kRspProd = 2060, kErrorField = 2072;

struct Guest : RingGuest {
  Guest() {
    dom0.ask("MKDIR", "/local/domain/1|");
    dom0.ask("SET_PERMS", "/local/domain/1|n1|");
    store.introduce(DomainId{1});
  }

  bool put_bytes(const std::vector<uint8_t>& bytes) {
    return put(kRequests, 1024, kReqProd, kReqCons, bytes);
  }
  bool put_request(const std::string& name, const std::string& body, uint32_t id = 1) {
    return put_bytes(xenstore_message(xenstore_message_type(name), id, 0, body));
  }

  // Takes what has arrived and shows the whole messages: "READ#1 hello".
  std::vector<std::string> answers(size_t most = 1 << 20) {
    const auto bytes = take(kResponses, 1024, kRspProd, kRspCons, most);
    pending.insert(pending.end(), bytes.begin(), bytes.end());
    std::vector<std::string> texts;
    XenStoreHeader header;
    while (pending.size() >= sizeof header) {
      std::memcpy(&header, pending.data(), sizeof header);
      if (pending.size() < sizeof header + header.length) break;
      std::string text(pending.begin() + sizeof header, pending.begin() + sizeof header + header.length);
      std::replace(text.begin(), text.end(), '\0', '|');
      texts.push_back(fmt::format("{}#{} {}", xenstore_message_name(header.type), header.request, text));
      pending.erase(pending.begin(), pending.begin() + sizeof header + header.length);
    }
    return texts;
  }

  std::vector<std::string> ask(const std::string& name, const std::string& body) {
    REQUIRE(put_request(name, body));
    notify();
    run(milliseconds(1));
    return answers();
  }

  XenStore store;
  XenStorePeer dom0{store, 0};
  XenStoreRing ring{hypervisor, store, *domain, page, remote_port};
  std::vector<uint8_t> pending;
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("XenStore ring: a request, its answer, and the notifications") {
  Guest guest;
  REQUIRE(guest.put_request("GET_DOMAIN_PATH", "1|", 77));
  guest.notify();
  // The backend wakes up, takes the request, and serves it 20 us later.
  const Tick latency = guest.hypervisor.config.event_latency;
  guest.run(latency + microseconds(19));
  CHECK(guest.index(kReqCons) == guest.index(kReqProd));
  CHECK(guest.index(kRspProd) == 0);
  CHECK(guest.notified());
  guest.run(microseconds(1) + latency);
  CHECK(guest.index(kRspProd) == 16 + 16);
  CHECK(guest.notified());
  CHECK(guest.answers() == Texts{"GET_DOMAIN_PATH#77 /local/domain/1|"});
  guest.run(milliseconds(1));
  CHECK(!guest.notified());
}

TEST_CASE("XenStore ring: several requests are served one after the other") {
  Guest guest;
  for (uint32_t i = 1; i <= 5; ++i) REQUIRE(guest.put_request("WRITE", fmt::format("x|{}", i), i));
  guest.notify();
  guest.run(microseconds(200));
  CHECK(guest.answers() == Texts{"WRITE#1 OK|", "WRITE#2 OK|", "WRITE#3 OK|", "WRITE#4 OK|", "WRITE#5 OK|"});
  CHECK(guest.ask("READ", "x|") == Texts{"READ#1 5"});
}

TEST_CASE("XenStore ring: a message in pieces, and one that is longer than the ring") {
  Guest guest;
  const auto message = xenstore_message(11, 9, 0, "long|" + std::string(1990, 'v'));
  size_t sent = 0;
  for (const size_t piece : {3, 13, 1, 1000, 5000}) {
    const size_t end = std::min(message.size(), sent + piece);
    while (sent < end) {
      const size_t part = std::min<size_t>(end - sent, 1024);
      REQUIRE(guest.put_bytes({message.begin() + static_cast<ptrdiff_t>(sent),
                               message.begin() + static_cast<ptrdiff_t>(sent + part)}));
      sent += part;
      guest.notify();
      guest.run(milliseconds(1));
    }
  }
  CHECK(guest.answers() == Texts{"WRITE#9 OK|"});
  // The answer comes as the guest makes room.
  REQUIRE(guest.put_request("READ", "long|"));
  guest.notify();
  guest.run(milliseconds(1));
  CHECK(guest.index(kRspProd) - guest.index(kRspCons) == 1024);
  CHECK(guest.answers(1000).empty());
  guest.notify();
  guest.run(milliseconds(1));
  CHECK(guest.answers() == Texts{"READ#1 " + std::string(1990, 'v')});
}

TEST_CASE("XenStore ring: events of other connections") {
  Guest guest;
  CHECK(guest.ask("WATCH", "x|t|") == Texts{"WATCH#1 OK|", "WATCH_EVENT#0 x|t|"});
  guest.notified();
  guest.dom0.ask("WRITE", "/local/domain/1/x|1");
  guest.run(milliseconds(1));
  CHECK(guest.notified());
  CHECK(guest.answers() == Texts{"WATCH_EVENT#0 x|t|"});
}

TEST_CASE("XenStore ring: events that wait already are not repeated, and the queue is limited") {
  Guest guest;
  guest.ask("WATCH", "x|t|");
  // The ring holds 1024 bytes; then one of each kind waits.
  for (int i = 0; i < 1000; ++i) guest.dom0.ask("WRITE", "/local/domain/1/x|1");
  guest.run(milliseconds(1));
  size_t events = 0;
  for (int i = 0; i < 100; ++i) {
    events += guest.answers().size();
    guest.notify();
    guest.run(milliseconds(1));
  }
  CHECK(events >= 1024 / 20);
  CHECK(events <= 1024 / 20 + 2);
}

TEST_CASE("XenStore ring: a guest that does not read is not read") {
  Guest guest;
  int taken = 0;
  for (; taken < 200; ++taken) {
    if (!guest.put_request("READ", "missing|", static_cast<uint32_t>(taken))) break;
    guest.notify();
    guest.run(milliseconds(1));
  }
  // 44 answers of 23 bytes fill the ring, 20 wait, and about 42 requests of 24 bytes stay in their ring.
  CHECK(taken > 64);
  CHECK(taken < 120);
  CHECK(!guest.ring.ignored());
  size_t answers = 0;
  for (int i = 0; i < 50; ++i) {
    answers += guest.answers().size();
    guest.notify();
    guest.run(milliseconds(1));
  }
  CHECK(answers == static_cast<size_t>(taken));
}

TEST_CASE("XenStore ring: what a hostile guest does ends its own connection only") {
  Guest guest;
  guest.ask("WRITE", "x|1");
  guest.ask("WATCH", "x|t|");
  uint32_t expected_error = 0;
  SECTION("request indices too far apart") {
    guest.set_index(kReqProd, guest.index(kReqCons) + 1025);
    expected_error = 2;  // XENSTORE_ERROR_RINGIDX
  }
  SECTION("the producer behind the consumer") {
    guest.set_index(kReqProd, guest.index(kReqCons) - 1);
    expected_error = 2;
  }
  SECTION("response indices") {
    REQUIRE(guest.put_request("READ", "x|"));
    guest.set_index(kRspCons, guest.index(kRspProd) + 1);
    expected_error = 2;
  }
  SECTION("a message that is too long") {
    std::vector<uint8_t> message = xenstore_message(2, 1, 0, "x|");
    message[12] = 1;  // 4097
    message[13] = 16;
    REQUIRE(guest.put_bytes(message));
    expected_error = 3;  // XENSTORE_ERROR_PROTO
  }
  const uint64_t notices = guest.domain->notices.count(NoticeKind::unusual);
  guest.notify();
  guest.run(milliseconds(1));
  CHECK(guest.ring.ignored());
  CHECK(guest.index(kErrorField) == expected_error);
  CHECK(guest.domain->notices.count(NoticeKind::unusual) == notices + 1);
  CHECK(guest.store.watches_of(DomainId{1}) == 0);
  CHECK(guest.dom0.ask("WRITE", "/local/domain/1/x|2") == "WRITE OK|");
  // Nothing brings it back.
  guest.set_index(kReqProd, guest.index(kReqCons));
  guest.set_index(kRspCons, guest.index(kRspProd));
  REQUIRE(guest.put_request("READ", "x|"));
  guest.notify();
  guest.run(milliseconds(1));
  CHECK(guest.answers().empty());
}

TEST_CASE("XenStore ring: the wire shows whole messages, and may change them") {
  Guest guest;
  ScriptedTap tap;
  guest.wiring.add_tap(tap, "dom1/xenstore");
  SECTION("nothing") {
    CHECK(guest.ask("READ", "x|") == Texts{"ERROR#1 ENOENT|"});
    REQUIRE(tap.seen.size() == 2);
    CHECK(tap.seen[0].starts_with("dom1/xenstore out type=XS_READ req_id=1 tx_id=0 len=2"));
    CHECK(tap.seen[1].starts_with("dom1/xenstore in type=XS_ERROR req_id=1 tx_id=0 len=7"));
  }
  SECTION("a request is dropped") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      if (crossing.direction == Direction::out) verdict.copies = 0;
    };
    CHECK(guest.ask("READ", "x|").empty());
  }
  SECTION("a request fails") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      if (crossing.direction == Direction::out) verdict.fail = -5;
    };
    CHECK(guest.ask("READ", "x|") == Texts{"ERROR#1 EIO|"});
  }
  SECTION("an answer fails, arrives late, or twice") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      if (crossing.direction == Direction::out) return;
      verdict.fail = -12;
      verdict.copies = 2;
      verdict.delay = milliseconds(2);
    };
    CHECK(guest.ask("READ", "x|").empty());
    guest.run(milliseconds(2));
    CHECK(guest.answers() == Texts{"ERROR#1 ENOMEM|", "ERROR#1 ENOMEM|"});
  }
  SECTION("a request is changed, or cut to nothing") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) {
      if (crossing.direction == Direction::out) crossing.payload->at(0) = 1;  // DIRECTORY
    };
    CHECK(guest.ask("READ", "/local/domain/1|") == Texts{"DIRECTORY#1 "});
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) { crossing.payload->clear(); };
    CHECK(guest.ask("READ", "/local/domain/1|").empty());
  }
  guest.wiring.remove_tap(tap);
}

TEST_CASE("XenStore ring: a released domain's ring is silent") {
  Guest guest;
  guest.store.release(DomainId{1});
  CHECK(guest.ask("READ", "x|").empty());
}

TEST_CASE("XenStore ring: random bytes and indices, twice the same") {
  const auto storm = [] {
    Random random(99);
    uint64_t digest = 0;
    for (int round = 0; round < 30; ++round) {
      Guest guest;
      for (int step = 0; step < 200; ++step) {
        switch (random.below(6)) {
          case 0:
            guest.set_index(kReqProd, guest.index(kReqCons) + static_cast<uint32_t>(random.below(1030)));
            break;
          case 1: {
            std::vector<uint8_t> bytes(random.below(40));
            for (auto& byte : bytes) byte = static_cast<uint8_t>(random.one_in(2) ? 0 : random.next());
            guest.put_bytes(bytes);
            break;
          }
          case 2: guest.put_request("WRITE", fmt::format("n{}|v", random.below(20))); break;
          case 3: guest.put_request("WATCH", fmt::format("n{}|v|", random.below(20))); break;
          case 4: guest.answers(random.below(500)); break;
          default:
            guest.set_index(4 * random.below(6) + kReqCons, static_cast<uint32_t>(random.below(40)));
            break;
        }
        guest.notify();
        guest.run(microseconds(50));
      }
      REQUIRE(guest.store.check_consistency() == "");
      digest += state_digest(guest.ring) ^ state_digest(guest.store);
    }
    return digest;
  };
  CHECK(storm() == storm());
}

TEST_CASE("XenStore ring: a transaction whose end a fault refuses is over, and has changed nothing") {
  Guest guest;
  ScriptedTap tap;
  guest.wiring.add_tap(tap, "dom1/xenstore");
  tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
    const bool ends = (*crossing.payload)[0] == 7;  // XS_TRANSACTION_END
    if (ends && crossing.direction == Direction::out) verdict.fail = -11;
  };
  for (int round = 0; round < 20; ++round) {  // more than a domain may have open
    const Texts begun = guest.ask("TRANSACTION_START", "|");
    REQUIRE(begun.size() == 1);
    const auto id = static_cast<uint32_t>(std::stoul(begun[0].substr(begun[0].find(' ') + 1)));
    for (const auto& [name, body] : {std::pair("WRITE", "x|new"), {"TRANSACTION_END", "T|"}}) {
      REQUIRE(guest.put_bytes(xenstore_message(xenstore_message_type(name), 3, id, body)));
      guest.notify();
      guest.run(milliseconds(1));
      const Texts expected{std::string(name) == "WRITE" ? "WRITE#3 OK|" : "ERROR#3 EAGAIN|"};
      CHECK(guest.answers() == expected);
    }
  }
  CHECK(guest.ask("READ", "x|") == Texts{"ERROR#1 ENOENT|"});
  guest.wiring.remove_tap(tap);
}

TEST_CASE("XenStore ring: what a fault cuts or holds back") {
  Guest guest;
  guest.ask("WRITE", "x|value");
  ScriptedTap tap;
  guest.wiring.add_tap(tap, "dom1/xenstore");
  Texts expected;
  SECTION("a reply is cut, and its header says so") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) {
      if (crossing.direction == Direction::in) crossing.payload->resize(18);
    };
    expected = {"READ#1 va"};
  }
  SECTION("a request is cut") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) {
      if (crossing.direction == Direction::out) crossing.payload->resize(17);
    };
    expected = {"ERROR#1 EINVAL|"};
  }
  SECTION("not even a header is left") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict&) { crossing.payload->resize(5); };
  }
  SECTION("a reply falls behind one that never comes") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      if (crossing.direction == Direction::in) verdict.behind = 1;
    };
    CHECK(guest.ask("READ", "x|").empty());
    guest.run(milliseconds(20));
    CHECK(guest.answers() == Texts{"READ#1 value"});
    tap.act = nullptr;
    expected = {"READ#1 value"};
  }
  CHECK(guest.ask("READ", "x|") == expected);
  guest.wiring.remove_tap(tap);
}

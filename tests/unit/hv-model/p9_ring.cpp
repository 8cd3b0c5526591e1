// Proves what the 9P backend makes of the bytes in its rings: messages that wrap, come in parts, or wait; and
// what it does when indices and sizes lie.
#include "tests/unit/hv-model/p9_fixture.h"

#include "hv-model/backends/9pfs/p9_payloads.h"

namespace ringside {

namespace {
std::vector<uint8_t> clunk(uint16_t tag) { return ScriptedService::message(ninep::Tclunk, tag, 11); }

// As many bytes of Twrite as are asked for: fid[4] offset[8] count[4] data.
std::vector<uint8_t> write_message(uint16_t tag, uint32_t bytes) {
  std::vector<uint8_t> made = ScriptedService::message(ninep::Twrite, tag, bytes, static_cast<uint8_t>(tag));
  const uint32_t count = bytes - 23;
  std::memcpy(made.data() + 19, &count, 4);
  return made;
}
std::vector<uint8_t> read_message(uint16_t tag, uint32_t count) {
  std::vector<uint8_t> made = ScriptedService::message(ninep::Tread, tag, 23);
  std::memcpy(made.data() + 19, &count, 4);
  return made;
}
}  // namespace

TEST_CASE("9pfs: messages and answers pass as they are, over every place where a ring wraps") {
  const uint32_t order = GENERATE(0u, 1u, 3u, 9u);
  P9Fixture fixture;
  fixture.connect(order);
  const uint32_t size = fixture.rings[0].size();
  const uint32_t length = size / 3 + 1;
  fixture.service.answer_bytes = length - 2;
  for (uint16_t tag = 0; tag < 10; ++tag) {
    const auto message = write_message(tag, length);
    fixture.ask(message);
    REQUIRE(fixture.service.seen.size() == tag + 1u);
    REQUIRE(fixture.service.seen.back() == message);
    REQUIRE(fixture.take() ==
            ScriptedService::message(ninep::Rwrite, tag, length - 2, static_cast<uint8_t>(tag)));
  }
}

TEST_CASE("9pfs: a message that fills the ring, and an answer that does") {
  P9Fixture fixture;
  fixture.connect(1);
  fixture.service.answer_bytes = 4096;
  fixture.ask(write_message(1, 4096));
  CHECK(fixture.service.seen.at(0).size() == 4096);
  CHECK(fixture.take().size() == 4096);
  CHECK(fixture.notified());
}

TEST_CASE("9pfs: a message that comes in parts is taken when it is whole") {
  P9Fixture fixture;
  fixture.connect();
  const auto message = write_message(3, 100);
  for (const auto& [from, to] : {std::pair(0, 3), std::pair(3, 7), std::pair(7, 99)}) {
    fixture.ask({message.begin() + from, message.begin() + to});
    CHECK(fixture.service.seen.empty());
    CHECK(fixture.load_index(fixture.rings[0], P9Fixture::kOutCons) == 0);
  }
  fixture.ask({message.end() - 1, message.end()});
  CHECK(fixture.service.seen.at(0) == message);
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("9pfs: many messages are in flight, and are answered on the ring that they came by") {
  P9Fixture fixture;
  fixture.connect(1, 3);
  fixture.service.holds = true;
  for (uint16_t tag = 0; tag < 30; ++tag) fixture.ask(clunk(tag), tag % 3u);
  CHECK(fixture.service.seen.size() == 30);
  fixture.service.release();
  fixture.run();
  for (uint16_t tag = 0; tag < 30; ++tag) {
    REQUIRE(fixture.take(tag % 3u) == ScriptedService::message(ninep::Rclunk, tag));
  }
}

TEST_CASE("9pfs: an answer for which there is no room waits until the frontend has read") {
  P9Fixture fixture;
  fixture.connect(1);
  fixture.service.answer_bytes = 2000;
  for (uint16_t tag = 0; tag < 5; ++tag) fixture.ask(clunk(tag));
  CHECK(fixture.answer_bytes_there() == 4000);
  fixture.run(seconds(1));
  for (uint16_t tag = 0; tag < 5; ++tag) {
    REQUIRE(ScriptedService::tag_of(fixture.take()) == tag);
    fixture.notify();
    fixture.run();
  }
  CHECK(fixture.backend_state() == XenbusState::connected);
}

TEST_CASE("9pfs: a frontend that never reads its answers is not served for ever") {
  P9Fixture fixture;
  fixture.connect(9);
  fixture.service.answer_bytes = 60'000;
  uint16_t tag = 0;
  for (; tag < 1000; ++tag) fixture.ask(read_message(tag, 60'000));
  // 17 answers fill the ring; 4 MiB of them wait.
  CHECK(fixture.service.seen.size() < 100);
  CHECK(fixture.service.seen.size() > 60);
  const size_t seen = fixture.service.seen.size();
  fixture.run(seconds(10));
  CHECK(fixture.service.seen.size() == seen);
  size_t answered = 0;
  while (true) {
    const size_t before = answered;
    while (!fixture.take().empty()) ++answered;
    if (answered == before) break;
    fixture.notify();
    fixture.run();
  }
  CHECK(answered == 1000);
}

TEST_CASE("9pfs: what the service forgets does not count for ever") {
  P9Fixture fixture;
  fixture.connect(9);
  fixture.service.holds = true;
  for (int round = 0; round < 50; ++round) {
    for (uint16_t tag = 0; tag < 10; ++tag) fixture.ask(read_message(tag, 300'000));
    REQUIRE(fixture.service.held.size() == 10);
    fixture.service.held.clear();  // as a Tversion does
  }
}

TEST_CASE("9pfs: the frontend hears of room that it may be waiting for") {
  P9Fixture fixture;
  fixture.connect(1);
  fixture.service.holds = true;
  (void)fixture.notified();
  fixture.ask(write_message(1, 100));
  CHECK_FALSE(fixture.notified());
  fixture.ask(write_message(2, 3000));
  CHECK(fixture.notified());
}

TEST_CASE("9pfs: a ring that is broken closes the share, and the frontend is told") {
  P9Fixture fixture;
  fixture.connect(1, 2);
  FrontRing& ring = fixture.rings[1];
  std::string why;
  SECTION("out_prod jumps") {
    fixture.store_index(ring, P9Fixture::kOutProd, 4097);
    why = "out_prod is 4097, but a ring of 4096 bytes is read up to 0";
  }
  SECTION("out_prod runs backwards") {
    fixture.ask(clunk(1), 1);
    fixture.store_index(ring, P9Fixture::kOutProd, 10);
    why = "out_prod is 10, but a ring of 4096 bytes is read up to 11";
  }
  SECTION("in_cons jumps") {
    fixture.store_index(ring, P9Fixture::kInCons, 1);
    why = "in_cons is 1, but a ring of 4096 bytes is written up to 0";
  }
  SECTION("out_cons is the backend's") {
    fixture.store_index(ring, P9Fixture::kOutCons, 7);
    why = "out_cons is 7, but the backend had put 0 there";
  }
  SECTION("in_prod is the backend's") {
    fixture.store_index(ring, P9Fixture::kInProd, 7);
    why = "in_prod is 7, but the backend had put 0 there";
  }
  SECTION("a message smaller than its header") {
    fixture.write({6, 0, 0, 0, ninep::Tclunk, 0, 0}, 1);
    why = "a message of 6 bytes, where 7 to 4096 can be";
  }
  SECTION("a message larger than the ring") {
    fixture.write({1, 16, 0, 0, ninep::Tclunk, 0, 0}, 1);
    why = "a message of 4097 bytes, where 7 to 4096 can be";
  }
  SECTION("a message larger than msize") {
    fixture.service.msize_now = 1024;
    fixture.write({1, 4, 0, 0, ninep::Tclunk, 0, 0}, 1);
    why = "a message of 1025 bytes, where 7 to 1024 can be";
  }
  SECTION("a message whose field is cut") {
    fixture.write(ScriptedService::message(ninep::Tclunk, 1, 10), 1);
    why = "Tclunk of 10 bytes: its field 'fid' is cut short";
  }
  SECTION("a name that says to be longer than the message") {
    auto message = ScriptedService::message(ninep::Twalk, 1, 21, 1);
    message[15] = 1;  // nwname, then a name of 257 bytes
    message[16] = 0;
    fixture.write(message, 1);
    why = "Twalk of 21 bytes: its field 'wname' is cut short";
  }
  SECTION("an answer larger than the ring") {
    fixture.service.answer_bytes = 4097;
    fixture.write(clunk(1), 1);
    why = "an answer of 4097 bytes for a ring of 4096";
  }
  fixture.notify(1);
  fixture.run();
  CHECK(fixture.error_node() == "22 ring 1: " + why);
  CHECK(fixture.backend_state() == XenbusState::closing);
  CHECK_FALSE(fixture.any_grant_in_use());
  CHECK(fixture.service.resets == 1);
  CHECK(fixture.domain->notices.count(NoticeKind::unusual) == 1);
  fixture.run(seconds(1));
  fixture.set_state(XenbusState::closed);
  fixture.set_state(XenbusState::initialising);
  CHECK(fixture.backend_state() == XenbusState::init_wait);
}

TEST_CASE("9pfs: a grant that is withdrawn while it is mapped stays readable, as Xen holds its page") {
  P9Fixture fixture;
  fixture.connect(1);
  fixture.memory->store(fixture.grant_entry(P9Fixture::interface_grant(0) + 1), grant_entry_v1_t{});
  fixture.ask(clunk(1));
  CHECK(fixture.take().size() == 7);
}

TEST_CASE("9pfs: what the taps decide happens to messages and answers") {
  P9Fixture fixture;
  fixture.connect();
  ScriptedTap tap;
  std::string target;
  std::function<void(Crossing&, Verdict&)> act;
  tap.act = [&](const Wire& wire, Crossing& crossing, Verdict& verdict) {
    if (wire.name() == target) act(crossing, verdict);
  };
  fixture.wiring.add_tap(tap, "dom1/9p/*");
  SECTION("both directions are seen") {
    fixture.ask(clunk(0x0102));
    CHECK(tap.seen == std::vector<std::string>{"dom1/9p/share0/T out ring=0 message=0b00000078020100000000",
                                               "dom1/9p/share0/R in ring=0 message=07000000790201"});
  }
  SECTION("a message is dropped") {
    target = "dom1/9p/share0/T";
    act = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
    fixture.ask(clunk(1));
    CHECK(fixture.service.seen.empty());
    target.clear();
    fixture.ask(clunk(2));
    CHECK(ScriptedService::tag_of(fixture.take()) == 2);
  }
  SECTION("a message comes twice") {
    target = "dom1/9p/share0/T";
    act = [](Crossing&, Verdict& verdict) { verdict.copies = 2; };
    fixture.ask(clunk(1));
    CHECK(fixture.service.seen.size() == 2);
  }
  SECTION("a message is late") {
    target = "dom1/9p/share0/T";
    act = [](Crossing&, Verdict& verdict) { verdict.delay = milliseconds(50); };
    fixture.ask(clunk(1));
    CHECK(fixture.service.seen.empty());
    fixture.run(milliseconds(50));
    CHECK(fixture.take().size() == 7);
  }
  SECTION("a message is changed") {
    target = "dom1/9p/share0/T";
    act = [](Crossing& crossing, Verdict&) { (*crossing.payload)[4 + 7] = 9; };
    fixture.ask(clunk(1));
    CHECK(fixture.service.seen.at(0).at(7) == 9);
  }
  SECTION("a message is cut within its header") {
    target = "dom1/9p/share0/T";
    act = [](Crossing& crossing, Verdict&) { crossing.payload->resize(8); };
    fixture.ask(clunk(1));
    CHECK(fixture.service.seen.empty());
    CHECK(fixture.backend_state() == XenbusState::connected);
  }
  SECTION("a message is cut within a field") {
    target = "dom1/9p/share0/T";
    act = [](Crossing& crossing, Verdict&) { crossing.payload->resize(4 + 9); };
    fixture.ask(clunk(1));
    CHECK(fixture.error_node() == "22 ring 0: Tclunk of 9 bytes: its field 'fid' is cut short");
  }
  SECTION("a message is failed") {
    target = "dom1/9p/share0/T";
    act = [](Crossing&, Verdict& verdict) { verdict.fail = -5; };
    fixture.ask(clunk(0x0203));
    CHECK(fixture.service.seen.empty());
    CHECK(fixture.take() == std::vector<uint8_t>{11, 0, 0, 0, ninep::Rlerror, 3, 2, 5, 0, 0, 0});
  }
  SECTION("an answer is dropped") {
    target = "dom1/9p/share0/R";
    act = [](Crossing&, Verdict& verdict) { verdict.copies = 0; };
    fixture.ask(clunk(1));
    CHECK(fixture.answer_bytes_there() == 0);
  }
  SECTION("an answer comes twice, late") {
    target = "dom1/9p/share0/R";
    act = [](Crossing&, Verdict& verdict) {
      verdict.copies = 2;
      verdict.delay = milliseconds(50);
    };
    fixture.ask(clunk(1));
    CHECK(fixture.answer_bytes_there() == 0);
    fixture.run(milliseconds(50));
    CHECK(fixture.answer_bytes_there() == 14);
  }
  SECTION("an answer is cut, and its size says so") {
    fixture.service.answer_bytes = 20;
    target = "dom1/9p/share0/R";
    act = [](Crossing& crossing, Verdict&) { crossing.payload->resize(4 + 9); };
    fixture.ask(clunk(1));
    CHECK(fixture.take().size() == 9);
    CHECK(fixture.answer_bytes_there() == 0);
  }
  SECTION("an answer of which no header is left") {
    target = "dom1/9p/share0/R";
    act = [](Crossing& crossing, Verdict&) { crossing.payload->resize(4 + 5); };
    fixture.ask(clunk(1));
    CHECK(fixture.answer_bytes_there() == 0);
  }
  SECTION("messages and answers fall behind others") {
    target = GENERATE("dom1/9p/share0/T", "dom1/9p/share0/R");
    act = [first = true](Crossing&, Verdict& verdict) mutable {
      if (std::exchange(first, false)) verdict.behind = 1;
    };
    fixture.write(clunk(1));
    fixture.ask(clunk(2));
    CHECK(ScriptedService::tag_of(fixture.take()) == 2);
    CHECK(ScriptedService::tag_of(fixture.take()) == 1);
  }
  SECTION("an answer is failed, in the words of the dialect") {
    fixture.service.answer_bytes = 7 + 4 + 2 + 6;
    ScriptedService& service = fixture.service;
    target = "dom1/9p/share0/R";
    act = [&](Crossing& crossing, Verdict& verdict) {
      // The scripted service does not know how to answer a Tversion.
      if (crossing.bytes()[8] == ninep::Rversion) return;
      verdict.fail = -5;
    };
    service.holds = true;
    auto version = ScriptedService::message(ninep::Tversion, 0xffff, 7 + 4 + 2 + 6);
    version[11] = 6;
    std::memcpy(version.data() + 13, "9P2000", 6);
    fixture.ask(version);
    auto answer = version;
    answer[4] = ninep::Rversion;
    service.held.front().first = answer;
    service.release();
    fixture.run();
    REQUIRE(fixture.take() == answer);
    service.holds = false;
    fixture.ask(clunk(1));
    CHECK(fixture.take() ==
          std::vector<uint8_t>{16, 0, 0, 0, ninep::Rerror, 1, 0, 7, 0, 'e', 'r', 'r', 'o', 'r', ' ', '5'});
  }
}

TEST_CASE("9pfs: late messages of a ring that is gone do nothing") {
  P9Fixture fixture;
  fixture.connect();
  ScriptedTap tap;
  tap.act = [](const Wire&, Crossing&, Verdict& verdict) { verdict.delay = milliseconds(100); };
  fixture.wiring.add_tap(tap, "dom1/9p/share0/T");
  fixture.ask(clunk(1));
  fixture.set_state(XenbusState::closed);
  fixture.run(milliseconds(200));
  CHECK(fixture.service.seen.empty());
}

TEST_CASE("9pfs: the indices of each ring are sampled when they have changed") {
  P9Fixture fixture;
  ScriptedTap tap;
  fixture.wiring.add_tap(tap, "dom1/ring/share0/1/indices");
  fixture.connect(1, 2);
  fixture.ask(clunk(1), 0);
  fixture.ask(clunk(1), 1);
  const std::vector<std::string> expected{
      "dom1/ring/share0/1/indices out out_prod=0 out_cons=0 in_prod=0 in_cons=0 in_flight=0 waiting=0",
      "dom1/ring/share0/1/indices out out_prod=11 out_cons=0 in_prod=0 in_cons=0 in_flight=0 waiting=0",
      "dom1/ring/share0/1/indices in out_prod=11 out_cons=11 in_prod=0 in_cons=0 in_flight=1 waiting=0",
      "dom1/ring/share0/1/indices in out_prod=11 out_cons=11 in_prod=7 in_cons=0 in_flight=0 waiting=0"};
  CHECK(tap.seen == expected);
}

}  // namespace ringside

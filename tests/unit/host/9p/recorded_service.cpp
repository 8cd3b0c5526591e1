// Proves that a recorded conversation answers another client: other fids, tags, order, walks and sizes; that
// what was changed is answered behind the same change; and that what the recording does not have is named and
// gets EIO. The recording is made of what a real server answered.
#include <cerrno>

#include "host/9p/recorded_service.h"
#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;
using Catch::Matchers::Contains;

namespace {

constexpr uint32_t kWriteOnly = 1;

// A client of any service; what passes may be learnt.
struct Speaker {
  Speaker(World& with, NinePService& to, NinePRecording* learns = nullptr)
      : world(with), service(to), recording(learns) {}

  Answer ask(const Message& message, uint16_t tag = 1) {
    const Bytes request = message.tagged(tag);
    if (recording) recording->learn(request, static_cast<uint32_t>(request.size()));
    Answer found;
    service.receive(request, [&](Bytes answer) { found.bytes = std::move(answer); });
    world.run_for(seconds(1));
    if (recording && !found.none()) recording->learn(found.bytes, static_cast<uint32_t>(found.bytes.size()));
    return found;
  }
  void mount(uint32_t fid, const std::string& version = "9P2000.L", uint32_t msize = 8192) {
    ask(Message(Tversion).u32(msize).text(version), kNotag);
    Message attach(Tattach);
    attach.u32(fid).u32(kNofid).text("root").text("");
    if (version == "9P2000.L") attach.u32(0);
    ask(attach, 9);
  }
  Answer walk(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names) {
    Message message(Twalk);
    message.u32(fid).u32(new_fid).u16(names.size());
    for (const std::string& name : names) message.text(name);
    return ask(message, 3);
  }
  Answer lopen(uint32_t fid, uint32_t flags) { return ask(Message(Tlopen).u32(fid).u32(flags), 4); }
  std::string read(uint32_t fid, uint64_t offset, uint32_t count) {
    Answer answer = ask(Message(Tread).u32(fid).u64(offset).u32(count), 5);
    return answer.type() == Tread + 1 ? answer.data() : "error " + std::to_string(answer.error());
  }
  int write(uint32_t fid, uint64_t offset, const std::string& data) {
    Answer answer =
        ask(Message(Twrite).u32(fid).u64(offset).u32(data.size()).raw(Bytes(data.begin(), data.end())), 6);
    return answer.type() == Twrite + 1 ? 0 : answer.error();
  }

  World& world;
  NinePService& service;
  NinePRecording* recording;
};

struct Fixture {
  Fixture() {
    recorded.add_directory("/d");
    recorded.add_file("/d/deep", "0123456789");
    recorded.add_file("/hello", "Hello!");
  }
  // Records with the calls of `use` on a real server.
  template <class Use>
  void record(const Use& use) {
    NinePServer server({}, recorded.tree, recorded.clock, recorded.events);
    Speaker speaker(recorded, server, &recording);
    use(speaker);
  }
  Speaker play() {
    NinePRecordedConfig config;
    config.name = "share/s";
    service = std::make_unique<NinePRecordedService>(config, recording, unanswered, live.clock, live.events);
    return Speaker(live, *service);
  }

  World recorded, live;
  NinePRecording recording;
  UnansweredRequests unanswered;
  std::unique_ptr<NinePRecordedService> service;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "another client walks, opens and reads with its own numbers, steps and sizes",
                 "[9p][recorded]") {
  record([](Speaker& client) {
    client.mount(0);
    client.walk(0, 1, {"d"});
    client.walk(1, 2, {"deep"});
    client.lopen(2, 0);
    CHECK(client.read(2, 0, 4096) == "0123456789");
    client.walk(0, 3, {"hello"});
    CHECK(client.walk(0, 4, {"nothing"}).error() == ENOENT);
  });
  Speaker client = play();
  client.mount(500, "9P2000.L", 4096);
  CHECK(client.walk(500, 77, {"d", "deep"}).type() == Twalk + 1);
  CHECK(client.read(77, 0, 1) == "error 9");  // EBADF: not open
  CHECK(client.lopen(77, 0).type() == Tlopen + 1);
  CHECK(client.read(77, 6, 3) == "678");
  CHECK(client.read(77, 0, 3) == "012");
  CHECK(client.read(77, 8, 100) == "89");
  CHECK(client.read(77, 10, 5).empty());
  CHECK(client.walk(500, 78, {"d", "..", "hello"}).type() == Twalk + 1);
  CHECK(client.walk(500, 79, {"nothing"}).error() == ENOENT);
  CHECK(client.walk(500, 77, {"d"}).error() == EBADF);
  CHECK(client.walk(501, 90, {}).error() == EBADF);
  CHECK(client.ask(Message(Tclunk).u32(77)).type() == Tclunk + 1);
  CHECK(client.ask(Message(Tclunk).u32(77)).error() == EBADF);
  CHECK(unanswered.count() == 0);
}

TEST_CASE_METHOD(Fixture, "what the recording does not have is named, and gets EIO", "[9p][recorded]") {
  record([](Speaker& client) {
    client.mount(0);
    client.walk(0, 1, {"d"});
    client.walk(1, 2, {"deep"});
    client.lopen(2, 0);
    CHECK(client.read(2, 4, 2) == "45");
  });
  Speaker client = play();
  std::vector<std::string> complaints;
  service->set_complaint([&](NoticeKind, const std::string& what) { complaints.push_back(what); });
  client.mount(0);
  CHECK(client.walk(0, 1, {"other"}).error() == EIO);
  CHECK(client.walk(0, 2, {"d", "deep"}).type() == Twalk + 1);
  CHECK(client.lopen(2, kWriteOnly).error() == EIO);
  client.lopen(2, 0);
  CHECK(client.read(2, 4, 2) == "45");
  CHECK(client.read(2, 4, 3) == "error 5");
  CHECK(client.ask(Message(Tgetattr).u32(2).u64(1)).error() == EIO);
  REQUIRE(unanswered.requests().size() == 4);
  CHECK(unanswered.requests()[0].request == "Twalk / wname=\"other\"");
  CHECK(unanswered.requests()[2].request == "Tread /d/deep offset=4 count=3");
  CHECK_THAT(unanswered.requests()[2].why, Contains("byte 6 of /d/deep"));
  REQUIRE(complaints.size() == 4);
  CHECK_THAT(complaints[0], Contains("old.pcapng cannot answer Twalk / wname=\"other\""));
}

TEST_CASE_METHOD(Fixture, "a version that nobody has spoken is unknown", "[9p][recorded]") {
  record([](Speaker& client) { client.mount(0); });
  Speaker client = play();
  Answer answer = client.ask(Message(Tversion).u32(8192).text("9P2000"), kNotag);
  answer.u32();
  CHECK(answer.text() == "unknown");
  CHECK(unanswered.count() == 1);
  CHECK(client.walk(0, 1, {}).type() != Twalk + 1);
}

TEST_CASE_METHOD(Fixture, "a write must be the recorded one, and what it changes is seen behind it only",
                 "[9p][recorded]") {
  record([](Speaker& client) {
    client.mount(0);
    client.walk(0, 1, {"hello"});
    client.lopen(1, 2);
    CHECK(client.read(1, 0, 100) == "Hello!");
    CHECK(client.write(1, 0, "HELLO, world") == 0);
    CHECK(client.read(1, 0, 100) == "HELLO, world");
  });
  Speaker client = play();
  client.mount(7);
  client.walk(7, 8, {"hello"});
  client.lopen(8, 2);
  CHECK(client.read(8, 0, 100) == "Hello!");
  CHECK(client.read(8, 0, 100) == "Hello!");
  CHECK(client.write(8, 0, "HELP") == EIO);
  CHECK(unanswered.count() == 1);
  CHECK(client.write(8, 0, "HELLO") == 0);
  CHECK(client.read(8, 0, 6) == "HELLO!");
  CHECK(client.write(8, 5, ", world") == 0);
  CHECK(client.read(8, 3, 100) == "LO, world");
  CHECK(unanswered.count() == 1);
}

TEST_CASE_METHOD(Fixture, "files are made and listed as they were", "[9p][recorded]") {
  const auto names = [](Speaker& client, uint32_t fid, uint32_t count) {
    std::string found;
    uint64_t cookie = 0;
    for (int i = 0; i < 20; ++i) {
      Answer answer = client.ask(Message(Treaddir).u32(fid).u64(cookie).u32(count), 8);
      if (answer.type() != Treaddir + 1) return found + "error " + std::to_string(answer.error());
      const uint32_t size = answer.u32();
      if (size == 0) return found;
      while (!answer.at_end()) {
        answer.qid();
        cookie = answer.u64();
        answer.u8();
        found += answer.text() + " ";
      }
    }
    return found + "without end";
  };
  record([&](Speaker& client) {
    client.mount(0);
    client.walk(0, 1, {});
    client.lopen(1, 0200000);
    CHECK_THAT(names(client, 1, 4096), !Contains("new"));
    client.walk(0, 2, {});
    client.ask(Message(Tlcreate).u32(2).text("new").u32(2).u32(0644).u32(0), 3);
    CHECK(client.write(2, 0, "abc") == 0);
    CHECK_THAT(names(client, 1, 4096), Contains("new"));
    CHECK(client.ask(Message(Tunlinkat).u32(0).text("new").u32(0), 3).type() == Tunlinkat + 1);
  });
  Speaker client = play();
  client.mount(40);
  client.walk(40, 41, {});
  client.lopen(41, 0200000);
  const std::string before = names(client, 41, 40);
  CHECK_THAT(before, Contains("hello") && Contains("d ") && !Contains("new") && !Contains("error"));
  client.walk(40, 42, {});
  CHECK(client.ask(Message(Tlcreate).u32(42).text("new").u32(2).u32(0644).u32(0), 3).type() == Tlcreate + 1);
  CHECK(client.read(42, 0, 10).empty());
  CHECK(client.write(42, 0, "abc") == 0);
  CHECK(client.read(42, 0, 10) == "abc");
  CHECK_THAT(names(client, 41, 100), Contains("new"));
  CHECK(client.ask(Message(Tunlinkat).u32(40).text("new").u32(0), 3).type() == Tunlinkat + 1);
  CHECK(unanswered.count() == 0);
  // It was removed once.
  CHECK(client.ask(Message(Tunlinkat).u32(40).text("new").u32(0), 3).error() == EIO);
  CHECK(unanswered.count() == 1);
}

TEST_CASE_METHOD(Fixture, "a recording and a client of any bytes harm nobody", "[9p][recorded]") {
  record([](Speaker& client) {
    client.mount(0);
    client.walk(0, 1, {"hello"});
    client.lopen(1, 0);
    client.read(1, 0, 100);
  });
  uint64_t state = 1;
  const auto random = [&] {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
  };
  const auto noise = [&] {
    Bytes bytes(7 + random() % 60);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 3 ? random() % 4 : random());
    bytes[4] = static_cast<uint8_t>(100 + random() % 28);
    const auto size = static_cast<uint32_t>(bytes.size());
    for (unsigned i = 0; i < 4; ++i) bytes[i] = static_cast<uint8_t>(size >> (8 * i));
    return bytes;
  };
  for (int i = 0; i < 3000; ++i) {
    const Bytes bytes = noise();
    recording.learn(bytes, static_cast<uint32_t>(bytes.size()));
  }
  Speaker client = play();
  client.mount(0);
  for (int i = 0; i < 3000; ++i) {
    service->receive(noise(), [](Bytes) {});
    if (i % 50 == 0) live.run_for(milliseconds(1));
    if (i % 500 == 0) client.mount(0);
  }
  live.run_for(seconds(1));
  CHECK(service->in_flight() == 0);
}

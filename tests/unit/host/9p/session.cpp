// The conversation as such: version(5), attach(5), walk(5), flush(5), clunk(5), intro(5) on tags and fids;
// when answers come; what is bounded.
#include <cerrno>

#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

TEST_CASE("a version is agreed on, with no larger an msize than the client's", "[9p]") {
  World world;
  Client client(world, {.msize_max = 100'000});
  Answer answer = client.version("9P2000.L", 8192);
  CHECK(answer.type() == Tversion + 1);
  CHECK(answer.tag() == kNotag);
  CHECK(answer.u32() == 8192);
  CHECK(answer.text() == "9P2000.L");
  CHECK(answer.at_end());
  CHECK(client.server.msize() == 8192);
  answer = client.version("9P2000.L", 1'000'000);
  CHECK(answer.u32() == 100'000);
  answer = client.version("9P2000.u", 8192);
  CHECK(answer.u32() == 8192);
  CHECK(answer.text() == "9P2000");
  CHECK(client.server.dialect() == NinePDialect::base);
}

TEST_CASE("a version that nobody knows is answered as unknown, and leaves the session alone", "[9p]") {
  World world;
  Client client(world);
  CHECK(client.ask(Message(Tattach).u32(0).u32(kNofid).text("").text("")).ename() ==
        "no version was negotiated");
  client.mount();
  Answer answer = client.version("8P1066");
  CHECK(answer.type() == Tversion + 1);
  answer.u32();
  CHECK(answer.text() == "unknown");
  CHECK(client.server.dialect() == NinePDialect::dotl);
  CHECK(client.walk(0, 1, {}).type() == Twalk + 1);
}

TEST_CASE("an msize below 4096 is refused in the dialect that was asked for", "[9p]") {
  World world;
  Client client(world);
  CHECK(client.version("9P2000.L", 4095).error() == EMSGSIZE);
  CHECK(client.version("9P2000", 4095).ename() == "msize too small");
  CHECK(client.version("9P2000", 4096).type() == Tversion + 1);
}

TEST_CASE("a Tversion in the middle aborts what is in flight and clunks all fids", "[9p]") {
  World world;
  const FileRef file = world.add_file("/f", "text");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {"f"});
  client.open(1, 0x40);  // ORCLOSE
  CHECK(world.tree.open_count(file) == 1);
  client.send(Message(Tread).u32(1).u64(0).u32(4), 7);
  client.send(Message(Tflush).u16(9), 8);
  const size_t before = client.answers.size();
  CHECK(client.version("9P2000.L").type() == Tversion + 1);
  CHECK(client.answers.size() == before + 1);
  CHECK(client.server.fids() == 0);
  CHECK(world.tree.open_count(file) == 0);
  CHECK_FALSE(world.exists("/f"));  // clunked, so removed
  CHECK(client.walk(0, 1, {}).error() == EBADF);
}

TEST_CASE("a disconnect forgets everything, and nobody is called back", "[9p]") {
  World world;
  Client client(world);
  client.mount();
  client.send(Message(Tgetattr).u32(0).u64(0x7ff), 3);
  const size_t before = client.answers.size();
  client.server.reset();
  world.run_for(seconds(1));
  CHECK(client.answers.size() == before);
  CHECK(client.server.fids() == 0);
  CHECK_FALSE(client.server.dialect().has_value());
  client.mount();
}

TEST_CASE("an answer comes after a fixed time and one for each byte", "[9p]") {
  World world;
  world.add_file("/f", std::string(10'000, 'x'));
  Client client(world, {.latency = microseconds(3), .latency_per_byte = nanoseconds(1)});
  client.mount();
  client.walk(0, 1, {"f"});
  client.lopen(1, 0);
  client.answers.clear();
  const Tick start = world.clock.now;
  client.send(Message(Tread).u32(1).u64(0).u32(8000), 1);  // 23 bytes, and 8000 that it asks for
  const Tick due = start + microseconds(3) + nanoseconds(8023);
  world.run_to(due - picoseconds(1));
  CHECK(client.answers.empty());
  world.run_to(due);
  CHECK(client.answers.size() == 1);
}

TEST_CASE("answers keep the order of the requests, be some quicker", "[9p]") {
  World world;
  world.add_file("/f", std::string(60'000, 'x'));
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  client.lopen(1, 0);
  client.answers.clear();
  client.send(Message(Tread).u32(1).u64(0).u32(60'000), 1);
  client.send(Message(Tclunk).u32(1), 2);
  client.send(Message(Tgetattr).u32(0).u64(0), 3);
  world.run_for(seconds(1));
  REQUIRE(client.answers.size() == 3);
  CHECK(client.answers[0].type() == Tread + 1);
  CHECK(client.answers[0].tag() == 1);
  CHECK(client.answers[1].tag() == 2);
  CHECK(client.answers[2].tag() == 3);
}

TEST_CASE("a request that is flushed has never happened", "[9p]") {
  World world;
  Client client(world);
  client.mount();
  client.answers.clear();
  client.send(Message(Tmkdir).u32(0).text("d").u32(0755).u32(0), 5);
  client.send(Message(Tmkdir).u32(0).text("e").u32(0755).u32(0), 6);
  client.send(Message(Tflush).u16(5), 7);
  world.run_for(seconds(1));
  REQUIRE(client.answers.size() == 2);
  CHECK(client.answers[0].type() == Tflush + 1);  // the shorter request
  CHECK(client.answers[0].tag() == 7);
  CHECK(client.answers[0].bytes.size() == 7);
  CHECK(client.answers[1].tag() == 6);
  CHECK_FALSE(world.exists("/d"));
  CHECK(world.exists("/e"));
  CHECK(client.walk(0, 1, {}).tag() == 1);
}

TEST_CASE("a flush is answered whatever its tag stands for, flushes in their order", "[9p]") {
  World world;
  Client client(world);
  client.mount();
  client.answers.clear();
  client.send(Message(Tflush).u16(99), 1);  // never used
  client.send(Message(Tflush).u16(1), 2);   // a flush
  client.send(Message(Tflush).u16(3), 3);   // itself
  world.run_for(seconds(1));
  REQUIRE(client.answers.size() == 3);
  for (uint16_t i = 0; i < 3; ++i) {
    CHECK(client.answers[i].type() == Tflush + 1);
    CHECK(client.answers[i].tag() == i + 1);
  }
  // The tag of what was flushed may be used again at once.
  client.send(Message(Tclunk).u32(0), 4);
  client.send(Message(Tflush).u16(4), 5);
  client.send(Message(Tgetattr).u32(0).u64(0), 4);
  world.run_for(seconds(1));
  CHECK(client.answers.back().type() == Tgetattr + 1);
}

TEST_CASE("a tag that is in use, and NOTAG, are refused", "[9p]") {
  World world;
  Client client(world);
  client.mount_base();
  client.answers.clear();
  client.send(Message(Tstat).u32(0), 5);
  client.send(Message(Tstat).u32(0), 5);
  client.send(Message(Tstat).u32(0), kNotag);
  world.run_for(seconds(1));
  REQUIRE(client.answers.size() == 3);
  CHECK(client.answers[0].type() == Tstat + 1);
  CHECK(client.answers[1].ename() == "duplicate tag");
  CHECK(client.answers[1].tag() == 5);
  CHECK(client.answers[2].ename() == "protocol botch");
  CHECK(client.complaints.size() == 2);
  CHECK(client.ask(Message(Tstat).u32(0), 5).type() == Tstat + 1);  // free again
}

TEST_CASE("a message that is not what it says gets an error, and a notice", "[9p]") {
  World world;
  Client client(world);
  client.mount(0, 4096);
  const auto error = [&](Bytes bytes) {
    const size_t before = client.complaints.size();
    client.send_bytes(std::move(bytes));
    world.run_for(seconds(1));
    CHECK(client.complaints.size() == before + 1);
    return client.answers.back().error();
  };
  Bytes wrong_size = Message(Tclunk).u32(9).tagged(1);
  wrong_size[0] = 12;
  CHECK(error(wrong_size) == EPROTO);
  CHECK(error(Message(Tclunk).u16(9).tagged(1)) == EPROTO);
  CHECK(error(Message(Tclunk).u32(9).u8(0).tagged(1)) == EPROTO);
  CHECK(error(Message(Tflush).tagged(1)) == EPROTO);
  CHECK(error(Message(Twrite).u32(0).u64(0).u32(5000).raw(Bytes(5000)).tagged(1)) == EMSGSIZE);
  for (const uint8_t type : {0, 6, 7, 28, 106, 107, 112, 114, 121, 124, 126, 128, 255}) {
    CHECK(error(Message(type).u32(0).tagged(1)) == EOPNOTSUPP);
  }
  const size_t before = client.answers.size();
  client.send_bytes({7, 0, 0, 0, Tclunk, 0});  // not even a tag to answer with
  world.run_for(seconds(1));
  CHECK(client.answers.size() == before);
}

TEST_CASE("Linux's messages are not 9P2000's", "[9p]") {
  World world;
  Client client(world);
  client.mount_base();
  CHECK(client.ask(Message(Tgetattr).u32(0).u64(0)).ename() == "Operation not supported");
  CHECK(client.ask(Message(Treaddir).u32(0).u64(0).u32(100)).ename() == "Operation not supported");
}

TEST_CASE("requests and fids are bounded", "[9p]") {
  World world;
  Client client(world, {.fids_max = 10, .requests_max = 4, .request_bytes_max = 10'000});
  client.mount();
  client.answers.clear();
  for (uint16_t tag = 0; tag < 12; ++tag) client.send(Message(Tgetattr).u32(0).u64(0), tag);
  CHECK(client.server.in_flight() == 8);  // four to do, four to refuse; the rest is dropped
  world.run_for(seconds(1));
  REQUIRE(client.answers.size() == 8);
  CHECK(client.answers[3].type() == Tgetattr + 1);
  for (size_t i = 4; i < 8; ++i) CHECK(client.answers[i].error() == EAGAIN);
  client.answers.clear();
  client.send(Message(Twrite).u32(0).u64(0).u32(6000).raw(Bytes(6000)), 1);
  client.send(Message(Twrite).u32(0).u64(0).u32(6000).raw(Bytes(6000)), 2);
  world.run_for(seconds(1));
  CHECK(client.answers[0].error() == EBADF);  // looked at
  CHECK(client.answers[1].error() == EAGAIN);
  for (uint32_t fid = 1; fid < 10; ++fid) CHECK(client.walk(0, fid, {}).type() == Twalk + 1);
  CHECK(client.walk(0, 10, {}).error() == ENFILE);
  client.clunk(9);
  CHECK(client.walk(0, 10, {}).type() == Twalk + 1);
}

TEST_CASE("attach wants a free fid, no afid, a share that is here and a user who is known", "[9p]") {
  World world;
  Client client(world, {.name = "share", .users = {{"anna", 1000, 100, {}}}});
  client.version("9P2000");
  const auto attach = [&](uint32_t fid, uint32_t afid, const std::string& uname, const std::string& aname) {
    return client.ask(Message(Tattach).u32(fid).u32(afid).text(uname).text(aname)).ename();
  };
  CHECK(attach(0, kNofid, "anna", "share") == "");
  CHECK(attach(0, kNofid, "anna", "share") == "fid already in use");
  CHECK(attach(1, 5, "anna", "share") == "fid unknown or out of range");
  CHECK(attach(1, kNofid, "bert", "share") == "unknown user");
  CHECK(attach(1, kNofid, "anna", "other") == "No such file or directory");
  CHECK(attach(kNofid, kNofid, "anna", "") == "fid unknown or out of range");
  CHECK(attach(1, kNofid, "root", "/") == "");
  CHECK(attach(2, kNofid, "4711", "") == "");
  CHECK(client.ask(Message(Tauth).u32(9).text("anna").text("share")).ename() ==
        "authentication not required");
}

TEST_CASE("a walk goes as far as it can; its fid moves only when it arrives", "[9p]") {
  World world;
  world.add_directory("/a");
  const FileRef b = world.add_directory("/a/b");
  world.add_file("/a/b/f", "");
  Client client(world);
  client.mount_base();
  Answer answer = client.walk(0, 1, {"a", "b", "f"});
  REQUIRE(answer.u16() == 3);
  CHECK(answer.qid().type == 0x80);
  CHECK(answer.qid().path == world.tree.status(b).path);
  CHECK(answer.qid().type == 0);
  CHECK(answer.at_end());

  answer = client.walk(0, 2, {"a", "none", "f"});
  CHECK(answer.u16() == 1);
  answer.qid();
  CHECK(answer.at_end());
  CHECK(client.walk(2, 3, {}).ename() == "fid unknown or out of range");  // 2 was not made
  CHECK(client.walk(0, 2, {"none", "a"}).ename() == "No such file or directory");
  CHECK(client.walk(1, 2, {"x"}).ename() == "Not a directory");
  answer = client.walk(0, 2, {"a", "b", "f", "x"});
  CHECK(answer.u16() == 3);  // a file is not a directory
  CHECK(client.walk(0, 1, {"a"}).ename() == "fid already in use");
  CHECK(client.walk(0, kNofid, {"a"}).ename() == "fid unknown or out of range");

  // The same fid: it moves, or stays where it is.
  client.walk(0, 5, {"a"});
  CHECK(client.walk(5, 5, {"b", "none"}).u16() == 1);
  answer = client.walk(5, 5, {"b"});
  CHECK(answer.u16() == 1);
  CHECK(answer.qid().path == world.tree.status(b).path);
  CHECK(client.walk(5, 6, {"f"}).u16() == 1);
}

TEST_CASE("dot-dot leads to the root and no further", "[9p]") {
  World world;
  world.add_directory("/a");
  Client client(world);
  client.mount_base();
  Answer answer = client.walk(0, 1, {"..", "..", "a", "..", ".."});
  CHECK(answer.u16() == 5);
  const uint64_t root = world.tree.status(world.tree.root()).path;
  CHECK(answer.qid().path == root);
  CHECK(answer.qid().path == root);
  CHECK(answer.qid().path != root);
  CHECK(answer.qid().path == root);
  CHECK(answer.qid().path == root);
  for (const char* name : {"", "/", "a/..", "../..", "..\\.."})
    CHECK(client.walk(0, 2, {name}).type() == Rerror);
}

TEST_CASE("a fid that is open is not walked from in 9P2000, nor moved in 9P2000.L", "[9p]") {
  World world;
  world.add_directory("/a");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {});
  client.open(1, 0);
  CHECK(client.walk(1, 2, {"a"}).ename() == "bad use of fid");
  client.mount();
  client.walk(0, 1, {});
  client.lopen(1, 0);
  CHECK(client.walk(1, 1, {"a"}).error() == EBADF);
  CHECK(client.walk(1, 2, {"a"}).type() == Twalk + 1);
}

TEST_CASE("a clunked fid is gone, and its number free", "[9p]") {
  World world;
  world.add_file("/f", "");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {"f"});
  CHECK(client.clunk(1).type() == Tclunk + 1);
  CHECK(client.clunk(1).ename() == "fid unknown or out of range");
  CHECK(client.complaints.size() == 1);
  CHECK(client.walk(0, 1, {}).type() == Twalk + 1);
}

TEST_CASE("an answer that is larger than the msize is an error instead", "[9p]") {
  World world;
  world.add("/l", {.mode = file_mode::symlink | 0777, .target = std::string(4095, 'x')});
  Client client(world);
  client.mount(0, 4096);
  client.walk(0, 1, {"l"});
  CHECK(client.ask(Message(Treadlink).u32(1)).error() == EMSGSIZE);
}

TEST_CASE("equal conversations are equal states, and one more request is another", "[9p]") {
  const auto digest = [](int requests) {
    World world;
    Client client(world);
    client.mount();
    for (int i = 0; i < requests; ++i) client.walk(0, 1, {});
    return state_digest(client.server);
  };
  CHECK(digest(1) == digest(1));
  CHECK(digest(1) != digest(2));
}

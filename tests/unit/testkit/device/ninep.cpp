// Proves that a test can be a 9P client of our server in both dialects, with tags of its own, and the server
// of a client; that messages cross wires where faults strike and the checker looks.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "ringside/ninep.h"

using namespace ringside::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("9p: a file is read in both dialects", "[testkit][9p]") {
  NinePBench bench;
  bench.add_directory("/docs");
  bench.add_file("/docs/hello.txt", "hello, world");
  const std::string dialect = GENERATE("9P2000", "9P2000.L");
  NinePClient client = bench.client();
  client.mount(dialect);
  NinePReply walked = client.walk(0, 1, {"docs", "hello.txt"});
  CHECK(walked.u16() == 2);
  CHECK(walked.qid().type == 0x80);
  CHECK(walked.qid().type == 0);
  CHECK(walked.at_end());
  CHECK_FALSE((dialect == "9P2000" ? client.open(1, 0) : client.lopen(1, 0)).failed());
  CHECK(client.read(1, 7, 100).data() == "world");
  CHECK_FALSE(client.clunk(1).failed());
  const NinePReply missing = client.walk(0, 1, {"nothing"});
  if (dialect == "9P2000") {
    CHECK_THAT(missing.error_text(), Contains("No such file"));
  } else {
    CHECK(missing.error() == ENOENT);
  }
  client.clunk(0);
  bench.finish();
}

TEST_CASE("9p: files are made, written, listed and removed", "[testkit][9p]") {
  NinePBench bench;
  NinePClient client = bench.client();
  client.mount();
  CHECK_FALSE(client.mkdir(0, "new").failed());
  client.walk(0, 1, {"new"});
  CHECK_FALSE(client.lcreate(1, "file", 2, 0640).failed());
  CHECK(client.write(1, 0, "contents").u32() == 8);
  CHECK(bench.contents("/new/file") == "contents");
  client.clunk(1);
  client.walk(0, 2, {"new"});
  client.lopen(2, 0);
  CHECK_THAT(client.readdir(2, 0, 4096).data(), Contains("file"));
  CHECK(client.unlinkat(0, "new", 0x200).error() == ENOTEMPTY);
  CHECK_FALSE(client.unlinkat(2, "file").failed());
  CHECK_FALSE(bench.exists("/new/file"));
  client.clunk(2);
  client.clunk(0);
  bench.finish();
}

TEST_CASE("9p: tags are the test's: in flight together, flushed, used twice", "[testkit][9p]") {
  NinePBench bench({.allow = {"9p/*"}});
  bench.add_file("/a", std::string(1000, 'a'));
  NinePClient client = bench.client();
  client.mount();
  client.walk(0, 1, {"a"});
  client.lopen(1, 0);
  for (uint16_t tag = 100; tag < 164; ++tag)
    client.send(NinePMessage(ninep::Tread).u32(1).u64(tag).u32(10), tag);
  for (uint16_t tag = 163; tag >= 100; --tag) CHECK(client.expect(tag).data() == std::string(10, 'a'));
  client.expect_none(1ms);

  client.send(NinePMessage(ninep::Tread).u32(1).u64(0).u32(10), 7);
  CHECK_FALSE(client.flush(7, 8).failed());
  client.expect_none(1ms);  // what was flushed has no answer

  client.send(NinePMessage(ninep::Tread).u32(1).u64(0).u32(10), 7);
  client.send(NinePMessage(ninep::Tclunk).u32(55), 7);
  bench.advance(1ms);
  bench.expect_notice("in use");
}

TEST_CASE("9p: what is no message harms nobody", "[testkit][9p]") {
  NinePBench bench({.allow = {"*"}});
  NinePClient client = bench.client();
  client.mount();
  client.send_bytes({});
  client.send_bytes({7, 0, 0, 0, 120});
  client.send_bytes({255, 255, 255, 255, 116, 3, 0});
  client.send_bytes({7, 0, 0, 0, 250, 4, 0});
  client.send(NinePMessage(ninep::Twalk).u32(0), 5);  // cut short
  bench.advance(1ms);
  CHECK(client.expect(4).failed());
  CHECK(client.expect(5).failed());
  CHECK_FALSE(client.clunk(0).failed());
}

TEST_CASE("9p: messages cross wires, and faults strike them", "[testkit][9p]") {
  NinePBench bench({}, "data");
  bench.add_file("/a", "x");
  NinePClient client = bench.client();
  bench.fault("9p/data/R@3 fail(-13)");
  client.mount();
  CHECK(client.walk(0, 1, {"a"}).error() == 13);
  bench.fault("9p/data/T@1 drop");
  CHECK_THROWS_WITH(client.walk(0, 1, {"a"}), Contains("none came"));
  CHECK(bench.wire("9p/data/T").size() == 4);
  CHECK(bench.wire("9p/data/T").back().dropped());
  CHECK_THAT(bench.wire("9p/data/T")[2].text(), Contains("Twalk") && Contains("wname"));
  bench.expect_faults_struck();
}

TEST_CASE("9p: a fault's error is of the dialect, and what is cut says its size", "[testkit][9p]") {
  NinePBench bench({.allow = {"9p/*"}});
  bench.fault("9p/share0/R@3 fail(-13)");
  NinePClient client = bench.client();
  client.mount("9P2000");
  CHECK(client.walk(0, 1).error_text() == "error 13");

  auto [other, server] = bench.play_server();
  bench.fault("9p/share0/T@1 truncate(15)");
  other.send(NinePMessage(ninep::Tread).u32(1).u64(2).u32(3), 9);
  NinePRequest request = server.expect_request(ninep::Tread);
  CHECK(request.bytes().size() < 23);
  CHECK(request.bytes()[0] == request.bytes().size());
  bench.fault("9p/share0/R@1 duplicate");
  bench.fault("9p/share0/R@1 delay(1ms)");
  server.reply(request, NinePMessage(ninep::Tread + 1).data("x"));
  other.expect_none(900us);
  CHECK(other.expect(9, 200us).data() == "x");
  CHECK(other.expect(9).data() == "x");
  bench.expect_faults_struck();
}

TEST_CASE("9p: an error is one whatever it says", "[testkit][9p]") {
  const auto reply = [](const NinePMessage& message) { return NinePReply(message.tagged(1)); };
  CHECK(reply(NinePMessage(ninep::Rlerror).u32(0)).failed());
  CHECK(reply(NinePMessage(ninep::Rerror).text("")).failed());
  CHECK(reply(NinePMessage(ninep::Rlerror).u32(0x01000000)).error() == 0x01000000);
  CHECK(reply(NinePMessage(ninep::Rlerror)).failed());
  CHECK_THROWS_AS(reply(NinePMessage(ninep::Rlerror)).error(), ExpectationFailed);
  CHECK_FALSE(reply(NinePMessage(ninep::Tclunk + 1)).failed());
}

TEST_CASE("9p: the checker tells of a fid that was not given back", "[testkit][9p]") {
  NinePBench bench;
  bench.add_file("/a", "x");
  NinePClient client = bench.client();
  client.mount();
  client.walk(0, 1, {"a"});
  CHECK_THROWS_AS(client.clunk(1).u32(), ExpectationFailed);  // Rclunk is empty
  bench.expect_clean();
  CHECK(client.clunk(1).error() == EBADF);
  CHECK_THROWS_WITH(bench.expect_clean(), Contains("9p/"));
}

TEST_CASE("9p: the test is the server", "[testkit][9p]") {
  NinePBench bench({.allow = {"9p/*"}});  // neither end keeps to the protocol
  auto [client, server] = bench.play_server();
  client.send(NinePMessage(ninep::Tversion).u32(8192).text("9P2000.L"), ninep::notag);
  NinePRequest version = server.expect_request(ninep::Tversion);
  CHECK(version.u32() == 8192);
  server.reply(version, NinePMessage(ninep::Tversion + 1).u32(4096).text("9P2000.L"));
  CHECK(client.expect(ninep::notag).u32() == 4096);

  // Two requests, answered the other way round.
  client.send(NinePMessage(ninep::Tattach).u32(0).u32(ninep::nofid).text("me").text("").u32(0), 1);
  client.send(NinePMessage(ninep::Tstatfs).u32(0), 2);
  const NinePRequest attach = server.expect_request(ninep::Tattach),
                     statfs = server.expect_request(ninep::Tstatfs);
  server.reply_error(statfs, ENOSYS);
  server.reply(attach, NinePMessage(ninep::Tattach + 1).qid({0x80, 1, 2}));
  CHECK(client.take()->error() == ENOSYS);
  CHECK(client.take()->qid() == Qid{0x80, 1, 2});
  CHECK_FALSE(client.take());
  client.send(NinePMessage(ninep::Tclunk).u32(0), 3);
  CHECK_THROWS_WITH(server.expect_request(ninep::Tread), Contains("Tclunk"));
  server.expect_none(1ms);
}

TEST_CASE("9p: a server that answers by itself, for clients that wait", "[testkit][9p]") {
  NinePBench bench({.allow = {"9p/*"}});  // neither end keeps to the protocol
  auto [client, server] = bench.play_server();
  unsigned reads = 0;
  server.answer_by([&](NinePRequest& request) -> std::optional<NinePMessage> {
    if (request.type() == ninep::Tversion) {
      const uint32_t msize = request.u32();
      return NinePMessage(ninep::Tversion + 1).u32(msize).text(request.text());
    }
    if (request.type() == ninep::Tattach) return NinePMessage(ninep::Tattach + 1).qid({0x80, 0, 1});
    if (request.type() == ninep::Tread)
      return NinePMessage(ninep::Tread + 1).data("read " + std::to_string(++reads));
    return std::nullopt;
  });
  client.mount();
  CHECK(client.read(1, 0, 10).data() == "read 1");
  CHECK(client.read(1, 0, 10).data() == "read 2");
  client.send(NinePMessage(ninep::Tclunk).u32(1), 9);
  server.reply_error(server.expect_request(ninep::Tclunk), "no");
  CHECK(client.expect(9).error_text() == "no");
}

TEST_CASE("9p: a folder of the host is a share", "[testkit][9p]") {
  const auto folder = std::filesystem::temp_directory_path() / ("ringside-ninep-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder / "sub");
  std::ofstream(folder / "sub" / "file") << "from the host";
  NinePBench bench;
  bench.add_folder(folder.string());
  NinePClient client = bench.client();
  client.mount();
  client.walk(0, 1, {"sub", "file"});
  client.lopen(1, 0);
  CHECK(client.read(1, 0, 100).data() == "from the host");
  CHECK_THROWS_WITH(NinePBench().add_folder("/no/such/folder"), Contains("/no/such/folder"));
  CHECK_THROWS_AS(bench.add_file("/nowhere/file", ""), Error);
  CHECK_THROWS_AS(bench.add_file("file", ""), Error);
  std::filesystem::remove_all(folder);
}

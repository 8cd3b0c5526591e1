// Proves that a bridge hands messages to a server on a socket and back at the modelled time, that a server
// which misbehaves in any way ends the conversation with errors and never hangs or harms, and that a replay
// has the same answers with no server. Cannot show: a real server (tests/system/9p_diod.sh).
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netinet/in.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <thread>

#include "host/9p/bridge.h"
#include "host/9p/message_writer.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

using Bytes = std::vector<uint8_t>;

class Memorized final : public Outside {
 public:
  Answer exchange(std::string_view wire, const Ask& ask) override {
    CHECK(wire == "dom1/share/share0/bridge");
    if (replaying) return next < answers.size() ? answers[next++] : Answer{};
    answers.push_back(ask());
    return answers.back();
  }
  bool may_converse() const override { return mine; }
  std::vector<Answer> answers;
  bool replaying = false, mine = true;
  size_t next = 0;
};

// What the server does with a message that it got: bytes to send; nothing sent where it is empty.
using Script = std::function<Bytes(const Bytes& message)>;

// A server in a thread: any number of connections, one after another. Empty answers close the connection.
class Server {
 public:
  explicit Server(Script script, bool tcp = false) : script_(std::move(script)) {
    listener_ = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(listener_ >= 0);
    if (tcp) {
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof any;
      REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&any), size) == 0);
      REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&any), &size) == 0);
      address = "tcp:127.0.0.1:" + std::to_string(ntohs(any.sin_port));
    } else {
      path_ = "/tmp/ringside-bridge-" + std::to_string(getpid());
      unlink(path_.c_str());
      sockaddr_un name{};
      name.sun_family = AF_UNIX;
      path_.copy(name.sun_path, sizeof name.sun_path - 1);
      REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
      address = "unix:" + path_;
    }
    REQUIRE(listen(listener_, 5) == 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() { stop(); }
  void stop() {
    if (listener_ < 0) return;
    shutdown(listener_, SHUT_RDWR);
    if (const int peer = peer_; peer >= 0) shutdown(peer, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    listener_ = -1;
    if (!path_.empty()) unlink(path_.c_str());
  }
  std::string address;
  std::atomic<int> connections{0}, messages{0};

 private:
  void serve() {
    for (;;) {
      const int peer = accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      ++connections;
      peer_ = peer;
      converse(peer);
      peer_ = -1;
      ::close(peer);
    }
  }
  void converse(int peer) {
    for (;;) {
      Bytes message(4);
      if (recv(peer, message.data(), 4, MSG_WAITALL) != 4) return;
      message.resize(message[0] | message[1] << 8 | message[2] << 16);
      const auto rest = static_cast<ssize_t>(message.size() - 4);
      if (recv(peer, &message[4], message.size() - 4, MSG_WAITALL) != rest) return;
      ++messages;
      const Bytes answer = script_(message);
      if (answer.empty()) return;
      if (::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  Script script_;
  std::string path_;
  int listener_ = -1;
  std::atomic<int> peer_{-1};
  std::thread thread_;
};

Bytes tversion(uint32_t msize = 8192, std::string_view version = "9P2000.L") {
  NinePWriter out(ninep::Tversion, ninep::notag);
  out.u32(msize);
  out.text(version);
  return out.finish();
}
Bytes rversion(uint32_t msize = 8192, std::string_view version = "9P2000.L") {
  NinePWriter out(ninep::Rversion, ninep::notag);
  out.u32(msize);
  out.text(version);
  return out.finish();
}
Bytes tclunk(uint16_t tag, uint32_t fid = 1) {
  NinePWriter out(ninep::Tclunk, tag);
  out.u32(fid);
  return out.finish();
}
Bytes tflush(uint16_t tag, uint16_t old_tag) {
  NinePWriter out(ninep::Tflush, tag);
  out.u16(old_tag);
  return out.finish();
}
Bytes answer_to(const Bytes& message) {
  NinePWriter out(static_cast<uint8_t>(message[4] + 1), static_cast<uint16_t>(message[5] | message[6] << 8));
  return out.finish();
}
Bytes rlerror(uint16_t tag, uint32_t error) {
  NinePWriter out(ninep::Rlerror, tag);
  out.u32(error);
  return out.finish();
}

// Answers as it should.
Bytes well_behaved(const Bytes& message) {
  return message[4] == ninep::Tversion ? rversion() : answer_to(message);
}

struct Client {
  explicit Client(const std::string& address, uint32_t timeout_ms = 10'000)
      : bridge(config(address, timeout_ms), outside, clock, events) {
    bridge.set_complaint([this](NoticeKind, std::string what) { notices.push_back(what); });
  }
  static NinePBridgeConfig config(const std::string& address, uint32_t timeout_ms) {
    NinePBridgeConfig config;
    config.address = BridgeAddress::parse(address).value();
    config.timeout_ms = timeout_ms;
    return config;
  }
  void send(Bytes message) {
    bridge.receive(std::move(message), [this](Bytes answer) { answers.push_back(std::move(answer)); });
  }
  void run() {
    while (!events.empty()) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
  }
  Bytes ask(Bytes message) {
    send(std::move(message));
    run();
    REQUIRE_FALSE(answers.empty());
    Bytes answer = std::move(answers.back());
    answers.pop_back();
    return answer;
  }
  std::string only_notice() const {
    return notices.size() == 1 ? notices[0] : std::to_string(notices.size());
  }

  Clock clock;
  EventQueue events;
  Memorized outside;
  NinePBridge bridge;
  std::vector<Bytes> answers;
  std::vector<std::string> notices;
};

}  // namespace

TEST_CASE("addresses of servers") {
  CHECK(BridgeAddress::parse("unix:/run/9p")->path == "/run/9p");
  CHECK(BridgeAddress::parse("tcp:127.0.0.1:5640")->port == "5640");
  CHECK(BridgeAddress::parse("tcp:[::1]:564")->host == "::1");
  for (const char* text : {"", "unix:", "tcp:", "tcp:host", "tcp:host:", "tcp:host:0", "tcp:host:65536",
                           "tcp::564", "tcp:host:56x", "/run/9p", "udp:host:1"}) {
    INFO(text);
    CHECK_FALSE(BridgeAddress::parse(text));
  }
  CHECK_FALSE(BridgeAddress::parse("unix:/" + std::string(107, 'x')));
  CHECK(BridgeAddress::parse("unix:/" + std::string(106, 'x')));
}

TEST_CASE("messages cross the bridge, on a Unix and on a TCP socket") {
  for (const bool tcp : {false, true}) {
    Server server(well_behaved, tcp);
    Client client(server.address);
    CHECK(client.ask(tversion()) == rversion());
    CHECK(client.bridge.msize() == 8192);
    CHECK(client.ask(tclunk(7)) == answer_to(tclunk(7)));
    CHECK(client.notices.empty());
    CHECK(server.connections == 1);
  }
}

TEST_CASE("an answer comes after its latency, never from within receive, and in order") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  const Tick before = client.clock.now;
  client.send(tclunk(1));
  client.send(tclunk(2));
  CHECK(client.answers.empty());
  CHECK(client.bridge.in_flight() == 2);
  // Eleven bytes there and seven back.
  CHECK(client.events.next_tick() == before + microseconds(10) + picoseconds(250) * 18);
  client.run();
  REQUIRE(client.answers.size() == 2);
  CHECK(client.answers[0] == answer_to(tclunk(1)));
  CHECK(client.answers[1] == answer_to(tclunk(2)));
}

TEST_CASE("a replay needs no server") {
  Server server(well_behaved);
  Client recorded(server.address);
  recorded.ask(tversion());
  recorded.ask(tclunk(1));
  server.stop();
  recorded.ask(tclunk(2));

  Client again(server.address);
  again.outside.replaying = true;
  again.outside.answers = recorded.outside.answers;
  CHECK(again.ask(tversion()) == rversion());
  CHECK(again.ask(tclunk(1)) == answer_to(tclunk(1)));
  CHECK(again.ask(tclunk(2)) == rlerror(2, EIO));
  CHECK(again.notices == recorded.notices);
  CHECK(state_digest(again.bridge) == state_digest(recorded.bridge));
  // An answer that is missing is an error, no crash.
  CHECK(again.ask(tversion())[4] == ninep::Rlerror);
}

TEST_CASE("a server that is not there refuses the session, and a later Tversion finds it") {
  const std::string path = "/tmp/ringside-bridge-" + std::to_string(getpid());
  Client client("unix:" + path);
  CHECK(client.ask(tversion()) == rlerror(ninep::notag, ECONNREFUSED));
  CHECK_THAT(client.only_notice(), Contains("cannot be reached: No such file"));
  CHECK(client.ask(tclunk(1)) == rlerror(1, ECONNREFUSED));
  CHECK(client.outside.answers.size() == 1);
  Server server(well_behaved);
  CHECK(client.ask(tversion()) == rversion());
  CHECK(client.ask(tclunk(1)) == answer_to(tclunk(1)));
}

TEST_CASE("errors have the form of the version") {
  Client client("unix:/none");
  CHECK(client.ask(tversion(8192, "9P2000.L"))[4] == ninep::Rlerror);
  const Bytes text = client.ask(tversion(8192, "9P2000"));
  CHECK(text[4] == ninep::Rerror);
  CHECK(std::string(text.begin() + 9, text.end()) == "Connection refused");
  const Bytes both = client.ask(tversion(8192, "9P2000.u"));
  CHECK(both[4] == ninep::Rerror);
  CHECK(both.size() == text.size() + 4);
}

TEST_CASE("each misbehaviour of a server ends the conversation with an error") {
  Script script;
  std::string notice;
  SECTION("it closes") {
    script = [](const Bytes&) { return Bytes{}; };
    notice = "closed the connection";
  }
  SECTION("another tag") {
    script = [](const Bytes&) { return answer_to(tclunk(99)); };
    notice = "answered Tclunk tag 5 with Rclunk tag 99";
  }
  SECTION("another type") {
    script = [](const Bytes&) { return answer_to(tflush(5, 1)); };
    notice = "answered Tclunk with Rflush";
  }
  SECTION("a request for an answer") {
    script = [](const Bytes&) { return tclunk(5); };
    notice = "answered Tclunk with Tclunk";
  }
  SECTION("larger than msize") {
    script = [](const Bytes&) { return Bytes{0xff, 0xff, 0xff, 0x7f, ninep::Rclunk, 5, 0}; };
    notice = "sent a message of 2147483647 bytes";
  }
  SECTION("smaller than a header") {
    script = [](const Bytes&) { return Bytes{6, 0, 0, 0, ninep::Rclunk, 5, 0}; };
    notice = "sent a message of 6 bytes";
  }
  SECTION("bytes behind its fields") {
    script = [](const Bytes&) { return Bytes{8, 0, 0, 0, ninep::Rclunk, 5, 0, 1}; };
    notice = "malformed Rclunk";
  }
  SECTION("half an answer") {
    script = [](const Bytes&) { return Bytes{7, 0, 0, 0, ninep::Rclunk}; };
    notice = "did not answer in time";
  }
  SECTION("noise") {
    script = [](const Bytes&) { return Bytes(4096, 0xee); };
    notice = "sent a message of";
  }
  Server server(
      [&](const Bytes& message) { return message[4] == ninep::Tversion ? rversion() : script(message); });
  Client client(server.address, 200);
  REQUIRE(client.ask(tversion()) == rversion());
  CHECK(client.ask(tclunk(5)) == rlerror(5, EIO));
  CHECK_THAT(client.only_notice(), Contains(server.address) && Contains(notice));
  // Nobody is asked any more, until the client begins anew.
  const int messages = server.messages;
  CHECK(client.ask(tclunk(6)) == rlerror(6, EIO));
  CHECK(server.messages == messages);
  CHECK(client.notices.size() == 1);
  CHECK(client.ask(tversion()) == rversion());
  CHECK(server.connections == 2);
}

TEST_CASE("an answer that nobody asked for is taken for the next one's, and found out") {
  Server server([](const Bytes& message) {
    if (message[4] == ninep::Tversion) return rversion();
    Bytes two = answer_to(message);
    const Bytes more = answer_to(tclunk(77));
    two.insert(two.end(), more.begin(), more.end());
    return two;
  });
  Client client(server.address);
  client.ask(tversion());
  CHECK(client.ask(tclunk(1)) == answer_to(tclunk(1)));
  CHECK(client.ask(tclunk(2)) == rlerror(2, EIO));
}

TEST_CASE("versions that do not fit") {
  Bytes answer;
  Server server([&](const Bytes&) { return answer; });
  Client client(server.address, 500);
  SECTION("a larger msize than was offered") {
    answer = rversion(9000);
    CHECK(client.ask(tversion()) == rlerror(ninep::notag, EIO));
  }
  SECTION("next to no msize") {
    answer = rversion(10);
    CHECK(client.ask(tversion()) == rlerror(ninep::notag, EIO));
  }
  SECTION("unknown is handed on, and there is no session") {
    answer = rversion(8192, "unknown");
    CHECK(client.ask(tversion()) == answer);
    CHECK(client.ask(tclunk(1))[4] == ninep::Rlerror);
  }
  SECTION("the older version") {
    answer = rversion(8192, "9P2000");
    CHECK(client.ask(tversion()) == answer);
    CHECK(client.ask(tclunk(1))[4] == ninep::Rerror);
  }
}

TEST_CASE("a client's larger msize is cut to what the bridge takes") {
  Bytes seen;
  Server server([&](const Bytes& message) {
    seen = message;
    return rversion(4096);
  });
  Client client(server.address);
  CHECK(client.ask(tversion(0xffffffff)) == rversion(4096));
  CHECK(seen == tversion(512 * 1024));
  CHECK(client.bridge.msize() == 4096);
}

TEST_CASE("what a client does wrong does not reach the server") {
  Server server(well_behaved);
  Client client(server.address);
  SECTION("before Tversion") { CHECK(client.ask(tclunk(1))[4] == ninep::Rerror); }
  client.ask(tversion());
  client.notices.clear();
  const int messages = server.messages;
  SECTION("larger than msize") {
    Bytes large(9000);
    large[0] = 9000 & 0xff;
    large[1] = 9000 >> 8;
    large[4] = ninep::Twrite;
    CHECK(client.ask(large) == rlerror(0, EMSGSIZE));
  }
  SECTION("an answer") { CHECK(client.ask(answer_to(tclunk(3))) == rlerror(3, EOPNOTSUPP)); }
  SECTION("a size that is not its own") {
    Bytes wrong = tclunk(3);
    wrong[0] = 200;
    CHECK(client.ask(wrong) == rlerror(3, EPROTO));
  }
  SECTION("NOTAG") { CHECK(client.ask(tclunk(ninep::notag)) == rlerror(ninep::notag, EPROTO)); }
  SECTION("half a Tversion") {
    Bytes cut = tversion();
    cut.resize(12);
    cut[0] = 12;
    CHECK(client.ask(cut) == rlerror(ninep::notag, EPROTO));
  }
  CHECK(server.messages == messages);
  if (server.messages == messages && !client.notices.empty()) CHECK(client.notices.size() == 1);
  CHECK(client.ask(tclunk(4)) == answer_to(tclunk(4)));
}

TEST_CASE("a tag that is in use is refused, and free again when it is answered") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  client.send(tclunk(1));
  client.send(tclunk(1));
  client.run();
  REQUIRE(client.answers.size() == 2);
  CHECK(client.answers[0] == answer_to(tclunk(1)));
  CHECK(client.answers[1] == rlerror(1, EPROTO));
  CHECK(client.ask(tclunk(1)) == answer_to(tclunk(1)));
}

TEST_CASE("a flushed request is answered before its Rflush") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  client.send(tclunk(1));
  client.send(tflush(2, 1));
  client.run();
  REQUIRE(client.answers.size() == 2);
  CHECK(client.answers[0] == answer_to(tclunk(1)));
  CHECK(client.answers[1] == answer_to(tflush(2, 1)));
}

TEST_CASE("a Tversion in the middle forgets what is in flight") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  client.send(tclunk(1));
  client.send(tversion());
  client.run();
  CHECK(client.answers == std::vector<Bytes>{rversion()});
  CHECK(server.connections == 2);
}

TEST_CASE("a transport that disconnects ends the connection") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  client.send(tclunk(1));
  client.bridge.reset();
  client.run();
  CHECK(client.answers.empty());
  CHECK(client.ask(tclunk(1))[4] != ninep::Rclunk);
  CHECK(client.ask(tversion()) == rversion());
  CHECK(client.ask(tclunk(1)) == answer_to(tclunk(1)));
}

TEST_CASE("a client that is never answered to cannot fill the memory") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  for (unsigned i = 0; i < 4096; ++i) client.send(tclunk(static_cast<uint16_t>(i)));
  const int messages = server.messages;
  for (unsigned i = 0; i < 10'000; ++i) client.send(tclunk(5000));
  CHECK(server.messages == messages);
  CHECK(client.bridge.in_flight() == 8192);
  client.run();
  CHECK(client.answers.size() == 8192);
}

TEST_CASE("the child of a fork leaves the conversation to its parent") {
  Server server(well_behaved);
  Client client(server.address);
  client.ask(tversion());
  client.outside.mine = false;
  const int messages = server.messages;
  CHECK(client.ask(tclunk(1)) == rlerror(1, EIO));
  CHECK(server.messages == messages);
}

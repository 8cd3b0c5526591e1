// A control connection: whole lines, however they arrive; descriptors with their lines; the peer's end.
#include <fcntl.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <thread>

#include "control/channel.h"
#include "control/ring_push.h"

using namespace ringside;
using Wait = ControlChannel::Wait;

namespace {

struct Pair {
  Pair() {
    auto ends = make_socket_pair();
    REQUIRE(ends);
    a = ControlChannel(std::move(ends->first));
    b = ControlChannel(std::move(ends->second));
  }
  ControlChannel a, b;
};

}  // namespace

TEST_CASE("lines arrive in order, and nothing before there is any") {
  Pair pair;
  CHECK_FALSE(pair.b.receive(Wait::no));
  CHECK(pair.b.is_open());
  REQUIRE(pair.a.send({{"n", 1}}));
  REQUIRE(pair.a.send({{"n", 2}}));
  CHECK(pair.b.receive(Wait::yes)->json["n"] == 1);
  CHECK(pair.b.receive(Wait::no)->json["n"] == 2);
  CHECK_FALSE(pair.b.receive(Wait::no));
}

TEST_CASE("a line larger than a socket's buffer arrives whole") {
  Pair pair;
  const std::string large(3 << 20, 'x');
  std::thread sender([&] { pair.a.send({{"text", large}}); });
  const auto line = pair.b.receive(Wait::yes);
  sender.join();
  REQUIRE(line);
  CHECK(line->json["text"] == large);
}

TEST_CASE("bytes that are no UTF-8 do not end the connection") {
  Pair pair;
  REQUIRE(pair.a.send({{"text", std::string("a\xff\xfe")}}));
  CHECK(pair.b.receive(Wait::yes)->json["text"].get<std::string>().front() == 'a');
}

TEST_CASE("what is no JSON object is a line that is null") {
  auto ends = make_socket_pair();
  REQUIRE(ends);
  const std::string text = "nonsense\n[1]\n{\"n\":3}\n";
  REQUIRE(write(ends->first.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ControlChannel channel(std::move(ends->second));
  CHECK(channel.receive(Wait::yes)->json.is_null());
  CHECK(channel.receive(Wait::yes)->json.is_null());
  CHECK(channel.receive(Wait::yes)->json["n"] == 3);
}

TEST_CASE("a descriptor comes with the line that announces it") {
  Pair pair;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  OwnedDescriptor from(ends[0]), to(ends[1]);
  REQUIRE(pair.a.send({{"n", 1}}));
  REQUIRE(pair.a.send({{"n", 2}, {"descriptor", true}}, &to));
  CHECK_FALSE(pair.b.receive(Wait::yes)->descriptor);
  auto line = pair.b.receive(Wait::yes);
  REQUIRE(line);
  REQUIRE(line->descriptor);
  to.close();
  REQUIRE(write(line->descriptor.get(), "!", 1) == 1);
  char byte = 0;
  REQUIRE(read(from.get(), &byte, 1) == 1);
  CHECK(byte == '!');
}

TEST_CASE("the peer's end closes the channel, behind what it said last") {
  Pair pair;
  REQUIRE(pair.a.send({{"n", 1}}));
  pair.a.close();
  CHECK(pair.b.receive(Wait::yes)->json["n"] == 1);
  CHECK_FALSE(pair.b.receive(Wait::yes));
  CHECK_FALSE(pair.b.is_open());
  CHECK_FALSE(pair.b.send({{"n", 2}}));
}

TEST_CASE("a push tells the other end where the index passes the event's, in 32 bits") {
  CHECK(push_notifies(4, 5, 5));
  CHECK_FALSE(push_notifies(4, 5, 6));
  CHECK_FALSE(push_notifies(4, 5, 4));
  CHECK(push_notifies(4, 9, 7));
  CHECK(push_notifies(0xffffffff, 1, 0));
  CHECK_FALSE(push_notifies(0xffffffff, 1, 2));
}

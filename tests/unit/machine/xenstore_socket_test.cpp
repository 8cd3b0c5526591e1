// Proves: what strangers do at XenStore's socket becomes inputs, whole messages only; that garbage, half
// messages, floods and clients that never read end with a stated reason or wait, and take no memory without
// bound; and that a place is not used again before the machine knows that its client has gone.
#include "machine/xenstore_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

struct Stranger {
  explicit Stranger(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connected = connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Stranger() { leave(); }
  void leave() {
    if (descriptor >= 0) close(descriptor);
    descriptor = -1;
  }
  size_t send(const std::vector<uint8_t>& bytes) {
    const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  // What has come; nothing where the other end has closed.
  std::optional<std::vector<uint8_t>> receive() {
    std::vector<uint8_t> bytes(1 << 16);
    const ssize_t got = recv(descriptor, bytes.data(), bytes.size(), 0);
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return std::nullopt;
    bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
    return bytes;
  }
  int descriptor = -1;
  bool connected = false;
};

struct Input {
  ClientInput head;
  std::vector<uint8_t> rest;
  std::string text() const { return {rest.begin(), rest.end()}; }
};

struct Server {
  Server() {
    path = (std::filesystem::temp_directory_path() / ("ringside-xs-" + std::to_string(getpid()))).string();
    auto made = XenStoreSocketInput::create(path);
    REQUIRE(made);
    source = std::move(*made);
  }
  std::vector<Input> inputs(size_t most = 1 << 20) {
    source->look();
    std::vector<Input> all;
    while (all.size() < most) {
      const auto input = source->take(Tick{0}, 0);
      if (!input) break;
      REQUIRE(input->wire == "dom0/xenstore/socket/in");
      REQUIRE(input->bytes.size() >= sizeof(ClientInput));
      Input& taken = all.emplace_back();
      std::memcpy(&taken.head, input->bytes.data(), sizeof taken.head);
      taken.rest.assign(input->bytes.begin() + sizeof taken.head, input->bytes.end());
    }
    return all;
  }
  std::string path;
  std::unique_ptr<XenStoreSocketInput> source;
};

std::vector<uint8_t> read_request() { return xenstore_message(2, 9, 0, "/|"); }

}  // namespace

TEST_CASE("XenStore socket: coming, asking in pieces, being answered, going") {
  Server server;
  CHECK(server.source->may_come());
  CHECK(server.source->next_tick() == Tick::never());
  Stranger stranger(server.path);
  REQUIRE(stranger.connected);
  auto inputs = server.inputs();
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].head.kind == ClientInput::connected);
  CHECK(inputs[0].head.client == 0);
  const auto request = read_request();
  for (const uint8_t byte : request) {
    CHECK(server.inputs().empty());
    stranger.send({byte});
  }
  inputs = server.inputs();
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].head.kind == ClientInput::request);
  CHECK(inputs[0].rest == request);
  const auto reply = xenstore_message(2, 9, 0, "value");
  server.source->deliver(0, reply);
  CHECK(stranger.receive() == reply);
  stranger.leave();
  inputs = server.inputs();
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].head.kind == ClientInput::gone);
  CHECK(inputs[0].rest.empty());
  server.source->deliver(0, reply);  // too late: nobody is there
  std::filesystem::path socket = server.path;
  server.source.reset();
  CHECK(!std::filesystem::exists(socket));
}

TEST_CASE("XenStore socket: what is no message, and half of one, end the connection with a reason") {
  Server server;
  Stranger stranger(server.path);
  server.inputs();
  SECTION("garbage") {
    stranger.send(std::vector<uint8_t>(100'000, 0xff));
    const auto inputs = server.inputs();
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0].head.kind == ClientInput::gone);
    CHECK(inputs[0].text().find("no message") != std::string::npos);
    CHECK(!stranger.receive());
  }
  SECTION("half a message") {
    auto request = read_request();
    request.pop_back();
    stranger.send(request);
    CHECK(server.inputs().empty());
    stranger.leave();
    const auto inputs = server.inputs();
    REQUIRE(inputs.size() == 1);
    CHECK(inputs[0].text().find("middle of a message") != std::string::npos);
  }
  CHECK(server.inputs().empty());
}

TEST_CASE("XenStore socket: who asks without waiting is not read further") {
  Server server;
  Stranger stranger(server.path);
  server.inputs();
  std::vector<uint8_t> flood;
  for (int i = 0; i < 2000; ++i) {
    const auto request = read_request();
    flood.insert(flood.end(), request.begin(), request.end());
  }
  size_t sent = stranger.send(flood);
  size_t asked = 0;
  for (int i = 0; i < 100; ++i) asked += server.inputs().size();
  // A piece of 4 KiB holds some 220 of them.
  CHECK(asked >= 20);
  CHECK(asked <= 260);
  // As they are answered, it goes on.
  const size_t before = asked;
  for (size_t i = 0; i < before; ++i) server.source->deliver(0, xenstore_message(2, 9, 0, ""));
  for (int i = 0; i < 100; ++i) asked += server.inputs().size();
  CHECK(asked > before);
  CHECK(sent > 0);
}

TEST_CASE("XenStore socket: who never reads is cut off") {
  Server server;
  Stranger stranger(server.path);
  server.inputs();
  const auto event = xenstore_message(15, 0, 0, std::string(4000, 'e'));
  bool gone = false;
  size_t delivered = 0;
  for (; delivered < 5000 && !gone; ++delivered) {
    server.source->deliver(0, event);
    for (const Input& input : server.inputs()) {
      gone = gone || input.head.kind == ClientInput::gone;
      CHECK(input.text().find("unread") != std::string::npos);
    }
  }
  CHECK(gone);
  // The socket's own buffer and 4 MiB.
  CHECK(delivered < 2000);
}

TEST_CASE("XenStore socket: many clients, and places that are used again in time") {
  Server server;
  std::vector<std::unique_ptr<Stranger>> strangers;
  for (uint32_t i = 0; i < XenStoreSocketClients::kClientsMax + 5; ++i) {
    strangers.push_back(std::make_unique<Stranger>(server.path));
    REQUIRE(strangers.back()->connected);
    server.source->look();
  }
  auto inputs = server.inputs();
  CHECK(inputs.size() == XenStoreSocketClients::kClientsMax);
  // Nobody else has a place before the machine has taken the news.
  strangers[3].reset();
  server.source->look();
  server.source->look();
  inputs = server.inputs();
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].head.kind == ClientInput::gone);
  CHECK(inputs[0].head.client == 3);
  inputs = server.inputs();
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].head.kind == ClientInput::connected);
  CHECK(inputs[0].head.client == 3);
}

TEST_CASE("XenStore socket: paths that cannot be used") {
  Server server;
  const auto again = XenStoreSocketInput::create(server.path);
  REQUIRE(!again);
  CHECK(again.error().message.find("somebody listens") != std::string::npos);
  const auto long_path = XenStoreSocketInput::create("/tmp/" + std::string(200, 'x'));
  REQUIRE(!long_path);
  CHECK(long_path.error().message.find("no path for a socket") != std::string::npos);
  CHECK(!XenStoreSocketInput::create("/nowhere/at/all/xs"));
}

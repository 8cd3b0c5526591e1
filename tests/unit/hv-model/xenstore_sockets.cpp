// Proves: what clients outside the machine ask arrives as inputs, is served in its order after the time that
// a request takes, crosses a wire of its own, and nothing that an altered session could hold does harm; and
// that a stream of bytes is cut into messages however it comes.
#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "hv-model/xenstore/message.h"
#include "hv-model/xenstore/socket_clients.h"
#include "sim/random.h"
#include "tests/unit/hv-model/ring_guest.h"
#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

using Texts = std::vector<std::string>;

struct House : RingGuest {
  House() {
    clients.set_output([this](uint32_t client, std::span<const uint8_t> message) {
      XenStoreHeader header;
      std::memcpy(&header, message.data(), sizeof header);
      std::string text(message.begin() + sizeof header, message.end());
      std::replace(text.begin(), text.end(), '\0', '|');
      heard.push_back(fmt::format("{}: {} {}", client, xenstore_message_name(header.type), text));
    });
  }
  void connect(uint32_t client) { clients.take_input(encode({client, ClientInput::connected})); }
  void ask(uint32_t client, const std::string& name, const std::string& body, uint32_t transaction = 0) {
    clients.take_input(encode({client, ClientInput::request},
                              xenstore_message(xenstore_message_type(name), 1, transaction, body)));
  }
  Texts hear() {
    run(milliseconds(1));
    return std::exchange(heard, {});
  }
  XenStore store;
  XenStoreSocketClients clients{hypervisor, store};
  Texts heard;
};

}  // namespace

TEST_CASE("XenStore sockets: requests of two clients, and events between them") {
  House house;
  house.connect(0);
  house.connect(5);
  house.ask(0, "WATCH", "/a|t|");
  CHECK(house.heard.empty());
  CHECK(house.hear() == Texts{"0: WATCH OK|", "0: WATCH_EVENT /a|t|"});
  house.ask(5, "WRITE", "/a/b|1");
  house.ask(5, "READ", "/a/b|");
  CHECK(house.hear() == Texts{"0: WATCH_EVENT /a/b|t|", "5: WRITE OK|", "5: READ 1"});
  // Domain 0 may do everything.
  house.ask(5, "SET_PERMS", "/a|n1|");
  house.ask(5, "RM", "/a|");
  CHECK(house.hear() ==
        Texts{"0: WATCH_EVENT /a|t|", "5: SET_PERMS OK|", "0: WATCH_EVENT /a|t|", "5: RM OK|"});
}

TEST_CASE("XenStore sockets: who goes leaves nothing behind") {
  House house;
  house.connect(3);
  house.ask(3, "WATCH", "/a|t|");
  house.ask(3, "TRANSACTION_START", "|");
  house.hear();
  house.ask(3, "WRITE", "/late|1");
  const uint64_t notices = house.hypervisor.find_domain(DomainId{0})->notices.count(NoticeKind::unusual);
  const std::string why = "it lies";
  house.clients.take_input(
      encode({3, ClientInput::gone}, {reinterpret_cast<const uint8_t*>(why.data()), why.size()}));
  CHECK(house.hypervisor.find_domain(DomainId{0})->notices.count(NoticeKind::unusual) == notices + 1);
  house.connect(3);
  house.ask(3, "READ", "/late|");
  CHECK(house.hear() == Texts{"3: ERROR ENOENT|"});
  house.ask(3, "WRITE", "/a|1");
  CHECK(house.hear() == Texts{"3: WRITE OK|"});
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore sockets: crossings, and faults on them") {
  House house;
  ScriptedTap tap;
  house.wiring.add_tap(tap, "dom0/xenstore/socket/*");
  house.connect(1);
  SECTION("seen") {
    house.ask(1, "READ", "/|");
    CHECK(house.hear() == Texts{"1: READ "});
    REQUIRE(tap.seen.size() == 2);
    CHECK(tap.seen[0].starts_with("dom0/xenstore/socket/1 out type=XS_READ"));
    CHECK(tap.seen[1].starts_with("dom0/xenstore/socket/1 in type=XS_READ"));
  }
  SECTION("a failed request") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      if (crossing.direction == Direction::out) verdict.fail = -28;
    };
    house.ask(1, "MKDIR", "/x|");
    CHECK(house.hear() == Texts{"1: ERROR ENOSPC|"});
  }
  SECTION("a late answer finds nobody, and not the next client") {
    tap.act = [](const Wire&, Crossing&, Verdict& verdict) { verdict.delay = milliseconds(5); };
    house.ask(1, "READ", "/|");
    house.hear();
    house.clients.take_input(encode({1, ClientInput::gone}));
    house.connect(1);
    house.run(milliseconds(50));
    CHECK(house.heard.empty());
  }
  house.wiring.remove_tap(tap);
}

TEST_CASE("XenStore sockets: inputs that mean nothing, and random ones, twice the same") {
  const auto storm = [] {
    House house;
    Random random(11);
    house.clients.take_input({});
    house.ask(7, "READ", "/|");  // never came
    house.clients.take_input(encode({XenStoreSocketClients::kClientsMax, ClientInput::connected}));
    for (int i = 0; i < 3000; ++i) {
      std::vector<uint8_t> rest(random.below(40));
      for (auto& byte : rest) byte = static_cast<uint8_t>(random.one_in(2) ? 0 : random.below(24));
      house.clients.take_input(
          encode({static_cast<uint32_t>(random.below(40)), static_cast<uint32_t>(random.below(5))}, rest));
      if (random.one_in(20)) house.run(microseconds(50));
    }
    house.run(milliseconds(5));
    CHECK(house.store.check_consistency() == "");
    return state_digest(house.clients) ^ state_digest(house.store);
  };
  CHECK(storm() == storm());
}

TEST_CASE("XenStore messages: a stream in pieces of any size") {
  std::vector<uint8_t> bytes;
  for (const std::string& body :
       {std::string("/|"), std::string(), std::string(4096, 'x'), std::string("/a|b")}) {
    const auto message = xenstore_message(11, 1, 0, body);
    bytes.insert(bytes.end(), message.begin(), message.end());
  }
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    xenstore::MessageStream stream;
    std::vector<size_t> sizes;
    for (std::span<const uint8_t> rest = bytes; !rest.empty();) {
      auto piece = rest.first(std::min<size_t>(rest.size(), 1 + random.below(round * 20 + 1)));
      rest = rest.subspan(piece.size());
      while (!piece.empty()) {
        piece = piece.subspan(stream.take(piece));
        while (const auto message = stream.next()) sizes.push_back(message->size());
      }
    }
    CHECK(sizes == std::vector<size_t>{18, 16, 4112, 20});
    CHECK(stream.pending() == 0);
    CHECK(!stream.broken());
  }
}

TEST_CASE("XenStore messages: a length that cannot be ends the stream") {
  xenstore::MessageStream stream;
  auto message = xenstore_message(11, 1, 0, "/|");
  message[12] = 1;  // 4097
  message[13] = 16;
  for (std::span<const uint8_t> rest = message; !rest.empty() && !stream.broken();)
    rest = rest.subspan(stream.take(rest));
  CHECK(stream.broken());
  CHECK(!stream.next());
  CHECK(stream.take(message) == 0);
}

// Proves: the console's ring in both directions, its limits, and its crossings. Offsets are restated from
// public/io/console.h.
#include <catch2/catch.hpp>

#include "hv-model/console/pv_console.h"
#include "sim/random.h"
#include "tests/unit/hv-model/ring_guest.h"

using namespace ringside;

namespace {

constexpr size_t kIn = 0, kOut = 1024, kInCons = 3072, kInProd = 3076, kOutCons = 3080, kOutProd = 3084;

struct Guest : RingGuest {
  Guest() {
    console.set_output(
        [this](std::span<const uint8_t> bytes) { printed.append(bytes.begin(), bytes.end()); });
  }
  bool print(const std::string& text) {
    return put(kOut, 2048, kOutProd, kOutCons, {text.begin(), text.end()});
  }
  void flush() {
    notify();
    run(milliseconds(1));
  }
  std::string read(size_t most = 1 << 20) {
    const auto bytes = take(kIn, 1024, kInProd, kInCons, most);
    return {bytes.begin(), bytes.end()};
  }
  void type(const std::string& text) {
    console.type({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    run(milliseconds(1));
  }
  PvConsole console{hypervisor, *domain, page, remote_port};
  std::string printed;
};

}  // namespace

TEST_CASE("console: what the guest prints") {
  Guest guest;
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string line = "line " + std::to_string(i) + std::string(static_cast<size_t>(i), '.') + "\n";
    all += line;
    REQUIRE(guest.print(line));
    guest.flush();
    CHECK(guest.notified());
  }
  CHECK(guest.printed == all);
  REQUIRE(guest.print(std::string(2048, 'f')));
  CHECK(!guest.print("x"));
  guest.flush();
  CHECK(guest.printed.size() == all.size() + 2048);
  guest.flush();
  CHECK(guest.printed.size() == all.size() + 2048);
}

TEST_CASE("console: what is typed waits for the guest") {
  Guest guest;
  guest.type("hello\r");
  CHECK(guest.notified());
  CHECK(guest.console.untyped_bytes() == 0);
  CHECK(guest.read() == "hello\r");
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>('a' + i % 26);
  guest.type(text);
  CHECK(guest.console.untyped_bytes() == 3000 - 1024);
  std::string got;
  for (int i = 0; i < 100 && got.size() < text.size(); ++i) {
    got += guest.read(100);
    guest.flush();
  }
  CHECK(got == text);
  CHECK(guest.console.untyped_bytes() == 0);
}

TEST_CASE("console: indices that cannot be are left alone") {
  Guest guest;
  SECTION("output") {
    guest.set_index(kOutProd, 2049);
    guest.flush();
    guest.flush();
    CHECK(guest.printed.empty());
    CHECK(guest.index(kOutCons) == 0);
    guest.set_index(kOutProd, 0);
    REQUIRE(guest.print("sane again"));
    guest.flush();
    CHECK(guest.printed == "sane again");
  }
  SECTION("input") {
    guest.set_index(kInCons, 1);
    guest.type("x");
    CHECK(guest.index(kInProd) == 0);
    CHECK(guest.console.untyped_bytes() == 1);
    guest.set_index(kInCons, 0);
    guest.flush();
    CHECK(guest.read() == "x");
  }
  // Said once.
  CHECK(guest.domain->notices.count(NoticeKind::unusual) == 1);
}

TEST_CASE("console: crossings") {
  Guest guest;
  ScriptedTap tap;
  guest.wiring.add_tap(tap, "dom1/console/*");
  SECTION("seen") {
    guest.print("out");
    guest.flush();
    guest.type("in");
    CHECK(tap.seen ==
          std::vector<std::string>{"dom1/console/out out text=\"out\"", "dom1/console/in in text=\"in\""});
  }
  SECTION("dropped") {
    tap.act = [](const Wire&, Crossing&, Verdict& verdict) { verdict.copies = 0; };
    guest.print("out");
    guest.flush();
    guest.type("in");
    CHECK(guest.printed.empty());
    CHECK(guest.read().empty());
    CHECK(guest.console.untyped_bytes() == 0);
  }
  SECTION("doubled, changed and late") {
    tap.act = [](const Wire&, Crossing& crossing, Verdict& verdict) {
      verdict.copies = 2;
      verdict.delay = milliseconds(5);
      crossing.payload->push_back('!');
    };
    guest.print("out");
    guest.flush();
    guest.type("in");
    CHECK(guest.printed.empty());
    CHECK(guest.read().empty());
    guest.run(milliseconds(6));
    CHECK(guest.printed == "out!out!");
    CHECK(guest.read() == "in!in!");
  }
  guest.wiring.remove_tap(tap);
}

TEST_CASE("console: random stores, twice the same") {
  const auto storm = [] {
    Random random(5);
    Guest guest;
    for (int step = 0; step < 3000; ++step) {
      switch (random.below(4)) {
        case 0:
          guest.set_index(kInCons + 4 * random.below(4), static_cast<uint32_t>(random.below(5000)));
          break;
        case 1: guest.print(std::string(random.below(300), 'p')); break;
        case 2: guest.type(std::string(random.below(30), 't')); break;
        default: guest.read(random.below(500)); break;
      }
      guest.flush();
    }
    return state_digest(guest.console) + guest.printed.size();
  };
  CHECK(storm() == storm());
}

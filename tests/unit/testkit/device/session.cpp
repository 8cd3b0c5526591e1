// Proves that a bench leaves a session that can be read, and that equal tests leave equal bytes.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ringside/device.h"
#include "ringside/isolation.h"
#include "sim/session/reader.h"

using namespace ringside::test;
using namespace std::chrono_literals;

TEST_CASE("a bench's crossings are a session", "[testkit][device]") {
  const auto folder = std::filesystem::temp_directory_path() / ("ringside-bench-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::string contents[2];
  for (std::string& content : contents) {
    const std::string path = (folder / "bench.pcapng").string();
    DeviceBench bench;
    Uart& uart = bench.add_uart();
    uart.write8(3, 0x03);
    uart.write8(0, 'x');
    bench.advance(20ms);
    bench.save(path);
    std::ifstream file(path, std::ios::binary);
    std::stringstream bytes;
    bytes << file.rdbuf();
    content = bytes.str();

    auto reader = ringside::SessionReader::open(path);
    REQUIRE(reader.has_value());
    unsigned crossings = 0, ends = 0;
    while (true) {
      auto record = reader->next();
      REQUIRE(record.has_value());
      if (!*record) break;
      if (std::holds_alternative<ringside::SessionCrossing>(**record)) ++crossings;
      if (std::holds_alternative<ringside::RunOutcome>(**record)) ++ends;
    }
    CHECK(crossings == bench.wire("*").size());
    CHECK(crossings >= 3);
    CHECK(ends == 1);
    CHECK_THROWS_AS(bench.save("/no/such/folder/x.pcapng"), Error);
  }
  CHECK(contents[0] == contents[1]);
  std::filesystem::remove_all(folder);
}

namespace {

// A test that has a name, as RINGSIDE_CASE makes one, and a folder for sessions.
struct NamedTest {
  NamedTest() {
    setenv("RINGSIDE_OUT", folder.c_str(), 1);
    begin_test("a bench fails", 1);
  }
  ~NamedTest() {
    begin_test("", 1);
    unsetenv("RINGSIDE_OUT");
    std::filesystem::remove_all(folder);
  }
  bool has_session() const { return std::filesystem::exists(folder / "a_bench_fails.pcapng"); }
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("ringside-named-" + std::to_string(getpid()));
};

void break_a_rule(DeviceBench& bench) {
  Uart& uart = bench.add_uart();
  uart.write8(1, 0x01);
  (void)uart.read8(0);  // RBR, without a character
}

}  // namespace

TEST_CASE("a broken rule that nobody has looked at is the test's complaint", "[testkit][device]") {
  NamedTest test;
  {
    DeviceBench bench;
    break_a_rule(bench);
  }
  const auto complaints = take_complaints();
  REQUIRE(complaints.size() == 1);
  CHECK_THAT(complaints[0], Catch::Matchers::Contains("device/uart_rbr_without_data on dom1/pio/uart0"));
  CHECK(take_complaints().empty());
  {
    DeviceBench bench;
    break_a_rule(bench);
    CHECK(bench.violations().size() == 1);  // has been looked at
  }
  CHECK(take_complaints().empty());
  CHECK_FALSE(test.has_session());
}

TEST_CASE("a failed test's bench leaves its session", "[testkit][device]") {
  {
    NamedTest test;
    try {
      DeviceBench bench;
      break_a_rule(bench);
      bench.add_uart({.name = "uart1", .port = 0x2f8, .irq = 3}).expect_sent("never", 1ms);
    } catch (const ExpectationFailed&) {
    }
    CHECK(test.has_session());
    CHECK(take_complaints().empty());  // the exception says enough
    REQUIRE_FALSE(failure_notes().empty());
    CHECK_THAT(failure_notes().back(), Catch::Matchers::Contains("a_bench_fails.pcapng"));
  }
  NamedTest test;
  {
    DeviceBench bench;
    bench.add_uart();
    note_failure();  // an assertion that goes on
  }
  CHECK(test.has_session());
}

TEST_CASE("a seed of the environment goes before the bench's own", "[testkit][device]") {
  const auto lost_of = [] {
    DeviceBench bench({.seed = 5});
    Uart& uart = bench.add_uart({.peer_waits_for_room = false});
    uart.write8(3, 0x03);
    uart.write8(2, 0x01);
    bench.fault("uart0/rx@chance(0.5) drop");
    std::string got;
    uart.type(std::string(64, 'x'));
    while (uart.untyped() != 0) {
      bench.advance(uart.character_time());
      got += (uart.read8(5) & 1) != 0 ? static_cast<char>(uart.read8(0)) : '.';
    }
    return got;
  };
  const std::string own = lost_of();
  CHECK(own == lost_of());
  setenv("RINGSIDE_SEED", "77", 1);
  const std::string other = lost_of();
  unsetenv("RINGSIDE_SEED");
  CHECK(own != other);
}

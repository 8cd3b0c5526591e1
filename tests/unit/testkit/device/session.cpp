// Proves that a bench leaves a session that can be read, and that equal tests leave equal bytes.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ringside/device.h"
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

// What a scenario says of its 9P shares, and what is said about a wrong one.
#include <catch2/catch.hpp>

#include "machine/scenario.h"

using namespace ringside;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

Result<Scenario> parse(const std::string& lines, const std::string& personality = "pv") {
  return parse_scenario(
      "name = \"a\"\n[[domain]]\npersonality = \"" + personality + "\"\nkernel = \"k\"\n" + lines + "\n",
      "x.toml", {});
}

std::string message_of(const std::string& lines, const std::string& personality = "pv") {
  const auto scenario = parse(lines, personality);
  REQUIRE_FALSE(scenario);
  CHECK(scenario.error().code == ExitCode::bad_input);
  return scenario.error().message;
}

}  // namespace

TEST_CASE("a share says what it exports, and the rest has defaults") {
  const auto scenario = parse(R"(
[[share]]
folder = "files"
[[share]]
name = "notes"
tag = "n"
memory = { "b" = "two", "a/c" = "", "dir/" = "" }
access = "read-only"
rings = 2
ring_page_order = 3
msize = 65536
latency = { message = "1ms", rate = "1MB/s" }
memory_max = "1M"
[[share]]
bridge = "tcp:127.0.0.1:5640"
timeout_seconds = 5
)");
  if (!scenario) FAIL(scenario.error().message);
  REQUIRE(scenario->shares.size() == 3);
  const ShareScenario& first = scenario->shares[0];
  CHECK(first.name == "share0");
  CHECK(first.tag == "share0");
  CHECK(first.domain == "dom1");
  CHECK(first.folder == "files");
  CHECK_FALSE(first.read_only);
  CHECK(first.rings == 8);
  CHECK(first.ring_page_order == 9);
  CHECK(first.entries_max == 100'000);
  const ShareScenario& second = scenario->shares[1];
  CHECK(second.tag == "n");
  CHECK(second.in_memory);
  CHECK(second.memory ==
        std::vector<std::pair<std::string, std::string>>{{"a/c", ""}, {"b", "two"}, {"dir/", ""}});
  CHECK(second.read_only);
  CHECK(second.latency == milliseconds(1));
  CHECK(second.bytes_per_second == 1'000'000);
  CHECK(second.memory_bytes_max == 1 << 20);
  CHECK(scenario->shares[2].is_bridge());
  CHECK(scenario->shares[2].timeout_seconds == 5);
}

TEST_CASE("an empty tree in memory is a share, too") {
  const auto scenario = parse("[[share]]\nmemory = {}");
  REQUIRE(scenario);
  CHECK(scenario->shares[0].in_memory);
}

TEST_CASE("what is wrong with a share is said with its line") {
  CHECK_THAT(message_of("[[share]]"),
             StartsWith("x.toml:5: ") && Contains("'folder'") && Contains("'bridge'"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\nbridge = \"unix:/b\""), Contains("needs one of"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"\""), Contains("names none"));
  CHECK_THAT(message_of("[[share]]\nbridge = \"/run/9p\""),
             StartsWith("x.toml:6: ") && Contains("unix:/path"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\naccess = \"write\""),
             Contains("read-only, copy-on-write"));
  CHECK_THAT(message_of("[[share]]\nbridge = \"unix:/b\"\naccess = \"read-only\""),
             Contains("server's business"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\nrings = 9"), Contains("from 1 to 8"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\nring_page_order = 10"), Contains("from 1 to 9"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\nmsize = 100"), Contains("'msize'"));
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"\nfolders = 1"), Contains("did you mean 'folder'"));
  CHECK_THAT(
      message_of("[[share]]\nfolder = \"a\"\n[[share]]\nname = \"b\"\ntag = \"share0\"\nfolder = \"b\""),
      Contains("tag 'share0'"));
  CHECK_THAT(message_of("[[share]]\nname = \"a\"\nfolder = \"a\"\n[[share]]\nname = \"a\"\nfolder = \"b\""),
             Contains("two devices are named 'a'"));
}

TEST_CASE("a tree in memory has paths, and no file below another") {
  for (const char* path : {"", "/a", "a//b", "../a", "a/..", "a/./b", "a/b//"}) {
    INFO(path);
    CHECK_THAT(message_of(std::string("[[share]]\nmemory = { \"") + path + "\" = \"\" }"),
               Contains("is no path in a share"));
  }
  CHECK_THAT(message_of("[[share]]\nmemory = { \"a/\" = \"text\" }"), Contains("is a directory"));
  CHECK_THAT(message_of("[[share]]\nmemory = { a = \"\", \"a-b\" = \"\", \"a/b\" = \"\" }"),
             Contains("lies below it"));
  CHECK_THAT(message_of("[[share]]\nmemory = { a = 1 }"), Contains("must be a text"));
  CHECK_THAT(message_of("[[share]]\nmemory = \"a\""), Contains("must be a table"));
}

TEST_CASE("a PC has no shares yet, and its error says so") {
  CHECK_THAT(message_of("[[share]]\nfolder = \"a\"", "pc"),
             Contains("is a PC") && Contains("share 'share0'"));
}

// The 9P client, in all three ways.
#include <ringside/catch.h>
#include <ringside/compare.h>
#include <ringside/ninep.h>

#include <string>

using namespace ringside::test;

extern "C" void p9_main(void);  // drivers/p9_main.c

namespace {

constexpr const char* kHosted = MACHINES "p9-hosted.toml";
constexpr const char* kOnTheCore = MACHINES "p9.toml";

void reads_the_file(Machine& m) {
  CHECK(m.run().ok());
  CHECK_THAT(
      m.console("dom1"),
      Catch::Contains("p9: 65536 bytes read, 32 reads at once, 0 errors, 0 wrong, a missing file gives -2"));
  CHECK_THAT(m.wire("9p/share/T"), Count(128, field("message") == "Tread"));
}

}  // namespace

// Way 1: the server alone, and the test is the client.
RINGSIDE_CASE("9P server: a file that is not there is ENOENT", "[9p]") {
  NinePBench bench;
  bench.add_file("/hello.txt", "hello");
  NinePClient client = bench.client();
  client.mount();
  CHECK(client.walk(0, 1, {"nobody.txt"}).error() == 2);
  CHECK_FALSE(client.walk(0, 1, {"hello.txt"}).failed());
  CHECK_FALSE(client.lopen(1, 0).failed());
  CHECK(client.read(1, 0, 100).data() == "hello");
}

// Way 2.
RINGSIDE_TEST("9P client, hosted: reads a file with 32 requests in flight", "[9p]", kHosted) {
  m.host("dom1", p9_main);
  reads_the_file(m);
}

// Way 3.
RINGSIDE_TEST("9P client, on the core: reads a file with 32 requests in flight", "[9p]", kOnTheCore) {
  reads_the_file(m);
}

RINGSIDE_TEST("9P client: hosted and on the core, the same messages", "[9p]", kOnTheCore) {
  Machine hosted(kHosted);
  hosted.host("dom1", p9_main);
  CHECK(m.run().ok());
  CHECK(hosted.run().ok());
  CHECK(same_crossings(hosted, m));
}

// Sessions of whole machines, forged and replayed in this process: an altered input is a divergence that
// names the crossing, and stepping or pausing changes nothing. Cannot show: what the command prints
// (tests/system).
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "machine/machine.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"
#include "sim/session/writer.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("ringside-" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};

Scenario grub() {
  auto scenario = load_scenario(RINGSIDE_SCENARIOS "/grub-pv", {});
  REQUIRE(scenario);
  return *scenario;
}

RunReport record(const std::string& path, uint64_t disturb_seed = 0) {
  MachineOptions options;
  options.record_to = path;
  options.disturb_seed = disturb_seed;
  auto machine = Machine::create(grub(), options);
  REQUIRE(machine);
  auto report = (*machine)->run();
  REQUIRE(report);
  return *report;
}

struct Replayed {
  std::optional<Divergence> divergence;
  uint64_t digests = 0;
};

Replayed replay(const std::string& path) {
  auto reader = SessionReader::open(path);
  REQUIRE(reader);
  auto replayer = Replayer::create(*reader);
  REQUIRE(replayer);
  auto scenario = scenario_of_session((*replayer)->header(), "");
  REQUIRE(scenario);
  MachineOptions options;
  options.replay = replayer->get();
  auto machine = Machine::create(*scenario, options);
  REQUIRE(machine);
  REQUIRE((*machine)->run());
  return {(*replayer)->divergence(), (*replayer)->digests_compared()};
}

// Copies a session record by record; `alter` may change the inputs. The writer gives each block a new
// checksum.
template <class Alter>
void forge(const std::string& from, const std::string& to, Alter alter) {
  auto reader = SessionReader::open(from);
  REQUIRE(reader);
  auto writer = SessionWriter::create(to, reader->header());
  REQUIRE(writer);
  size_t wires = 0;
  for (;;) {
    auto record = reader->next();
    REQUIRE(record);
    for (; wires < reader->wires().size(); ++wires) (*writer)->add_wire(reader->wires()[wires]);
    if (!*record) break;
    if (auto* input = std::get_if<InputRecord>(&**record)) alter(*input);
    std::visit([&](const auto& whole) { (*writer)->write(whole); }, **record);
  }
  REQUIRE((*writer)->close());
}

std::string bytes_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST_CASE("a session replays, and one forged without a change equals it byte for byte") {
  Folder folder;
  CHECK(record(folder.file("a.pcapng")).exit_code == ExitCode::ok);
  const Replayed whole = replay(folder.file("a.pcapng"));
  CHECK_FALSE(whole.divergence);
  CHECK(whole.digests > 100);
  forge(folder.file("a.pcapng"), folder.file("copy.pcapng"), [](InputRecord&) {});
  CHECK(bytes_of(folder.file("a.pcapng")) == bytes_of(folder.file("copy.pcapng")));
}

TEST_CASE("an input byte that was altered and checksummed again is named as the first differing crossing") {
  Folder folder;
  record(folder.file("a.pcapng"));
  int altered = 0;
  forge(folder.file("a.pcapng"), folder.file("b.pcapng"), [&](InputRecord& input) {
    if (input.number == 1) {
      input.bytes.at(4) ^= 1;  // "cat (xen..." becomes "cat )xen..."
      ++altered;
    }
  });
  REQUIRE(altered == 1);
  const Replayed result = replay(folder.file("b.pcapng"));
  REQUIRE(result.divergence);
  CHECK_THAT(result.divergence->what, Contains("crossing") && Contains("dom1/console/in"));
  CHECK_THAT(result.divergence->expected, Contains("cat ("));
  CHECK_THAT(result.divergence->found, Contains("cat )"));
}

TEST_CASE("an input at another time is a divergence") {
  Folder folder;
  record(folder.file("a.pcapng"));
  forge(folder.file("a.pcapng"), folder.file("b.pcapng"), [&](InputRecord& input) {
    if (input.number == 2) input.at += microseconds(300);
  });
  CHECK(replay(folder.file("b.pcapng")).divergence);
}

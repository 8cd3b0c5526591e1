// A hostile session file: read, replayed (with no machine behind it) and decoded. Half of the inputs get
// their checksums mended, so that what stands behind them is reached as well: a session is somebody else's
// file.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "fuzz/driver.h"
#include "fuzz/memory_file.h"
#include "fuzz/mend_session.h"
#include "sim/hash.h"
#include "sim/session/describe.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"
#include "sim/session/writer.h"

namespace ringside {

namespace {

constexpr FieldName kNames[] = {{1, "one"}};
constexpr Field kFields[] = {{"kind", 0, 1, FieldFormat::enumeration, kNames},
                             {"text", 1, 7, FieldFormat::text}};
constexpr Field kTailFields[] = {{"number", 0, 8, FieldFormat::hex}};
constexpr PayloadType kPayload{65100,     "fuzzed", "A payload", 8, kFields, TailKind::records,
                               "records", 8,        kTailFields};

void read_it(const std::string& path) {
  auto reader = SessionReader::open(path);
  if (!reader) return;
  for (;;) {
    const auto record = reader->next();
    if (!record || !*record) break;
    if (const auto* crossing = std::get_if<SessionCrossing>(&**record)) {
      describe(*crossing, reader->wires()[crossing->wire]);
    }
  }
  auto replayer = Replayer::create(*reader);
  if (!replayer) return;
  while ((*replayer)->next_input() != nullptr) (*replayer)->take_input();
  for (uint64_t epoch = 1; epoch < 4 && !(*replayer)->exhausted(); ++epoch) {
    (void)(*replayer)->take_answer("fuzz");
    (*replayer)->end_epoch(EpochDigest{epoch, {}, 0, 0, 0, {}, std::nullopt});
  }
  (*replayer)->end_run({});
}

std::vector<uint8_t> seed(bool packed, bool whole) {
  MemoryFile file;
  SessionHeader header;
  header.scenario_name = "seed";
  header.overrides = {{"a", "b"}};
  const std::string_view contents = "contents of a file";
  const std::vector<uint8_t> bytes(contents.begin(), contents.end());
  header.files = {{"file", bytes.size(), file_hash(bytes), std::nullopt}};
  if (packed) header.files[0].contents.emplace(contents.begin(), contents.end());
  header.versions = {{"ringside", "0.1.0"}};
  auto writer = SessionWriter::create(file.path(), header);
  if (!writer) std::abort();
  (*writer)->add_wire({"dom1/fuzzed", WireKind::message, kPayload.id, {CaptureMode::first_bytes, 24}});
  for (uint64_t epoch = 1; epoch < 4; ++epoch) {
    (*writer)->write(
        SessionCrossing{Tick{epoch}, epoch, 0, Direction::out, 1, 40, std::vector<uint8_t>(24, 1)});
    (*writer)->write(InputRecord{2 * epoch - 1, Tick{epoch}, epoch, "dom1/console/in", {'x'}});
    (*writer)->write(InputRecord{2 * epoch, Tick{}, epoch, "fuzz", {1, 2}, true, false});
    (*writer)->write(EpochDigest{epoch, Tick{epoch}, epoch, epoch, 1, {{"cpu", 1}}, epoch});
  }
  if (whole) (*writer)->write(RunOutcome{0, "poweroff", Tick{9}, 9});
  if (!(*writer)->close()) std::abort();
  return file.contents();
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  PayloadRegistry::instance().add(kPayload);
  return {seed(false, true), seed(true, true), seed(false, false)};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  static MemoryFile file;
  std::vector<uint8_t> bytes(data, data + size);
  file.fill(bytes);
  read_it(file.path());
  mend_session(bytes);
  file.fill(bytes);
  read_it(file.path());
  return 0;
}

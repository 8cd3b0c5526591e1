// A hostile session file, as the viewer reads it: in slices, its first half before the rest, as if it grew.
// Every row is put into words. Half of the inputs get their checksums mended.
#include <algorithm>
#include <string>

#include "fuzz/driver.h"
#include "fuzz/memory_file.h"
#include "fuzz/mend_session.h"
#include "host/network/payloads.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "machine/machine.h"
#include "sim/assert.h"
#include "sim/notice.h"
#include "sim/session/writer.h"
#include "viewer/session/row_text.h"
#include "viewer/session/viewed_session.h"

namespace ringside {

namespace {

using viewer::Row;
using viewer::RowText;
using viewer::ViewedSession;

void read_all(ViewedSession& session, RowText& text) {
  // Each call reads a part: an input has fewer records than this.
  for (int i = 0; i < 100'000 && !session.is_read(); ++i) session.read_for(std::chrono::nanoseconds(0));
  SIM_ASSERT(session.is_read());
  const viewer::CrossingTable& table = session.table();
  for (Row row = 0; row < table.size(); ++row) {
    (void)text.line(row);
    (void)text.verb(row);
    SIM_ASSERT(row == 0 ||
               (table.at(row - 1) <= table.at(row) && table.sequence(row - 1) <= table.sequence(row)));
  }
}

void view(MemoryFile& file, std::span<const uint8_t> bytes) {
  file.fill(bytes.first(bytes.size() / 2));
  auto growing = ViewedSession::open(file.path());
  if (growing) {
    RowText text((*growing)->table());
    read_all(**growing, text);
    file.fill(bytes);
    (*growing)->read_for(std::chrono::nanoseconds(0));
    read_all(**growing, text);
  }
  file.fill(bytes);
  auto whole = ViewedSession::open(file.path());
  if (!whole) return;
  RowText text((*whole)->table());
  read_all(**whole, text);
  // What is read of a file that grows is what is read of it later.
  if (growing && (*growing)->problem().empty() && (*whole)->problem().empty())
    SIM_ASSERT((*growing)->table().size() == (*whole)->table().size());
}

// Behind the record of its ring.
std::vector<uint8_t> message(uint8_t type, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> bytes(sizeof(P9MessageRecord) + 7 + body.size());
  uint8_t* head = &bytes[sizeof(P9MessageRecord)];
  head[0] = static_cast<uint8_t>(7 + body.size());
  head[4] = type;
  head[5] = 1;
  std::copy(body.begin(), body.end(), head + 7);
  return bytes;
}

std::vector<uint8_t> seed(bool whole) {
  register_all_payload_types();
  MemoryFile file;
  SessionHeader header;
  header.scenario_name = "seed";
  auto writer = SessionWriter::create(file.path(), header);
  if (!writer) std::abort();
  (*writer)->add_wire({"dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload.id, {}});
  (*writer)->add_wire({"dom1/9p/share/T", WireKind::message, kP9RequestPayload.id, {}});
  (*writer)->add_wire({"dom1/9p/share/R", WireKind::message, kP9ResponsePayload.id, {}});
  (*writer)->add_wire({"dom1/notice", WireKind::sampled, kNoticePayload.id, {}});
  (*writer)->add_wire(
      {"dom1/eth/vif0/tx", WireKind::message, kEthernetPayload.id, {CaptureMode::first_bytes, 9}});
  uint64_t sequence = 0;
  const auto write = [&](uint32_t wire, std::vector<uint8_t> payload) {
    ++sequence;
    (*writer)->write(SessionCrossing{Tick{sequence}, sequence, wire, Direction::out, 1,
                                     static_cast<uint32_t>(payload.size()), std::move(payload)});
  };
  for (uint64_t epoch = 1; epoch < 4; ++epoch) {
    write(0, std::vector<uint8_t>(56, static_cast<uint8_t>(epoch)));
    write(1, message(104, {1, 0, 0, 0, 255, 255, 255, 255, 1, 0, 'r', 0, 0, 0, 0, 0, 0}));
    write(2, message(105, std::vector<uint8_t>(13, 1)));
    write(1, message(110, {1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0, 'd'}));
    write(3, std::vector<uint8_t>(40, 5));
    write(4, std::vector<uint8_t>(9, 5));
    (*writer)->write(InputRecord{epoch, Tick{sequence}, epoch, "dom1/console/in", {'x'}});
    (*writer)->write(EpochDigest{epoch, Tick{sequence}, epoch, sequence, 1, {{"cpu", 1}}, epoch});
  }
  if (whole) (*writer)->write(RunOutcome{0, "poweroff", Tick{sequence}, 9});
  if (!(*writer)->close()) std::abort();
  return file.contents();
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() { return {seed(true), seed(false)}; }

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  static MemoryFile file;
  std::vector<uint8_t> bytes(data, data + size);
  view(file, bytes);
  mend_session(bytes);
  view(file, bytes);
  return 0;
}

// What a hostile session file makes of the viewer's story: rows of every payload type, on wires with the
// names that they should have and on others, with any record; in between rows are taken away and added anew.
// Every state is asked for at rows here and there, and what was reckoned in pieces must be what is reckoned
// at once.
//
// An input is a row of operations: a byte that chooses a wire (or, from kCommands on, a command), a byte of
// direction and flags, a byte of length, and the payload.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "fuzz/driver.h"
#include "host/9p/messages.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "viewer/story/story.h"

namespace ringside {

namespace {

using namespace viewer;
using Bytes = std::vector<uint8_t>;

constexpr uint8_t kCommands = 0xf0;

struct FuzzedWire {
  const char* name;
  uint16_t type;
};
constexpr FuzzedWire kWires[] = {
    {"dom1/ring/xvda/indices", 142},
    {"dom1/ring/xvda/request", 143},
    {"dom1/ring/xvda/response", 141},
    {"dom1/ring/old/request", 140},
    {"dom1/ring/xvdb/queue-1/indices", 142},
    {"dom1/ring/xvdb/queue-1/request", 143},
    {"dom1/ring/vif0/tx/indices", 155},
    {"dom1/ring/vif0/tx/request", 150},
    {"dom1/ring/vif0/tx/response", 152},
    {"dom1/ring/vif0/tx/extra", 151},
    {"dom1/ring/vif0/rx/indices", 155},
    {"dom1/ring/vif0/rx/request", 153},
    {"dom1/ring/vif0/rx/response", 154},
    {"dom1/ring/vif0/ctrl/request", 156},
    {"dom1/ring/vif0/ctrl/response", 157},
    {"dom1/ring/share/0/indices", 182},
    {"dom1/9p/share/T", 180},
    {"dom1/9p/share/R", 181},
    {"dom1/evtchn", 101},
    {"dom2/evtchn", 101},
    {"dom1/grant", 102},
    {"dom1/hypercall", 100},
    {"dom1/xenstore", 120},
    {"dom2/xenstore", 120},
    {"dom0/xenstore/socket/1", 120},
    {"dom1/xenbus/xvda", 105},
    {"dom1/console/out", 130},
    {"dom1/console/in", 130},
    {"dom1/uart0/tx", 200},
    {"dom1/uart0/rx", 200},
    {"dom1/debugcon", 231},
    {"dom1/xen_console", 103},
    {"dom1/nic/eth0/ring", 221},
    {"dom1/eth/vif0/tx", 220},
    {"dom1/ata/hda/command", 210},
    {"dom1/ata/hda/completion", 211},
    {"image/xvda", 20},
    {"image/hda", 20},
    {"dom1/notice", 1},
    {"fault", 5},
    // Names that no scenario gives.
    {"", 142},
    {"/", 143},
    {"ring", 150},
    {"dom1/ring/xvda", 182},
    {"dom99999999999/ring//x", 101},
    {"xenstore", 120},
    {"dom1/ring/xvda/indices/", 221},
    {"T", 180},
    {"dom1/unknown", 64999},
};
constexpr size_t kWireCount = sizeof kWires / sizeof kWires[0];

void check(bool sound) {
  if (!sound) std::abort();
}

void look_at(Story& story, Row row) {
  for (const std::string& name : story.rings()) {
    const RingState* const ring = story.ring(name, row);
    check(ring != nullptr && ring->slots.size() <= 4096);
    check(ring->slots.empty() || ring->slots.size() == ring->size);
  }
  (void)story.ports(row);
  (void)story.grants(row);
  (void)story.store(row);
  (void)story.xenbus(row);
  (void)story.ninep(row);
  for (const std::string& name : story.consoles()) check(story.console(name, row).size() <= 64 << 10);
}

void check_spans(const CrossingTable& table, const Story& story) {
  for (const Lane& lane : story.lanes()) {
    Row last = 0;
    for (const Span& span : lane.spans) {
      check(span.begin >= last && span.begin < table.size() && span.level < lane.levels);
      check(span.end == kNoRow || (span.end >= span.begin && span.end < table.size()));
      last = span.begin;
    }
  }
  for (Row row = 0; row < table.size(); ++row) {
    const Span* const span = story.span_of(row);
    check(span == nullptr || span->begin <= row);
  }
  for (const Link& link : story.links(0, kNoRow, 1000)) check(link.from < link.to && link.to < table.size());
  (void)story.links(table.size() / 2, table.size() / 2, 3);
}

// A new one that sees all at once.
void compare(const CrossingTable& table, Story& story) {
  Story fresh(table);
  fresh.update();
  check(fresh.lanes().size() == story.lanes().size());
  for (size_t i = 0; i < fresh.lanes().size(); ++i) {
    const Lane &a = fresh.lanes()[i], &b = story.lanes()[i];
    check(a.spans.size() == b.spans.size() && a.levels == b.levels);
    for (size_t k = 0; k < a.spans.size(); ++k)
      check(a.spans[k].end == b.spans[k].end && a.spans[k].level == b.spans[k].level);
  }
  check(fresh.rings() == story.rings());
  for (Row row = table.size(); row-- > 0; row -= std::min<Row>(row, 6)) {
    for (const std::string& name : story.rings()) {
      const RingState *const a = fresh.ring(name, row), *const b = story.ring(name, row);
      check(a->last == b->last && a->size == b->size && a->req_prod == b->req_prod &&
            a->rsp_cons == b->rsp_cons);
      for (size_t i = 0; i < a->slots.size(); ++i)
        check(a->slots[i].state == b->slots[i].state && a->slots[i].request == b->slots[i].request);
    }
    const auto& ports = fresh.ports(row);
    check(ports.size() == story.ports(row).size());
    for (size_t i = 0; i < ports.size(); ++i)
      check(ports[i].ports.size() == story.ports(row)[i].ports.size());
    check(fresh.grants(row).size() == story.grants(row).size());
    check(fresh.store(row).root.children.size() == story.store(row).root.children.size());
    check(fresh.store(row).transactions_open == story.store(row).transactions_open);
  }
}

template <class Record>
void put(Bytes& input, const char* name, uint8_t flags, const Record& record, std::string_view tail = {}) {
  for (size_t wire = 0; wire < kWireCount; ++wire) {
    if (std::strcmp(kWires[wire].name, name) != 0) continue;
    input.insert(input.end(),
                 {static_cast<uint8_t>(wire), flags, static_cast<uint8_t>(sizeof record + tail.size())});
    const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
    input.insert(input.end(), bytes, bytes + sizeof record);
    input.insert(input.end(), tail.begin(), tail.end());
    return;
  }
  std::abort();
}

constexpr uint8_t kOut = 1, kIn = 1 | 0x80;

Bytes disk_seed() {
  Bytes input;
  const auto store = [&](uint32_t type, uint8_t flags, uint32_t request, std::string_view body) {
    put(input, "dom1/xenstore", flags, xsd_sockmsg{type, request, 0, static_cast<uint32_t>(body.size())},
        body);
  };
  put(input, "dom1/evtchn", kOut,
      EventRecord{3, static_cast<uint8_t>(EventOperation::alloc_unbound), 2, 0, 0});
  store(XS_WRITE, kOut, 1, std::string_view("device/vbd/51712/ring-ref\0008", 27));
  store(XS_WRITE, kIn, 1, "OK");
  store(XS_WRITE, kOut, 2, std::string_view("device/vbd/51712/event-channel\0003", 32));
  put(input, "dom1/grant", kIn, GrantRecord{.operation = 1, .ref = 8});
  put(input, "dom1/xenbus/xvda", kOut, XenbusStateRecord{3, 0, 3, 0});
  put(input, "dom1/ring/xvda/indices", kOut, BlkIndicesRecord{0, 1, 0, 1, 0, 0});
  put(input, "dom1/evtchn", kOut, EventRecord{3, static_cast<uint8_t>(EventOperation::send), 3, 0, 0});
  put(input, "dom1/ring/xvda/indices", kOut, BlkIndicesRecord{2, 1, 0, 1, 0, 0});
  for (uint32_t i = 0; i < 2; ++i) {
    BlkRequestRecord request{};
    request.id = i;
    request.nr_sectors = 8;
    request.slot = request.req_cons = i;
    request.req_prod = 2;
    put(input, "dom1/ring/xvda/request", kOut, request, std::string_view("\x9\0\0\0\0\7\0\0", 8));
  }
  put(input, "image/xvda", kIn, std::array<uint64_t, 5>{0, 0, 8, 0, 0});
  BlkResponseRecord response{};
  response.id = 1;
  put(input, "dom1/ring/xvda/response", kIn, response);
  put(input, "dom1/ring/xvda/indices", kIn, BlkIndicesRecord{2, 3, 1, 2, 2, 1});
  put(input, "dom1/evtchn", kIn, EventRecord{3, static_cast<uint8_t>(EventOperation::deliver), 3, 0, 0});
  put(input, "dom1/hypercall", kOut, HypercallRecord{.number = 32, .operation = 32 << 16 | 4});
  put(input, "dom1/hypercall", kIn, HypercallRecord{.number = 32, .phase = 1, .result = -1});
  put(input, "dom1/notice", kOut, std::array<uint8_t, 32>{5});
  return input;
}

Bytes net_and_share_seed() {
  Bytes input;
  put(input, "dom1/ring/vif0/tx/indices", kOut, NetIndicesRecord{3, 1, 0, 1, 0, 0});
  put(input, "dom1/ring/vif0/tx/request", kOut, NetTxRequestRecord{5, 0, 0, 1, 60, 0, 3, 0});
  put(input, "dom1/ring/vif0/tx/response", kIn, NetTxResponseRecord{0, 1, 0, 0, 0});
  put(input, "dom1/ring/vif0/rx/indices", kOut, NetIndicesRecord{256, 1, 0, 1, 0, 0});
  put(input, "dom1/ring/vif0/rx/request", kOut, NetRxRequestRecord{9, 0, 0, 0, 256, 0});
  put(input, "dom1/ring/vif0/rx/response", kIn, NetRxResponseRecord{0, 0, 0, 0, 60});
  put(input, "dom1/ring/share/0/indices", kOut, P9IndicesRecord{20, 0, 0, 0, 0, 0});
  const auto message = [&](bool answer, uint8_t type, std::string_view body) {
    put(input, answer ? "dom1/9p/share/R" : "dom1/9p/share/T", answer ? kIn : kOut, P9MessageRecord{1, 0, 0},
        std::string("\x1f\0\0\0", 4) + static_cast<char>(type) + std::string("\1\0", 2) + std::string(body));
  };
  message(false, ninep::Tattach, std::string_view("\0\0\0\0\xff\xff\xff\xff\1\0u\0\0\0\0\0\0", 17));
  message(true, ninep::Rattach, std::string(13, '\0'));
  message(false, ninep::Twalk, std::string_view("\0\0\0\0\5\0\0\0\1\0\1\0f", 13));
  message(true, ninep::Rwalk, std::string("\1\0", 2) + std::string(13, '\0'));
  message(false, ninep::Tflush, std::string_view("\1\0", 2));
  put(input, "dom1/nic/eth0/ring", kOut, std::array<uint32_t, 4>{0, 1, 2, 32});
  put(input, "dom1/ata/hda/command", kOut, std::array<uint64_t, 3>{});
  put(input, "image/hda", kIn, std::array<uint64_t, 5>{0, 0, 1, 0, 0});
  put(input, "dom1/ata/hda/completion", kIn, std::array<uint64_t, 3>{});
  put(input, "dom1/console/out", kOut, std::array<char, 4>{'t', 'e', 'x', 't'});
  // Away with the last rows, and some others.
  input.insert(input.end(), {kCommands, 3, 0});
  put(input, "dom1/uart0/tx", kOut, std::array<uint8_t, 2>{'x', 0});
  put(input, "dom1/debugcon", kOut, uint16_t{0x402}, "line");
  return input;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  Bytes both = disk_seed();
  const Bytes more = net_and_share_seed();
  both.insert(both.end(), more.begin(), more.end());
  return {disk_seed(), net_and_share_seed(), both};
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  constexpr size_t kRowsMax = 2000;
  CrossingTable table;
  Story story(table);
  uint64_t sequence = 0;
  for (size_t at = 0; at + 3 <= size && sequence < kRowsMax;) {
    const uint8_t what = data[at], flags = data[at + 1], length = data[at + 2];
    at += 3;
    if (what >= kCommands) {
      // Rows go, and a look in between, as the window has.
      if (what % 2 == 0) table.truncate(table.size() - std::min<Row>(table.size(), flags % 16));
      story.update(length);
      look_at(story, flags);
      continue;
    }
    const FuzzedWire& wire = kWires[what % kWireCount];
    const size_t count = std::min<size_t>(length, size - at);
    ++sequence;
    table.add({sequence * 700'000}, sequence, table.add_wire(wire.name, WireKind::message, wire.type, {}),
              static_cast<Direction>(flags >> 7), flags & 0x7f, length, {data + at, count});
    at += count;
  }
  while (!story.update(100)) {
  }
  for (Row row = 0; row < table.size(); row += 1 + table.size() / 8) look_at(story, row);
  look_at(story, kNoRow);
  check_spans(table, story);
  compare(table, story);
  return 0;
}

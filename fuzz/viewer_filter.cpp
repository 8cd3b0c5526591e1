// Texts of filters, over a small table with rows of most kinds of payloads. An input is a filter, a zero
// byte, and bytes that become one more row of every wire. Whatever the text, an error that points into it, or
// a filter; whatever the payloads, rows that are found at once are those that match one by one.
#include "viewer/session/filter.h"

#include <algorithm>
#include <string_view>

#include "fuzz/driver.h"
#include "machine/machine.h"
#include "sim/assert.h"

namespace ringside {

namespace {

using viewer::CrossingTable;
using viewer::Filter;
using viewer::Row;
using viewer::RowText;

// A wire for each type of payload, with a row of zeros and one of ones.
class Bench {
 public:
  Bench() {
    register_all_payload_types();
    constexpr WireKind kKinds[] = {WireKind::message, WireKind::call, WireKind::signal, WireKind::sampled};
    for (const PayloadType* type : PayloadRegistry::instance().all()) {
      const WireKind kind = kKinds[type->id % 4];
      wires_.push_back(table_.add_wire("dom1/ring/" + std::string(type->name), kind, type->id, {}));
    }
    wires_.push_back(table_.add_wire("unknown", WireKind::message, 65432, {}));
    for (const uint8_t byte : {0, 1}) add(std::vector<uint8_t>(80, byte));
  }

  void add(std::span<const uint8_t> payload) {
    for (const uint32_t wire : wires_) {
      const uint64_t number = table_.size() + 1;
      table_.add(microseconds(number), number, wire, static_cast<Direction>(number % 2),
                 number % 5 == 0 ? 3 : 1, static_cast<uint32_t>(payload.size()), payload);
    }
  }

  void find(Filter& filter) {
    RowText text(table_);
    std::vector<Row> found, one_by_one;
    filter.find(table_, text, 0, table_.size(), found);
    for (Row row = 0; row < table_.size(); ++row) {
      if (filter.matches(table_, text, row)) one_by_one.push_back(row);
    }
    SIM_ASSERT(found == one_by_one);
  }

  const CrossingTable& table() const { return table_; }

 private:
  CrossingTable table_;
  std::vector<uint32_t> wires_;
};

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view text :
       {"wire ~ \"ring/*\" && op == \"read\" && sector > 2048", "!(gref != 9) || segments && status == -1",
        "flags == \"reading|writing\" || flags ~ per* || state >= Connected",
        "time >= 1.5ms && direction == in || kind == unusual || type == XS_READ",
        "text ~ \"op=*\" && size < 0x50 && fault", "message == Tread || fid == 7 || body !~ \"a\\\"?\"",
        "device == blkif_request && domain != dom2 && !notice && latency > 10us"}) {
    seeds.emplace_back(text.begin(), text.end());
    seeds.back().push_back(0);
    for (int i = 0; i < 60; ++i) seeds.back().push_back(static_cast<uint8_t>(i * 7));
  }
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  const std::span<const uint8_t> input(data, std::min<size_t>(size, 8192));
  const auto zero = static_cast<size_t>(std::find(input.begin(), input.end(), uint8_t{0}) - input.begin());
  const std::string_view text(reinterpret_cast<const char*>(data), zero);
  Bench bench;
  bench.add(input.subspan(std::min(zero + 1, input.size())));
  for (const std::string& word : viewer::filter_completions(bench.table(), text)) SIM_ASSERT(!word.empty());
  auto filter = Filter::parse(text);
  if (!filter) {
    SIM_ASSERT(filter.error().message.starts_with("at character "));
    SIM_ASSERT(filter.error().message.size() < 6000);
    return 0;
  }
  bench.find(*filter);
  return 0;
}

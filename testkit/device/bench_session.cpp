// A session file of what a bench has kept, for `ringside show` and Wireshark. It has crossings and no inputs:
// what happened there was the test, so that the test is what replays it.
#include <fmt/format.h>

#include "sim/session/encoding.h"
#include "sim/session/writer.h"
#include "testkit/device/bench_house.h"

namespace ringside::test {

void Bench::save(const std::string& path) const {
  const CrossingStore& store = house_->store("save()");
  SessionHeader header;
  header.scenario_name = "bench";
  header.scenario_text = "# A bench (ringside/bench.h): no scenario made this session, but a test program.\n";
  header.seed = house_->options.seed;
  const auto writer = house::value_or_error(SessionWriter::create(path, header));
  for (const auto& wire : house_->wiring.wires())
    writer->add_wire({wire->name(), wire->kind(), wire->payload_type().id, {}});
  for (uint64_t number = store.first(); number < store.next(); ++number) {
    const CrossingStore::Record& record = store.at(number);
    writer->write(CrossingView{.at = record.at,
                               .sequence = record.sequence,
                               .wire = record.wire,
                               .direction = record.direction,
                               .flags = record.flags,
                               .full_size = record.size,
                               .payload = {record.payload, record.size}});
  }
  writer->write(
      RunOutcome{.exit_code = 0, .reason = "saved by the test", .at = house_->clock.now, .instructions = 0});
  house::value_or_error(writer->close());
}

}  // namespace ringside::test

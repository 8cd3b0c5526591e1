// Proves the formula of host/disk_latency.h, with its numbers restated, and the order in which requests end.
// It cannot say whether the numbers are those of a real disk.
#include "host/disk_latency.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace ringside;

namespace {

struct Bench {
  Clock clock;
  EventQueue events;
  std::vector<std::pair<char, uint64_t>> ended;  // name, microseconds

  DiskQueue::Done mark(char name) {
    return [this, name] { ended.emplace_back(name, clock.now.ps / 1'000'000); };
  }
  void run() {
    while (!events.empty()) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
  }
};

// 100 us a command, 1 to 11 ms a seek over 1000 sectors, 512 bytes in 1 us.
DiskLatency round_numbers() {
  DiskLatency latency;
  latency.command = microseconds(100);
  latency.seek_min = milliseconds(1);
  latency.seek_max = milliseconds(11);
  latency.bytes_per_second = 512'000'000;
  latency.flush = milliseconds(5);
  latency.queue_depth = 4;
  return latency;
}

using Ended = std::vector<std::pair<char, uint64_t>>;

}  // namespace

TEST_CASE("a seek costs nothing in place and grows with the distance") {
  Bench bench;
  const DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
  CHECK(queue.seek_time(7, 7) == Tick{});
  CHECK(queue.seek_time(0, 1) == microseconds(1010));
  CHECK(queue.seek_time(0, 500) == microseconds(6000));
  CHECK(queue.seek_time(500, 0) == microseconds(6000));
  CHECK(queue.seek_time(0, 1000) == microseconds(11000));
}

TEST_CASE("a seek over the largest disk does not overflow") {
  Bench bench;
  DiskLatency latency = round_numbers();
  latency.seek_max = Tick{UINT64_MAX};
  const DiskQueue queue(latency, UINT64_MAX, bench.clock, bench.events);
  CHECK(queue.seek_time(0, UINT64_MAX) == Tick::never());
  CHECK(queue.transfer_time(UINT64_MAX) == Tick::never());
}

TEST_CASE("a request costs command, seek and transfer") {
  Bench bench;
  DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
  queue.submit(500, 512 * 8, bench.mark('a'));
  bench.run();
  CHECK(bench.ended == Ended{{'a', 100 + 6000 + 8}});
  // The next one starts where it ended: no seek.
  queue.submit(508, 512 * 8, bench.mark('b'));
  bench.run();
  CHECK(bench.ended.back() == std::pair('b', uint64_t{6108 + 108}));
}

TEST_CASE("a flush costs command and flush, and a command without data does not seek") {
  Bench bench;
  DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
  queue.submit_flush(bench.mark('f'));
  queue.submit(900, 0, bench.mark('n'));
  bench.run();
  CHECK(bench.ended == Ended{{'n', 100}, {'f', 5100}});
}

TEST_CASE("a short seek overtakes a long one") {
  Bench bench;
  DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
  queue.submit(1000, 512, bench.mark('f'));  // 100 + 11000 + 1
  queue.submit(1001, 512, bench.mark('n'));  // follows it: 100 + 1
  bench.run();
  CHECK(bench.ended == Ended{{'n', 101}, {'f', 11101}});
}

TEST_CASE("transfers share one channel") {
  Bench bench;
  DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
  queue.submit(0, 512 * 200, bench.mark('a'));    // channel from 100 to 300
  queue.submit(200, 512 * 200, bench.mark('b'));  // ready at 100, transferred from 300 to 500
  bench.run();
  CHECK(bench.ended == Ended{{'a', 300}, {'b', 500}});
}

TEST_CASE("more requests than the depth wait in their order") {
  Bench bench;
  DiskLatency latency = round_numbers();
  latency.queue_depth = 1;
  DiskQueue queue(latency, 1000, bench.clock, bench.events);
  queue.submit(1000, 512, bench.mark('a'));  // to 11101
  queue.submit(1001, 512, bench.mark('b'));  // starts then
  queue.submit(1002, 512, bench.mark('c'));
  bench.run();
  CHECK(bench.ended == Ended{{'a', 11101}, {'b', 11202}, {'c', 11303}});
}

TEST_CASE("a queue that is destroyed takes its events along") {
  Bench bench;
  {
    DiskQueue queue(round_numbers(), 1000, bench.clock, bench.events);
    queue.submit(0, 512, bench.mark('a'));
  }
  bench.run();
  CHECK(bench.ended.empty());
}

// How long a disk takes. A request waits for one of `queue_depth` places, then costs a fixed time for the
// command, a seek that grows with the distance from where the last request ended (none when it follows it),
// and its transfer. Requests in places seek side by side, but there is one channel to the host: transfers go
// one after another, in the order in which the seeks end. So a short request overtakes a far one, and the
// throughput never passes `bytes_per_second`.
//
// Everything derives from the order and the ticks of the requests; there is no randomness.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/state.h"
#include "sim/tick.h"

namespace ringside {

// The defaults are about those of a SATA solid-state disk. Samsung gives for its 850 EVO 540 MB/s (read) and
// 520 MB/s (write) in sequence, and 10,000 random reads of 4 KiB a second with one in flight: 100 us each;
// Native Command Queuing holds 32 commands. For a 7200 rpm drive, say seek_min = 1 ms, seek_max = 20 ms,
// bytes_per_second = 180 MB/s, flush = 15 ms.
struct DiskLatency {
  Tick command = microseconds(20);    // fixed cost of any request
  Tick seek_min = microseconds(50);   // to a sector that does not follow the last one
  Tick seek_max = microseconds(400);  // across the whole disk
  uint64_t bytes_per_second = 500'000'000;
  Tick flush = microseconds(500);
  uint32_t queue_depth = 32;  // requests served at a time; the rest wait in order
};

class DiskQueue : public Stateful {
 public:
  using Done = std::function<void()>;

  DiskQueue(const DiskLatency& latency, uint64_t sectors, const Clock& clock, EventQueue& events);
  // What is still in the queue will not be done.
  ~DiskQueue() override;
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;

  // A transfer of `bytes` at `sector`; bytes = 0 is a command without data, which does not seek. `done` runs
  // from the event queue.
  void submit(uint64_t sector, uint64_t bytes, Done done);
  void submit_flush(Done done);
  // The disk has that many sectors from now on.
  void resize(uint64_t sectors) { sectors_ = sectors; }

  Tick seek_time(uint64_t from, uint64_t to) const;
  Tick transfer_time(uint64_t bytes) const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Request {
    uint64_t sector = 0, bytes = 0;
    bool is_flush = false;
    Done done;
    EventQueue::Handle event;
  };
  void enqueue(Request request);
  void start(Request request);
  void transfer(uint64_t number);
  void finish(uint64_t number);

  const DiskLatency latency_;
  uint64_t sectors_;
  const Clock& clock_;
  EventQueue& events_;
  std::deque<Request> waiting_;
  std::map<uint64_t, Request> active_;  // by number, in order of their start
  uint64_t last_number_ = 0;
  uint64_t head_ = 0;  // the sector behind the request that was started last
  Tick channel_free_at_;
};

}  // namespace ringside

// A disk image: a raw file of the host, opened copy-on-write unless the scenario says `write = true`, behind
// a latency model. Contents are read through pread when asked for; what the guest writes lives in memory
// (private to a fork) or, for a writable image, in the file.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/result.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

// The time a request takes: queue + seek (by distance) + transfer. All from the scenario.
struct DiskLatency {
  Tick command = microseconds(20);        // fixed cost of any request
  Tick seek_min = microseconds(50);       // to a sector that does not follow the last one
  Tick seek_max = microseconds(400);      // across the whole disk
  uint64_t bytes_per_second = 500'000'000;
  Tick flush = microseconds(500);
  uint32_t queue_depth = 32;              // requests served at a time; the rest wait in order
};

struct DiskImageConfig {
  std::string name;   // the disk's name in the scenario
  std::string path;   // on the host
  bool writable_file = false;
  DiskLatency latency;
};

class DiskImage : public Stateful {
 public:
  static constexpr uint32_t kSectorSize = 512;

  // Errors name the file and say what is wrong with it (missing, a folder, not a multiple of 512 bytes, ...).
  static Result<std::unique_ptr<DiskImage>> open(const DiskImageConfig& config, Clock& clock, EventQueue& events,
                                                 Wiring& wiring);
  ~DiskImage() override;

  uint64_t sectors() const;
  uint64_t size_bytes() const;
  // hash64 of the file as it was opened; reads it whole.
  Result<uint64_t> content_hash() const;

  enum class Status : uint8_t { ok, out_of_range, io_error, not_supported };
  using Done = std::function<void(Status)>;
  // Asynchronous: `done` is called from the event queue when the modelled latency has passed. Data moves at
  // completion; the spans must live until then.
  void read(uint64_t sector, std::span<uint8_t> into, Done done);
  void write(uint64_t sector, std::span<const uint8_t> from, Done done);
  void flush(Done done);
  // Zeroes the range.
  void discard(uint64_t sector, uint64_t count, Done done);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  explicit DiskImage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

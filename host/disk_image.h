// A disk image: a raw file of the host, opened copy-on-write unless the scenario says `write = true`, behind
// a latency model. Contents are read through pread when asked for; what the guest writes lives in memory
// (private to a fork) or, for a writable image, in the file. A crossing on "image/<disk>" for each operation,
// when it is complete; a fault on that wire fails, delays or loses it, tears a write, or misdirects it.
//
// After a fork, both sides read through the same descriptor (pread moves nothing). A writable file is shared
// by them, so whoever forks (campaigns, checkpoints) must refuse writable images.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "host/disk_latency.h"
#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/result.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

class DiskSource;  // host/disk_source.h

struct DiskImageConfig {
  std::string name;  // the disk's name in the scenario
  std::string path;  // on the host
  bool writable_file = false;
  DiskLatency latency;
  // Gives and takes the data instead of the file, which then only says how large the disk is.
  std::shared_ptr<DiskSource> source = nullptr;
  // Shows the data of each operation on "image/<disk>/data". It counts in no digest.
  bool record_data = false;
};

class DiskImage : public Stateful {
 public:
  static constexpr uint32_t kSectorSize = 512;

  // Errors name the file and say what is wrong with it (missing, a folder, not a multiple of 512 bytes, ...).
  static Result<std::unique_ptr<DiskImage>> open(const DiskImageConfig& config, Clock& clock,
                                                 EventQueue& events, Wiring& wiring);
  ~DiskImage() override;

  uint64_t sectors() const;
  uint64_t size_bytes() const;
  // Makes the disk larger (it reads as zero there) or smaller, from now on. A copy-on-write image changes in
  // memory, a writable one in its file. Errors: no multiple of a sector, or the host refuses.
  Result<> resize(uint64_t bytes);
  // Names the contents of the file, whatever the guest has written over them in memory: the size, and the
  // hash64 of each MiB, mixed in order. Reads the file whole, except for holes, which hash as the zeros that
  // they are.
  Result<uint64_t> content_hash() const;

  enum class Status : uint8_t { ok, out_of_range, io_error, not_supported };
  using Done = std::function<void(Status)>;
  // Asynchronous: `done` is called from the event queue when the modelled latency has passed. Data moves at
  // completion; the spans must live until then.
  void read(uint64_t sector, std::span<uint8_t> into, Done done);
  void write(uint64_t sector, std::span<const uint8_t> from, Done done);
  // Where the data of a transfer lies that is not in one piece on the host, such as in pages of a guest. It
  // is asked for all the bytes at once, when the transfer completes. False fails the transfer.
  class Buffer {
   public:
    virtual ~Buffer() = default;
    virtual bool store(std::span<const uint8_t> bytes) = 0;  // of a read
    virtual bool load(std::span<uint8_t> bytes) = 0;         // for a write
  };
  // The buffer must live until `done`, or as long as the image.
  void read(uint64_t sector, uint64_t count, Buffer& into, Done done);
  void write(uint64_t sector, uint64_t count, Buffer& from, Done done);
  void flush(Done done);
  // Zeroes the range; not_supported where the host's file system cannot (writable files only).
  void discard(uint64_t sector, uint64_t count, Done done);

  // The medium behind the disk's back, at once and without a crossing: for whoever prepares or judges it.
  Status read_now(uint64_t sector, std::span<uint8_t> into);
  Status write_now(uint64_t sector, std::span<const uint8_t> from);

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Impl;
  explicit DiskImage(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

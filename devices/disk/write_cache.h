// A drive's write cache. A write is done for the host as soon as its data is here; it reaches the medium
// later, one write at a time in the order in which they came, so that none overtakes another. A write that
// finds no room waits. A read notes what has not reached the medium when it begins, and lays that over what
// the medium gives: no write can come in between, because the drive has one command at a time.
//
// A write that the medium refuses is dropped from the cache (ATA/ATAPI-7, FLUSH CACHE) and kept in mind for
// the next flush, which reports it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "host/disk_image.h"
#include "sim/hash.h"
#include "sim/state.h"

namespace ringside {

class WriteCache final : public Stateful {
 public:
  using Buffer = std::shared_ptr<std::vector<uint8_t>>;
  using Done = std::function<void()>;

  struct Write {
    uint64_t lba = 0;
    Buffer buffer;
    size_t bytes = 0;
    uint64_t end() const { return lba + bytes / DiskImage::kSectorSize; }
  };
  // A hash over addresses and data.
  template <class Writes>
  static uint64_t digest(const Writes& writes) {
    uint64_t digest = 0;
    for (const Write& write : writes) {
      digest = hash_mix(digest, write.lba);
      digest = hash_mix(digest, hash64(std::span(*write.buffer).first(write.bytes)));
    }
    return digest;
  }

  WriteCache(DiskImage& image, size_t bytes_max) : image_(image), bytes_max_(bytes_max) {}
  WriteCache(const WriteCache&) = delete;
  WriteCache& operator=(const WriteCache&) = delete;

  // Takes the first `bytes` of the buffer, which nobody changes from here on. `taken` is called at once when
  // there is room, else when there is.
  void accept(uint64_t lba, Buffer buffer, size_t bytes, Done taken);
  // Calls `clean` when nothing is left, which may be at once.
  void drain(Done clean);
  // The sector of the first write that failed since it was asked for last.
  std::optional<uint64_t> take_failure();
  // What of these sectors has not reached the medium, in the order in which it was written.
  std::vector<Write> pending(uint64_t lba, uint64_t sectors) const;
  // Lays it over sectors that were read.
  static void overlay(std::span<const Write> writes, uint64_t lba, std::span<uint8_t> data);
  // A reset: whoever waits is not called.
  void forget_waiting();

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Waiting {
    Write write;
    Done taken;
  };
  void enter(Write write);
  void write_out();
  void written(DiskImage::Status status);

  DiskImage& image_;
  const size_t bytes_max_;
  std::deque<Write> pending_;  // the first one is being written
  size_t bytes_ = 0;
  std::optional<Waiting> waiting_;
  Done clean_;
  std::optional<uint64_t> failure_;
  // Answers of the image that come when this is gone find it expired.
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace ringside

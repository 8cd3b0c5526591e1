// What a recording knows of bytes that were read and written: of a disk, of a file. Each byte has a history,
// the values that it was seen to have, in order, and what made each: it was found so by a read, or it was
// written. It is learnt from a session, and then answers another program's reads and writes, which may be
// split, merged and ordered otherwise.
//
//   learn:   read 0..8 "AAAAAAAA"   write 4..8 "BBBB"   read 0..8 "AAAABBBB"
//   answer:  read 2..4 "AA"         write 4..6 "BB": as recorded       read 4..8: "BB", then "AA" still
//
// A write moves the bytes on to the next value that was written there; it must be the recorded one. A read
// gives the value that stands now; where the recording saw it change without a write, the nth read gives what
// the nth recorded one did. What was never seen is unknown: nothing is made up.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace ringside {

class RecordedContent {
 public:
  // --- Learning, in the recorded order ---
  void learn_read(uint64_t offset, std::span<const uint8_t> data);
  void learn_failed_read(uint64_t offset, uint64_t length);
  void learn_write(uint64_t offset, std::span<const uint8_t> data);
  void learn_failed_write(uint64_t offset, uint64_t length);
  // The range reads as zero from then on.
  void learn_discard(uint64_t offset, uint64_t length);

  // --- Answering ---
  enum class Outcome : uint8_t { as_recorded, failed, unknown, differs };
  struct Answer {
    Outcome outcome;
    uint64_t at = 0;  // unknown, differs: the first such byte
  };
  // How many bytes from there on are known now, at most `length`; those that cannot be read are not.
  uint64_t known(uint64_t offset, uint64_t length) const;
  // Fills `into` where all of it is known; changes nothing where it is not.
  Answer read(uint64_t offset, std::span<uint8_t> into);
  // Whether this was written there, next or later. Nothing changes where it was not.
  Answer write(uint64_t offset, std::span<const uint8_t> data);
  Answer discard(uint64_t offset, uint64_t length);

  // A hash over what has been asked: with what was learnt it decides all later answers.
  uint64_t history_hash() const { return history_hash_; }
  bool empty() const { return extents_.empty(); }

 private:
  // Another program's requests cut extents into pieces; not into more than so many.
  static constexpr size_t kExtentsMax = 1 << 20;

  enum class How : uint8_t { unseen, read, unreadable, written, unwritable, discarded };
  struct Value {
    How how;
    uint32_t reads = 0;  // how often it was read
    uint32_t data = 0;   // which of data_, and where in it
    uint64_t offset = 0;
    bool has_data() const { return how == How::read || how == How::written; }
    // Another program's doing, and not only its look at it.
    bool is_change() const { return how == How::written || how == How::unwritable || how == How::discarded; }
  };
  struct Extent {
    uint64_t end = 0;
    std::vector<Value> history;
    uint32_t current = 0;
    uint32_t reads = 0;  // given of the current value
  };
  using Extents = std::map<uint64_t, Extent>;

  void split(uint64_t at);
  void fit(uint64_t offset, uint64_t length);
  template <class Use>
  void each_learnt(uint64_t offset, uint64_t length, const Use& use);
  template <class Judge>
  Answer each_answered(uint64_t offset, uint64_t length, const Judge& judge) const;
  static uint32_t next_to_read(const Extent& extent);
  bool holds(const Value& value, std::span<const uint8_t> bytes, uint64_t skip) const;
  std::optional<uint32_t> change_to(const Extent& extent, std::span<const uint8_t> bytes,
                                    uint64_t skip) const;
  uint32_t keep(std::span<const uint8_t> data);
  void add_change(Extent& extent, Value value);
  void advance(uint64_t offset, uint64_t length, const std::vector<uint32_t>& to);

  Extents extents_;
  std::vector<std::vector<uint8_t>> data_;
  uint64_t history_hash_ = 0;
};

}  // namespace ringside

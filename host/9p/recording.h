// What a recorded 9P conversation knows of a server: the answers that it gave, by what was asked and not by
// when. It is learnt from the messages of both directions, and then answers another client, which may choose
// other fids and tags, ask in another order, walk in other steps and read in other sizes.
//
//   Tread, Twrite      by path and bytes (sim/session/recorded_content.h), and the file's end
//   Treaddir, Tread of a directory    by path and cookie: entry by entry
//   Twalk              name by name: which path is there, with which qid
//   Tgetattr           by path, where what was recorded has the attributes that are asked for
//   all others         by their meaning (request_meaning.h): the nth time as it was answered the nth time
//
// What the client changes (creates, writes, removes) has been recorded, or is not answered. An answer that
// the recorded client got behind a change is given once that change has been made here, too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/request_meaning.h"
#include "sim/session/recorded_content.h"
#include "sim/session/recorded_sequence.h"

namespace ringside {

class NinePRecording {
 public:
  // --- Learning: all messages in their order ---
  void learn(std::span<const uint8_t> message, uint32_t full_size);
  // The answer with this tag was lost, or was made an error, by a fault.
  void forget(uint16_t tag);
  void fail(uint16_t tag);

  // Nothing where the conversation has no Rversion of this dialect; else the largest msize that was agreed
  // on.
  std::optional<uint32_t> msize_of(NinePDialect dialect) const;
  size_t requests() const { return requests_; }

  // --- Answering ---
  // An R message without its tag, or that there is none.
  struct Answer {
    enum class Kind : uint8_t { message, error, unknown };
    Kind kind = Kind::unknown;
    std::vector<uint8_t> message;  // type and body; the tag is the caller's
    int error = 0;                 // errno
    std::string text;              // of an Rerror; empty: that of `error`
    std::string why = {};          // unknown: what the recording has instead, for people
  };
  // A request that is sound and whose fids are known. `bytes_max`: of the whole answer.
  Answer answer(const NinePMeaning& request, NinePDialect dialect, uint32_t bytes_max);
  bool is_directory(const std::string& path) const { return directories_.contains(path); }

  // A hash over what was asked and answered.
  uint64_t history_hash() const { return history_hash_; }

 private:
  static constexpr size_t kQidBytes = ninep::qid_bytes;
  struct Place {  // what a walk finds under a path
    std::optional<std::array<uint8_t, kQidBytes>> qid;
    int error = 0;
    std::string text;
    bool operator==(const Place&) const = default;
  };
  struct Listing {
    struct Entry {
      std::vector<uint8_t> bytes;
      uint64_t next;
    };
    std::map<uint64_t, Entry> entries;  // by the cookie that it is asked with
    std::set<uint64_t> ends;
    bool operator==(const Listing&) const { return false; }
  };
  struct Given {
    std::vector<uint8_t> message;  // type, tag (zero) and body
    std::optional<uint32_t> change;
    uint64_t request_mask = 0;  // Tgetattr
    bool operator==(const Given&) const = default;
  };
  struct Change {
    std::vector<std::string> paths;
    bool done = false;
    uint64_t offset = 0, left = 0;  // of a Twrite: bytes that have not been written yet
  };
  struct Asked {  // while its answer is awaited
    std::vector<uint8_t> message;
    bool fails = false;
  };

  // --- recording.cpp: learning ---
  void learn_answer(const Asked& asked, std::span<const uint8_t> answer, bool whole);
  void learn_walk(const NinePMeaning& asked, const NinePValues& answer, bool failed);
  void learn_read(const NinePMeaning& asked, const NinePValues& answer);
  void learn_entries(const NinePMeaning& asked, std::span<const uint8_t> entries, bool stat);
  void learn_size(const std::string& path, uint64_t size);
  void learn_attributes(const NinePMeaning& asked, const NinePValues& answer);
  void learn_qid(const std::string& path, std::span<const uint8_t> qid);
  uint32_t add_change(const NinePMeaning& asked);
  uint32_t position() const { return static_cast<uint32_t>(changes_.size()); }

  // --- recording_answers.cpp ---
  RecordedChanges between(const std::string& path, uint32_t from, uint32_t to) const;
  Answer walk(const NinePMeaning& request);
  Answer read(const NinePMeaning& request, uint32_t count);
  Answer list(const NinePMeaning& request, uint32_t count, bool stat);
  Answer write(const NinePMeaning& request);
  Answer other(const NinePMeaning& request, uint32_t bytes_max);
  void wrote(const std::string& path, uint64_t offset, uint64_t length);

  FidPaths recorded_paths_;
  std::map<uint16_t, Asked> asked_;
  size_t requests_ = 0;
  std::map<NinePDialect, uint32_t> msizes_;
  std::map<std::string, RecordedSequence<Place>> places_;
  std::map<std::string, RecordedContent> contents_;
  std::map<std::string, RecordedSequence<uint64_t>> sizes_;
  std::map<std::string, RecordedSequence<Listing>> listings_;  // "stat" or "dirent", and the path
  std::map<std::string, RecordedSequence<Given>> given_;       // by dialect and key
  std::set<std::string> directories_;
  std::vector<Change> changes_;
  std::map<std::string, std::vector<uint32_t>> changes_of_;  // by path, rising
  uint64_t history_hash_ = 0;
};

}  // namespace ringside

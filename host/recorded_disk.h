// A disk that is a recording: answers reads, writes, flushes and discards from the operations of a session
// ("image/<disk>/data"), by operation and sector. A read that is split or merged otherwise is answered where
// the recorded ones cover it; a write must be the recorded one at those sectors; what changes with a write is
// given once that has been made (sim/session/recorded_content.h). What the recording cannot answer gets an
// I/O error, a notice that names it, and a place in the run's list.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/disk_source.h"
#include "host/payloads.h"
#include "sim/notice.h"
#include "sim/session/recorded_content.h"
#include "sim/session/recorded_sequence.h"
#include "sim/session/unanswered.h"

namespace ringside {

// What is learnt of a disk.
struct DiskRecording {
  RecordedContent content;
  RecordedSequence<bool> flushes;  // whether each went well
  uint64_t sectors = 0;            // of the disk, when the first operation was done; 0: there was none

  // A payload of "image/<disk>/data". False where it is none.
  bool learn(std::span<const uint8_t> payload);
};

class RecordedDisk final : public DiskSource {
 public:
  // `name` is "disk/xvda", `source` the session, for messages.
  RecordedDisk(std::string name, std::string source, DiskRecording recording, UnansweredRequests& unanswered,
               Wiring& wiring);

  DiskImage::Status read(uint64_t offset, std::span<uint8_t> into) override;
  DiskImage::Status write(uint64_t offset, std::span<const uint8_t> from) override;
  DiskImage::Status discard(uint64_t offset, uint64_t bytes) override;
  DiskImage::Status flush() override;

  void visit_state(StateVisitor& visitor) const override;

 private:
  DiskImage::Status judge(const char* operation, uint64_t offset, uint64_t bytes,
                          const RecordedContent::Answer& answer);
  DiskImage::Status cannot_answer(const std::string& request, const std::string& why);

  const std::string name_, source_;
  DiskRecording recording_;
  UnansweredRequests& unanswered_;
  Notices notices_;
  uint64_t flushed_ = 0;
};

}  // namespace ringside

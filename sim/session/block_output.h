// The file that a session is written to. Blocks gather in a buffer; flush() hands them to the operating
// system (no fsync: a killed process loses nothing that was flushed, a host that loses power may).
//
// After a fork the file belongs to the process that created it: a child's writes go nowhere, unless it takes
// the file over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/result.h"

namespace ringside {

class BlockOutput {
 public:
  BlockOutput() = default;
  ~BlockOutput();
  BlockOutput(const BlockOutput&) = delete;
  BlockOutput& operator=(const BlockOutput&) = delete;

  // An existing file is replaced.
  Result<> open(const std::string& path);
  // Room for one block, zeroed, valid until the next call. Does not allocate once the buffer has grown.
  std::span<uint8_t> append(size_t size);
  // Hands the buffered blocks over; what is in the file now is kept whatever fails later.
  // `epochs` is how many are complete with it, for the message of a later failure.
  void flush(uint64_t epochs);
  Result<> close();
  // From a child, whose parent writes no more: the file is its own now, and so is what was not written yet.
  void take_over();
  // From a child whose parent writes on: this file, a copy of what was flushed before the fork, is its own.
  Result<> continue_in(const std::string& copy);

  // What cannot be written for a reason that is not the host's. Keeps the first failure only.
  void refuse(std::string message);
  const Result<>& status() const { return status_; }

 private:
  void write_buffer();
  void fail(int error);

  std::string path_;
  int file_ = -1;
  pid_t owner_ = 0;
  std::vector<uint8_t> buffer_;
  uint64_t written_ = 0;  // bytes in the file
  uint64_t kept_ = 0;     // bytes in the file at the last complete flush
  uint64_t kept_epochs_ = 0;
  Result<> status_;
};

}  // namespace ringside

// Writes every frame of a segment into a pcap file with stamps in nanoseconds (magic 0xa1b23c4d), which count
// virtual time from 1970: equal runs give equal bytes. It monitors the switch: it hears all frames, whoever
// they are for, when they have passed it.
//
// The file is written a buffer at a time. When that fails, the first error is kept for close(), and the rest
// of the frames go nowhere. After a fork only the process that created the file writes to it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "host/network/network.h"
#include "sim/result.h"

namespace ringside {

class PcapWriter {
 public:
  // An existing file is replaced. Takes the port's receiver.
  static Result<std::unique_ptr<PcapWriter>> create(const std::string& path, SwitchPort& port,
                                                    const Clock& clock);
  // Writes what is left, without a word about failures: close() says them.
  ~PcapWriter();
  PcapWriter(const PcapWriter&) = delete;
  PcapWriter& operator=(const PcapWriter&) = delete;

  Result<> close();
  uint64_t frames() const { return frames_; }

 private:
  PcapWriter(std::string path, int file, SwitchPort& port, const Clock& clock);
  void write(std::span<const uint8_t> frame);
  void flush();

  const std::string path_;
  int file_;
  const pid_t owner_;
  SwitchPort& port_;
  const Clock& clock_;
  std::vector<uint8_t> buffer_;
  uint64_t frames_ = 0;
  uint64_t written_ = 0;  // bytes
  Result<> status_;
};

}  // namespace ringside

// Reads what others have captured: pcap files (with microseconds or nanoseconds, in either byte order) and
// pcapng files, of Ethernet frames. The file is a stranger's, so that every length in it is checked; an error
// says which file, where in it, and what to do.
//
// Facts are from draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "sim/tick.h"

namespace ringside {

struct CapturedFrame {
  Tick at;  // since the earliest frame of the file
  std::vector<uint8_t> bytes;
};

// In the order of their times; equal times in the order of the file.
Result<std::vector<CapturedFrame>> read_capture(const std::string& path);
// The same of a file that is in memory; `name` is for messages.
Result<std::vector<CapturedFrame>> parse_capture(std::span<const uint8_t> file, std::string_view name);

}  // namespace ringside

// Whole files of the host, in memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/result.h"

namespace ringside {

// Errors name the file; more than 1 GiB is refused.
Result<std::vector<uint8_t>> read_whole_file(const std::string& path);

// A path under which this process can open these bytes: an anonymous file, gone with the process.
Result<std::string> path_of_contents(const std::string& name, const std::vector<uint8_t>& contents);

// The same for so many zeros.
Result<std::string> path_of_zeros(const std::string& name, uint64_t bytes);

}  // namespace ringside

#include "machine/session_output.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>

namespace ringside {

Result<> check_session_output(const std::string& path) {
  // The type of a Section Header Block, with which every pcapng file begins (pcapng draft, section 4.1).
  constexpr std::array<char, 4> kSectionHeader{0x0a, 0x0d, 0x0d, 0x0a};
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) == 0)
    return {};
  std::ifstream stream(path, std::ios::binary);
  std::array<char, 4> begin{};
  if (stream.read(begin.data(), begin.size()) && begin == kSectionHeader) return {};
  return fail(
      fmt::format("'{}' is there and is no session; it stays as it is. Choose another file to record to, or "
                  "remove it first",
                  path));
}

}  // namespace ringside

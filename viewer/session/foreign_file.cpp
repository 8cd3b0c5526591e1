#include "viewer/session/foreign_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <span>
#include <string_view>

#include "sim/session/pcapng.h"

namespace ringside::viewer {

using namespace std::string_view_literals;

namespace {

constexpr std::string_view kRecord = "record one with 'ringside run SCENARIO -o FILE'";

struct Magic {
  std::string_view bytes, what, advice;
};
constexpr std::array kMagics = {
    Magic{"\x7f"
          "ELF"sv,
          "a program or kernel (ELF)", kRecord},
    Magic{"MZ"sv, "a program or kernel (PE, bzImage)", kRecord},
    Magic{"\xd4\xc3\xb2\xa1"sv, "a pcap capture of another program", kRecord},
    Magic{"\xa1\xb2\xc3\xd4"sv, "a pcap capture of another program", kRecord},
    Magic{"\x4d\x3c\xb2\xa1"sv, "a pcap capture of another program", kRecord},
    Magic{"\xa1\xb2\x3c\x4d"sv, "a pcap capture of another program", kRecord},
    Magic{"\x1f\x8b"sv, "compressed (gzip)", "unpack it first"},
    Magic{"\xfd"
          "7zXZ\0"sv,
          "compressed (xz)", "unpack it first"},
    Magic{"\x28\xb5\x2f\xfd"sv, "compressed (zstd)", "unpack it first"},
    Magic{"BZh"sv, "compressed (bzip2)", "unpack it first"},
    Magic{"PK\x03\x04"sv, "an archive (zip)", "unpack it first"},
    Magic{"\x89PNG"sv, "a picture (PNG)", kRecord},
    Magic{"QFI\xfb"sv, "a disk image (qcow2)", kRecord},
    Magic{"!<arch>\n"sv, "an archive of object files", kRecord},
};

// A section header of a session has our seal as its first option.
bool is_another_pcapng(std::span<const uint8_t> begin) {
  using namespace pcapng;
  if (begin.size() < 12 || load<uint32_t>(begin.data()) != section_header) return false;
  const auto order = load<uint32_t>(&begin[8]);
  if (order != kByteOrderMagic) return order == __builtin_bswap32(kByteOrderMagic);
  return begin.size() >= kSectionOptions + 8 && (load<uint16_t>(&begin[kSectionOptions]) != custom_binary ||
                                                 load<uint32_t>(&begin[kSectionOptions + 4]) != kEnterprise);
}

bool is_text(std::span<const uint8_t> begin) {
  return !begin.empty() && std::all_of(begin.begin(), begin.end(), [](uint8_t byte) {
    return byte >= 0x20 || byte == '\n' || byte == '\r' || byte == '\t';
  });
}

}  // namespace

std::optional<std::string> foreign_file(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return std::nullopt;
  if (S_ISDIR(info.st_mode)) return fmt::format("is a folder, not a session; {}", kRecord);
  if (!S_ISREG(info.st_mode)) return std::nullopt;
  std::array<uint8_t, 512> buffer{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(buffer.data()), buffer.size());
  const std::span<const uint8_t> begin(buffer.data(), static_cast<size_t>(file.gcount()));
  const std::string_view text(reinterpret_cast<const char*>(begin.data()), begin.size());
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes))
      return fmt::format("is {}, not a session; {}", magic.what, magic.advice);
  }
  if (is_another_pcapng(begin)) {
    return fmt::format(
        "is a pcapng capture of another program, or a session that one has rewritten, and has nothing of "
        "Ringside's; {}, or open the session that was written first",
        kRecord);
  }
  if (is_text(begin)) {
    const bool is_scenario = text.find("[domain") != text.npos || text.find("[machine") != text.npos;
    return fmt::format("is a text{}, not a session; {}",
                       is_scenario ? " (a scenario: give its folder, and it runs)" : "", kRecord);
  }
  return std::nullopt;
}

}  // namespace ringside::viewer

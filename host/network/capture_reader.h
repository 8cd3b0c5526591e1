// What the readers of both capture formats share. Private to host/network/.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "host/network/capture_file.h"
#include "host/network/network.h"

namespace ringside::capture {

// Picoseconds since 1970, which 64 bits do not hold.
using Time = __int128;
inline constexpr Time kPicosecondsPerSecond = 1'000'000'000'000;
inline constexpr uint32_t kPcapngSection = 0x0a0d0d0a;

struct TimedFrame {
  Time time;
  size_t offset;  // in the file
  std::vector<uint8_t> bytes;
};

// A file whose numbers are in one byte order or the other. The caller checks that what it reads is there.
class Reader {
 public:
  Reader(std::span<const uint8_t> file, std::string_view name, bool big_endian)
      : file_(file), name_(name), big_endian_(big_endian) {}

  size_t size() const { return file_.size(); }
  std::span<const uint8_t> bytes(size_t at, size_t count) const { return file_.subspan(at, count); }
  uint16_t u16(size_t at) const { return static_cast<uint16_t>(number(at, 2)); }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(number(at, 4)); }
  uint64_t u64(size_t at) const { return number(at, 8); }
  void set_big_endian(bool on) { big_endian_ = on; }

  tl::unexpected<Error> wrong(size_t at, const std::string& what, const std::string& remedy) const {
    return fail(fmt::format("{}: at byte {}: {}; {}", name_, at, what, remedy));
  }
  tl::unexpected<Error> cut(size_t at) const {
    return wrong(at, "the file ends within a record",
                 "it was cut or is damaged: `editcap` saves what is whole");
  }

 private:
  uint64_t number(size_t at, unsigned size) const {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; ++i)
      value |= uint64_t{file_[at + (big_endian_ ? size - 1 - i : i)]} << (8 * i);
    return value;
  }

  std::span<const uint8_t> file_;
  std::string_view name_;
  bool big_endian_;
};

Result<> check_link_type(const Reader& reader, size_t at, uint32_t link_type);
// Checks the frame's length too. `original_length`: as it was on the line.
Result<> add_frame(const Reader& reader, size_t at, std::span<const uint8_t> bytes, uint32_t original_length,
                   Time time, std::vector<TimedFrame>& frames);
Result<> parse_pcapng(Reader reader, std::vector<TimedFrame>& frames);

}  // namespace ringside::capture

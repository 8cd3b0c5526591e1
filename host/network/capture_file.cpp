// The file and its magic, classic pcap, and what both formats share. pcapng is in capture_pcapng.cpp.
#include "host/network/capture_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "host/network/capture_reader.h"

namespace ringside {

namespace capture {

constexpr size_t kFileBytesMax = size_t{1} << 30;
constexpr uint16_t kEthernet = 1;

// Classic pcap: draft-ietf-opsawg-pcap, 4 and 5.
constexpr uint32_t kMicroseconds = 0xa1b2c3d4, kNanoseconds = 0xa1b23c4d;
constexpr size_t kFileHeader = 24, kRecordHeader = 16;
constexpr uint32_t kHasFcsLength = 1u << 26;

Result<> check_link_type(const Reader& reader, size_t at, uint32_t link_type) {
  if (link_type == kEthernet) return {};
  return reader.wrong(at, fmt::format("frames of link type {}, not of Ethernet (1)", link_type),
                      "capture on an Ethernet interface (not `any`, which makes \"cooked\" frames)");
}

Result<> add_frame(const Reader& reader, size_t at, std::span<const uint8_t> bytes, uint32_t original_length,
                   Time time, std::vector<TimedFrame>& frames) {
  const size_t number = frames.size() + 1;
  if (bytes.size() < original_length) {
    return reader.wrong(at,
                        fmt::format("frame {} has {} of its {} bytes", number, bytes.size(), original_length),
                        "capture whole frames (`tcpdump -s 0`)");
  }
  if (bytes.size() < EthernetSwitch::kFrameBytesMin || bytes.size() > EthernetSwitch::kFrameBytesMax) {
    return reader.wrong(at,
                        fmt::format("frame {} has {} bytes, and Ethernet has {} to {}", number, bytes.size(),
                                    EthernetSwitch::kFrameBytesMin, EthernetSwitch::kFrameBytesMax),
                        "take it out (`editcap` deletes frames by number)");
  }
  frames.push_back({time, at, {bytes.begin(), bytes.end()}});
  return {};
}

namespace {

Result<> parse_classic(const Reader& reader, uint32_t magic, std::vector<TimedFrame>& frames) {
  if (reader.size() < kFileHeader) return reader.cut(0);
  if (const uint16_t version = reader.u16(4); version != 2) {
    return reader.wrong(4, fmt::format("pcap of version {}.{}, not 2.4", version, reader.u16(6)),
                        "convert it with `editcap -F pcap`");
  }
  const uint32_t network = reader.u32(20);
  SIM_TRY(check_link_type(reader, 20, network & 0xffff));
  const size_t fcs_bytes = (network & kHasFcsLength) != 0 ? (network >> 28) * 2 : 0;
  const uint32_t units = magic == kNanoseconds ? 1'000'000'000 : 1'000'000;
  for (size_t at = kFileHeader; at < reader.size();) {
    if (reader.size() - at < kRecordHeader) return reader.cut(at);
    const uint32_t fraction = reader.u32(at + 4), captured = reader.u32(at + 8),
                   original = reader.u32(at + 12);
    if (fraction >= units) {
      return reader.wrong(
          at + 4,
          fmt::format("frame {} has {} parts of a second that has {}", frames.size() + 1, fraction, units),
          "capture it anew");
    }
    if (reader.size() - at - kRecordHeader < captured) return reader.cut(at);
    const size_t kept = captured - std::min<size_t>(captured, fcs_bytes);
    const auto whole = original - std::min<uint32_t>(original, static_cast<uint32_t>(fcs_bytes));
    const Time time =
        Time{reader.u32(at)} * kPicosecondsPerSecond + Time{fraction} * (kPicosecondsPerSecond / units);
    SIM_TRY(add_frame(reader, at, reader.bytes(at + kRecordHeader, kept), whole, time, frames));
    at += kRecordHeader + captured;
  }
  return {};
}

uint32_t swapped(uint32_t value) { return __builtin_bswap32(value); }

}  // namespace
}  // namespace capture

Result<std::vector<CapturedFrame>> parse_capture(std::span<const uint8_t> file, std::string_view name) {
  using namespace capture;
  if (file.size() < 4) {
    return fail(fmt::format("{}: {} bytes are no capture; name a pcap or pcapng file", name, file.size()));
  }
  uint32_t magic = 0;
  std::memcpy(&magic, file.data(), sizeof magic);
  std::vector<TimedFrame> frames;
  if (magic == kPcapngSection) {
    SIM_TRY(parse_pcapng(Reader(file, name, false), frames));
  } else if (magic == kMicroseconds || magic == kNanoseconds) {
    SIM_TRY(parse_classic(Reader(file, name, false), magic, frames));
  } else if (swapped(magic) == kMicroseconds || swapped(magic) == kNanoseconds) {
    SIM_TRY(parse_classic(Reader(file, name, true), swapped(magic), frames));
  } else {
    return fail(
        fmt::format("{}: begins with {:#010x}, which is neither pcap nor pcapng; save the capture as one "
                    "of them (unpack it if it is compressed)",
                    name, magic));
  }
  std::stable_sort(frames.begin(), frames.end(),
                   [](const TimedFrame& a, const TimedFrame& b) { return a.time < b.time; });
  std::vector<CapturedFrame> result;
  result.reserve(frames.size());
  for (TimedFrame& frame : frames) {
    const Time since = frame.time - frames.front().time;
    if (since >= Time{Tick::never().ps}) {
      return Reader(file, name, false)
          .wrong(frame.offset, "a frame more than 213 days behind the first one",
                 "correct its time (`editcap -t`)");
    }
    result.push_back({Tick{static_cast<uint64_t>(since)}, std::move(frame.bytes)});
  }
  return result;
}

Result<std::vector<CapturedFrame>> read_capture(const std::string& path) {
  const auto failed = [&](const char* what) {
    return fail(fmt::format("{}: cannot be {}: {}", path, what, std::strerror(errno)));
  };
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return failed("opened");
  std::vector<uint8_t> contents;
  constexpr size_t kChunk = 1 << 20;
  for (;;) {
    const size_t have = contents.size();
    contents.resize(have + kChunk);
    const size_t got = std::fread(contents.data() + have, 1, kChunk, file.get());
    contents.resize(have + got);
    if (std::ferror(file.get()) != 0) return failed("read");
    if (got < kChunk) break;
    if (contents.size() > capture::kFileBytesMax) {
      return fail(fmt::format("{}: larger than 1 GiB; cut it with `editcap -c`", path));
    }
  }
  return parse_capture(contents, path);
}

}  // namespace ringside

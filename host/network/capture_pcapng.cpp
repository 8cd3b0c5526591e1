// pcapng: sections, interfaces and packets (draft-ietf-opsawg-pcapng 4.1 to 4.4). Everything else is skipped.
#include "host/network/capture_reader.h"

namespace ringside::capture {

namespace {

constexpr uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1, kPacket = 2, kSimplePacket = 3, kEnhancedPacket = 6;
constexpr uint32_t kBlockBytesMax = 16u << 20;  // Wireshark refuses larger ones
constexpr size_t kBlockOverhead = 12;           // type and both lengths

namespace option {
constexpr uint16_t end = 0, resolution = 9, offset_seconds = 14, fcs_length = 13;
}

struct Interface {
  uint16_t link_type = 0;
  uint8_t resolution = 6;  // 10 to the power of minus this; with bit 7, 2
  int64_t offset_seconds = 0;
  uint8_t fcs_bytes = 0;
};

class PcapngParser {
 public:
  PcapngParser(Reader reader, std::vector<TimedFrame>& frames) : reader_(reader), frames_(frames) {}

  Result<> parse() {
    for (size_t at = 0; at < reader_.size();) {
      if (reader_.size() - at < kBlockOverhead) return reader_.cut(at);
      // A section's type reads the same in both orders; its magic says which one holds from here on.
      const bool section = reader_.u32(at) == kPcapngSection;
      if (section) SIM_TRY(begin_section(at));
      const uint32_t length = reader_.u32(at + 4);
      if (length < kBlockOverhead || length % 4 != 0 || length > kBlockBytesMax) {
        return damaged(at, fmt::format("a block of {} bytes", length));
      }
      if (reader_.size() - at < length) return reader_.cut(at);
      if (reader_.u32(at + length - 4) != length) return damaged(at, "a block whose two lengths differ");
      if (!section) SIM_TRY(parse_block(reader_.u32(at), at, length));
      at += length;
    }
    return {};
  }

 private:
  tl::unexpected<Error> damaged(size_t at, const std::string& what) const {
    return reader_.wrong(at, what, "the file is damaged: `editcap` saves what is whole");
  }

  Result<> begin_section(size_t at) {
    if (reader_.size() - at < 28) return reader_.cut(at);
    reader_.set_big_endian(false);
    if (reader_.u32(at + 8) != kByteOrderMagic) reader_.set_big_endian(true);
    if (reader_.u32(at + 8) != kByteOrderMagic) return damaged(at, "a section without its byte-order magic");
    if (const uint16_t major = reader_.u16(at + 12); major != 1) {
      return reader_.wrong(at, fmt::format("a section of version {}, not 1", major),
                           "convert it with `editcap -F pcap`");
    }
    interfaces_.clear();
    return {};
  }

  Result<> parse_block(uint32_t type, size_t at, uint32_t length) {
    switch (type) {
      case kInterface: return parse_interface(at, length);
      case kEnhancedPacket: return parse_packet(at, length);
      case kPacket:
      case kSimplePacket:
        return reader_.wrong(at, "a packet block of an old kind or without a time",
                             "convert it with `editcap -F pcap`");
      default: return {};
    }
  }

  Result<> parse_interface(size_t at, uint32_t length) {
    if (length < kBlockOverhead + 8) return damaged(at, "an interface block that is too short");
    Interface interface;
    interface.link_type = reader_.u16(at + 8);
    const size_t end = at + length - 4;
    for (size_t place = at + 16; end - place >= 4;) {
      const uint16_t code = reader_.u16(place), size = reader_.u16(place + 2);
      if (code == option::end) break;
      const size_t padded = (size_t{size} + 3) & ~size_t{3};
      if (end - place - 4 < padded) return damaged(place, "an option that is longer than its block");
      if (code == option::resolution && size == 1) interface.resolution = reader_.bytes(place + 4, 1)[0];
      if (code == option::offset_seconds && size == 8) {
        interface.offset_seconds = static_cast<int64_t>(reader_.u64(place + 4));
      }
      if (code == option::fcs_length && size == 1) interface.fcs_bytes = reader_.bytes(place + 4, 1)[0];
      place += 4 + padded;
    }
    const unsigned power = interface.resolution & 0x7f;
    if (power > ((interface.resolution & 0x80) != 0 ? 63u : 18u)) {
      return damaged(
          at, fmt::format("an interface whose stamps have the resolution {:#04x}", interface.resolution));
    }
    interfaces_.push_back(interface);
    return {};
  }

  Result<> parse_packet(size_t at, uint32_t length) {
    constexpr size_t kData = 28;
    if (length < kData + 4) return damaged(at, "a packet block that is too short");
    const uint32_t number = reader_.u32(at + 8), captured = reader_.u32(at + 20),
                   original = reader_.u32(at + 24);
    if (number >= interfaces_.size())
      return damaged(at, fmt::format("a packet of interface {}, which is unknown", number));
    const Interface& interface = interfaces_[number];
    SIM_TRY(check_link_type(reader_, at, interface.link_type));
    if (captured > length - kData - 4) return damaged(at, "a packet that is longer than its block");
    const uint64_t stamp = uint64_t{reader_.u32(at + 12)} << 32 | reader_.u32(at + 16);
    const Time time =
        picoseconds(stamp, interface.resolution) + Time{interface.offset_seconds} * kPicosecondsPerSecond;
    const uint32_t fcs = interface.fcs_bytes;
    return add_frame(reader_, at, reader_.bytes(at + kData, captured - std::min(captured, fcs)),
                     original - std::min(original, fcs), time, frames_);
  }

  static Time picoseconds(uint64_t stamp, uint8_t resolution) {
    const unsigned power = resolution & 0x7f;
    if ((resolution & 0x80) != 0) return (Time{stamp} * kPicosecondsPerSecond) >> power;
    Time time = stamp;
    for (unsigned i = power; i < 12; ++i) time *= 10;
    for (unsigned i = 12; i < power; ++i) time /= 10;
    return time;
  }

  Reader reader_;
  std::vector<TimedFrame>& frames_;
  std::vector<Interface> interfaces_;
};

}  // namespace

Result<> parse_pcapng(Reader reader, std::vector<TimedFrame>& frames) {
  return PcapngParser(reader, frames).parse();
}

}  // namespace ringside::capture

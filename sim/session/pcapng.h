// The pcapng layer: block types, the checksum that seals every block, and the rule that tells a block that
// was cut from one that was damaged. Facts are from the pcapng draft (draft-ietf-opsawg-pcapng): sections
// 3.5 (options), 4.1 (section header), 4.2 (interface description), 4.3 (enhanced packet), 4.7 (custom
// block). What stands inside is ours: docs/session-format.md.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringside::pcapng {

static_assert(std::endian::native == std::endian::little,
              "session files are written in the host's byte order");

enum BlockType : uint32_t {
  section_header = 0x0A0D0D0A,
  interface_description = 1,
  enhanced_packet = 6,
  // The kind that a program which rewrites the file should not copy: what it wrote is another session.
  custom = 0x40000BAD,
};

// RFC 5612: the enterprise number that is free for use in examples.
inline constexpr uint32_t kEnterprise = 32473;

enum OptionCode : uint16_t {
  end_of_options = 0,
  user_application = 4,  // section header
  interface_name = 2,
  interface_text = 3,
  stamp_resolution = 9,
  custom_binary = 19373,  // not to be copied when the block is changed
};

inline constexpr uint32_t kByteOrderMagic = 0x1A2B3C4D;
inline constexpr uint32_t kSealOptionSize = 20;    // code, length, enterprise, checksum, block length
inline constexpr uint32_t kSectionOptions = 24;    // offset of the options of a section header
inline constexpr uint32_t kInterfaceOptions = 16;  // offset of the options of an interface description
inline constexpr uint32_t kPacketData = 28;        // offset of the packet in an enhanced packet
inline constexpr uint32_t kCustomChecksum = 12;
inline constexpr uint32_t kCustomKind = 20;
inline constexpr uint32_t kCustomVersion = 22;
inline constexpr uint32_t kCustomBodySize = 24;
inline constexpr uint32_t kCustomBody = 28;
inline constexpr uint32_t kBlockSizeMax = 8u << 20;  // Wireshark refuses blocks of more than 16 MiB
inline constexpr uint32_t kPacketSizeMax = 262144;   // Wireshark's limit (WTAP_MAX_PACKET_SIZE_STANDARD)

constexpr uint32_t padded(uint32_t size) { return (size + 3) & ~3u; }

template <class Number>
Number load(const uint8_t* from) {
  Number value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class Number>
void store(uint8_t* to, Number value) {
  std::memcpy(to, &value, sizeof value);
}

std::string_view block_kind(uint32_t type);
bool known_type(uint32_t type);

// Writes type and both lengths of a zeroed block.
void frame_block(std::span<uint8_t> block, BlockType type);
// Writes the seal option (its code, length, enterprise number and block length) at `option`; `extra` bytes of
// ours follow it inside the option.
void place_seal(std::span<uint8_t> block, uint32_t option, uint16_t extra);
// Computes the checksum over the block and puts it at `place`, where zeros stand.
void seal(std::span<uint8_t> block, uint32_t place);

// Where the checksum of a block stands; nothing when the visible bytes do not say, or say nonsense.
std::optional<uint32_t> checksum_place(uint32_t type, std::span<const uint8_t> block);

// For a block whose first bytes alone are there (`visible`, at least 8, shorter than its length says): why
// they cannot be the beginning of a sound block; nothing when they can.
std::optional<std::string> not_a_prefix(std::span<const uint8_t> visible);
// The same for less than 8 bytes.
bool starts_a_block(std::span<const uint8_t> visible);

// Why a complete block is not sound; nothing when it is. Lengths are checked by the caller.
std::optional<std::string> unsound(std::span<uint8_t> block);

}  // namespace ringside::pcapng

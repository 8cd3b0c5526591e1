#include "sim/session/pcapng.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/hash.h"

namespace ringside::pcapng {

namespace {

constexpr std::array kTypes = {section_header, interface_description, enhanced_packet, custom};

uint32_t smallest_block(uint32_t type) {
  switch (type) {
    case section_header: return kSectionOptions + kSealOptionSize + 8;
    case interface_description: return kInterfaceOptions + kSealOptionSize + 8;
    case enhanced_packet: return kPacketData + kSealOptionSize + 8;
    default: return kCustomBody + 4;
  }
}

// Offset of the seal option; nothing for custom blocks, or when the packet's length is not visible.
std::optional<uint32_t> seal_option(uint32_t type, std::span<const uint8_t> visible) {
  switch (type) {
    case section_header: return kSectionOptions;
    case interface_description: return kInterfaceOptions;
    case enhanced_packet: {
      if (visible.size() < kPacketData) return std::nullopt;
      const auto captured = load<uint32_t>(&visible[20]);
      if (captured > kPacketSizeMax) return std::nullopt;
      return kPacketData + padded(captured);
    }
    default: return std::nullopt;
  }
}

// The length that stands inside the sealed part, a second time; nothing when it is not visible.
std::optional<uint32_t> inner_length(uint32_t type, std::span<const uint8_t> visible) {
  if (type == custom) {
    if (visible.size() < kCustomBody) return std::nullopt;
    const auto body = load<uint32_t>(&visible[kCustomBodySize]);
    return body > kBlockSizeMax ? 0 : kCustomBody + padded(body) + 4;
  }
  const auto option = seal_option(type, visible);
  if (!option || visible.size() < *option + kSealOptionSize) return std::nullopt;
  return load<uint32_t>(&visible[*option + 16]);
}

}  // namespace

std::string_view block_kind(uint32_t type) {
  switch (type) {
    case section_header: return "section header block";
    case interface_description: return "interface block";
    case enhanced_packet: return "packet block";
    case custom: return "custom block";
    default: return "unknown block";
  }
}

bool known_type(uint32_t type) { return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end(); }

void frame_block(std::span<uint8_t> block, BlockType type) {
  const auto length = static_cast<uint32_t>(block.size());
  store<uint32_t>(&block[0], type);
  store<uint32_t>(&block[4], length);
  store<uint32_t>(&block[block.size() - 4], length);
}

void place_seal(std::span<uint8_t> block, uint32_t option, uint16_t extra) {
  store<uint16_t>(&block[option], custom_binary);
  store<uint16_t>(&block[option + 2], static_cast<uint16_t>(kSealOptionSize - 4 + extra));
  store<uint32_t>(&block[option + 4], kEnterprise);
  store<uint32_t>(&block[option + 16], static_cast<uint32_t>(block.size()));
}

void seal(std::span<uint8_t> block, uint32_t place) { store<uint64_t>(&block[place], hash64(block)); }

std::optional<uint32_t> checksum_place(uint32_t type, std::span<const uint8_t> block) {
  if (type == custom) return kCustomChecksum;
  const auto option = seal_option(type, block);
  if (!option || block.size() < size_t{*option} + kSealOptionSize + 8) return std::nullopt;
  return *option + 8;
}

bool starts_a_block(std::span<const uint8_t> visible) {
  return std::any_of(kTypes.begin(), kTypes.end(), [&](BlockType type) {
    const uint32_t number = type;
    return std::memcmp(&number, visible.data(), std::min<size_t>(visible.size(), 4)) == 0;
  });
}

std::optional<std::string> not_a_prefix(std::span<const uint8_t> visible) {
  const auto type = load<uint32_t>(visible.data());
  const auto length = load<uint32_t>(&visible[4]);
  if (!known_type(type)) return fmt::format("its type {:#010x} is unknown", type);
  if (length % 4 != 0 || length < smallest_block(type) || length > kBlockSizeMax) {
    return fmt::format("its length {} is impossible", length);
  }
  if (type == enhanced_packet && visible.size() >= 24) {
    const auto captured = load<uint32_t>(&visible[20]);
    if (captured > kPacketSizeMax || smallest_block(type) + padded(captured) > length) {
      return fmt::format("a packet of {} bytes does not fit its length {}", captured, length);
    }
  }
  if (const auto inner = inner_length(type, visible); inner && *inner != length) {
    return fmt::format("its length {} contradicts its contents", length);
  }
  return std::nullopt;
}

std::optional<std::string> unsound(std::span<uint8_t> block) {
  if (auto why = not_a_prefix(block)) return why;
  if (load<uint32_t>(&block[block.size() - 4]) != block.size()) return "its two lengths differ";
  const auto type = load<uint32_t>(block.data());
  const auto place = checksum_place(type, block);
  if (!place) return "it has no checksum";
  if (type == custom) {
    if (load<uint32_t>(&block[8]) != kEnterprise) return "it is not Ringside's";
  } else if (load<uint16_t>(&block[*place - 8]) != custom_binary ||
             load<uint32_t>(&block[*place - 4]) != kEnterprise) {
    return "it has no checksum";
  }
  const auto recorded = load<uint64_t>(&block[*place]);
  store<uint64_t>(&block[*place], 0);
  const uint64_t computed = hash64(block);
  store<uint64_t>(&block[*place], recorded);
  if (recorded != computed) return "its checksum does not match";
  return std::nullopt;
}

}  // namespace ringside::pcapng

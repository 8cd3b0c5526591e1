#include "devices/disk/identify.h"

#include <algorithm>
#include <string_view>

namespace ringside {

namespace {

using Words = std::array<uint16_t, 256>;

// Two characters a word, the first in the high byte, padded with blanks; what is not printable is a blank.
void put_text(Words& words, size_t first, size_t length, std::string_view text) {
  const auto character = [&](size_t at) -> unsigned {
    return at < text.size() && text[at] >= 0x20 && text[at] < 0x7f ? static_cast<unsigned>(text[at]) : ' ';
  };
  for (size_t i = 0; i < length; ++i) {
    words[first + i] = static_cast<uint16_t>(character(2 * i) << 8 | character(2 * i + 1));
  }
}

void put_number(Words& words, size_t first, size_t length, uint64_t value) {
  for (size_t i = 0; i < length; ++i) words[first + i] = static_cast<uint16_t>(value >> (16 * i));
}

void put_geometry(Words& words, const AtaIdentity& identity, const AtaSettings& settings) {
  const AtaGeometry standard = AtaGeometry::for_capacity(identity.capacity);
  words[1] = static_cast<uint16_t>(standard.cylinders);
  words[3] = static_cast<uint16_t>(standard.heads);
  words[6] = static_cast<uint16_t>(standard.sectors);
  const AtaGeometry& current = settings.translation;
  words[54] = static_cast<uint16_t>(current.cylinders);
  words[55] = static_cast<uint16_t>(current.heads);
  words[56] = static_cast<uint16_t>(current.sectors);
  put_number(words, 57, 2, current.addressable(identity.capacity));
  put_number(words, 60, 2, std::min(identity.capacity, kLba28Sectors));
  put_number(words, 100, 4, identity.capacity);
}

void put_modes(Words& words, const AtaTransferModes& modes) {
  words[51] = 0x0200;  // obsolete: PIO mode 2
  words[53] = 0x0007;  // words 54-58, 64-70 and 88 are valid
  words[63] = static_cast<uint16_t>(0x0007 | (modes.ultra ? 0 : 0x0100u << modes.dma));
  words[64] = 0x0003;                                            // PIO modes 3 and 4
  for (size_t word = 65; word <= 68; ++word) words[word] = 120;  // shortest cycles, in nanoseconds
  words[88] =
      static_cast<uint16_t>(((1u << (kUltraModeMax + 1)) - 1) | (modes.ultra ? 0x0100u << modes.dma : 0));
}

// Words 82-84 say what is there, 85-87 what is enabled.
void put_features(Words& words, const AtaSettings& settings) {
  words[80] = 0x00f0;  // ATA/ATAPI-4 to ATA/ATAPI-7
  words[81] = 0x001d;  // ANSI INCITS 397-2005, which is ATA/ATAPI-7 as published
  // NOP, READ BUFFER, WRITE BUFFER; look-ahead, write cache; power management. No SMART, no security, no HPA.
  words[82] = 0x7068;
  words[83] = 0x7400;  // FLUSH CACHE EXT, FLUSH CACHE, 48-bit addresses
  words[84] = 0x4040;  // WRITE DMA FUA EXT, WRITE MULTIPLE FUA EXT
  words[85] =
      static_cast<uint16_t>(0x7008 | (settings.look_ahead ? 0x40 : 0) | (settings.write_cache ? 0x20 : 0));
  words[86] = 0x3400;
  words[87] = 0x4040;
}

// Word 93: an 80-conductor cable, and what happened at reset. Each drive fills the half that is its own.
uint16_t reset_result(const AtaIdentity& identity) {
  constexpr uint16_t kValid80Conductor = 0x6000;
  if (identity.unit != 0) return kValid80Conductor | 0x0b00;  // number by jumper, asserted PDIAG-
  // Number by jumper, passed; then PDIAG- and DASP- seen, or that it answers for the absent device 1.
  return kValid80Conductor | 0x000b | (identity.other_present ? 0x0030 : 0x0040);
}

}  // namespace

Words identify_words(const AtaIdentity& identity, const AtaSettings& settings) {
  Words words{};
  words[0] = 0x0040;  // an ATA device that is not removable
  words[2] = 0xc837;  // complete as it is, no SET FEATURES needed to spin up
  put_text(words, 10, 10, identity.serial);
  put_text(words, 23, 4, identity.firmware);
  put_text(words, 27, 20, identity.model);
  words[47] = 0x8000 | kMultipleMax;
  words[49] = 0x2f00;  // the standard's standby timer; IORDY, which may be disabled; LBA; DMA
  words[50] = 0x4000;
  put_geometry(words, identity, settings);
  put_modes(words, settings.modes);
  words[59] = settings.multiple != 0 ? static_cast<uint16_t>(0x0100 | settings.multiple) : 0;
  put_features(words, settings);
  words[93] = reset_result(identity);
  // Word 255: the signature, and a checksum that makes the sum of all 512 bytes zero.
  uint8_t sum = 0xa5;
  for (const uint16_t word : words) sum = static_cast<uint8_t>(sum + (word & 0xff) + (word >> 8));
  words[255] = static_cast<uint16_t>(static_cast<uint8_t>(-sum) << 8 | 0xa5);
  return words;
}

}  // namespace ringside

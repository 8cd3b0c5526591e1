#include "boot/fw_cfg.h"

#include <fmt/format.h>

#include <algorithm>

#include "boot/acpi_loader.h"
#include "boot/bytes.h"
#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

// Keys of items that are no files.
enum Key : uint16_t {
  kSignature = 0x00,
  kId = 0x01,
  kRamSize = 0x03,
  kNoGraphic = 0x04,
  kProcessors = 0x05,
  kNuma = 0x0d,
  kBootMenu = 0x0e,
  kProcessorsMax = 0x0f,
  kDirectory = 0x19,
  kFirstFile = 0x20,
  kAcpiItems = 0x8000,
  kSmbiosItems = 0x8001,
  kIrq0Override = 0x8002,
  kE820Items = 0x8003,
};

constexpr uint64_t kDataOffset = 0x1;
constexpr uint64_t kDmaHigh = 0x4, kDmaLow = 0x8;
constexpr std::string_view kDmaSignature = "QEMU CFG";

// The control field of a DMA access, big-endian as all of it: the upper half is a key.
enum Control : uint32_t { kError = 1, kRead = 2, kSkip = 4, kSelect = 8, kWrite = 16 };
constexpr uint64_t kAccessBytes = 16;

template <class Number>
std::vector<uint8_t> little_endian(Number number) {
  return ByteTable().append(number).take();
}
template <class Number>
Number big_endian_at(std::span<const uint8_t> bytes, size_t offset) {
  Number number = 0;
  for (size_t i = 0; i < sizeof number; ++i) number = static_cast<Number>(number << 8 | bytes[offset + i]);
  return number;
}
std::vector<uint8_t> text_item(std::string_view text) { return {text.begin(), text.end()}; }

std::vector<uint8_t> e820_file(uint64_t memory_end) {
  ByteTable file;
  const auto add = [&file](uint64_t base, uint64_t length) {
    file.append(base).append(length).append(static_cast<uint32_t>(E820Type::ram));
  };
  add(0, std::min(memory_end, kPciWindow));
  if (memory_end > kFourGigabytes) add(kFourGigabytes, memory_end - kFourGigabytes);
  return file.take();
}

}  // namespace

FwCfg::FwCfg(const DeviceSite& site, const FwCfgConfig& config, DmaPort& dma) : site_(site), dma_(dma) {
  constexpr uint32_t kTraditionalAndDma = 3;
  add_item(kSignature, text_item("QEMU"));
  add_item(kId, little_endian(kTraditionalAndDma));
  add_item(kRamSize, little_endian(config.ram_bytes));
  // With it SeaBIOS takes COM1 for its own, shows its screen there and eats what is typed.
  add_item(kNoGraphic, little_endian(static_cast<uint16_t>(config.serial_console_port ? 1 : 0)));
  add_item(kProcessors, little_endian(uint16_t{1}));
  add_item(kProcessorsMax, little_endian(uint16_t{1}));
  add_item(kNuma, little_endian(uint64_t{0}));
  add_item(kBootMenu, little_endian(uint16_t{0}));  // no menu, and no wait for its key
  add_item(kAcpiItems, little_endian(uint16_t{0}));
  add_item(kSmbiosItems, little_endian(uint16_t{0}));
  add_item(kIrq0Override, little_endian(uint8_t{1}));
  add_item(kE820Items, little_endian(uint32_t{0}));
  add_file("etc/e820", e820_file(config.memory_end));
  // S3 and S4 are not there, S5 is SLP_TYP 0: bit 7 says that a state is supported.
  add_file("etc/system-states", {0x80, 0x00, 0x00, 0x01, 0x02, 0x80});
  if (config.acpi != nullptr) {
    const auto part = [&config](AcpiTables::Part which) {
      const auto bytes = config.acpi->bytes(which);
      return std::vector<uint8_t>(bytes.begin(), bytes.end());
    };
    add_file(std::string(kAcpiRootFile), part(AcpiTables::Part::root));
    add_file(std::string(kAcpiTablesFile), part(AcpiTables::Part::tables));
    add_file(std::string(kAcpiLoaderFile), acpi_loader_script(*config.acpi));
  }
  if (config.serial_console_port) add_file("etc/sercon-port", little_endian(*config.serial_console_port));
  if (!config.boot_order.empty()) add_file("bootorder", text_item(config.boot_order + '\0'));
  reset();
}

void FwCfg::add_item(uint16_t key, std::vector<uint8_t> contents) { items_[key] = std::move(contents); }

void FwCfg::add_file(const std::string& name, std::vector<uint8_t> contents) {
  constexpr size_t kNameMax = 55;
  SIM_ASSERT(name.size() <= kNameMax && !files_.contains(name));
  const auto key = static_cast<uint16_t>(kFirstFile + files_.size());
  files_[name] = key;
  add_item(key, std::move(contents));
  rebuild_directory();
}

// Big-endian: count; then size, key, two reserved bytes and the name of each, in the order of the names.
void FwCfg::rebuild_directory() {
  constexpr size_t kNameBytes = 56;
  ByteTable directory;
  directory.append(__builtin_bswap32(static_cast<uint32_t>(files_.size())));
  for (const auto& [name, key] : files_) {
    directory.append(__builtin_bswap32(static_cast<uint32_t>(items_[key].size())));
    directory.append(__builtin_bswap16(key)).append(uint16_t{0});
    directory.put_text(directory.size(), name, kNameBytes, '\0');
  }
  add_item(kDirectory, directory.take());
}

void FwCfg::reset() {
  dma_address_ = 0;
  select(kSignature);
}

void FwCfg::select(uint16_t key) {
  const auto item = items_.find(key);
  selected_ = item != items_.end() ? &item->second : nullptr;
  key_ = key;
  position_ = 0;
  if (selected_ == nullptr) {
    site_.notice(NoticeKind::unhandled, fmt::format("there is no item {:#x}: it reads as zeros", key));
  }
}

// Behind an item's end, and where there is none, there are zeros.
uint8_t FwCfg::next_byte() {
  if (selected_ == nullptr || position_ >= selected_->size()) return 0;
  return (*selected_)[position_++];
}

uint64_t FwCfg::read(uint64_t offset, unsigned size) {
  if (offset == kDataOffset && size == 1) return next_byte();
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) {
    const uint64_t at = offset + i;
    const bool signature = at >= kDmaHigh && at - kDmaHigh < kDmaSignature.size();
    value |= uint64_t{signature ? static_cast<uint8_t>(kDmaSignature[at - kDmaHigh]) : uint8_t{0}} << 8 * i;
  }
  return value;
}

void FwCfg::write(uint64_t offset, unsigned size, uint64_t value) {
  if (offset == 0 && size == 2) return select(static_cast<uint16_t>(value));
  if (offset == kDmaHigh && size == 4) {
    dma_address_ = uint64_t{__builtin_bswap32(static_cast<uint32_t>(value))} << 32;
    return;
  }
  if ((offset == kDmaLow && size == 4) || (offset == kDmaHigh && size == 8)) {
    dma_address_ =
        size == 8 ? __builtin_bswap64(value) : dma_address_ | __builtin_bswap32(static_cast<uint32_t>(value));
    transfer();
    dma_address_ = 0;
    return;
  }
  site_.notice(
      NoticeKind::unusual,
      fmt::format("a store of {:#x} ({} bytes) to port {:#x} has no effect: the selector takes 2 bytes, "
                  "the DMA address 4",
                  value, size, kPort + offset));
}

// FWCfgDmaAccess in guest memory: control, length, address. The answer is the control field: 0, or the error
// bit.
void FwCfg::transfer() {
  std::array<uint8_t, kAccessBytes> access{};
  const GuestPhys at{dma_address_};
  if (!dma_.read(at, access)) return;  // DmaPort has given notice; there is nowhere to answer
  const auto control = big_endian_at<uint32_t>(access, 0);
  const auto length = big_endian_at<uint32_t>(access, 4);
  const auto address = big_endian_at<uint64_t>(access, 8);
  uint32_t answer = 0;
  if ((control & kSelect) != 0) select(static_cast<uint16_t>(control >> 16));
  if ((control & kRead) != 0) {
    if (!copy_out(GuestPhys{address}, length)) answer = kError;
  } else if ((control & kSkip) != 0) {
    position_ += length;
  } else if ((control & kWrite) != 0) {
    site_.notice(NoticeKind::unusual, fmt::format("item {:#x} cannot be written", key_));
    answer = kError;
  }
  const uint32_t big = __builtin_bswap32(answer);
  std::memcpy(access.data(), &big, sizeof big);
  dma_.write(at, std::span(access).first(sizeof big));
}

bool FwCfg::copy_out(GuestPhys to, uint64_t length) {
  std::array<uint8_t, 4096> piece;
  while (length != 0) {
    const uint64_t bytes = std::min<uint64_t>(length, piece.size());
    for (uint64_t i = 0; i < bytes; ++i) piece[i] = next_byte();
    if (!dma_.write(to, std::span(piece).first(bytes))) return false;
    to = to + bytes;
    length -= bytes;
  }
  return true;
}

void FwCfg::visit_state(StateVisitor& visitor) const {
  uint64_t contents = 0;
  for (const auto& [key, item] : items_) contents = hash_mix(hash_mix(contents, key), hash64(item));
  visitor.number("items", contents);
  visitor.number("key", key_);
  visitor.number("position", position_);
  visitor.number("dma_address", dma_address_);
}

}  // namespace ringside

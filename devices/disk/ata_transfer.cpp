// Data of an AtaDrive on its way: between the medium and the buffer by one request to the image for as much
// as the buffer holds, between the buffer and the host by DRQ blocks (PIO) or DMA.
//
//   read:   fill -> filled -> offer -> (host takes) -> offer the next block, fill again, or finish
//   write:  request_data -> (host gives) -> next_block -> store -> move_on -> request_data again, or finish
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "devices/disk/ata_commands.h"
#include "devices/disk/ata_drive.h"

namespace ringside {

namespace {
using ata::kSectorBytes;
using Status = DiskImage::Status;
}  // namespace

bool AtaDrive::multiple_refused() const { return command_.row->multiple && settings_.multiple == 0; }

void AtaDrive::open_transfer(bool write, bool medium) {
  transfer_ = {};
  transfer_.write = write;
  transfer_.medium = medium;
  transfer_.through = command_.row->through || !settings_.write_cache;
  transfer_.lba = command_.lba;
  transfer_.sectors = medium ? command_.count : 1;
  transfer_.media_left = command_.media_count;
  const uint32_t block = medium && command_.row->multiple ? settings_.multiple : 1;
  transfer_.block_bytes = static_cast<size_t>(block) * kSectorBytes;
}

// --- Reads ---

void AtaDrive::start_read() {
  if (multiple_refused()) return finish(ata::kAbrt);
  open_transfer(false, true);
  fill();
}

void AtaDrive::fill() {
  const uint32_t count = std::min(transfer_.sectors, config_.buffer_sectors);
  transfer_.buffer = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count) * kSectorBytes);
  transfer_.cached = cache_.pending(transfer_.lba, count);
  image_.read(transfer_.lba, *transfer_.buffer,
              answer([this, count](Status status) { filled(status, count); }));
}

void AtaDrive::filled(Status status, uint32_t count) {
  // The image does not say which sector it was: the request's first one is named.
  if (status != Status::ok)
    return fail_at(transfer_.lba, status == Status::out_of_range ? ata::kIdnf : ata::kUnc);
  WriteCache::overlay(transfer_.cached, transfer_.lba, *transfer_.buffer);
  transfer_.cached.clear();
  transfer_.lba += count;
  transfer_.sectors -= count;
  transfer_.filled = transfer_.buffer->size();
  transfer_.position = 0;
  offer();
}

void AtaDrive::offer() {
  status_ = ata::kReady | ata::kDrq;
  if (command_.row->dma) {
    dma_ = Dma::to_host;
    return cable_.dma_requested(*this);
  }
  open_block();
  set_interrupt(true);
}

uint16_t AtaDrive::read_data() {
  if (!drq_ || transfer_.write) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("a read of the Data register gives 0: Status is {:#04x}{}", status_, shown()));
    return 0;
  }
  const uint8_t* at = transfer_.buffer->data() + transfer_.position;
  const auto word = static_cast<uint16_t>(at[1] << 8 | at[0]);
  transfer_.position += 2;
  if (transfer_.position == transfer_.block_end) block_passed();
  return word;
}

void AtaDrive::start_identify() {
  AtaIdentity identity;
  identity.serial = config_.serial;
  identity.firmware = config_.firmware;
  identity.model = config_.model;
  identity.capacity = image_.sectors();
  identity.unit = unit_;
  identity.other_present = cable_.other_present(*this);
  const std::array<uint16_t, 256> words = identify_words(identity, settings_);
  std::array<uint8_t, kSectorBytes> sector;
  for (size_t i = 0; i < words.size(); ++i) {
    sector[2 * i] = static_cast<uint8_t>(words[i]);
    sector[2 * i + 1] = static_cast<uint8_t>(words[i] >> 8);
  }
  send_internal(sector);
}

void AtaDrive::start_read_buffer() { send_internal(sector_buffer_); }

// One sector that does not come from the medium.
void AtaDrive::send_internal(std::span<const uint8_t> sector) {
  open_transfer(false, false);
  transfer_.sectors = 0;
  transfer_.buffer = std::make_shared<std::vector<uint8_t>>(sector.begin(), sector.end());
  transfer_.filled = transfer_.buffer->size();
  offer();
}

void AtaDrive::start_verify() {
  open_transfer(false, true);
  verify();
}

void AtaDrive::verify() {
  const uint32_t count = std::min(transfer_.sectors, config_.buffer_sectors);
  transfer_.buffer = std::make_shared<std::vector<uint8_t>>(static_cast<size_t>(count) * kSectorBytes);
  image_.read(transfer_.lba, *transfer_.buffer, answer([this, count](Status status) {
                if (status != Status::ok) return fail_at(transfer_.lba, ata::kUnc);
                transfer_.lba += count;
                transfer_.sectors -= count;
                transfer_.sectors != 0 ? verify() : finish(0);
              }));
}

// --- Writes ---

void AtaDrive::start_write() {
  if (config_.read_only) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("{} at {}: the disk is read-only", command_.row->name, command_.lba));
    return finish(ata::kAbrt);
  }
  if (multiple_refused()) return finish(ata::kAbrt);
  open_transfer(true, true);
  request_data();
  first_block();
}

void AtaDrive::start_write_buffer() {
  open_transfer(true, false);
  request_data();
  first_block();
}

// A buffer for what the host gives next.
void AtaDrive::request_data() {
  const uint32_t count = std::min(transfer_.sectors, config_.buffer_sectors);
  transfer_.filled = static_cast<size_t>(count) * kSectorBytes;
  transfer_.position = 0;
  transfer_.buffer = std::make_shared<std::vector<uint8_t>>(transfer_.filled);
}

// The first block of a command is asked for without an interrupt.
void AtaDrive::first_block() {
  status_ = ata::kReady | ata::kDrq;
  if (command_.row->dma) {
    dma_ = Dma::from_host;
    return cable_.dma_requested(*this);
  }
  open_block();
}

void AtaDrive::next_block() {
  first_block();
  if (drq_) set_interrupt(true);
}

void AtaDrive::write_data(uint16_t word) {
  if (!drq_ || !transfer_.write) {
    site_.notice(NoticeKind::unusual,
                 fmt::format("a write of {:#06x} to the Data register is lost: Status is {:#04x}{}", word,
                             status_, shown()));
    return;
  }
  uint8_t* at = transfer_.buffer->data() + transfer_.position;
  at[0] = static_cast<uint8_t>(word);
  at[1] = static_cast<uint8_t>(word >> 8);
  transfer_.position += 2;
  if (transfer_.position == transfer_.block_end) block_passed();
}

void AtaDrive::store() {
  const size_t stored_sectors = std::min<size_t>(transfer_.filled / kSectorBytes, transfer_.media_left);
  const size_t bytes = stored_sectors * kSectorBytes;
  if (!transfer_.medium) {
    std::memcpy(sector_buffer_.data(), transfer_.buffer->data(), kSectorBytes);
    transfer_.sectors = 0;
    return finish(0);
  }
  transfer_.media_left -= static_cast<uint32_t>(stored_sectors);
  if (!transfer_.through) {
    return cache_.accept(transfer_.lba, transfer_.buffer, bytes, when_current([this] { move_on(); }));
  }
  // What was cached before must not overtake it.
  cache_.drain(when_current([this, bytes] { store_through(bytes); }));
}

void AtaDrive::store_through(size_t bytes) {
  if (bytes == 0) return stored(Status::ok);
  image_.write(transfer_.lba, std::span<const uint8_t>(*transfer_.buffer).first(bytes),
               answer([this](Status status) { stored(status); }));
}

// A write has no UNC: a medium that refuses one is a command that could not be completed.
void AtaDrive::stored(Status status) {
  if (status != Status::ok)
    return fail_at(transfer_.lba, status == Status::out_of_range ? ata::kIdnf : ata::kAbrt);
  move_on();
}

void AtaDrive::move_on() {
  const auto count = static_cast<uint32_t>(transfer_.filled / kSectorBytes);
  transfer_.lba += count;
  transfer_.sectors -= count;
  if (transfer_.sectors == 0) return finish(0);
  request_data();
  next_block();
}

// --- Blocks and buffers ---

void AtaDrive::open_block() {
  transfer_.block_start = transfer_.position;
  transfer_.block_end = std::min(transfer_.position + transfer_.block_bytes, transfer_.filled);
  transfer_.block_began = site_.clock.now;
  drq_ = true;
}

// The host has moved a block. A slow PIO mode holds back what follows: no block passes in less than its
// cycles.
void AtaDrive::block_passed() {
  drq_ = false;
  busy();
  const Tick least = settings_.modes.pio_words((transfer_.block_end - transfer_.block_start) / 2);
  const Tick spent = site_.clock.now - transfer_.block_began;
  const Tick wait = std::max(config_.timing.block_gap, least > spent ? least - spent : Tick{});
  if (transfer_.position < transfer_.filled) {
    return after(wait, "ata/block", transfer_.write ? &AtaDrive::next_block : &AtaDrive::offer);
  }
  if (!transfer_.write && transfer_.sectors == 0) return finish(0, false);
  after(wait, "ata/buffer", &AtaDrive::buffer_passed);
}

void AtaDrive::buffer_passed() {
  if (transfer_.write) return store();
  transfer_.sectors != 0 ? fill() : finish(0);
}

// --- DMA ---

std::span<const uint8_t> AtaDrive::dma_peek(size_t bytes) const {
  return std::span<const uint8_t>(*transfer_.buffer)
      .subspan(transfer_.position, std::min(bytes, dma_available()));
}

std::span<uint8_t> AtaDrive::dma_place(size_t bytes) {
  return std::span(*transfer_.buffer).subspan(transfer_.position, std::min(bytes, dma_available()));
}

void AtaDrive::dma_moved(size_t bytes) {
  transfer_.position += std::min(bytes, dma_available());
  if (transfer_.position != transfer_.filled) return;
  dma_ = Dma::none;
  cable_.dma_released(*this);
  busy();
  buffer_passed();
}

}  // namespace ringside

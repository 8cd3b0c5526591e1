// Commands of an AtaDrive that move no data: settings, power management, cache, and what is left of seeking.
#include <fmt/format.h>

#include "devices/disk/ata_commands.h"
#include "devices/disk/ata_drive.h"

namespace ringside {

namespace {

// Subcommands of SET FEATURES, in the Features register.
enum class Feature : uint8_t {
  enable_write_cache = 0x02,
  set_transfer_mode = 0x03,
  disable_look_ahead = 0x55,
  keep_settings = 0x66,  // over a software reset
  disable_write_cache = 0x82,
  enable_look_ahead = 0xaa,
  revert_settings = 0xcc,
};

// What CHECK POWER MODE gives.
constexpr uint8_t kStandbyMode = 0x00, kIdleMode = 0x80, kActiveMode = 0xff;

// The standby timer's periods, as IDLE and STANDBY have them in the Sector Count register.
Tick standby_period(uint8_t code) {
  if (code == 0) return Tick::never();
  if (code <= 240) return seconds(5) * code;
  if (code <= 251) return seconds(30 * 60) * (code - 240u);
  if (code == 252) return seconds(21 * 60);
  if (code == 255) return seconds(21 * 60 + 15);
  return seconds(8 * 60 * 60);  // 253: between 8 and 12 hours; 254 is reserved
}

}  // namespace

// --- Settings ---

void AtaDrive::revert_settings() {
  settings_ = AtaSettings{};
  settings_.write_cache = config_.write_cache;
  settings_.translation = AtaGeometry::for_capacity(image_.sectors());
}

void AtaDrive::nop() { finish(ata::kAbrt); }

void AtaDrive::initialize_device_parameters() {
  const uint32_t sectors = command_.count;
  if (sectors == 0) return finish(ata::kAbrt);
  settings_.translation =
      AtaGeometry::with((command_.device & ata::kHeadMask) + 1u, sectors, image_.sectors());
  finish(0);
}

void AtaDrive::set_multiple_mode() {
  const uint32_t count = command_.count;
  const bool possible = count <= kMultipleMax && (count & (count - 1)) == 0;
  // A count that the drive cannot do leaves READ and WRITE MULTIPLE disabled.
  settings_.multiple = possible ? static_cast<uint8_t>(count) : 0;
  finish(possible ? 0 : ata::kAbrt);
}

void AtaDrive::set_features() {
  const auto subcommand = static_cast<uint8_t>(command_.features);
  switch (static_cast<Feature>(subcommand)) {
    case Feature::set_transfer_mode: return set_transfer_mode(static_cast<uint8_t>(command_.count));
    case Feature::enable_write_cache: settings_.write_cache = true; return finish(0);
    case Feature::disable_write_cache:
      settings_.write_cache = false;
      return cache_.drain(when_current([this] { finish(0); }));
    case Feature::enable_look_ahead: settings_.look_ahead = true; return finish(0);
    case Feature::disable_look_ahead: settings_.look_ahead = false; return finish(0);
    case Feature::keep_settings: settings_.revert_on_reset = false; return finish(0);
    case Feature::revert_settings: settings_.revert_on_reset = true; return finish(0);
  }
  site_.notice(NoticeKind::unhandled,
               fmt::format("SET FEATURES subcommand {:#04x} is not one of this disk's: aborted", subcommand));
  finish(ata::kAbrt);
}

// The upper five bits name the kind of transfer, the lower three the mode.
void AtaDrive::set_transfer_mode(uint8_t mode) {
  const uint8_t number = mode & 7;
  AtaTransferModes& modes = settings_.modes;
  switch (mode >> 3) {
    case 0:  // PIO default: with IORDY (0), without (1)
      if (number > 1) return finish(ata::kAbrt);
      modes.pio = AtaTransferModes{}.pio;
      return finish(0);
    case 1:
      if (number > 4) return finish(ata::kAbrt);
      modes.pio = number;
      return finish(0);
    case 4:
      if (number > 2) return finish(ata::kAbrt);
      modes.ultra = false;
      modes.dma = number;
      return finish(0);
    case 8:
      if (number > kUltraModeMax) return finish(ata::kAbrt);
      modes.ultra = true;
      modes.dma = number;
      return finish(0);
    default: return finish(ata::kAbrt);
  }
}

// --- Seeking and self-test ---

void AtaDrive::recalibrate() { finish(0); }

void AtaDrive::seek() {
  const bool there = command_.addressable && command_.lba < image_.sectors();
  finish(there ? 0 : ata::kIdnf);
}

void AtaDrive::execute_device_diagnostic() {
  after(config_.timing.reset, "ata/diagnostic", &AtaDrive::diagnosed);
}

// Both drives test themselves; device 0 speaks for both.
void AtaDrive::diagnosed() {
  put_signature();
  finish(0, unit_ == 0);
}

// --- Cache ---

void AtaDrive::flush_cache() {
  cache_.drain(when_current([this] {
    if (const auto lost = cache_.take_failure()) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("cached data for sector {} did not reach the medium", *lost));
      return fail_at(*lost, ata::kAbrt);
    }
    image_.flush(answer([this](DiskImage::Status status) { flushed(status); }));
  }));
}

void AtaDrive::flushed(DiskImage::Status status) {
  finish(status == DiskImage::Status::ok || status == DiskImage::Status::not_supported ? 0 : ata::kAbrt);
}

// --- Power management (the standby timer counts from the end of the last command) ---

bool AtaDrive::in_standby() const {
  if (power_ == Power::standby) return true;
  return power_ != Power::sleep && standby_after_ != Tick::never() &&
         site_.clock.now >= saturating_add(last_command_at_, standby_after_);
}

// What the command has to wait for the medium to turn. Commands without the medium leave it at rest.
Tick AtaDrive::wake_up() {
  if (in_standby()) power_ = Power::standby;
  const AtaCommandRow* row = command_.row;
  if (row == nullptr ||
      !(row->addressed || row->start == &AtaDrive::seek || row->start == &AtaDrive::recalibrate)) {
    return {};
  }
  const bool at_rest = power_ == Power::standby;
  power_ = Power::active;
  return at_rest ? config_.timing.spin_up : Tick{};
}

void AtaDrive::set_standby_timer(uint8_t code) { standby_after_ = standby_period(code); }

void AtaDrive::rest(Power power) {
  cache_.drain(when_current([this, power] {
    power_ = power;
    finish(0);
  }));
}

void AtaDrive::standby_immediate() { rest(Power::standby); }
void AtaDrive::sleep() { rest(Power::sleep); }

void AtaDrive::standby() {
  set_standby_timer(static_cast<uint8_t>(command_.count));
  rest(Power::standby);
}

void AtaDrive::idle_immediate() {
  power_ = Power::idle;
  finish(0);
}

void AtaDrive::idle() {
  set_standby_timer(static_cast<uint8_t>(command_.count));
  idle_immediate();
}

void AtaDrive::check_power_mode() {
  file_.sector_count[0] = power_ == Power::standby ? kStandbyMode
                          : power_ == Power::idle  ? kIdleMode
                                                   : kActiveMode;
  finish(0);
}

}  // namespace ringside

#include "checkers/device/ata_protocol.h"

#include <fmt/format.h>

namespace ringside {

namespace {

constexpr unsigned kData = 0, kDevice = 6, kCommand = 7;
constexpr uint8_t kBsy = 0x80, kDrq = 0x08, kDev = 0x10, kSrst = 0x04;
constexpr uint8_t kExecuteDeviceDiagnostic = 0x90;
// Bus master registers: BMICOM, BMIDTP.
constexpr unsigned kEngineCommand = 0, kTable = 4;
constexpr uint8_t kStart = 0x01, kToMemory = 0x08;
// 5.2.9 of volume 2: until the drive has set BSY.
constexpr Tick kBusyAfter = nanoseconds(400);

}  // namespace

void AtaProtocol::on_crossing(const Seen& seen) {
  if (seen.part == DevicePart::ata_command) return command_taken(seen);
  if (seen.part == DevicePart::ata_completion) return command_ended(seen);
  BusAccessRecord access;
  if (!read_record(seen.crossing, access)) return;
  switch (seen.part) {
    case DevicePart::ata_command_block: return command_block(seen, access);
    case DevicePart::ata_control_block: return control_block(seen, access);
    case DevicePart::ata_bus_master:
      if (access.write == 0 || !seen.arrives()) return;
      for (unsigned i = 0; i < access.size && i < 8; ++i) {
        const auto offset = static_cast<unsigned>((access.address + i) & 15);
        write_engine(seen, offset >> 3, offset & 7, static_cast<uint8_t>(access.value >> (8 * i)));
      }
      return;
    default: return;
  }
}

void AtaProtocol::command_block(const Seen& seen, const BusAccessRecord& access) {
  Channel& channel = channels_[seen.index & 1];
  const auto offset = static_cast<unsigned>(access.address & 7);
  const auto value = static_cast<uint8_t>(access.value);
  if (offset == kData) return move_data(seen, channel, access.write != 0);
  if (access.write == 0) {
    if (offset != kCommand) return;
    if (channel.commanded_at != Tick::never() && seen.crossing.at < channel.commanded_at + kBusyAfter &&
        channel.drive().in_flight)
      violate("ata_status_too_early", seen,
              fmt::format("Status ({:#04x}) is read within 400 ns of the command", value));
    return read_status(seen, channel, value);
  }
  offset == kCommand ? write_command(seen, channel, value) : write_parameter(seen, channel, offset, value);
}

void AtaProtocol::control_block(const Seen& seen, const BusAccessRecord& access) {
  Channel& channel = channels_[seen.index & 1];
  const auto value = static_cast<uint8_t>(access.value);
  if (access.write == 0) return read_status(seen, channel, value);
  if (!seen.arrives()) return;
  if ((value & kSrst) != 0) {
    channel = {};
    channel.reset_set = channel.was_reset = channel.in_reset = true;
  } else if (channel.reset_set) {
    channel.reset_set = channel.in_reset = false;
  }
}

// What Status says holds until the drive ends the command: a host that has not looked may not move data.
void AtaProtocol::read_status(const Seen& seen, Channel& channel, uint8_t status) {
  if (!seen.genuine()) return;
  if (!channel.reset_set) {
    channel.in_reset = channel.was_reset && (status & kBsy) != 0;
    if (!channel.in_reset) channel.was_reset = false;
  }
  Drive& drive = channel.drive();
  drive.last_moves = false;
  drive.may_move = (status & (kBsy | kDrq)) == kDrq;
}

void AtaProtocol::move_data(const Seen& seen, Channel& channel, bool write) {
  Drive& drive = channel.drive();
  const bool last = drive.last_moves && !write;
  drive.last_moves = false;
  if (drive.may_move || last) return;
  violate("ata_data_without_drq", seen,
          fmt::format("the Data register is {} while Status has not shown DRQ", write ? "written" : "read"));
}

void AtaProtocol::write_parameter(const Seen& seen, Channel& channel, unsigned offset, uint8_t value) {
  if (channel.busy())
    violate("ata_register_while_busy", seen,
            fmt::format("command block register {} = {:#04x} while {}", offset, value,
                        channel.in_reset ? "the reset is not over" : "a command is under way"));
  if (offset == kDevice && seen.arrives()) channel.selected = (value & kDev) != 0 ? 1 : 0;
}

void AtaProtocol::write_command(const Seen& seen, Channel& channel, uint8_t opcode) {
  if (channel.busy()) {
    violate("ata_command_while_busy", seen,
            fmt::format("command {:#04x} while {}", opcode,
                        channel.in_reset ? "the reset is not over" : "another is under way"));
    return;
  }
  if (!seen.arrives()) return;
  channel.drive().may_move = channel.drive().last_moves = false;
  channel.commanded_at = seen.crossing.at;
  offered_ = true;
  offered_channel_ = seen.index & 1;
  offered_opcode_ = opcode;
}

AtaProtocol::Place* AtaProtocol::place_of(const Wire& wire) {
  const std::string_view name = wire.name();
  const std::string_view disk = name.substr(0, name.rfind('/'));
  for (Place& place : places_) {
    if (place.disk == disk) return &place;
  }
  // A PC's controller has four disks.
  if (places_.size() >= 4) return nullptr;
  places_.push_back({false, 0, 0, std::string(disk)});
  return &places_.back();
}

// The drive takes it while the register is written, so it is the selected one of that channel; the one
// command that both drives take finds none that is new.
void AtaProtocol::command_taken(const Seen& seen) {
  Place* place = place_of(seen.wire);
  if (place == nullptr || !offered_) return;
  const bool both = offered_opcode_ == kExecuteDeviceDiagnostic;
  if (!place->known && both) return;
  if (!both) {
    offered_ = false;
    *place = {true, offered_channel_, channels_[offered_channel_].selected, std::move(place->disk)};
  }
  channels_[place->channel].drives[place->drive].in_flight = true;
}

void AtaProtocol::command_ended(const Seen& seen) {
  const Place* place = place_of(seen.wire);
  // A fault that drops it leaves the drive busy.
  if (place == nullptr || !place->known || seen.verdict.copies == 0) return;
  Drive& drive = channels_[place->channel].drives[place->drive];
  drive.in_flight = false;
  drive.last_moves = drive.may_move;
  drive.may_move = false;
}

void AtaProtocol::write_engine(const Seen& seen, unsigned number, unsigned offset, uint8_t value) {
  if (offset == kEngineCommand) return write_engine_command(seen, number, value);
  if (offset < kTable) return;
  Engine& engine = engines_[number];
  if (offset == kTable) {
    if ((value & 3) != 0)
      violate("ata_table_misaligned", seen,
              fmt::format("BMIDTP's low byte is {:#04x}: the table starts at a multiple of 4", value));
    const Channel& channel = channels_[number];
    if (engine.started && (channel.drives[0].in_flight || channel.drives[1].in_flight))
      violate("ata_table_while_started", seen, "BMIDTP is written while the engine works on a command");
  }
  engine.table_written = true;
}

// BM 2.1: the direction must not be changed while the engine is active; BM 3.1: the order of a transfer.
void AtaProtocol::write_engine_command(const Seen& seen, unsigned number, uint8_t value) {
  Engine& engine = engines_[number];
  const Engine before = engine;
  engine.started = (value & kStart) != 0;
  engine.to_memory = (value & kToMemory) != 0;
  const Channel& channel = channels_[number];
  const bool working = channel.drives[0].in_flight || channel.drives[1].in_flight;
  if (before.started && engine.started && working && before.to_memory != engine.to_memory)
    violate("ata_direction_changed", seen, "BMICOM's direction is changed while the engine works");
  if (!before.started && engine.started && !engine.table_written)
    violate("ata_start_without_table", seen, "the engine is started, but BMIDTP was never written");
}

}  // namespace ringside

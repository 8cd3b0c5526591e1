#include "devices/disk/ide_channel.h"

#include <fmt/format.h>

#include "devices/disk/ata_registers.h"

namespace ringside {

namespace {

constexpr uint8_t kFloating = 0x7f;  // pulled up, but for DD7
constexpr uint16_t kFloatingWord = 0xff7f;
constexpr uint8_t kExecuteDeviceDiagnostic = 0x90;

// The register at this offset for this direction, as an index into the file.
size_t row_at(const RegisterFile<IdeChannel>& file, uint64_t offset, AtaRegisters::Bank bank) {
  const size_t found = file.find(offset, bank);
  return found != file.kNone ? found : file.find(offset, AtaRegisters::reads);
}

}  // namespace

IdeChannel::IdeChannel(const DeviceSite& site, unsigned number, BusMaster& bus_master, InterruptPin& pin)
    : site_(site),
      number_(number),
      bus_master_(bus_master),
      pin_(pin),
      command_registers_(kAtaCommandBlock),
      control_registers_(kAtaControlBlock) {}

AtaDrive& IdeChannel::attach(unsigned unit, DiskImage& image, const AtaDriveConfig& config) {
  AtaCable& cable = *this;
  auto& drive = drives_[unit & 1];
  drive = std::make_unique<AtaDrive>(site_, unit & 1, image, config, cable);
  return *drive;
}

// --- Ports ---

// The Data register has 16 bits: a 32-bit access is two, and one of 8 bits moves a whole word, too, of which
// only the lower half is on the bus. Everything else has 8 bits, the lowest address first.
uint64_t IdeChannel::CommandBlock::read(uint64_t offset, unsigned size) {
  RegisterFile<IdeChannel>& file = channel.command_registers_;
  if (offset == 0) {
    if (size == 1) channel.note_width(size, "a read");
    const size_t data = file.find(0, AtaRegisters::words);
    uint64_t value = 0;
    for (unsigned at = 0; at < size; at += 2) value |= file.read(channel, data) << (8 * at);
    return size == 1 ? value & 0xff : value;
  }
  uint64_t value = 0;
  for (unsigned at = 0; at < size; ++at) {
    const size_t row = row_at(file, offset + at, AtaRegisters::reads);
    if (row != file.kNone) value |= file.read(channel, row) << (8 * at);
  }
  return value;
}

void IdeChannel::CommandBlock::write(uint64_t offset, unsigned size, uint64_t value) {
  RegisterFile<IdeChannel>& file = channel.command_registers_;
  channel.control_ &= static_cast<uint8_t>(~ata::kHob);
  if (offset == 0) {
    if (size == 1) channel.note_width(size, "a write");
    const size_t data = file.find(0, AtaRegisters::words);
    for (unsigned at = 0; at < size; at += 2) file.write(channel, data, value >> (8 * at) & 0xffff);
    return;
  }
  for (unsigned at = 0; at < size; ++at) {
    const size_t row = row_at(file, offset + at, AtaRegisters::writes);
    if (row != file.kNone) file.write(channel, row, value >> (8 * at) & 0xff);
  }
}

uint64_t IdeChannel::ControlBlock::read(uint64_t, unsigned) {
  RegisterFile<IdeChannel>& file = channel.control_registers_;
  return file.read(channel, row_at(file, 0, AtaRegisters::reads));
}

void IdeChannel::ControlBlock::write(uint64_t, unsigned, uint64_t value) {
  RegisterFile<IdeChannel>& file = channel.control_registers_;
  file.write(channel, row_at(file, 0, AtaRegisters::writes), value & 0xff);
}

void IdeChannel::note_width(unsigned size, const char* what) {
  site_.notice(NoticeKind::unusual,
               fmt::format("{} of {} byte at the Data register of channel {} moves a whole word", what, size,
                           number_));
}

// --- Registers ---

uint64_t IdeChannel::read_data() {
  if (AtaDrive* drive = selected()) return drive->read_data();
  return kFloatingWord;
}

void IdeChannel::write_data(uint64_t value) {
  if (AtaDrive* drive = selected()) drive->write_data(static_cast<uint16_t>(value));
}

uint64_t IdeChannel::read_parameter(ata::Parameter parameter) {
  const AtaDrive* drive = responder();
  return drive != nullptr ? drive->read_parameter(parameter, (control_ & ata::kHob) != 0) : kFloating;
}

void IdeChannel::write_parameter(ata::Parameter parameter, uint8_t value) {
  if (parameter == ata::Parameter::device) selected_ = (value & ata::kDev) != 0 ? 1 : 0;
  for (const auto& drive : drives_) {
    if (drive) drive->write_parameter(parameter, value);
  }
  if (parameter == ata::Parameter::device) interrupt_changed();
}

uint64_t IdeChannel::read_status() {
  const uint64_t status = read_alternate_status();
  if (AtaDrive* drive = selected()) drive->acknowledge_interrupt();
  return status;
}

uint64_t IdeChannel::read_alternate_status() {
  if (selected() != nullptr) return selected()->status();
  return responder() != nullptr ? 0 : kFloating;
}

void IdeChannel::write_command(uint64_t value) {
  const auto opcode = static_cast<uint8_t>(value);
  if (opcode != kExecuteDeviceDiagnostic) {
    if (AtaDrive* drive = selected()) drive->write_command(opcode);
    return;
  }
  // The one command that both drives take, whichever is selected.
  selected_ = 0;
  for (const auto& drive : drives_) {
    if (drive) drive->write_command(opcode);
  }
  interrupt_changed();
}

void IdeChannel::write_device_control(uint64_t value) {
  const bool reset_before = (control_ & ata::kSrst) != 0, reset_now = (value & ata::kSrst) != 0;
  control_ = static_cast<uint8_t>(value & (ata::kHob | ata::kSrst | ata::kNien));
  for (const auto& drive : drives_) {
    if (!drive || reset_before == reset_now) continue;
    reset_now ? drive->begin_reset() : drive->end_reset();
  }
  if (reset_now) selected_ = 0;
  interrupt_changed();
}

// --- The cable ---

// Only the selected drive drives INTRQ, and only while nIEN is clear.
void IdeChannel::interrupt_changed() {
  const AtaDrive* drive = selected();
  const bool level = drive != nullptr && drive->interrupt_pending() && (control_ & ata::kNien) == 0;
  if (level && !pin_.level()) bus_master_.interrupt_raised();
  pin_.set(level);
}

bool IdeChannel::other_present(const AtaDrive& drive) const {
  return drives_[&drive == drives_[0].get() ? 1 : 0] != nullptr;
}

void IdeChannel::reset() {
  selected_ = 0;
  control_ = 0;
  command_registers_.reset();
  control_registers_.reset();
  for (const auto& drive : drives_) {
    if (drive) drive->power_on();
  }
  interrupt_changed();
}

void IdeChannel::visit_state(StateVisitor& visitor) const {
  visitor.number("selected", selected_);
  visitor.number("device_control", control_);
  visitor.number("intrq", pin_.level());
  for (const auto& drive : drives_) {
    visitor.number("present", drive != nullptr);
    if (drive) drive->visit_state(visitor);
  }
}

}  // namespace ringside

#include "devices/nic/eeprom.h"

namespace ringside {

namespace {

// Opcodes behind the start bit; 0 is told apart by the two upper bits of the address.
constexpr uint8_t kExtended = 0, kWrite = 1, kRead = 2, kErase = 3;
constexpr uint8_t kEwds = 0, kWral = 1, kEral = 2, kEwen = 3;
constexpr unsigned kCommandBits = 2 + 6, kWordBits = 16;

}  // namespace

MicrowireEeprom::MicrowireEeprom(const MacAddress& mac, Tick write_time) : write_time_(write_time) {
  for (unsigned i = 0; i < 3; ++i) words_[i] = static_cast<uint16_t>(mac[2 * i] | mac[2 * i + 1] << 8);
  for (unsigned i = 3; i < kWords - 1; ++i) words_[i] = 0xffff;
  words_[0x03] = 0x0000;  // 5.6.2, compatibility: none of the old board variants
  words_[0x05] = 0x0001;  // 5.6.4, version of the image
  words_[0x08] = 0x5253;  // 5.6.6, PBA number of the board
  words_[0x09] = 0x0001;
  words_[0x0a] = 0x6403;  // 5.6.7, control word 1: signature, 32-bit BARs, full duplex, load the IDs
  words_[0x0b] = 0x001e;  // 5.6.8, subsystem: PRO/1000 MT Desktop Adapter
  words_[0x0c] = 0x8086;
  words_[0x0d] = 0x100e;
  words_[0x0e] = 0x8086;
  words_[0x0f] = 0x3040;  // 5.6.12, control word 2: PAUSE in both directions
  words_[0x24] = 0x0000;  // 5.6.19, control word 3
  uint16_t sum = 0;
  for (unsigned i = 0; i < kWords - 1; ++i) sum = static_cast<uint16_t>(sum + words_[i]);
  words_[kWords - 1] = static_cast<uint16_t>(kChecksum - sum);
}

bool MicrowireEeprom::data_out(Tick now) const {
  if (!chip_select_) return false;
  return phase_ == Phase::reading ? data_out_ : now >= busy_until_;
}

void MicrowireEeprom::set_pins(bool chip_select, bool clock, bool data_in, Tick now) {
  const bool rises = clock && !clock_;
  clock_ = clock;
  if (chip_select != chip_select_) {
    if (!chip_select) commit(now);
    chip_select_ = chip_select;
    phase_ = Phase::idle;
    return;
  }
  if (chip_select && rises) clock_in(data_in, now);
}

void MicrowireEeprom::clock_in(bool bit, Tick now) {
  switch (phase_) {
    case Phase::idle:
      if (!bit || now < busy_until_) return;
      phase_ = Phase::command;
      shift_ = bits_ = 0;
      return;
    case Phase::command:
      shift_ = shift_ << 1 | (bit ? 1 : 0);
      if (++bits_ == kCommandBits) decode();
      return;
    case Phase::reading:
      data_out_ = (words_[address_] >> (kWordBits - 1 - bits_) & 1) != 0;
      if (++bits_ == kWordBits) {
        bits_ = 0;
        address_ = (address_ + 1) % kWords;
      }
      return;
    case Phase::writing:
      shift_ = shift_ << 1 | (bit ? 1 : 0);
      if (++bits_ == kWordBits) phase_ = Phase::done;
      return;
    case Phase::done: return;
  }
}

void MicrowireEeprom::decode() {
  opcode_ = static_cast<uint8_t>(shift_ >> 6 & 3);
  address_ = static_cast<uint8_t>(shift_ & 0x3f);
  shift_ = bits_ = 0;
  data_out_ = false;  // the dummy zero ahead of the data
  const bool takes_data = opcode_ == kWrite || (opcode_ == kExtended && address_ >> 4 == kWral);
  phase_ = opcode_ == kRead ? Phase::reading : takes_data ? Phase::writing : Phase::done;
}

// Chip select has fallen: what was complete by then happens.
void MicrowireEeprom::commit(Tick now) {
  if (phase_ != Phase::done) return;
  const auto data = static_cast<uint16_t>(shift_);
  if (opcode_ == kExtended && address_ >> 4 == kEwen) write_enabled_ = true;
  if (opcode_ == kExtended && address_ >> 4 == kEwds) write_enabled_ = false;
  const bool all = opcode_ == kExtended && (address_ >> 4 == kWral || address_ >> 4 == kEral);
  if (!write_enabled_ || !(all || opcode_ == kWrite || opcode_ == kErase)) return;
  const bool erases = opcode_ == kErase || (all && address_ >> 4 == kEral);
  if (all) {
    words_.fill(erases ? 0xffff : data);
  } else {
    words_[address_] = erases ? 0xffff : data;
  }
  busy_until_ = saturating_add(now, write_time_);
}

void MicrowireEeprom::visit_state(StateVisitor& visitor) const {
  visitor.bytes("eeprom_words", {reinterpret_cast<const uint8_t*>(words_.data()), sizeof words_});
  visitor.number("eeprom_pins", (chip_select_ ? 1 : 0) | (clock_ ? 2 : 0) | (data_out_ ? 4 : 0));
  visitor.number("eeprom_write_enabled", write_enabled_);
  visitor.number("eeprom_phase", static_cast<uint64_t>(phase_));
  visitor.number("eeprom_command", opcode_ << 8 | address_);
  visitor.number("eeprom_shift", shift_);
  visitor.number("eeprom_bits", bits_);
  visitor.number("eeprom_busy_until", busy_until_.ps);
}

}  // namespace ringside

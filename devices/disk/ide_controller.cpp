#include "devices/disk/ide_controller.h"

namespace ringside {

namespace {

constexpr PciIdentity kPiix3Ide{.vendor = 0x8086, .device = 0x7010, .class_code = 0x010180};

// Configuration registers, by their names in the datasheet.
constexpr uint8_t kCommand = 0x04;
constexpr uint8_t kBmiba = 0x20;
constexpr uint8_t kIdetim[2] = {0x40, 0x42};
constexpr uint8_t kSidetim = 0x44;
constexpr uint16_t kDecodeEnable = 0x8000;
// Timing fields: stored, and without effect. DEVIATES: 82371SB - cycles are those of the drive's mode.
constexpr uint16_t kIdetimWritable = 0xf3ff;

constexpr unsigned kBar = 4;
constexpr uint64_t kCommandBlock[2] = {0x1f0, 0x170};
constexpr uint64_t kControlBlock[2] = {0x3f6, 0x376};
constexpr const char* kChannelNames[2] = {"primary", "secondary"};

}  // namespace

IdeController::IdeController(const DeviceSite& site, Bus& ports, Bus& memory, DmaPort& dma,
                             const BusMasterTiming& timing)
    : site_(site),
      ports_(ports),
      pci_(site, kPiix3Ide, ports, memory, &dma),
      masters_{BusMaster{site, 0, pci_, dma, timing}, BusMaster{site, 1, pci_, dma, timing}},
      channels_{IdeChannel{site, 0, masters_[0], pins_[0]}, IdeChannel{site, 1, masters_[1], pins_[1]}},
      bus_master_block_(masters_) {
  pci_.add_bar(kBar, BarKind::ports, 16, bus_master_block_, site.name + "/bus-master");
  for (unsigned i = 0; i < 2; ++i) {
    pci_.add_register(i == 0 ? "IDETIM primary" : "IDETIM secondary", kIdetim[i], 2, 0, kIdetimWritable,
                      [this](uint32_t) { update_decoding(); });
  }
  pci_.add_register("SIDETIM", kSidetim, 1, 0, 0xff);
  pci_.on_change([this] {
    update_decoding();
    for (BusMaster& master : masters_) master.bus_changed();
  });
}

IdeController::~IdeController() {
  for (const Decoded& decoded : decoded_) {
    if (decoded.command != 0) ports_.unmap(decoded.command);
    if (decoded.control != 0) ports_.unmap(decoded.control);
  }
}

AtaDrive& IdeController::attach(unsigned channel, unsigned unit, DiskImage& image,
                                const AtaDriveConfig& config) {
  return channels_[channel & 1].attach(unit, image, config);
}

void IdeController::update_decoding() {
  for (unsigned i = 0; i < 2; ++i) {
    const bool wanted = pci_.ports_enabled() && (pci_.config_read(kIdetim[i], 2) & kDecodeEnable) != 0;
    Decoded& decoded = decoded_[i];
    if (wanted == (decoded.command != 0)) continue;
    if (wanted) {
      const std::string name = site_.name + "/" + kChannelNames[i];
      decoded.command = ports_.map(name, kCommandBlock[i], 8, channels_[i].command_block());
      decoded.control = ports_.map(name + "/control", kControlBlock[i], 1, channels_[i].control_block());
    } else {
      ports_.unmap(decoded.command);
      ports_.unmap(decoded.control);
      decoded = {};
    }
  }
}

void IdeController::set_up_as_firmware(uint16_t bus_master_ports) {
  pci_.config_write(kBmiba, 4, bus_master_ports);
  for (const uint8_t idetim : kIdetim) pci_.config_write(idetim, 2, kDecodeEnable);
  pci_.config_write(kCommand, 2, 0x0005);  // I/O space, bus master
}

void IdeController::reset() {
  pci_.reset();
  for (unsigned i = 0; i < 2; ++i) {
    masters_[i].reset();
    channels_[i].reset();
  }
}

// --- Bus master registers ---

uint64_t IdeController::BusMasterBlock::read(uint64_t offset, unsigned size) {
  uint64_t value = 0;
  for (unsigned at = 0; at < size; ++at) {
    value |= masters[(offset + at) / 8 % 2].read((offset + at) % 8, 1) << (8 * at);
  }
  return value;
}

void IdeController::BusMasterBlock::write(uint64_t offset, unsigned size, uint64_t value) {
  for (unsigned at = 0; at < size; ++at) {
    masters[(offset + at) / 8 % 2].write((offset + at) % 8, 1, value >> (8 * at) & 0xff);
  }
}

void IdeController::visit_state(StateVisitor& visitor) const {
  pci_.visit_state(visitor);
  for (unsigned i = 0; i < 2; ++i) {
    masters_[i].visit_state(visitor);
    channels_[i].visit_state(visitor);
  }
}

}  // namespace ringside

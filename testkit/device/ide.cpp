#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "testkit/device/device_house.h"

namespace ringside::test {

namespace house {

namespace {
constexpr unsigned kSouthBridge = 1, kIdeFunction = 1;
constexpr uint16_t kBusMasterPorts = 0xc000;
constexpr unsigned kIdeLines[] = {14, 15};

// A file of zeros that has no name: the image keeps it open.
class NamelessFile {
 public:
  explicit NamelessFile(uint64_t bytes) : descriptor_(memfd_create("ringside-disk", MFD_CLOEXEC)) {
    if (descriptor_ < 0 || ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
      const int error = errno;
      if (descriptor_ >= 0) close(descriptor_);
      throw Error(fmt::format("cannot make a medium of {} bytes in memory: {}", bytes, std::strerror(error)));
    }
  }
  ~NamelessFile() { close(descriptor_); }
  NamelessFile(const NamelessFile&) = delete;
  NamelessFile& operator=(const NamelessFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};
}  // namespace

std::unique_ptr<Disk> make_disk(Bench& bench, const std::string& name, const std::string& path,
                                uint64_t sectors) {
  DiskImageConfig config;
  config.name = name;
  std::optional<NamelessFile> medium;
  if (path.empty()) {
    if (sectors == 0 || sectors > UINT64_MAX / 1024)
      throw Error(fmt::format("disk \"{}\" cannot have {} sectors", name, sectors));
    medium.emplace(sectors * DiskImage::kSectorSize);
    config.path = medium->path();
  } else {
    config.path = path;
  }
  auto disk = std::make_unique<Disk>();
  disk->image = value_or_error(DiskImage::open(config, bench.clock, bench.events, bench.wiring));
  return disk;
}

Ide::Ide(DeviceBench& the_bench, const std::string& name)
    : bench(the_bench),
      dma(the_bench.site(name), the_bench.need_ram()),
      core(the_bench.site(name), the_bench.ports.bus, the_bench.mmio.bus, dma) {
  bench.need_pci().add(kSouthBridge, kIdeFunction, core.pci());
  for (unsigned channel = 0; channel < 2; ++channel)
    bench.line(kIdeLines[channel]).connect(core.interrupt(channel));
  core.set_up_as_firmware(kBusMasterPorts);
}

Ide::~Ide() = default;

}  // namespace house

Ide::Ide(std::unique_ptr<house::Ide> made) : house_(std::move(made)) {}
Ide::~Ide() = default;

Disk& Ide::add_disk(const DiskOptions& options) {
  auto made = house::make_disk(house_->bench, options.name, options.image, options.sectors);
  AtaDriveConfig config;
  config.name = options.name;
  config.serial = fmt::format("RS{:06}", house_->disks.size() + 1);
  config.read_only = options.read_only;
  config.write_cache = options.write_cache;
  if (options.channel > 1 || options.unit > 1)
    throw Error(fmt::format("disk \"{}\": there are channels 0 and 1, with units 0 and 1", options.name));
  if (house_->taken[options.channel * 2 + options.unit])
    throw Error(fmt::format("disk \"{}\": channel {} has a unit {} already", options.name, options.channel,
                            options.unit));
  house_->taken[options.channel * 2 + options.unit] = true;
  house_->core.attach(options.channel, options.unit, *made->image, config);
  house_->disks.push_back(std::make_unique<Disk>(std::move(made)));
  return *house_->disks.back();
}

Registers Ide::command(unsigned channel) const {
  return {house_->bench.ports, channel == 0 ? 0x1f0u : 0x170u};
}
Registers Ide::control(unsigned channel) const {
  return {house_->bench.ports, channel == 0 ? 0x3f6u : 0x376u};
}
Registers Ide::bus_master(unsigned channel) const {
  return {house_->bench.ports, house::kBusMasterPorts + 8u * (channel & 1)};
}
PciConfig Ide::config() const { return {house_->bench, house::kSouthBridge, house::kIdeFunction}; }
InterruptLine Ide::irq(unsigned channel) const {
  return {house_->bench, house_->bench.line(house::kIdeLines[channel & 1])};
}

Disk::Disk(std::unique_ptr<house::Disk> made) : house_(std::move(made)) {}
Disk::~Disk() = default;

uint64_t Disk::sectors() const { return house_->image->sectors(); }

Bytes Disk::read(uint64_t sector, size_t count) const {
  Bytes bytes(count * kSectorBytes);
  if (house_->image->read_now(sector, bytes) != DiskImage::Status::ok)
    throw Error(
        fmt::format("sectors {} to {} cannot be read: the disk has {}", sector, sector + count, sectors()));
  return bytes;
}

void Disk::write(uint64_t sector, std::span<const uint8_t> bytes) {
  if (bytes.size() % kSectorBytes != 0)
    throw Error(fmt::format("{} bytes are no whole number of sectors of {}", bytes.size(), kSectorBytes));
  if (house_->image->write_now(sector, bytes) != DiskImage::Status::ok)
    throw Error(fmt::format("sector {} and behind cannot be written: the disk has {}", sector, sectors()));
}

}  // namespace ringside::test

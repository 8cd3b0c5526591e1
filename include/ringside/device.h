// Devices without a processor: the test is the bus master. It reads and writes registers, gives memory for
// DMA, moves the clock, looks at interrupt lines, and is what stands at the other end of the device: the
// terminal behind a serial line, the medium of a disk, the cable of a network card.
//
//   DeviceBench bench;
//   Uart& uart = bench.add_uart();
//   uart.write8(3, 0x03);              // LCR: 8 data bits, no parity, one stop bit
//   uart.write8(0, 'x');               // THR
//   bench.advance(1ms);
//   CHECK(uart.sent() == "x");
#pragma once

#include <array>

#include "ringside/bench.h"

namespace ringside::test {

class DeviceBench;

namespace house {
struct DeviceBench;
struct RegisterSpace;
struct Uart;
struct Ide;
struct Disk;
struct Nic;
}  // namespace house

// Registers at a base address: of ports or of memory. Offsets count from the base; an access behind the
// device's own range reaches whoever answers there, as on a bus.
class RINGSIDE_API Registers {
 public:
  uint64_t base() const { return base_; }
  uint8_t read8(uint64_t offset) const { return static_cast<uint8_t>(read(offset, 1)); }
  uint16_t read16(uint64_t offset) const { return static_cast<uint16_t>(read(offset, 2)); }
  uint32_t read32(uint64_t offset) const { return static_cast<uint32_t>(read(offset, 4)); }
  uint64_t read64(uint64_t offset) const { return read(offset, 8); }
  void write8(uint64_t offset, uint8_t value) const { write(offset, 1, value); }
  void write16(uint64_t offset, uint16_t value) const { write(offset, 2, value); }
  void write32(uint64_t offset, uint32_t value) const { write(offset, 4, value); }
  void write64(uint64_t offset, uint64_t value) const { write(offset, 8, value); }

  // Reads a register again and again, and lets time pass meanwhile, until (value & mask) == wanted.
  uint32_t expect8(uint64_t offset, uint8_t mask, uint8_t wanted, Duration within = Duration{0},
                   SourcePlace place = SourcePlace::current()) const;
  uint32_t expect32(uint64_t offset, uint32_t mask, uint32_t wanted, Duration within = Duration{0},
                    SourcePlace place = SourcePlace::current()) const;

  Registers(house::RegisterSpace& space, uint64_t base) : space_(&space), base_(base) {}

 private:
  uint64_t read(uint64_t offset, unsigned size) const;
  void write(uint64_t offset, unsigned size, uint64_t value) const;
  uint32_t expect(uint64_t offset, unsigned size, uint32_t mask, uint32_t wanted, Duration within,
                  const SourcePlace& place) const;

  house::RegisterSpace* space_;
  uint64_t base_;
};

// A PCI function's configuration space, reached through ports 0xcf8 and 0xcfc.
class RINGSIDE_API PciConfig {
 public:
  uint8_t read8(uint8_t offset) const;
  uint16_t read16(uint8_t offset) const;
  uint32_t read32(uint8_t offset) const;
  void write8(uint8_t offset, uint8_t value) const;
  void write16(uint8_t offset, uint16_t value) const;
  void write32(uint8_t offset, uint32_t value) const;

  PciConfig(house::DeviceBench& bench, unsigned device, unsigned function)
      : bench_(&bench), device_(device), function_(function) {}

 private:
  house::DeviceBench* bench_;
  unsigned device_, function_;
};

// --- A serial port: NS16550A ---

struct UartOptions {
  std::string name = "uart0";
  uint16_t port = 0x3f8;
  unsigned irq = 4;
  uint64_t clock_hz = 1'843'200;
  // The terminal sends only when the receiver has room. Off: at the line's rate, whatever happens.
  bool peer_waits_for_room = true;
  bool peer_obeys_rts = false;
};

struct LineErrors {
  bool overrun = false, parity = false, framing = false, break_condition = false;
};

class RINGSIDE_API Uart : public Registers {
 public:
  ~Uart();
  InterruptLine irq() const;

  // What the terminal types: characters come in one behind the other, at the rate that the driver has set.
  void type(std::string_view text);
  void type(uint8_t byte, const LineErrors& errors);
  size_t untyped() const;  // characters that have yet to come in
  // What the terminal has got.
  const std::string& sent() const;
  std::string take_sent();
  // That exactly this has been sent since the last take_sent(), waiting at most so long.
  void expect_sent(std::string_view text, Duration within = Duration{0},
                   SourcePlace place = SourcePlace::current());
  // How long a character takes by what the driver has programmed.
  Duration character_time() const;
  // The bits as MSR and MCR have them: CTS 0x10, DSR 0x20, RI 0x40, DCD 0x80; DTR 1, RTS 2, OUT1 4, OUT2 8.
  void set_modem_inputs(uint8_t inputs);
  uint8_t modem_outputs() const;

 private:
  friend class DeviceBench;
  Uart(std::unique_ptr<house::Uart> made, uint64_t port);
  std::unique_ptr<house::Uart> house_;
};

// --- Disks: the IDE function of a PIIX3, and ATA drives ---

struct DiskOptions {
  std::string name = "disk0";
  uint64_t sectors = 4096;  // of a medium in memory, all zeros
  std::string image = {};   // or a file, which is only read: what is written stays in memory
  unsigned channel = 0, unit = 0;
  bool read_only = false;
  bool write_cache = true;
};

class RINGSIDE_API Disk {
 public:
  static constexpr size_t kSectorBytes = 512;
  ~Disk();
  uint64_t sectors() const;
  // The medium, behind the drive's back.
  Bytes read(uint64_t sector, size_t count = 1) const;
  void write(uint64_t sector, std::span<const uint8_t> bytes);

  explicit Disk(std::unique_ptr<house::Disk> made);
  house::Disk& house() const { return *house_; }

 private:
  std::unique_ptr<house::Disk> house_;
};

class RINGSIDE_API Ide {
 public:
  ~Ide();
  // Sets up the function as a PC's firmware does; without it the driver finds it as after reset.
  Disk& add_disk(const DiskOptions& options = {});
  Registers command(unsigned channel = 0) const;     // 0x1f0, 0x170: data, features ... command
  Registers control(unsigned channel = 0) const;     // 0x3f6, 0x376: device control, alternate status
  Registers bus_master(unsigned channel = 0) const;  // 0xc000, 0xc008: command, status, table
  PciConfig config() const;
  InterruptLine irq(unsigned channel = 0) const;

 private:
  friend class DeviceBench;
  explicit Ide(std::unique_ptr<house::Ide> made);
  std::unique_ptr<house::Ide> house_;
};

// --- A network card: Intel 82540EM ("e1000") ---

using Mac = std::array<uint8_t, 6>;

struct NicOptions {
  std::string name = "nic0";
  Mac mac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
  unsigned irq = 11;
  uint32_t megabits = 1000;
  Duration autonegotiation = std::chrono::milliseconds(1500);  // how long the link takes to come up
  // BARs as firmware assigns them, spaces and bus mastering enabled; 0: the driver finds them as after reset.
  uint32_t memory_base = 0xfebc0000;
  uint16_t port_base = 0xc100;
};

struct Frame {
  Bytes bytes;
  Duration at;
};

class RINGSIDE_API Nic : public Registers {
 public:
  ~Nic();
  Registers ports() const;  // IOADDR, IODATA
  PciConfig config() const;
  InterruptLine irq() const;

  // The cable. What the card has sent, whole frames without their check sequence.
  const std::vector<Frame>& sent() const;
  std::vector<Frame> take_sent();
  // That exactly these bytes leave as one frame, the next behind those that were taken; it is taken, too.
  void expect_sent(std::span<const uint8_t> bytes, Duration within = Duration{0},
                   SourcePlace place = SourcePlace::current());
  void expect_none_sent(Duration within, SourcePlace place = SourcePlace::current());
  // Sends a frame to the card, from now on.
  void deliver(std::span<const uint8_t> bytes);
  void set_link(bool up);
  // A host on the same cable, which answers ARP, ping and UDP echo.
  void add_responder(const Mac& mac, const std::array<uint8_t, 4>& address);

 private:
  friend class DeviceBench;
  Nic(std::unique_ptr<house::Nic> made, uint32_t memory_base);
  std::unique_ptr<house::Nic> house_;
};

// --- The bench ---

class RINGSIDE_API DeviceMemory {
 public:
  // Zeroed; `alignment` is a power of two. The buffer lives until the bench's end, or free().
  Buffer allocate(size_t bytes, size_t alignment = 4096);
  void free(const Buffer& buffer);
  // Any part of the memory, allocated or not.
  Buffer at(uint64_t address, size_t bytes);
  // That no device has touched memory that is not allocated.
  void expect_no_stray_dma(SourcePlace place = SourcePlace::current()) const;

  explicit DeviceMemory(house::DeviceBench& bench) : bench_(&bench) {}

 private:
  house::DeviceBench* bench_;
};

class RINGSIDE_API DeviceBench : public Bench {
 public:
  explicit DeviceBench(const BenchOptions& options = {});
  ~DeviceBench() override;

  Uart& add_uart(const UartOptions& options = {});
  Ide& add_ide();
  Nic& add_nic(const NicOptions& options = {});

  DeviceMemory& memory() { return memory_; }
  Registers ports() const;  // all of the port space
  Registers mmio() const;   // all of physical memory outside of RAM
  InterruptLine irq(unsigned line) const;

 private:
  house::DeviceBench& own() const;
  DeviceMemory memory_;
  std::vector<std::unique_ptr<Uart>> uarts_;
  std::vector<std::unique_ptr<Ide>> ides_;
  std::vector<std::unique_ptr<Nic>> nics_;
};

}  // namespace ringside::test

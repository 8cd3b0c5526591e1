// An ATA disk drive: the device side of ATA/ATAPI-7 volume 1 (T13/1532D revision 4b), general feature set,
// with 48-bit addresses, power management and write cache. It knows nothing of PCI or ports: IdeChannel is
// its cable.
//
// A command's way: write_command() decodes the registers, shows the command on "ata/<disk>/command" and sets
// BSY; begin() runs when the drive's overhead has passed and calls the command's row (ata_commands.h). A data
// command then moves between the medium and a buffer (ata_transfer.cpp: one request to the image for as much
// as the buffer holds) and between the buffer and the host, by DRQ blocks or by DMA. finish() shows the end
// on "ata/<disk>/completion", sets Status and Error and asks for the interrupt.
//
// Registers may be written at any time. While BSY or DRQ is set, a drive does not take commands or parameters
// (the standard leaves open what happens): such a write is lost, with a notice. Only a reset ends a
// command early; whatever was still under way for it then finds another `run_` and is dropped.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "devices/disk/ata_bits.h"
#include "devices/disk/identify.h"
#include "devices/disk/write_cache.h"
#include "host/disk_image.h"
#include "sim/device_site.h"
#include "sim/state.h"

namespace ringside {

struct AtaDriveConfig {
  std::string name;  // names the wires: "ata/<name>/command"
  std::string serial = "RS000001";
  std::string firmware = "1.0";
  std::string model = "RINGSIDE ATA DISK";
  bool read_only = false;   // writes are aborted
  bool write_cache = true;  // at power on; SET FEATURES changes it
  // The drive's memory: the most that one request to the medium moves, and what the write cache holds.
  uint32_t buffer_sectors = 4096;
  AtaTiming timing;
};

class AtaDrive;

// What a drive does to its cable.
class AtaCable {
 public:
  virtual ~AtaCable() = default;
  virtual void interrupt_changed() = 0;
  // DMARQ: the drive has data, or wants some.
  virtual void dma_requested(AtaDrive& drive) = 0;
  virtual void dma_released(AtaDrive& drive) = 0;
  // The channel's other drive is there (word 93 of IDENTIFY DEVICE).
  virtual bool other_present(const AtaDrive& drive) const = 0;
};

struct AtaCommandRow;

class AtaDrive final : public Stateful {
 public:
  AtaDrive(const DeviceSite& site, unsigned unit, DiskImage& image, const AtaDriveConfig& config,
           AtaCable& cable);
  ~AtaDrive() override;
  AtaDrive(const AtaDrive&) = delete;
  AtaDrive& operator=(const AtaDrive&) = delete;

  // --- The command block ---
  uint8_t status() const { return status_; }
  // Reading Status, not Alternate Status, ends a pending interrupt.
  void acknowledge_interrupt();
  bool interrupt_pending() const { return interrupt_; }
  // `previous`: the value before the last one that was written (Device Control's HOB).
  uint8_t read_parameter(ata::Parameter parameter, bool previous) const;
  void write_parameter(ata::Parameter parameter, uint8_t value);
  void write_command(uint8_t opcode);
  uint16_t read_data();
  void write_data(uint16_t word);

  // --- Resets ---
  // SRST: the drive stays busy from begin_reset() until some time behind end_reset().
  void begin_reset();
  void end_reset();
  // RESET-, or power on: ready at once, all settings as made. What the cache holds still reaches the medium.
  void power_on();

  // --- DMA: for whoever answers DMARQ ---
  enum class Dma : uint8_t { none, to_host, from_host };
  Dma dma() const { return dma_; }
  // How many bytes the drive can move before it has to think again. Even, and not 0 while it asks.
  size_t dma_available() const { return dma_ == Dma::none ? 0 : transfer_.filled - transfer_.position; }
  Tick dma_time(size_t bytes) const { return settings_.modes.dma_words(bytes / 2); }
  // The next bytes to the host, at most dma_available().
  std::span<const uint8_t> dma_peek(size_t bytes) const;
  // For the host's: where they go.
  std::span<uint8_t> dma_place(size_t bytes);
  // Those bytes have passed. The drive may end the command in this call.
  void dma_moved(size_t bytes);

  const AtaSettings& settings() const { return settings_; }
  const std::string& name() const { return config_.name; }
  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct AtaCommands;

  enum class Power : uint8_t { active, idle, standby, sleep };

  // Each register is two deep: [0] as written last, [1] the value before (48-bit address feature set).
  struct TaskFile {
    std::array<uint8_t, 2> features{}, sector_count{}, lba_low{}, lba_mid{}, lba_high{};
    uint8_t device = 0;
  };
  struct Command {
    const AtaCommandRow* row = nullptr;  // null: no such command
    uint8_t opcode = 0;
    uint16_t features = 0;
    uint8_t device = 0;
    uint32_t count = 0;        // sectors; the Sector Count register where the command has no address
    uint32_t media_count = 0;  // how many of them a write really stores: fewer by a fault only
    uint64_t lba = 0;
    bool addressable = true;  // false: no such cylinder, head or sector
    uint8_t fail = 0;         // a fault: ends at once with this in the Error register
    std::optional<uint64_t> failing_lba;
    Tick taken_at;
  };
  // Data on its way. The buffer is shared with the image's request, which may outlive a reset.
  struct Transfer {
    bool write = false, medium = false, through = false;
    uint64_t lba = 0;         // next on the medium
    uint32_t sectors = 0;     // not yet moved to or from the medium
    uint32_t media_left = 0;  // of them, those that a write stores
    WriteCache::Buffer buffer;
    std::vector<WriteCache::Write> cached;  // what a read has to lay over the medium's data
    size_t filled = 0;                      // valid bytes, or those to come from the host
    size_t position = 0;                    // of the host
    size_t block_bytes = 0;                 // of a whole DRQ block
    size_t block_start = 0, block_end = 0;
    Tick block_began;
  };

  // --- ata_drive.cpp ---
  Command decode(uint8_t opcode) const;
  bool show_command(Tick& delay);
  void begin();
  void finish(uint8_t error, bool interrupt = true);
  void settle(uint8_t status, uint8_t error, bool interrupt);
  void repeat_interrupt(Tick delay);
  void fail_at(uint64_t lba, uint8_t error);
  void put_address(uint64_t lba);
  void put_signature();
  void abandon();
  void set_interrupt(bool pending);
  void busy() { status_ = ata::kBsy | ata::kReady; }
  void after(Tick delay, const char* name, void (AtaDrive::*step)());
  // The image's answer, unless the command is over by then.
  DiskImage::Done answer(std::function<void(DiskImage::Status)> then);
  std::function<void()> when_current(std::function<void()> then);
  std::string shown() const;
  std::optional<uint64_t> first_bad_sector() const;
  Tick wake_up();

  // --- ata_transfer.cpp: rows that move data, and their steps ---
  void start_read();
  void start_write();
  void start_verify();
  void start_identify();
  void start_read_buffer();
  void start_write_buffer();
  bool multiple_refused() const;
  void open_transfer(bool write, bool medium);
  void send_internal(std::span<const uint8_t> sector);
  void fill();
  void filled(DiskImage::Status status, uint32_t count);
  void offer();
  void request_data();
  void first_block();
  void next_block();
  void open_block();
  void block_passed();
  void buffer_passed();
  void store();
  void store_through(size_t bytes);
  void stored(DiskImage::Status status);
  void verify();
  void move_on();

  // --- ata_settings.cpp: rows without data ---
  void nop();
  void recalibrate();
  void seek();
  void initialize_device_parameters();
  void execute_device_diagnostic();
  void diagnosed();
  void set_multiple_mode();
  void set_features();
  void set_transfer_mode(uint8_t mode);
  void flush_cache();
  void flushed(DiskImage::Status status);
  void standby_immediate();
  void idle_immediate();
  void standby();
  void idle();
  void sleep();
  void check_power_mode();
  void reset_done();
  void revert_settings();
  void set_standby_timer(uint8_t code);
  bool in_standby() const;
  void rest(Power power);

  const DeviceSite site_;
  const unsigned unit_;
  DiskImage& image_;
  const AtaDriveConfig config_;
  AtaCable& cable_;
  Wire& command_wire_;
  Wire& completion_wire_;
  WriteCache cache_;

  TaskFile file_;
  uint8_t status_ = ata::kReady;
  uint8_t error_ = ata::kDiagnosticPassed;
  bool interrupt_ = false;
  bool in_reset_ = false;
  AtaSettings settings_;
  Power power_ = Power::active;
  Tick standby_after_ = Tick::never();
  Tick last_command_at_;
  Command command_;
  Transfer transfer_;
  Dma dma_ = Dma::none;
  bool drq_ = false;                                        // a DRQ block is open
  std::array<uint8_t, ata::kSectorBytes> sector_buffer_{};  // of READ BUFFER and WRITE BUFFER
  uint64_t run_ = 0;  // of the command under way; grows with each command and reset
  EventQueue::Handle step_;
  // Answers of the image that come when the drive is gone find it expired.
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace ringside

// The rules of an ATA controller with bus masters, as a PC has one: ATA/ATAPI-7 volume 2 (T13/1532D revision
// 4b; clauses are its own) for the two channels, and "Programming Interface for Bus Master IDE Controller",
// Intel, revision 1.0 (sections "BM"), for the engines. Whether a drive is busy is told by what it has taken
// and what it has ended ("ata/<disk>/command" and "completion").
#pragma once

#include <array>
#include <vector>

#include "checkers/device/device_protocol.h"
#include "sim/tick.h"

namespace ringside {

class AtaProtocol final : public DeviceProtocol {
 public:
  using DeviceProtocol::DeviceProtocol;
  void on_crossing(const Seen& seen) override;

 private:
  struct Drive {
    bool in_flight = false;   // it has taken a command and not ended it
    bool may_move = false;    // Status has shown DRQ since the command
    bool last_moves = false;  // it ended with the read of its last word, which is seen next
  };
  struct Channel {
    std::array<Drive, 2> drives;
    uint8_t selected = 0;
    bool reset_set = false, was_reset = false;
    // SRST is set; behind it, Status has shown BSY and not yet its end. A host that has not looked cannot be
    // told that the drive still was busy.
    bool in_reset = false;
    Tick commanded_at = Tick::never();
    Drive& drive() { return drives[selected]; }
    bool busy() const { return in_reset || drives[selected].in_flight; }
  };
  struct Engine {
    bool started = false, to_memory = false, table_written = false;
  };

  void command_block(const Seen& seen, const BusAccessRecord& access);
  void control_block(const Seen& seen, const BusAccessRecord& access);
  void move_data(const Seen& seen, Channel& channel, bool write);
  void write_parameter(const Seen& seen, Channel& channel, unsigned offset, uint8_t value);
  void write_command(const Seen& seen, Channel& channel, uint8_t opcode);
  void read_status(const Seen& seen, Channel& channel, uint8_t status);
  void write_engine(const Seen& seen, unsigned number, unsigned offset, uint8_t value);
  void write_engine_command(const Seen& seen, unsigned number, uint8_t value);
  void command_taken(const Seen& seen);
  void command_ended(const Seen& seen);

  std::array<Channel, 2> channels_;
  std::array<Engine, 2> engines_;
  // Who a disk's wires belong to: found out by the first command that it takes.
  struct Place {
    bool known = false;
    uint8_t channel = 0, drive = 0;
    std::string disk;
  };
  Place* place_of(const Wire& wire);
  std::vector<Place> places_;
  // The command that was written last, until a drive takes it.
  bool offered_ = false;
  uint8_t offered_channel_ = 0, offered_opcode_ = 0;
};

}  // namespace ringside

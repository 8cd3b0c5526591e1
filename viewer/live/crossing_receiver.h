// The other end of a machine's feed of crossings (control/feed_records.h): what it sends becomes rows. A
// machine that was taken back sends rows again; those are known, as long as they are the same. Where one
// differs, another history has begun, and the rows from there on are gone.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "control/channel.h"
#include "control/feed_records.h"
#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

class CrossingReceiver {
 public:
  CrossingReceiver(OwnedDescriptor socket, CrossingTable& table)
      : socket_(std::move(socket)), table_(table) {}

  // Takes in what there is, for about so long. True where there is nothing more at this moment.
  bool receive(std::chrono::nanoseconds budget);
  // Since the last call: rows have come or gone.
  bool take_changed() { return std::exchange(changed_, false); }
  bool is_open() const { return static_cast<bool>(socket_); }

  // One packet; what is damaged in it is left out.
  void take(std::span<const uint8_t> packet);

 private:
  void take_record(const FeedHead& head, std::span<const uint8_t> record);
  void take_crossing(const FeedCrossing& crossing, std::span<const uint8_t> payload);

  // A payload that comes in parts is no larger; a wire's has at most some megabytes.
  static constexpr size_t kPayloadMax = 64 << 20;
  static constexpr uint32_t kWiresMax = 1 << 20;

  OwnedDescriptor socket_;
  CrossingTable& table_;
  std::vector<uint32_t> wires_;  // the table's, by the machine's index
  FeedCrossing begun_;
  std::vector<uint8_t> begun_payload_;
  bool has_begun_ = false;
  bool changed_ = false;
  std::vector<uint8_t> buffer_;
};

}  // namespace ringside::viewer

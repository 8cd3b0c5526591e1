// How a device reaches memory by itself. Each transfer is a crossing on "dma/<device>"; a tap may make it
// fail, go elsewhere, be shorter or take longer. A transfer that touches anything but RAM fails whole, with a
// notice that says where: a PCI device then sees a master abort. A store of four bytes into
// 0xfee0'0000-0xfeef'ffff is a message-signalled interrupt (Intel SDM volume 3, 10.11) and goes to whoever
// was set for it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "sim/device_site.h"
#include "sim/memory.h"

namespace ringside {

// On "dma/<device>", when the transfer is made.
struct DmaRecord {
  uint64_t address;
  uint32_t length;
  uint8_t write;  // 1: the device stores into memory
  uint8_t done;   // 0: it failed, nothing was transferred
  uint8_t reserved[2];
  uint64_t digest;  // hash64 of the bytes
};
static_assert(sizeof(DmaRecord) == 24);
extern const PayloadType kDmaPayload;

class DmaPort {
 public:
  // How much longer than usual the transfers since the last call have taken, by a fault: the device adds it
  // to its own time.
  Tick take_delay() { return std::exchange(delay_, Tick{}); }

  using MessageInterrupt = std::function<void(uint32_t address, uint32_t data)>;

  DmaPort(const DeviceSite& site, Memory& memory);

  // False when it failed: then `into` is all ones, and nothing was stored.
  bool read(GuestPhys from, std::span<uint8_t> into);
  bool write(GuestPhys to, std::span<const uint8_t> from);

  void set_message_interrupt(MessageInterrupt receiver) { message_interrupt_ = std::move(receiver); }
  void send_message_interrupt(uint32_t address, uint32_t data);

 private:
  // What the taps leave of a transfer: it may go elsewhere, or be shorter.
  struct Passed {
    bool done = false;
    GuestPhys address;
    size_t length = 0;
  };
  Passed pass(GuestPhys address, std::span<const uint8_t> bytes, bool write, bool possible);

  const DeviceSite site_;
  Memory& memory_;
  Wire& wire_;
  MessageInterrupt message_interrupt_;
  Tick delay_;
  std::vector<uint8_t> payload_;  // of the crossing that is being shown
};

}  // namespace ringside

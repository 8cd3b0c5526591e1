// The receive engine: stores frames from the receive FIFO into the buffers of the ring (SDM 3.2). Each step
// fills one buffer and the next begins when that transfer is over. The 82540EM has one receive descriptor
// format. A frame that is larger than a buffer goes on in the next; the last one has EOP and the verdicts.
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/checksum.h"
#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr size_t kAddressBytes = 12, kTagBytes = 4, kFcsBytes = 4;

void put16(std::span<uint8_t> bytes, size_t at, uint32_t value) {
  bytes[at] = static_cast<uint8_t>(value);
  bytes[at + 1] = static_cast<uint8_t>(value >> 8);
}

}  // namespace

// A receiver that is switched off lets nothing more in; what the FIFO holds waits there (13.4.22).
void E1000::write_rctl(uint64_t value) {
  if ((value & kRctlEn) == 0) rx_.fetched.clear();
  start_line();  // a loopback may have come or gone
  kick_receive();
}

// FPD ends the delay at once (13.4.30).
void E1000::write_rdtr(uint64_t value) {
  if ((value & kRdtrFpd) != 0) receive_timer_expired();
}

// SDM 13.4.22, BSIZE and BSEX.
size_t E1000::buffer_bytes() const {
  const uint32_t code = get(kRctl) >> kRctlBsizeShift & 3;
  if (!flag(kRctl, kRctlBsex) || code == 0) return size_t{2048} >> code;
  return size_t{32768} >> code;
}

// What will be stored: without the tag where it is stripped, with the check sequence unless that is.
void E1000::prepare(Frame& frame) const {
  std::vector<uint8_t>& bytes = frame.bytes;
  const uint32_t fcs = frame_check_sequence(bytes) ^ (frame.bad_fcs ? 0xffffffff : 0);
  const ReceiveSums sums = judge_checksums(bytes);
  frame.status |= sums.status;
  frame.errors = static_cast<uint8_t>(sums.errors | frame.line_errors | (frame.bad_fcs ? kRdescCe : 0));
  const bool tagged = bytes.size() >= kAddressBytes + kTagBytes + 2 &&
                      (static_cast<uint32_t>(bytes[12]) << 8 | bytes[13]) == get(kVet);
  if (tagged && flag(kCtrl, kCtrlVme)) {
    frame.tag = static_cast<uint16_t>(bytes[14] << 8 | bytes[15]);
    frame.status |= kRdescVp;
    bytes.erase(bytes.begin() + kAddressBytes, bytes.begin() + kAddressBytes + kTagBytes);
  }
  if (!flag(kRctl, kRctlSecrc)) {
    for (size_t i = 0; i < kFcsBytes; ++i) bytes.push_back(static_cast<uint8_t>(fcs >> 8 * i));
  }
  const size_t start = std::min<size_t>(get(kRxcsum) & 0xff, bytes.size());
  const auto sum =
      static_cast<uint16_t>(~ones_complement_sum(std::span<const uint8_t>(bytes).subspan(start)));
  frame.checksum = static_cast<uint16_t>(sum << 8 | sum >> 8);
}

void E1000::kick_receive() {
  if (receive_event_ || !flag(kRctl, kRctlEn) || receive_fifo_.empty() || !ring_ready(rx_)) return;
  receive_event_ = site_.events.schedule(std::max(site_.clock.now, bus_free_at_), "e1000/receive",
                                         [this] { receive_step(); });
}

void E1000::receive_step() {
  receive_event_ = {};
  if (!flag(kRctl, kRctlEn) || receive_fifo_.empty() || !ring_ready(rx_)) return;
  if (!rx_.fetched.empty()) {
    store_buffer();
  } else if (!fetch(rx_)) {
    return;
  }
  kick_receive();
}

// Fills the buffer of the descriptor at the head.
void E1000::store_buffer() {
  Descriptor descriptor = rx_.fetched.front();
  Frame& frame = receive_fifo_.front();
  uint64_t address = 0;
  for (unsigned i = 0; i < 8; ++i) address |= static_cast<uint64_t>(descriptor[i]) << 8 * i;
  const size_t length = std::min(buffer_bytes(), frame.bytes.size() - frame.stored);
  if (!dma_write(address, std::span<const uint8_t>(frame.bytes).subspan(frame.stored, length),
                 "a receive buffer")) {
    rx_.halted = true;
    return;
  }
  frame.stored += length;
  const bool last = frame.stored == frame.bytes.size();
  put16(descriptor, 8, static_cast<uint32_t>(length));
  put16(descriptor, 10, frame.checksum);
  descriptor[12] = static_cast<uint8_t>(kRdescDd | (last ? kRdescEop | frame.status : 0));
  descriptor[13] = last ? frame.errors : uint8_t{0};
  put16(descriptor, 14, last ? frame.tag : 0);
  advance(rx_, true, descriptor);
  const uint32_t threshold = ring_count(rx_) >> ((get(kRctl) >> kRctlRdmtsShift & 3) + 1);
  if (ring_owned(rx_) == threshold) raise(kRxdmt0);
  if (!last) return;
  const size_t frame_bytes = frame.bytes.size();
  receive_fifo_bytes_ -= frame_bytes;
  receive_fifo_.pop_front();
  update_flow_control();
  receive_interrupt(frame_bytes);
}

// SDM 3.2.7: small packets interrupt at once, others when the delays have passed.
void E1000::receive_interrupt(size_t frame_bytes) {
  if (get(kRsrpd) != 0 && frame_bytes <= get(kRsrpd)) {
    flush(rx_);
    raise(kSrpd);
  }
  if (get(kRdtr) == 0) {
    flush(rx_);
    raise(kRxt0);
    return;
  }
  arm(receive_delay_.packet, get(kRdtr), "e1000/rdtr", &E1000::receive_timer_expired);
  if (!receive_delay_.absolute && get(kRadv) != 0) {
    arm(receive_delay_.absolute, get(kRadv), "e1000/radv", &E1000::receive_timer_expired);
  }
}

void E1000::receive_timer_expired() {
  cancel(receive_delay_);
  flush(rx_);
  raise(kRxt0);
}

}  // namespace ringside

// What faults do on the cable: it is pulled and put back, and frames come to harm in ways that only the
// controller can tell of, by the error bits of a receive descriptor (SDM 3.2.3.2), the status of a transmit
// descriptor (3.3.3.2), and its counters (13.7).
#include <algorithm>
#include <cstring>
#include <utility>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"
#include "devices/nic/payloads.h"

namespace ringside {

using namespace e1000;

namespace {

template <class Record>
Record record_of(std::span<const uint8_t> payload) {
  Record record{};
  std::memcpy(&record, payload.data(), std::min(payload.size(), sizeof record));
  return record;
}

}  // namespace

void E1000::accept_faults() {
  link_wire_.set_stimulus(
      [this](std::span<const uint8_t> payload) { show_link(record_of<NicLinkRecord>(payload)); });
  error_wire_.set_stimulus([this](std::span<const uint8_t> payload) {
    const auto errors = record_of<NicErrorRecord>(payload);
    if (error_wire_.show(Direction::in, errors).copies == 0) return;
    next_receive_errors_ |= errors.receive_errors;
    next_transmit_status_ |= errors.transmit_status & (kTdescEc | kTdescLc | kTdescTu);
  });
}

void E1000::forget_faults() {
  link_wire_.set_stimulus(nullptr);
  error_wire_.set_stimulus(nullptr);
  site_.events.cancel(cable_back_);
}

void E1000::show_link(const NicLinkRecord& link) {
  if (link_wire_.show(Direction::in, link).copies == 0) return;
  cable_pulled_ = link.up == 0;
  set_cable();
  site_.events.cancel(cable_back_);
  if (!cable_pulled_ || link.duration == 0) return;
  cable_back_ =
      site_.events.schedule(saturating_add(site_.clock.now, Tick{link.duration}), "e1000/cable_back", [this] {
        cable_back_ = {};
        NicLinkRecord back{};
        back.up = 1;
        show_link(back);
      });
}

void E1000::set_cable() { phy_.set_cable(port_.link_up() && !cable_pulled_); }

// DEVIATES: SDM 3.2.3.2 - SE, SEQ and CXE exist for fibre and half duplex only; here copper may have them.
void E1000::spoil(Frame& frame) {
  const uint8_t errors = std::exchange(next_receive_errors_, uint8_t{0});
  frame.bad_fcs = frame.bad_fcs || (errors & kRdescCe) != 0;
  frame.line_errors = errors & static_cast<uint8_t>(~kRdescCe);
  if ((errors & kRdescSe) != 0) count(kSymerrs);
  if ((errors & kRdescSeq) != 0) count(kSec);
  if ((errors & kRdescCxe) != 0) count(kCexterr);
  if ((errors & kRdescRxe) != 0) count(kRxerrc);
}

// The packet that is about to be gathered does not get out; its last descriptor says why.
uint8_t E1000::take_transmit_fault() {
  const uint8_t status = std::exchange(next_transmit_status_, uint8_t{0});
  packet_.discarded = true;
  if ((status & kTdescEc) != 0) count(kEcol);
  if ((status & kTdescLc) != 0) count(kLatecol);
  return status;
}

}  // namespace ringside

#include "devices/nic/phy.h"

#include <fmt/format.h>

#include <utility>

namespace ringside {

namespace {

// PCTRL, 802.3 table 22-7.
constexpr uint16_t kReset = 1 << 15, kLoopback = 1 << 14, kSpeedLow = 1 << 13, kAutonegotiate = 1 << 12;
constexpr uint16_t kPowerDown = 1 << 11, kIsolate = 1 << 10, kRestart = 1 << 9, kFullDuplex = 1 << 8;
constexpr uint16_t kSpeedHigh = 1 << 6, kPctrlWritable = 0x7dc0;
// PSTATUS, table 22-8: 10 and 100 Mb/s in both duplexes, extended status, no preamble needed, negotiates.
constexpr uint16_t kPstatusAbilities = 0x7949, kNegotiationComplete = 1 << 5, kLinkStatus = 1 << 2;
// ANA and LPA, table 28-2. GCON and GSTATUS, table 40-3.
constexpr uint16_t kAna10Full = 1 << 6, kAna100Full = 1 << 8;
constexpr uint16_t kAnaDefault = 0x0de1, kLpaAcknowledge = 1 << 14, kLpaSelector = 1;
constexpr uint16_t kGcon1000Full = 1 << 9, kGconDefault = 0x0e00;
constexpr uint16_t kGstatusMaster = 1 << 14, kGstatusLocalOk = 1 << 13, kGstatusRemoteOk = 1 << 12;
constexpr uint16_t kGstatusPartnerFull = 1 << 11;
constexpr uint16_t kAnePartnerNegotiates = 1 << 0, kAnePageReceived = 1 << 1, kAneNextPageAble = 1 << 2;
// PSSTAT, SDM table 13-127.
constexpr uint16_t kPsstatResolved = 1 << 11, kPsstatLink = 1 << 10, kPsstatFull = 1 << 13;
// PINTS, SDM table 13-129.
constexpr uint16_t kPintsSpeed = 1 << 14, kPintsDuplex = 1 << 13, kPintsComplete = 1 << 11,
                   kPintsLink = 1 << 10;

}  // namespace

M88Phy::M88Phy(const DeviceSite& site, const PhyConfig& config, std::function<void()> changed,
               std::function<void()> interrupted)
    : site_(site), config_(config), changed_(std::move(changed)), interrupted_(std::move(interrupted)) {
  set_defaults();
  restart_link();
}

M88Phy::~M88Phy() { site_.events.cancel(completion_); }

void M88Phy::set_defaults() {
  registers_.fill(0);
  registers_[kPctrl] = kAutonegotiate | kFullDuplex | kSpeedHigh;
  registers_[kPid] = 0x0141;   // Marvell's OUI
  registers_[kEpid] = 0x0c20;  // and the model: M88E1011
  registers_[kAna] = kAnaDefault;
  registers_[kAne] = kAneNextPageAble;
  registers_[kNpt] = 0x2001;
  registers_[kGcon] = kGconDefault;
  registers_[kEpstatus] = 0x3000;  // 1000BASE-T in both duplexes
  registers_[kPscon] = 0x0360;     // automatic crossover, energy detection
  registers_[kEpscon] = 0x0d60;
}

bool M88Phy::loopback() const { return (registers_[kPctrl] & kLoopback) != 0; }

uint16_t M88Phy::read(unsigned number) {
  if (number >= kRegisters || held_) return 0xffff;
  switch (number) {
    case kPstatus: return read_status();
    case kPsstat: return read_specific_status();
    case kAne: {
      const uint16_t value = registers_[kAne];
      registers_[kAne] &= static_cast<uint16_t>(~kAnePageReceived);
      return value;
    }
    case kPints: return std::exchange(registers_[kPints], uint16_t{0});
    default: return registers_[number];
  }
}

uint16_t M88Phy::read_status() {
  uint16_t value = kPstatusAbilities;
  if (negotiated_) value |= kNegotiationComplete;
  if (link_up_ && !link_failed_) value |= kLinkStatus;
  link_failed_ = false;
  return value;
}

uint16_t M88Phy::read_specific_status() const {
  if (!link_up_) return 0;
  uint16_t value = kPsstatResolved | kPsstatLink;
  if (full_duplex_) value |= kPsstatFull;
  return static_cast<uint16_t>(value | (speed_mbps_ == 1000 ? 2 : speed_mbps_ == 100 ? 1 : 0) << 14);
}

void M88Phy::write(unsigned number, uint16_t value) {
  if (number >= kRegisters || held_) return;
  switch (number) {
    case kPstatus:
    case kPid:
    case kEpid:
    case kLpa:
    case kAne:
    case kLpn:
    case kGstatus:
    case kEpstatus:
    case kPsstat:
    case kPints:
    case kPrecnt:
      site_.notice(NoticeKind::unusual,
                   fmt::format("PHY register {}: write of {:#06x} to a read-only register", number, value));
      return;
    case kPctrl: break;
    default: registers_[number] = value; return;
  }
  // The speed, duplex and negotiation bits take effect with a reset or restart only (SDM 11.1.3); power-down
  // and loopback at once.
  const uint16_t before = registers_[kPctrl];
  registers_[kPctrl] = value & kPctrlWritable & static_cast<uint16_t>(~kRestart);
  const bool powered = ((before ^ value) & (kPowerDown | kLoopback)) != 0;
  if ((value & (kReset | kRestart)) != 0 || powered) restart_link();
}

void M88Phy::set_cable(bool connected) {
  if (cable_ == connected) return;
  cable_ = connected;
  if (connected) {
    restart_link();
  } else {
    site_.events.cancel(completion_);
    drop_link();
  }
}

void M88Phy::hold_reset(bool held) {
  if (held_ == held) return;
  held_ = held;
  set_defaults();
  restart_link();
}

void M88Phy::drop_link() {
  negotiated_ = false;
  registers_[kLpa] = registers_[kGstatus] = 0;
  registers_[kAne] = kAneNextPageAble;
  if (!link_up_) return;
  link_up_ = false;
  link_failed_ = true;
  raise(kPintsLink);
  changed_();
}

// The link goes down and, where there is somebody at the other end, comes up again later.
void M88Phy::restart_link() {
  site_.events.cancel(completion_);
  drop_link();
  const uint16_t control = registers_[kPctrl];
  if (held_ || (control & (kPowerDown | kIsolate)) != 0) return;
  if (!cable_ && !loopback()) return;
  const bool negotiates = (control & kAutonegotiate) != 0 && !loopback();
  const Tick delay = negotiates ? config_.autonegotiation : config_.forced_link;
  completion_ = site_.events.schedule(saturating_add(site_.clock.now, delay), "phy/link", [this] {
    completion_ = {};
    complete_link();
  });
}

// 802.3, 28.2.3.3 and annex 28B.3: the best that both ends offer.
void M88Phy::resolve() {
  const uint16_t offered = registers_[kAna];
  const uint32_t partner = config_.partner_mbps;
  if ((registers_[kGcon] & kGcon1000Full) != 0 && partner >= 1000) {
    speed_mbps_ = 1000;
  } else if ((offered & kAna100Full) != 0 && partner >= 100) {
    speed_mbps_ = 100;
  } else if ((offered & kAna10Full) != 0) {
    speed_mbps_ = 10;
  } else {
    speed_mbps_ = 0;  // nothing in common
  }
  registers_[kLpa] = kLpaAcknowledge | kLpaSelector | kAna10Full;
  if (partner >= 100) registers_[kLpa] |= kAna100Full;
  if (partner >= 1000) registers_[kGstatus] = kGstatusPartnerFull;
  if (speed_mbps_ == 1000) registers_[kGstatus] |= kGstatusMaster | kGstatusLocalOk | kGstatusRemoteOk;
  registers_[kAne] |= kAnePartnerNegotiates | kAnePageReceived;
}

void M88Phy::complete_link() {
  const uint16_t control = registers_[kPctrl];
  if ((control & kAutonegotiate) != 0 && !loopback()) {
    resolve();
    if (speed_mbps_ == 0) {
      site_.notice(NoticeKind::unusual,
                   fmt::format("PHY: nothing in common with the link partner (ANA {:#06x}, GCON {:#06x})",
                               registers_[kAna], registers_[kGcon]));
      speed_mbps_ = 10;
      return;
    }
    negotiated_ = true;
    full_duplex_ = true;
  } else {
    speed_mbps_ = (control & kSpeedHigh) != 0 ? 1000 : (control & kSpeedLow) != 0 ? 100 : 10;
    full_duplex_ = (control & kFullDuplex) != 0;
    if (!loopback() && speed_mbps_ > config_.partner_mbps) return;
  }
  link_up_ = true;
  raise(kPintsLink | kPintsSpeed | kPintsDuplex | (negotiated_ ? kPintsComplete : 0));
  changed_();
}

void M88Phy::raise(uint16_t causes) {
  registers_[kPints] |= causes;
  if ((registers_[kPints] & registers_[kPinte]) != 0) interrupted_();
}

void M88Phy::visit_state(StateVisitor& visitor) const {
  visitor.bytes("phy_registers", {reinterpret_cast<const uint8_t*>(registers_.data()), sizeof registers_});
  visitor.number("phy_flags", (cable_ ? 1 : 0) | (held_ ? 2 : 0) | (link_up_ ? 4 : 0) |
                                  (full_duplex_ ? 8 : 0) | (negotiated_ ? 16 : 0) | (link_failed_ ? 32 : 0));
  visitor.number("phy_speed_mbps", speed_mbps_);
  visitor.number("phy_completion_at", completion_ ? completion_.at.ps : 0);
}

}  // namespace ringside

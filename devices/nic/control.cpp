// Device control and what stands beside the MAC: reset, link, the EEPROM's two ways in, the PHY's management
// interface, the division of the packet buffer (SDM 13.4.1-13.4.7, 13.4.16, 8.6).
#include <fmt/format.h>

#include <algorithm>

#include "devices/nic/e1000.h"
#include "devices/nic/e1000_bits.h"

namespace ringside {

using namespace e1000;

namespace {

constexpr uint32_t kSpeedCode1000 = 2, kSpeedCode100 = 1;
constexpr uint32_t kLoopbackMac = 1u << 6;  // RCTL.LBM
constexpr uint64_t kPci66Hz = 40'000'000;   // faster than any 33 MHz slot

constexpr uint32_t speed_code(uint32_t mbps) {
  return mbps >= 1000 ? kSpeedCode1000 : mbps >= 100 ? kSpeedCode100 : 0;
}

}  // namespace

void E1000::write_ctrl(uint64_t value) {
  if ((value & kCtrlRst) != 0) {
    reset_mac(false);
    update_link();
    return;
  }
  phy_.hold_reset((value & kCtrlPhyRst) != 0);
  update_link();
}

// EE_RST reads the EEPROM again and clears itself; so does ASDCHK, which finds the PHY's speed at once.
void E1000::write_ctrl_ext(uint64_t value) {
  if ((value & kCtrlExtEeRst) != 0) load_from_eeprom();
}

bool E1000::mac_loopback() const { return (get(kRctl) & kRctlLbm) == kLoopbackMac; }
bool E1000::link_up() const { return phy_.link_up() && flag(kCtrl, kCtrlSlu); }

uint32_t E1000::speed_mbps() const {
  if (!flag(kCtrl, kCtrlFrcspd)) return phy_.speed_mbps();
  const uint32_t code = get(kCtrl) >> kCtrlSpeedShift & 3;
  return code >= kSpeedCode1000 ? 1000 : code == kSpeedCode100 ? 100 : 10;
}

bool E1000::full_duplex() const {
  return flag(kCtrl, kCtrlFrcdplx) ? flag(kCtrl, kCtrlFd) : !phy_.link_up() || phy_.full_duplex();
}

// The link as the MAC sees it: the PHY's, once software has set SLU (8.6.2.1).
void E1000::update_link() {
  const bool up = link_up();
  if (up != link_seen_up_) {
    link_seen_up_ = up;
    raise(kLsc);
  }
  start_line();
}

uint64_t E1000::read_status() {
  const uint32_t mbps = phy_.link_up() || flag(kCtrl, kCtrlFrcspd) ? speed_mbps() : 1000;
  uint32_t status = speed_code(mbps) << kStatusSpeedShift;
  if (phy_.link_up()) status |= speed_code(phy_.speed_mbps()) << kStatusAsdvShift;
  if (full_duplex()) status |= kStatusFd;
  if (link_up()) status |= kStatusLu;
  if (site_.clock.now < paused_until_) status |= kStatusTxoff;
  if (config_.timing.pci_hz > kPci66Hz) status |= kStatusPci66;
  return status;
}

uint64_t E1000::read_eecd() {
  uint32_t value = (get(kEecd) & ~(kEecdDo | kEecdGnt)) | kEecdPres;
  if ((value & kEecdReq) != 0 && !eerd_done_) value |= kEecdGnt;
  if (eeprom_.data_out(site_.clock.now)) value |= kEecdDo;
  return value;
}

// The pins reach the EEPROM only while software has been granted it.
void E1000::write_eecd(uint64_t value) {
  const bool granted = (value & kEecdReq) != 0 && !eerd_done_;
  if (!granted) {
    if ((value & kEecdCs) != 0) {
      site_.notice(NoticeKind::unusual, fmt::format("EECD: {:#x} selects the EEPROM without EE_REQ", value));
    }
    eeprom_.set_pins(false, false, false, site_.clock.now);
    return;
  }
  eeprom_.set_pins((value & kEecdCs) != 0, (value & kEecdSk) != 0, (value & kEecdDi) != 0, site_.clock.now);
}

void E1000::write_eerd(uint64_t value) {
  if ((value & kEerdStart) == 0 || eerd_done_) return;
  if (flag(kEecd, kEecdReq)) {
    site_.notice(NoticeKind::unusual, "EERD: a read while EECD.EE_REQ holds the EEPROM does not end");
    return;
  }
  set(kEerd, get(kEerd) & 0xff00);
  eerd_done_ = site_.events.schedule(
      saturating_add(site_.clock.now, config_.timing.eeprom_read), "e1000/eerd", [this] {
        eerd_done_ = {};
        const uint32_t address = get(kEerd) >> 8 & 0xff;
        const uint32_t data = address < MicrowireEeprom::kWords ? eeprom_.word(address) : 0xffff;
        set(kEerd, address << 8 | kEerdDone | data << 16);
      });
}

// A management frame is under way until Ready is set; what is written meanwhile restarts it.
void E1000::write_mdic(uint64_t) {
  set(kMdic, get(kMdic) & ~(kMdicReady | kMdicError));
  site_.events.cancel(mdic_done_);
  mdic_done_ = site_.events.schedule(saturating_add(site_.clock.now, config_.timing.management_frame),
                                     "e1000/mdic", [this] {
                                       mdic_done_ = {};
                                       complete_mdic();
                                     });
}

void E1000::complete_mdic() {
  uint32_t value = get(kMdic) & ~kMdicReady;
  const unsigned number = value >> 16 & 0x1f, address = value >> 21 & 0x1f;
  const uint32_t operation = value & kMdicOp;
  if (address != M88Phy::kAddress || (operation != kMdicRead && operation != kMdicWrite)) {
    value |= kMdicError;
    site_.notice(NoticeKind::unusual, fmt::format("MDIC: {:#010x} names no PHY or no operation", value));
  } else if (operation == kMdicRead) {
    value = (value & 0xffff0000) | phy_.read(number);
  } else {
    phy_.write(number, static_cast<uint16_t>(value));
  }
  set(kMdic, value | kMdicReady);
  if ((value & kMdicInterrupt) != 0) raise(kMdac);
}

// The division takes effect with the next reset (13.4.16).
void E1000::write_pba(uint64_t value) {
  const uint32_t wanted = static_cast<uint32_t>(value) & 0x78;
  const uint32_t receive = std::clamp(wanted, 8u, 56u);
  if (wanted != receive) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("PBA: {:#x} leaves no room on one side; taken as {} KB to receive", value, receive));
  }
  set(kPba, receive | (64 - receive) << 16);
}

}  // namespace ringside

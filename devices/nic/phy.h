// The controller's internal copper PHY (a Marvell M88E1011 core), as software sees it through MDIC: the
// registers of IEEE 802.3 clauses 22, 28 and 40, and Marvell's own from 16 up (SDM 13.5, "PHY registers").
//
// The other end of the cable is the switch's port, which negotiates too and offers full duplex up to
// `partner_mbps`. Negotiation and training take `autonegotiation` from the moment when both ends are ready;
// a forced link takes `forced_link`. What the link has become is told to the MAC by `changed`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

#include "sim/device_site.h"
#include "sim/state.h"
#include "sim/tick.h"

namespace ringside {

struct PhyConfig {
  uint32_t partner_mbps = 1000;
  Tick autonegotiation = milliseconds(1500);
  Tick forced_link = milliseconds(100);
};

class M88Phy final : public Stateful {
 public:
  static constexpr unsigned kAddress = 1;  // on the management bus
  static constexpr unsigned kRegisters = 32;

  // Register numbers, by the SDM's names.
  enum : unsigned {
    kPctrl = 0,
    kPstatus = 1,
    kPid = 2,
    kEpid = 3,
    kAna = 4,
    kLpa = 5,
    kAne = 6,
    kNpt = 7,
    kLpn = 8,
    kGcon = 9,
    kGstatus = 10,
    kEpstatus = 15,
    kPscon = 16,
    kPsstat = 17,
    kPinte = 18,
    kPints = 19,
    kEpscon = 20,
    kPrecnt = 21,
  };

  M88Phy(const DeviceSite& site, const PhyConfig& config, std::function<void()> changed,
         std::function<void()> interrupted);
  ~M88Phy() override;
  M88Phy(const M88Phy&) = delete;
  M88Phy& operator=(const M88Phy&) = delete;

  uint16_t read(unsigned number);
  void write(unsigned number, uint16_t value);

  void set_cable(bool connected);
  // The MAC's PHY_RST line: while it is held, the PHY is silent; released, it starts from its defaults.
  void hold_reset(bool held);

  bool link_up() const { return link_up_; }
  uint32_t speed_mbps() const { return speed_mbps_; }
  bool full_duplex() const { return full_duplex_; }
  // What the MAC sends comes back to it, and the cable is not used (PCTRL bit 14).
  bool loopback() const;

  void visit_state(StateVisitor& visitor) const override;

 private:
  void set_defaults();
  void restart_link();
  void complete_link();
  void drop_link();
  void resolve();
  void raise(uint16_t causes);
  uint16_t read_status();
  uint16_t read_specific_status() const;

  const DeviceSite site_;
  const PhyConfig config_;
  const std::function<void()> changed_, interrupted_;
  std::array<uint16_t, kRegisters> registers_{};
  bool cable_ = true, held_ = false, link_up_ = false, full_duplex_ = true, negotiated_ = false;
  bool link_failed_ = false;  // since PSTATUS was read: its link bit latches low
  uint32_t speed_mbps_ = 10;
  EventQueue::Handle completion_;
};

}  // namespace ringside

// The checker `events`: nobody waits for an event that has come (public/event_channel.h), in the 2-level ABI
// and in the FIFO ABI; and ports are used while they are open.
//
// It looks at the shared pages when the guest asks Xen to let it wait. What a guest masks for a while, and
// what it polls for, it may do as it likes.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "checkers/xen/xen_device.h"

namespace ringside {

class Domain;

class EventsChecker final : public Checker {
 public:
  explicit EventsChecker(Checkers& checkers)
      : Checker(checkers, "events"), tells_unbound_(asked_for("send_to_unbound")) {}
  static std::vector<CheckerRule> rules();

  std::vector<std::string> wires() const override { return {"evtchn", "hypercall"}; }
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;
  void on_store_change(const std::string& path) override;
  void on_end(bool orderly) override;

 private:
  struct Port {
    bool own = false;   // made by the guest itself
    bool told = false;  // a violation has been
  };
  struct DomainPorts {
    uint16_t id;
    const Wire* events = nullptr;
    const Wire* hypercalls = nullptr;
    bool started = false;  // the guest has run
    bool fifo = false;
    bool faulty = false;      // a fault has changed events
    std::vector<Port> ports;  // up to the highest in use
  };
  // What stands in the shared pages for a port.
  struct PortBits {
    bool pending = false, masked = false, linked = false;
  };

  DomainPorts& ports_of(uint16_t domain);
  void on_cut_crossing(DomainPorts& domain, const Wire& wire, const Crossing& crossing, size_t record_bytes);
  void on_event(DomainPorts& domain, const Crossing& crossing);
  void on_change(DomainPorts& domain, const Crossing& crossing);
  void on_hypercall(DomainPorts& domain, const Wire& wire, const Crossing& crossing);
  void on_call(DomainPorts& domain, const Wire& wire, const Crossing& crossing);
  void on_lost_event(DomainPorts& domain, const Wire& wire, const Crossing& crossing);
  void start(DomainPorts& domain, const Wire& wire);
  void waits(DomainPorts& domain, const Wire& wire, const Crossing& crossing);
  void look_at_port(DomainPorts& domain, Domain& owner, uint32_t port, const PortBits& bits, bool told,
                    const Wire& wire, const Crossing& crossing);

  const bool tells_unbound_;
  std::vector<DomainPorts*> by_wire_;
  std::vector<std::unique_ptr<DomainPorts>> domains_;
  OfferedDevices devices_;
};

}  // namespace ringside

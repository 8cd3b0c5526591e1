// Stands in for host/network/network.cpp until it is there; the symbols are weak.
#include "host/network/network.h"

#include "sim/state.h"

#define WEAK __attribute__((weak))
namespace ringside {
WEAK void SwitchPort::transmit(std::span<const uint8_t> frame) { owner_->forward(*this, frame); }
WEAK void SwitchPort::set_link(bool up) {
  if (up == link_up_) return;
  link_up_ = up;
  if (link_listener_) link_listener_(up);
}
WEAK EthernetSwitch::EthernetSwitch(std::string name, Tick latency, const Clock& clock, EventQueue& events)
    : name_(std::move(name)), latency_(latency), clock_(clock), events_(events) {}
WEAK EthernetSwitch::~EthernetSwitch() {}
WEAK SwitchPort& EthernetSwitch::attach(std::string name) {
  ports_.push_back(std::make_unique<SwitchPort>());
  ports_.back()->owner_ = this;
  ports_.back()->name_ = std::move(name);
  return *ports_.back();
}
WEAK void EthernetSwitch::visit_state(StateVisitor&) const {}
WEAK void EthernetSwitch::forward(SwitchPort& from, std::span<const uint8_t> frame) {
  for (auto& port : ports_) {
    if (port.get() == &from) continue;
    events_.schedule(clock_.now + latency_, "switch",
                     [&port = *port, bytes = std::vector<uint8_t>(frame.begin(), frame.end())] {
                       if (port.link_up_ && port.receiver_) port.receiver_(bytes);
                     });
  }
}
}  // namespace ringside

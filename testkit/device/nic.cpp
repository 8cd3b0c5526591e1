#include <fmt/format.h>

#include <algorithm>

#include "testkit/device/device_house.h"

namespace ringside::test {

namespace house {

namespace {

E1000Config config_of(const NicOptions& options) {
  E1000Config config;
  config.mac = options.mac;
  config.phy.partner_mbps = options.megabits;
  config.phy.autonegotiation = to_tick(options.autonegotiation);
  return config;
}

}  // namespace

Nic::Nic(DeviceBench& the_bench, const NicOptions& options, unsigned the_device)
    : bench(the_bench),
      device(the_device),
      port_base(options.port_base),
      dma(the_bench.site(options.name), the_bench.need_ram()),
      network(options.name + "-net", microseconds(1), the_bench.clock, the_bench.events),
      port(network.attach(options.name)),
      peer(network.attach("peer")),
      core(the_bench.site(options.name), config_of(options), the_bench.ports.bus, the_bench.mmio.bus, dma,
           port),
      line(the_bench.line(options.irq)) {
  bench.need_pci().add(device, 0, core.pci());
  line.connect(core.pci().intx);
  // With responders it is a monitor, and hears what they send, too.
  peer.set_receiver([this](std::span<const uint8_t> frame) {
    for (const Mac& mac : responder_macs) {
      if (std::equal(mac.begin(), mac.end(), frame.begin() + 6)) return;
    }
    sent.push_back({Bytes(frame.begin(), frame.end()), to_duration(bench.clock.now)});
  });
  PciFunction& pci = core.pci();
  if (options.memory_base != 0) pci.config_write(0x10, 4, options.memory_base);
  if (options.port_base != 0) pci.config_write(0x18, 4, options.port_base);
  if (options.memory_base != 0 || options.port_base != 0) pci.config_write(0x04, 2, 0x0007);
}

Nic::~Nic() = default;

}  // namespace house

Nic::Nic(std::unique_ptr<house::Nic> made, uint32_t memory_base)
    : Registers(made->bench.mmio, memory_base), house_(std::move(made)) {}
Nic::~Nic() = default;

Registers Nic::ports() const { return {house_->bench.ports, house_->port_base}; }
PciConfig Nic::config() const { return {house_->bench, house_->device, 0}; }
InterruptLine Nic::irq() const { return {house_->bench, house_->line}; }
const std::vector<Frame>& Nic::sent() const { return house_->sent; }
std::vector<Frame> Nic::take_sent() { return std::exchange(house_->sent, {}); }
void Nic::deliver(std::span<const uint8_t> bytes) { house_->peer.transmit(bytes); }
void Nic::set_link(bool up) { house_->port.set_link(up); }

void Nic::expect_sent(std::span<const uint8_t> bytes, Duration within, SourcePlace place) {
  if (!house_->bench.wait_for([&] { return !house_->sent.empty(); }, within))
    house::fail_expectation(place, "expected a frame within " + to_string(within) + "; none was sent");
  const Frame frame = std::move(house_->sent.front());
  house_->sent.erase(house_->sent.begin());
  house::expect_bytes(bytes, frame.bytes, "the frame that was sent", place);
}

void Nic::expect_none_sent(Duration within, SourcePlace place) {
  if (house_->bench.wait_for([&] { return !house_->sent.empty(); }, within)) {
    house::fail_expectation(
        place, fmt::format("expected that no frame is sent; one of {} bytes was at {}",
                           house_->sent.front().bytes.size(), to_string(house_->sent.front().at)));
  }
}

void Nic::add_responder(const Mac& mac, const std::array<uint8_t, 4>& address) {
  ResponderConfig config;
  config.mac = mac;
  config.address = address;
  const std::string name = fmt::format("responder{}", house_->responders.size());
  SwitchPort& port = house_->network.attach(name);
  house_->peer.set_monitor(true);
  house_->responder_macs.push_back(mac);
  house_->responders.push_back(std::make_unique<Responder>(name, config, port, house_->bench.clock,
                                                           house_->bench.events, house_->bench.options.seed));
}

}  // namespace ringside::test

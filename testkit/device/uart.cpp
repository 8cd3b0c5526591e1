#include "testkit/device/device_house.h"

namespace ringside::test {

namespace house {

namespace {
UartConfig config_of(const UartOptions& options) {
  UartConfig config;
  config.clock_hz = options.clock_hz;
  config.peer_waits_for_room = options.peer_waits_for_room;
  config.peer_obeys_rts = options.peer_obeys_rts;
  return config;
}
}  // namespace

Uart::Uart(DeviceBench& the_bench, const UartOptions& options)
    : bench(the_bench),
      core(the_bench.site(options.name), config_of(options)),
      line(the_bench.line(options.irq)) {
  mapping = bench.ports.bus.map(options.name, options.port, ringside::Uart::kBusLength, core,
                                ringside::Uart::kBusWidthMax);
  line.connect(core.interrupt);
  core.set_output([this](uint8_t byte) { sent.push_back(static_cast<char>(byte)); });
}

Uart::~Uart() { bench.ports.bus.unmap(mapping); }

}  // namespace house

Uart::Uart(std::unique_ptr<house::Uart> made, uint64_t port)
    : Registers(made->bench.ports, port), house_(std::move(made)) {}
Uart::~Uart() = default;

InterruptLine Uart::irq() const { return {house_->bench, house_->line}; }

void Uart::type(std::string_view text) {
  house_->core.receive(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

void Uart::type(uint8_t byte, const LineErrors& errors) {
  uint8_t bits = 0;
  if (errors.overrun) bits |= uart_error::overrun;
  if (errors.parity) bits |= uart_error::parity;
  if (errors.framing) bits |= uart_error::framing;
  if (errors.break_condition) bits |= uart_error::break_condition;
  house_->core.receive(UartCharacter{byte, bits});
}

size_t Uart::untyped() const { return house_->core.waiting_characters(); }
const std::string& Uart::sent() const { return house_->sent; }
std::string Uart::take_sent() { return std::exchange(house_->sent, {}); }

void Uart::expect_sent(std::string_view text, Duration within, SourcePlace place) {
  if (!house_->bench.wait_for([&] { return house_->sent.size() >= text.size(); }, within) ||
      house_->sent != text) {
    house::fail_expectation(place, "expected that \"" + std::string(text) + "\" is sent within " +
                                       to_string(within) + "; it was \"" + house_->sent + "\"");
  }
}

Duration Uart::character_time() const { return house::to_duration(house_->core.format().character_time()); }
void Uart::set_modem_inputs(uint8_t inputs) { house_->core.set_modem_inputs(inputs); }
uint8_t Uart::modem_outputs() const { return house_->core.modem_outputs(); }

}  // namespace ringside::test

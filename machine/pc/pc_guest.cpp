#include "machine/pc/pc_guest.h"

#include <fmt/format.h>

#include <algorithm>

#include "devices/disk/ide_controller.h"
#include "devices/nic/e1000.h"
#include "machine/pc/crash_report.h"

namespace ringside {

PcGuest::PcGuest(const DomainScenario& domain, PcFiles files, const PcSurroundings& surroundings)
    : domain_(domain),
      files_(std::move(files)),
      surroundings_(surroundings),
      notices_(surroundings.wiring, domain.name),
      site_{domain.name,         "pc",    surroundings.timeline.clock(), surroundings.timeline.events(),
            surroundings.wiring, notices_},
      ports_(Bus::Space::ports, site_.named("pio")),
      mmio_(Bus::Space::memory, site_.named("mmio")),
      environment_(surroundings.timeline, ports_, mmio_, notices_, surroundings.scenario.cpu_frequency_hz) {}

PcGuest::~PcGuest() = default;

Result<std::unique_ptr<PcGuest>> PcGuest::create(const DomainScenario& domain, PcFiles files,
                                                 const PcSurroundings& surroundings) {
  std::unique_ptr<PcGuest> guest(new PcGuest(domain, std::move(files), surroundings));
  SIM_TRY(guest->make_memory_and_core());
  guest->make_platform();
  guest->make_uarts();
  SIM_TRY(guest->make_ide());
  SIM_TRY(guest->make_nics());
  if (surroundings.customize) surroundings.customize(*guest->board_);
  SIM_TRY(guest->boot());
  return guest;
}

Exit PcGuest::run(Tick horizon) { return cpu_->run(bound(horizon)); }

Exit PcGuest::step(Tick horizon) { return cpu_->step(bound(horizon)); }

// Behind a debugger's stop, a device may have scheduled something that comes before the run's horizon.
Tick PcGuest::bound(Tick horizon) {
  horizon = std::min(horizon, surroundings_.timeline.next_tick());
  environment_.set_horizon(horizon);
  return horizon;
}

void PcGuest::end_by(std::string way, std::string text) {
  if (ended_) return;
  ended_ = true;
  end_.way = std::move(way);
  end_.text = std::move(text);
  cpu_->request_stop();
}

void PcGuest::handle_exit(const Exit& exit) {
  switch (exit.reason) {
    case ExitReason::shutdown:
      end_by("crash", fmt::format("the guest crashed: triple fault ({})", exit.detail));
      break;
    case ExitReason::broken:
      end_by("crash",
             hosted_ != nullptr ? exit.detail : fmt::format("the core refused to go on: {}", exit.detail));
      break;
    default: return;
  }
  if (hosted_ != nullptr) return;
  end_.details = crash_report(*cpu_, files_.symbols.empty() ? domain_.kernel : domain_.symbols,
                              files_.symbols.empty() ? files_.kernel : files_.symbols);
}

bool PcGuest::take_input(const std::string& wire, const std::vector<uint8_t>& bytes) {
  for (const SerialPort& port : uarts_) {
    const bool console = &port == &uarts_.front() && wire == domain_.name + "/console/in";
    if (!console && wire != fmt::format("{}/{}/in", domain_.name, port.scenario->name)) continue;
    port.uart->receive(bytes);
    return true;
  }
  return false;
}

uint64_t PcGuest::notices() const {
  uint64_t sum = 0;
  for (const NoticeKind kind : {NoticeKind::unhandled, NoticeKind::unimplemented, NoticeKind::unusual}) {
    sum += notices_.count(kind);
  }
  return sum;
}

void PcGuest::list_components(Components& into) const {
  into.emplace_back(fmt::format("cpu/{}", domain_.name), cpu_.get());
  for (const auto& [name, part] : platform_->parts()) {
    into.emplace_back(fmt::format("{}/{}", name, domain_.name), part);
  }
  for (const SerialPort& port : uarts_) into.emplace_back(port.scenario->name, port.uart.get());
  into.emplace_back(fmt::format("ide/{}", domain_.name), ide_.get());
  if (firmware_config_) into.emplace_back(fmt::format("fw_cfg/{}", domain_.name), firmware_config_.get());
  for (const Nic& nic : nics_) into.emplace_back(nic.name, nic.controller.get());
}

}  // namespace ringside

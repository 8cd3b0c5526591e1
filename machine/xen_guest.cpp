#include "machine/xen_guest.h"

#include <fmt/format.h>

namespace ringside {

namespace {

// How a domain ended, in the words of [expect]: Xen's SHUTDOWN_* by number (public/sched.h).
std::string way_to_end(const DomainEnd& end) {
  constexpr const char* kReasons[] = {"poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset"};
  if (end.crashed) return "crash";
  return end.shutdown_reason < std::size(kReasons) ? kReasons[end.shutdown_reason]
                                                   : fmt::format("reason {}", end.shutdown_reason);
}

}  // namespace

Result<std::unique_ptr<XenGuest>> XenGuest::create(const Scenario& scenario, const DomainScenario& given,
                                                   const std::vector<uint8_t>& kernel,
                                                   const std::vector<uint8_t>& ramdisk, XenHost& host,
                                                   Standins& standins, Timeline& timeline,
                                                   ConsoleOutput output) {
  std::unique_ptr<XenGuest> guest(new XenGuest(given, host));
  Hypervisor& hypervisor = *host.hypervisor;
  guest->domain_ = &hypervisor.create_domain();
  guest->environment_ = std::make_unique<PvCpuEnvironment>(scenario.cpu_frequency_hz);
  CpuConfig config;
  config.name = fmt::format("cpu/{}", given.name);
  config.frequency_hz = scenario.cpu_frequency_hz;
  auto cpu = make_unicorn_cpu(config, *host.memory, timeline.clock(), *guest->environment_);
  if (!cpu) return tl::unexpected(cpu.error());
  guest->cpu_ = std::move(*cpu);
  guest->domain_->cpu = guest->cpu_.get();

  PvBuildRequest request;
  request.kernel_name = given.kernel;
  request.kernel = kernel;
  request.ramdisk = ramdisk;
  request.command_line = given.command_line;
  request.memory_bytes = given.memory_bytes;
  const auto pages = build_pv_domain(hypervisor, *guest->domain_, request);
  if (!pages) return tl::unexpected(pages.error());

  host.commands->introduce(*guest->domain_, given.name, given.memory_bytes);
  host.xenstore->introduce(guest->domain_->id);
  // xenstored hears of a domain's end by an event, and tells who watches @releaseDomain.
  guest->domain_->on_end = [&hypervisor, store = host.xenstore.get(), id = guest->domain_->id] {
    hypervisor.events.schedule(hypervisor.clock.now + hypervisor.config.event_latency,
                               "xenstore/domain_exception", [store, id] { store->shut_down(id); });
  };
  SIM_TRY(host.attach_standins(scenario, standins, *guest->domain_, given.name));
  guest->xenstore_ring_ = std::make_unique<XenStoreRing>(hypervisor, *host.xenstore, *guest->domain_,
                                                         pages->xenstore, pages->xenstore_remote_port);
  guest->console_ =
      std::make_unique<PvConsole>(hypervisor, *guest->domain_, pages->console, pages->console_remote_port);
  guest->console_->set_output(std::move(output));
  host.fault_targets.add({guest->domain_->name + "/console/"}, *guest->console_);
  guest->personality_ = std::make_unique<PvGuest>(hypervisor, *guest->domain_);
  return guest;
}

void XenGuest::on_wake() { host_.hypervisor->update_time(*domain_); }

const GuestEnd* XenGuest::end() const {
  if (!domain_->end) return nullptr;
  if (end_.way.empty()) end_ = {way_to_end(*domain_->end), domain_->end->text, {}};
  return &end_;
}

bool XenGuest::take_input(const std::string& wire, const std::vector<uint8_t>& bytes) {
  if (wire == scenario_.name + "/console/in") {
    console_->type(bytes);
  } else if (wire == scenario_.name + "/toolstack/in") {
    host_.commands->take_input(*domain_, bytes);
  } else {
    return false;
  }
  return true;
}

uint64_t XenGuest::notices() const {
  uint64_t sum = 0;
  for (const NoticeKind kind : {NoticeKind::unhandled, NoticeKind::unimplemented, NoticeKind::unusual}) {
    sum += domain_->notices.count(kind);
  }
  return sum;
}

void XenGuest::list_components(Components& into) const {
  into.emplace_back(fmt::format("cpu/{}", scenario_.name), cpu_.get());
  into.emplace_back(scenario_.name, domain_);
  into.emplace_back(fmt::format("xenstore/{}", scenario_.name), xenstore_ring_.get());
  into.emplace_back(fmt::format("console/{}", scenario_.name), console_.get());
}

}  // namespace ringside

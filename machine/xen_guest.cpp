#include "machine/xen_guest.h"

#include <fmt/format.h>

#include "checkers/driver/driver_report.h"
#include "hv-model/pv/hosted_builder.h"

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
                                                   ConsoleOutput output, HostedProgram program) {
  std::unique_ptr<XenGuest> guest(new XenGuest(given, host));
  Hypervisor& hypervisor = *host.hypervisor;
  guest->domain_ = &hypervisor.create_domain();
  guest->environment_ = std::make_unique<PvCpuEnvironment>(scenario.cpu_frequency_hz);
  const auto pages = given.is_hosted() ? guest->build_hosted(scenario, timeline, std::move(program))
                                       : guest->build(scenario, kernel, ramdisk, timeline);
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

Result<PvDomainPages> XenGuest::build(const Scenario& scenario, const std::vector<uint8_t>& kernel,
                                      const std::vector<uint8_t>& ramdisk, Timeline& timeline) {
  CpuConfig config;
  config.name = fmt::format("cpu/{}", scenario_.name);
  config.frequency_hz = scenario.cpu_frequency_hz;
  auto cpu = make_unicorn_cpu(config, *host_.memory, timeline.clock(), *environment_);
  if (!cpu) return tl::unexpected(cpu.error());
  cpu_ = std::move(*cpu);
  domain_->cpu = cpu_.get();
  PvBuildRequest request;
  request.kernel_name = scenario_.kernel;
  request.kernel = kernel;
  request.ramdisk = ramdisk;
  request.command_line = scenario_.command_line;
  request.memory_bytes = scenario_.memory_bytes;
  return build_pv_domain(*host_.hypervisor, *domain_, request);
}

Result<PvDomainPages> XenGuest::build_hosted(const Scenario& scenario, Timeline& timeline,
                                             HostedProgram program) {
  HostedCpuConfig config;
  config.name = fmt::format("cpu/{}", scenario_.name);
  config.frequency_hz = scenario.cpu_frequency_hz;
  config.program = std::move(program);
  config.reports =
      &host_.hypervisor->wiring.add(scenario_.name + "/driver", WireKind::sampled, kDriverReportPayload);
  auto cpu =
      std::make_unique<HostedCpu>(std::move(config), *host_.memory, timeline.clock(), *environment_, nullptr);
  HostedCpu& hosted = *cpu;
  cpu_ = std::move(cpu);
  domain_->cpu = cpu_.get();
  auto built =
      build_hosted_domain(*host_.hypervisor, *domain_, scenario_.memory_bytes, scenario_.command_line);
  if (!built) return tl::unexpected(built.error());
  start_info_ = std::move(built->start_info);
  native_domain domain{};
  domain.pool = built->first_free.address().value;
  domain.pool_pages = built->free_pages;
  domain.start_info = start_info_.data();
  SIM_TRY(hosted.start(domain));
  return built->pages;
}

void XenGuest::handle_exit(const Exit& exit) {
  // There is no instruction to show.
  if (exit.reason == ExitReason::broken && scenario_.is_hosted()) return domain_->crash(exit.detail);
  personality_->handle_exit(exit);
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

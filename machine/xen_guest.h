// A paravirtual domain: what the domain builder and the toolstack make of a scenario's [[domain]].
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "hv-model/console/pv_console.h"
#include "hv-model/pv/builder.h"
#include "hv-model/pv/pv_guest.h"
#include "hv-model/xenstore/xenstore_ring.h"
#include "machine/guest.h"
#include "machine/hosted/hosted_cpu.h"
#include "machine/xen_host.h"

namespace ringside {

class XenGuest final : public Guest {
 public:
  using ConsoleOutput = std::function<void(std::span<const uint8_t>)>;
  static Result<std::unique_ptr<XenGuest>> create(const Scenario& scenario, const DomainScenario& domain,
                                                  const std::vector<uint8_t>& kernel,
                                                  const std::vector<uint8_t>& ramdisk, XenHost& host,
                                                  Standins& standins, Timeline& timeline,
                                                  ConsoleOutput output, HostedProgram program);

  Cpu& cpu() override { return *cpu_; }
  bool runnable() const override { return personality_->runnable(); }
  void on_wake() override;
  void look_for_events() override { personality_->prepare_to_run(); }
  void handle_exit(const Exit& exit) override;
  const GuestEnd* end() const override;
  bool take_input(const std::string& wire, const std::vector<uint8_t>& bytes) override;
  uint64_t notices() const override;
  Notices& notice_sink() override { return domain_->notices; }
  void list_components(Components& into) const override;

  Domain& domain() { return *domain_; }

 private:
  XenGuest(const DomainScenario& scenario, XenHost& host) : scenario_(scenario), host_(host) {}
  Result<PvDomainPages> build(const Scenario& scenario, const std::vector<uint8_t>& kernel,
                              const std::vector<uint8_t>& ramdisk, Timeline& timeline);
  Result<PvDomainPages> build_hosted(const Scenario& scenario, Timeline& timeline, HostedProgram program);

  const DomainScenario& scenario_;
  XenHost& host_;
  std::unique_ptr<PvCpuEnvironment> environment_;
  std::vector<uint8_t> start_info_;  // of a hosted program
  std::unique_ptr<Cpu> cpu_;
  Domain* domain_ = nullptr;
  std::unique_ptr<PvGuest> personality_;
  std::unique_ptr<XenStoreRing> xenstore_ring_;
  std::unique_ptr<PvConsole> console_;
  mutable GuestEnd end_;  // filled when the domain has ended
};

}  // namespace ringside

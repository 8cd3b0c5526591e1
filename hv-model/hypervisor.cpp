#include "hv-model/hypervisor.h"

#include "hv-model/pv/cpuid.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"

namespace ringside {

Hypervisor::Hypervisor(const HypervisorConfig& configuration, Memory& machine_memory, Clock& machine_clock,
                       EventQueue& event_queue, Wiring& machine_wiring)
    : config(configuration),
      memory(machine_memory),
      clock(machine_clock),
      events(event_queue),
      wiring(machine_wiring),
      frames(machine_memory),
      page_tables(*this),
      channels(*this),
      grants(*this) {
  domains_.push_back(std::make_unique<Domain>(DomainId{0}, wiring));
  channels.add_domain(*domains_.front());
}

Hypervisor::~Hypervisor() = default;

// A domain's position in the list is its number.
Domain& Hypervisor::create_domain() {
  const DomainId id{static_cast<uint16_t>(domains_.size())};
  domains_.push_back(std::make_unique<Domain>(id, wiring));
  Domain& domain = *domains_.back();
  channels.add_domain(domain);
  return domain;
}

Domain* Hypervisor::find_domain(DomainId id) {
  return id.value < domains_.size() ? domains_[id.value].get() : nullptr;
}

namespace {

// The guest reads until it has seen the same even version before and after (public/xen.h, vcpu_time_info).
void publish_time(Hypervisor& hypervisor, Domain& domain, const vcpu_time_info& values) {
  const GuestPhys address = vcpu_info_address(domain) + offsetof(vcpu_info, time);
  if (!hypervisor.memory.contains(address, sizeof values)) return;
  vcpu_time_info time = values;
  time.version = (hypervisor.memory.load<uint32_t>(address) & ~1u) + 2;
  hypervisor.memory.store(address, time);
  // The area is the kernel's: the page tables of user mode need not have it (Xen's
  // update_secondary_system_time).
  domain.vcpu.time_area_stale = domain.vcpu.time_area && !domain.vcpu.kernel_mode;
  if (!domain.vcpu.time_area || domain.vcpu.time_area_stale) return;
  // As Xen does, an area that is not mapped any more is passed over silently.
  domain.copy_to_guest(*domain.vcpu.time_area, time);
}

void publish_wall_clock(Hypervisor& hypervisor, Domain& domain) {
  const GuestPhys address = domain.shared_info.address();
  Memory& memory = hypervisor.memory;
  if (!memory.contains(address, sizeof(shared_info))) return;
  const uint64_t seconds = hypervisor.config.wall_clock_seconds;
  const GuestPhys version = address + offsetof(shared_info, wc_version);
  memory.store<uint32_t>(address + offsetof(shared_info, wc_sec), static_cast<uint32_t>(seconds));
  memory.store<uint32_t>(address + offsetof(shared_info, wc_sec_hi), static_cast<uint32_t>(seconds >> 32));
  memory.store<uint32_t>(address + offsetof(shared_info, wc_nsec), 0);
  memory.store<uint32_t>(version, (memory.load<uint32_t>(version) & ~1u) + 2);
}

}  // namespace

void Hypervisor::update_time(Domain& domain) {
  const TimeScale scale = time_scale(config.cpu_frequency_hz);
  vcpu_time_info time{};
  time.tsc_timestamp = time_stamp_counter_at(clock.now, config.cpu_frequency_hz);
  time.system_time = system_time();
  time.tsc_to_system_mul = scale.multiplier;
  time.tsc_shift = scale.shift;
  time.flags = XEN_PVCLOCK_TSC_STABLE_BIT;
  publish_time(*this, domain, time);
  // System time 0 is the wall clock at power on, which never changes.
  if (domain.vcpu.time_updated == Tick::never()) publish_wall_clock(*this, domain);
  domain.vcpu.time_updated = clock.now;
}

void Hypervisor::visit_state(StateVisitor& visitor) const {
  visitor.number("domains", domains_.size());
  for (const auto& domain : domains_) domain->visit_state(visitor);
  frames.visit_state(visitor);
  page_tables.visit_state(visitor);
  channels.visit_state(visitor);
  grants.visit_state(visitor);
}

}  // namespace ringside

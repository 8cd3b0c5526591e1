// The hypervisor model: all domains of a machine and what they share. It is Xen 4.17 as a 64-bit PV domU
// sees it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "hv-model/domain.h"
#include "hv-model/event_channels.h"
#include "hv-model/frame_table.h"
#include "hv-model/grant_table.h"
#include "hv-model/mm/page_tables.h"
#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/memory.h"
#include "sim/wire.h"

namespace ringside {

struct HypervisorConfig {
  // The wall clock at power on, as shared_info shows it: seconds since 1970 (default 2024-01-01 00:00:00
  // UTC).
  uint64_t wall_clock_seconds = 1704067200;
  uint64_t cpu_frequency_hz = 2'000'000'000;
  // From an event's sending to its arrival at a domain 0 backend, and from there back.
  Tick event_latency = microseconds(2);
};

class Hypervisor : public Stateful {
 public:
  Hypervisor(const HypervisorConfig& config, Memory& memory, Clock& clock, EventQueue& events,
             Wiring& wiring);
  ~Hypervisor() override;
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  // Adds a domain with its wires, event channel table and grant table; building its memory is
  // pv/builder.h's. Ids count from 1; domain 0 exists from the start.
  Domain& create_domain();
  Domain* find_domain(DomainId id);
  const std::vector<std::unique_ptr<Domain>>& domains() const { return domains_; }

  // The whole of a hypercall: shows it on the wire "<domain>/hypercall", charges its cost, gives the result.
  // __HYPERVISOR_iret changes registers itself and has no result (nothing is written to RAX then).
  struct HypercallResult {
    int64_t value = 0;
    bool writes_rax = true;
  };
  HypercallResult hypercall(Domain& domain, uint64_t number, const std::array<uint64_t, 6>& arguments);

  // Nanoseconds since power on: Xen's system time.
  uint64_t system_time() const { return clock.now.nanoseconds(); }
  // Writes vcpu_time_info and the wall clock into shared_info (vcpu_info); called before a domain runs again
  // after a while. Values derive from the clock only.
  void update_time(Domain& domain);

  const HypervisorConfig config;
  Memory& memory;
  Clock& clock;
  EventQueue& events;
  Wiring& wiring;
  FrameTable frames;
  PageTables page_tables;
  EventChannels channels;
  Grants grants;

  void visit_state(StateVisitor& visitor) const override;

 private:
  std::vector<std::unique_ptr<Domain>> domains_;
};

}  // namespace ringside

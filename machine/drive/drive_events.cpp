// Drives the event channels with what all recorded domains did: each domain without memory and core. What
// reached a domain from another one is compared, port by port and in order; domain 0's doing is its
// backends', and virtual interrupts are Xen's.
#include <fmt/format.h>

#include <cstdio>
#include <cstring>
#include <map>

#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "machine/drive/drive.h"
#include "machine/drive/stage.h"

namespace ringside {

namespace {

struct Step {
  Tick at;
  uint32_t domain = 0;  // its number
  bool out = false;
  uint8_t flags = 0;
  EventRecord record;
};

bool from_another_domain(const EventRecord& record) {
  return record.operation == static_cast<uint8_t>(EventOperation::deliver) &&
         record.state == static_cast<uint8_t>(ChannelState::interdomain) && record.remote_domain != 0;
}

// What arrives where.
class Arrivals final : public Tap {
 public:
  explicit Arrivals(const Clock& clock) : clock_(clock) {}
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict&) override {
    EventRecord record;
    if (crossing.bytes().size() < sizeof record) return;
    std::memcpy(&record, crossing.bytes().data(), sizeof record);
    if (crossing.direction == Direction::in && from_another_domain(record))
      arrived[{wire.name(), record.port}].push_back(clock_.now);
  }
  std::map<std::pair<std::string, uint32_t>, std::vector<Tick>> arrived;

 private:
  const Clock& clock_;
};

class Channels {
 public:
  Channels(Hypervisor& hypervisor, DriveReport& report) : hypervisor_(hypervisor), report_(report) {}

  void take(const Step& step) {
    const DomainId domain{static_cast<uint16_t>(step.domain)};
    const EventPort port{step.record.port};
    EventChannels& channels = hypervisor_.channels;
    const DomainId remote{step.record.remote_domain};
    int64_t result = 0;
    std::string what;
    switch (static_cast<EventOperation>(step.record.operation)) {
      case EventOperation::alloc_unbound:
        result = channels.alloc_unbound(domain, remote);
        what = fmt::format("alloc_unbound for domain {}", remote.value);
        break;
      case EventOperation::bind_interdomain:
        if (!step.out) {
          // By domain 0, which has no wire of its own.
          if (remote.value == 0) (void)channels.bind_interdomain(remote, domain, port);
          return;
        }
        result = channels.bind_interdomain(domain, remote, EventPort{step.record.remote_port});
        what = fmt::format("bind_interdomain to port {} of domain {}", step.record.remote_port, remote.value);
        break;
      case EventOperation::bind_virq:
        result = channels.bind_virq(domain, step.record.remote_port, 0);
        what = fmt::format("bind_virq {}", step.record.remote_port);
        break;
      case EventOperation::bind_ipi:
        result = channels.bind_ipi(domain, 0);
        what = "bind_ipi";
        break;
      case EventOperation::send:
        ++report_.requests;
        (void)channels.send(domain, port);
        return;
      case EventOperation::unmask: (void)channels.unmask(domain, port); return;
      case EventOperation::close: (void)channels.close(domain, port); return;
      default: return;
    }
    ++report_.requests;
    ++report_.compared;
    if (result != static_cast<int64_t>(port.value)) {
      report_.differ({step.at, fmt::format("dom{}: {}", step.domain, what),
                      fmt::format("port {}", port.value),
                      result < 0 ? fmt::format("error {}", result) : fmt::format("port {}", result)});
    }
  }

 private:
  Hypervisor& hypervisor_;
  DriveReport& report_;
};

}  // namespace

Result<DriveReport> drive_events(const DriveInput& input) {
  const auto side = read_session_side(input.options.session, input.options.session, {"*/evtchn"});
  if (!side) return tl::unexpected(side.error());
  std::vector<Step> steps;
  uint32_t domains = 0;
  constexpr uint32_t kDomainsMax = 64;
  for (const SessionCrossing& crossing : side->crossings) {
    const std::string& wire = side->wires[crossing.wire].name;
    Step step{.at = crossing.at,
              .out = crossing.direction == Direction::out,
              .flags = crossing.flags,
              .record = {}};
    if (crossing.payload.size() < sizeof step.record ||
        std::sscanf(wire.c_str(), "dom%u/", &step.domain) != 1 || step.domain == 0 ||
        step.domain > kDomainsMax)
      continue;
    std::memcpy(&step.record, crossing.payload.data(), sizeof step.record);
    domains = std::max(domains, step.domain);
    steps.push_back(step);
  }
  DriveStage stage;
  auto memory = Memory::create(GuestPhys{uint64_t{4} << 30}, (16 + 16 * uint64_t{domains}) * kPageSize);
  if (!memory) return tl::unexpected(memory.error());
  HypervisorConfig config;
  Hypervisor hypervisor(config, **memory, stage.clock, stage.events, stage.wiring);
  for (uint32_t i = 0; i < domains; ++i) {
    Domain& domain = hypervisor.create_domain();
    domain.max_pages = 8;
    const auto shared = hypervisor.frames.allocate(domain.id);
    if (!shared) return fail("no memory for a driven domain");
    domain.shared_info = *shared;
  }
  Arrivals arrivals(stage.clock);
  stage.wiring.add_tap(arrivals, "*/evtchn");
  DriveReport report;
  report.what = fmt::format("{} with the event channels of this build", input.options.wire);
  Channels channels(hypervisor, report);
  std::map<std::pair<std::string, uint32_t>, std::vector<Tick>> recorded;
  uint64_t backends = 0;
  for (const Step& step : steps) {
    const auto operation = static_cast<EventOperation>(step.record.operation);
    stage.run_until(step.at);
    if (operation == EventOperation::deliver) {
      const std::string name = fmt::format("dom{}/evtchn", step.domain);
      const bool lost = (step.flags & Crossing::kDropped) != 0;
      backends += step.record.state == static_cast<uint8_t>(ChannelState::interdomain) &&
                  step.record.remote_domain == 0;
      if (from_another_domain(step.record) && !lost && wire_matches(input.options.wire, name))
        recorded[{name, step.record.port}].push_back(step.at);
      report.recorded_end = step.at;
      continue;
    }
    const bool lost = step.out && (step.flags & Crossing::kDropped) != 0;
    const bool own = step.out || operation == EventOperation::bind_interdomain;
    if (own && !lost) channels.take(step);
  }
  (void)stage.run_until_done([] { return false; }, seconds(1));
  report.end = stage.clock.now;
  stage.wiring.remove_tap(arrivals);
  for (auto& [place, found] : arrivals.arrived) {
    if (wire_matches(input.options.wire, place.first)) recorded.try_emplace(place);
  }
  for (const auto& [place, expected] : recorded) {
    const std::vector<Tick>& found = arrivals.arrived[place];
    report.compared += std::max(expected.size(), found.size());
    for (size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
      if (i < expected.size() && i < found.size()) continue;
      const auto shown = [&](const std::vector<Tick>& ticks) {
        return i < ticks.size() ? "arrived at " + to_string(ticks[i]) : std::string("never arrived");
      };
      report.differ({i < expected.size() ? expected[i] : found[i],
                     fmt::format("{} port {}: event {}", place.first, place.second, i + 1), shown(expected),
                     shown(found)});
    }
  }
  report.remark(backends, "events came from domain 0's backends, and are not compared");
  return report;
}

}  // namespace ringside

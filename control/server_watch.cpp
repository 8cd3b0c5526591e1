// Indices of rings are plain stores into a page that is shared. Rules about them have the core watch that
// page: the machine then stops within the store, behind the last crossing and before the next. It is no
// crossing, so that watching changes neither counts nor digests.
#include <fmt/format.h>

#include <algorithm>

#include "control/ring_push.h"
#include "control/server.h"
#include "cpu/store_watch.h"
#include "hv-model/hypervisor.h"
#include "machine/views.h"

namespace ringside {

namespace {

bool watches(StopRule::Kind kind) {
  return kind == StopRule::Kind::index_written || kind == StopRule::Kind::notify_suppressed;
}

}  // namespace

Result<> ControlServer::place_watches(const std::vector<StopRule>& rules) {
  std::vector<WatchedPage> wanted;
  for (const StopRule& rule : rules) {
    if (!watches(rule.kind)) continue;
    const Json found = view_in_child({{"name", "ring-page"}, {"subject", rule.name}});
    if (found.contains("error")) {
      // A suppressed event is found in the samples of a ring that comes later.
      if (rule.kind == StopRule::Kind::notify_suppressed) continue;
      return fail(fmt::format("{}: {}", to_string(rule), found["error"].get<std::string>()));
    }
    WatchedPage page;
    page.rule = rule.id;
    page.domain = found.at("domain");
    page.header = found.at("header");
    page.fields = found.at("fields").get<std::vector<std::pair<std::string, uint32_t>>>();
    const auto named = [&](const auto& field) { return field.first == rule.field; };
    if (!rule.field.empty() && std::none_of(page.fields.begin(), page.fields.end(), named)) {
      std::string known;
      for (const auto& [name, offset] : page.fields) known += " " + name;
      return fail(fmt::format("ring {} has no index '{}':{}", rule.name, rule.field, known));
    }
    wanted.push_back(std::move(page));
  }
  watched_ = std::move(wanted);
  for (Guest* guest : machine_->viewed().guests) {
    auto* core = dynamic_cast<StoreWatch*>(&guest->cpu());
    if (core == nullptr) continue;
    std::vector<GuestPhys> pages;
    for (const WatchedPage& page : watched_) pages.push_back({page.header & ~(kPageSize - 1)});
    std::sort(pages.begin(), pages.end());
    pages.erase(std::unique(pages.begin(), pages.end()), pages.end());
    core->watch_stores(std::move(pages),
                       [this](GuestPhys at, unsigned size, uint64_t value) { on_store(at, size, value); });
  }
  return {};
}

void ControlServer::on_store(GuestPhys at, unsigned size, uint64_t value) {
  if (!pending_ || finishing_ || inside_) return;
  const Memory& memory = machine_->hypervisor().memory;
  const auto index_at = [&](uint64_t address) {
    return memory.contains({address}, 4) ? memory.load<uint32_t>({address}) : 0;
  };
  for (const WatchedPage& page : watched_) {
    const auto rule = std::find_if(run_.rules.begin(), run_.rules.end(),
                                   [&](const StopRule& candidate) { return candidate.id == page.rule; });
    if (rule == run_.rules.end()) continue;
    for (const auto& [name, offset] : page.fields) {
      if (page.header + offset != at.value || size != 4) continue;
      const uint32_t before = index_at(at.value);
      const auto now = static_cast<uint32_t>(value);
      std::string why;
      if (rule->kind == StopRule::Kind::index_written) {
        if (!rule->field.empty() && rule->field != name) continue;
        why = fmt::format("{} of ring {}: {} becomes {}", name, rule->name, before, now);
      } else {
        const uint32_t event = index_at(page.header + 4);
        if (name != "req_prod" || now == before || push_notifies(before, now, event)) continue;
        why = fmt::format("req_prod goes from {} to {}, and req_event is {}: the frontend tells nobody",
                          before, now, event);
      }
      crossing_ = nullptr;
      return stop("rule", {{"rule", rule->id}, {"why", why}});
    }
  }
}

}  // namespace ringside

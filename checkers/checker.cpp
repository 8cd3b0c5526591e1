#include "checkers/checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "hv-model/xenstore/xenstore.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

constexpr size_t kKeptMax = 1000;

bool any_matches(const std::vector<std::string>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [name](const std::string& glob) { return wire_matches(glob, name); });
}

Result<> check_globs(std::string_view key, const std::vector<std::string>& globs, std::string_view what,
                     const std::vector<std::string>& names) {
  for (const std::string& glob : globs) {
    const bool known = std::any_of(names.begin(), names.end(),
                                   [&](const std::string& name) { return wire_matches(glob, name); });
    if (known) continue;
    return fail(fmt::format("[check] {}: no {} is called '{}'{} (`ringside checkers` lists all)", key, what,
                            glob, did_you_mean(near_names(glob, names, 3))));
  }
  return {};
}

}  // namespace

Result<> check_settings(const CheckSettings& settings) {
  std::vector<std::string> checkers, rules, silent;
  for (const KnownChecker& known : known_checkers()) {
    checkers.emplace_back(known.name);
    for (const CheckerRule& rule : known.rules()) {
      rules.push_back(fmt::format("{}/{}", known.name, rule.name));
      if (rule.on_request) silent.push_back(rules.back());
    }
  }
  SIM_TRY(check_globs("off", settings.off, "checker", checkers));
  SIM_TRY(check_globs("allow", settings.allow, "rule", rules));
  return check_globs("on", settings.on, "silent rule", silent);
}

Checker::Checker(Checkers& checkers, std::string_view name)
    : checkers_(checkers), machine_(checkers.machine_), name_(name) {}

bool Checker::asked_for(std::string_view rule) const {
  return any_matches(checkers_.settings_.on, fmt::format("{}/{}", name_, rule));
}

void Checker::violate(std::string_view rule, const Wire& wire, const Crossing* crossing, std::string text) {
  checkers_.report(*this, rule, wire, crossing, std::move(text));
}

Checkers::Checkers(CheckedMachine machine, CheckSettings settings)
    : machine_(std::move(machine)), settings_(std::move(settings)) {
  for (const KnownChecker& known : known_checkers()) {
    if (any_matches(settings_.off, known.name)) continue;
    checkers_.push_back(known.make(*this));
    for (std::string& glob : checkers_.back()->wires())
      machine_.wiring.add_tap(*checkers_.back(), std::move(glob));
  }
}

Checkers::~Checkers() {
  if (machine_.xenstore != nullptr) machine_.xenstore->set_observer(nullptr);
  for (const auto& checker : checkers_) machine_.wiring.remove_tap(*checker);
}

void Checkers::set_hypervisor(Hypervisor& hypervisor, XenStore& xenstore) {
  machine_.hypervisor = &hypervisor;
  machine_.xenstore = &xenstore;
  xenstore.set_observer([this](const std::string& path) {
    for (const auto& checker : checkers_) checker->on_store_change(path);
  });
}

void Checkers::end(bool orderly) {
  for (const auto& checker : checkers_) checker->on_end(orderly);
}

void Checkers::report(const Checker& checker, std::string_view rule, const Wire& wire,
                      const Crossing* crossing, std::string text) {
  Violation violation{.rule = fmt::format("{}/{}", checker.name(), rule),
                      .wire = wire.name(),
                      .sequence = crossing != nullptr ? crossing->sequence : 0,
                      .at = machine_.clock.now,
                      .text = std::move(text)};
  violation.allowed = any_matches(settings_.allow, violation.rule);
  if (!violation.allowed) ++not_allowed_;
  const std::string_view domain = std::string_view(wire.name()).substr(0, wire.name().find('/'));
  if (Notices* notices = machine_.notices(domain)) {
    notices->emit(
        NoticeKind::violation, violation.rule,
        fmt::format("{}{}: {}", violation.wire,
                    violation.sequence != 0 ? fmt::format(" #{}", violation.sequence) : "", violation.text));
  }
  if (violations_.size() < kKeptMax) violations_.push_back(std::move(violation));
}

}  // namespace ringside

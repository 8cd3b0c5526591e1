#include "checkers/checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside {

namespace {

constexpr size_t kKeptMax = 1000;

bool any_matches(const std::vector<std::string>& globs, std::string_view name) {
  return std::any_of(globs.begin(), globs.end(),
                     [name](const std::string& glob) { return wire_matches(glob, name); });
}

}  // namespace

const CheckedMachine& Checker::machine() const { return checkers_.machine_; }

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
  for (const auto& checker : checkers_) machine_.wiring.remove_tap(*checker);
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

#include "campaign/site_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/fault/fault_actions.h"
#include "sim/near_names.h"

namespace ringside {

std::string action_word(const std::string& action) { return action.substr(0, action.find('(')); }

SiteFilter::SiteFilter(std::vector<std::string> globs, std::vector<std::string> actions)
    : globs_(std::move(globs)),
      actions_(std::move(actions)),
      glob_used_(globs_.size()),
      action_used_(actions_.size()) {}

const WantedWire* SiteFilter::judge(const Wire& wire) {
  if (known_.size() <= wire.index()) known_.resize(wire.index() + 1);
  Known& known = known_[wire.index()];
  known.judged = true;
  bool wanted = globs_.empty();
  for (size_t i = 0; i < globs_.size(); ++i) {
    if (!wire_matches(globs_[i], wire.name())) continue;
    wanted = true;
    glob_used_[i] = true;
  }
  if (!wanted) return nullptr;
  std::vector<FaultAction> actions = actions_on(wire);
  if (actions.empty()) return nullptr;
  wires_.push_back(std::make_unique<WantedWire>(
      WantedWire{static_cast<uint32_t>(wires_.size()), wire.name(), std::move(actions)}));
  known.wire = wires_.back().get();
  return known.wire;
}

std::vector<FaultAction> SiteFilter::actions_on(const Wire& wire) {
  const std::vector<std::string> possible = injector_->actions_of(wire);
  const auto is_possible = [&](const std::string& word) {
    return std::any_of(possible.begin(), possible.end(),
                       [&](const std::string& text) { return action_word(text) == word; });
  };
  std::vector<FaultAction> result;
  const auto add = [&](const std::string& text) {
    auto parsed = parse_fault_action(text);
    if (!parsed || !is_possible(action_word(text))) return false;
    auto resolved = resolve_fault_action(*parsed, wire);
    // What can crash is not known here, only to the injector, which has said so.
    if (!resolved && parsed->kind != FaultKind::crash) return false;
    if (!resolved) resolved = *parsed;
    const auto same = [&](const FaultAction& action) { return action.text == resolved->text; };
    if (std::none_of(result.begin(), result.end(), same)) result.push_back(std::move(*resolved));
    return true;
  };
  for (const std::string& text : possible) {
    const std::string word = action_word(text);
    if (std::find(offered_.begin(), offered_.end(), word) == offered_.end()) offered_.push_back(word);
    if (actions_.empty()) add(text);
  }
  for (size_t i = 0; i < actions_.size(); ++i) {
    bool used = false;
    for (const std::string& text : possible) {
      if (action_word(text) == actions_[i] && add(text)) used = true;
    }
    // With arguments of the user's own, or one that a campaign would not do by itself.
    if (used || add(actions_[i])) action_used_[i] = true;
  }
  return result;
}

Result<> SiteFilter::check(const Wiring& wiring) const {
  std::vector<std::string> names;
  for (const auto& wire : wiring.wires()) names.push_back(wire->name());
  for (size_t i = 0; i < globs_.size(); ++i) {
    if (glob_used_[i]) continue;
    return fail(fmt::format("--sites {}: the run has no such wire{}", globs_[i],
                            did_you_mean(near_names(globs_[i], names, 4))));
  }
  for (size_t i = 0; i < actions_.size(); ++i) {
    if (action_used_[i]) continue;
    const auto parsed = parse_fault_action(actions_[i]);
    if (!parsed) return tl::unexpected(parsed.error());
    return fail(
        fmt::format("--actions {}: no site takes it; they take: {}", actions_[i], fmt::join(offered_, ", ")));
  }
  return {};
}

}  // namespace ringside

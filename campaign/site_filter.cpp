#include "campaign/site_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "sim/fault/fault_actions.h"
#include "sim/near_names.h"

namespace ringside {

std::string action_word(const std::string& action) { return action.substr(0, action.find('(')); }

std::vector<SiteFilter::SiteGlob> SiteFilter::parse(const std::vector<std::string>& texts) {
  constexpr std::string_view kSpread = "@spread(";
  std::vector<SiteGlob> globs;
  for (const std::string& text : texts) {
    const size_t at = text.find('@');
    SiteGlob glob{text.substr(0, at), 0, {}};
    if (at != std::string::npos) {
      const char* const end = text.data() + text.size();
      const size_t digits = at + kSpread.size();
      const auto [behind, error] = text.compare(at, kSpread.size(), kSpread) == 0
                                       ? std::from_chars(text.data() + digits, end, glob.spread)
                                       : std::from_chars_result{end, std::errc::invalid_argument};
      if (error != std::errc{} || std::string_view(behind, end) != ")" || glob.spread == 0)
        glob.error = "behind '@' stands spread(N), for N sites evenly spread over the run";
    }
    globs.push_back(std::move(glob));
  }
  return globs;
}

SiteFilter::SiteFilter(std::vector<std::string> globs, std::vector<std::string> actions)
    : globs_(parse(globs)),
      actions_(std::move(actions)),
      glob_used_(globs_.size()),
      action_used_(actions_.size()) {}

const WantedWire* SiteFilter::judge(const Wire& wire) {
  if (known_.size() <= wire.index()) known_.resize(wire.index() + 1);
  Known& known = known_[wire.index()];
  known.judged = true;
  // The moments of a wire that is only observed are struck when that is asked for.
  bool wanted = globs_.empty() && !wire.payload_type().is_moment;
  uint32_t first = 0;
  for (size_t i = 0; i < globs_.size(); ++i) {
    if (!wire_matches(globs_[i].glob, wire.name())) continue;
    if (!wanted) first = static_cast<uint32_t>(i);
    wanted = true;
    glob_used_[i] = true;
  }
  if (!wanted) return nullptr;
  std::vector<FaultAction> actions = actions_on(wire);
  if (actions.empty()) return nullptr;
  wires_.push_back(std::make_unique<WantedWire>(WantedWire{static_cast<uint32_t>(wires_.size()), wire.name(),
                                                           std::move(actions), first,
                                                           globs_.empty() ? 0 : globs_[first].spread}));
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
    if (!globs_[i].error.empty()) return fail(fmt::format("--sites {}: {}", globs_[i].glob, globs_[i].error));
    if (glob_used_[i]) continue;
    return fail(fmt::format("--sites {}: the run has no such wire{}", globs_[i].glob,
                            did_you_mean(near_names(globs_[i].glob, names, 4))));
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

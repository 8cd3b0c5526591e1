// Where a run stops: what the server does at each crossing.
#include <fmt/format.h>

#include <algorithm>

#include "control/crossing_text.h"
#include "control/server.h"
#include "control/signals.h"

namespace ringside {

namespace {

// The host's clock is looked at after so many crossings.
constexpr uint64_t kBeatInterval = 64;

}  // namespace

void ControlServer::on_wire_added(const Wire& wire) {
  if (wires_.size() <= wire.index()) wires_.resize(wire.index() + 1);
  wires_[wire.index()] = &wire;
  hash_.add_wire(wire);
  judge_wires();
}

void ControlServer::judge_wires() {
  judged_.assign(wires_.size(), false);
  for (size_t i = 0; i < wires_.size(); ++i) {
    if (wires_[i] == nullptr) continue;
    const auto may_match = [&](const StopRule& rule) { return wire_matches(rule.wire, wires_[i]->name()); };
    judged_[i] =
        std::any_of(run_.rules.begin(), run_.rules.end(), may_match) || (run_.scan && may_match(*run_.scan));
  }
}

bool ControlServer::start_run(const Json& request) {
  Run run;
  for (const Json& rule : request.value("rules", Json::array())) {
    auto parsed = stop_rule_from(rule);
    if (!parsed) {
      reply(request, {{"error", parsed.error().message}});
      return false;
    }
    run.rules.push_back(std::move(*parsed));
  }
  if (request.contains("scan")) {
    auto parsed = stop_rule_from(request["scan"]);
    if (!parsed) {
      reply(request, {{"error", parsed.error().message}});
      return false;
    }
    run.scan = std::move(*parsed);
  }
  run.until_crossing = request.value("until_crossing", UINT64_MAX);
  run.until_sequence = request.value("until_sequence", UINT64_MAX);
  const bool is_here = inside_ && run.until_sequence == sequence_;
  if (run.until_sequence <= highest_sequence_ && !is_here) {
    reply(request, {{"error", fmt::format("the crossing of sequence {} has passed", run.until_sequence)}});
    return false;
  }
  run.until = Tick{request.value("until_ps", Tick::never().ps)};
  run.checkpoint_instructions = request.value("checkpoint_instructions", uint64_t{0});
  run.checkpoint_crossings = request.value("checkpoint_crossings", uint64_t{0});
  run.quiet = request.value("quiet", false);
  run.stops_idle = request.value("stops_idle", false);
  run.heartbeat = std::chrono::milliseconds(request.value("heartbeat_ms", 0u));
  if (auto placed = place_watches(run.rules); !placed) {
    reply(request, {{"error", placed.error().message}});
    return false;
  }
  run_ = std::move(run);
  pending_ = request;
  scanned_ = 0;
  judge_wires();
  if (feed_) feed_->set_muted(run_.scan.has_value());
  const bool wanted = run_.checkpoint_instructions != 0;
  checkpoint_at_instructions_ =
      wanted ? machine_->clock().instructions + run_.checkpoint_instructions : UINT64_MAX;
  checkpoint_at_crossing_ = wanted ? ordinal_ + run_.checkpoint_crossings : UINT64_MAX;
  return true;
}

void ControlServer::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  ++ordinal_;
  highest_sequence_ = std::max(highest_sequence_, crossing.sequence);
  hash_.add(wire, crossing, verdict);
  const bool judged = is_judged(wire);
  std::vector<DecodedField> fields;
  // What is not judged may say what later messages mean.
  if (judged || wire.payload_type().make_renderer != nullptr)
    fields = decoder_.decode(wire.payload_type(), wire.name(), crossing.bytes(), crossing.payload->size());
  if (verdict.copies != 0) conversations_.take(wire, crossing, fields);
  if (!pending_ || finishing_) return;

  Match match;
  if (judged) match = find_match(wire, crossing, fields);
  if (run_.scan && match.rule == &*run_.scan) {
    if (ordinal_ < run_.until_crossing) scanned_ = ordinal_;
    match = {};
  }
  const Clock& clock = machine_->clock();
  const auto is_there = [&] {
    return ordinal_ >= run_.until_crossing || crossing.sequence == run_.until_sequence ||
           clock.now >= run_.until;
  };
  if (ordinal_ % kBeatInterval == 0) beat();
  const bool due = ordinal_ >= checkpoint_at_crossing_ || clock.instructions >= checkpoint_at_instructions_;
  if (match.rule == nullptr && !is_there() && !due && !attention_wanted()) return;

  // It stands inside this crossing now.
  inside_ = true;
  sequence_ = crossing.sequence;
  if (!judged && wire.payload_type().make_renderer == nullptr)
    fields = decode(wire.payload_type(), crossing.bytes());
  crossing_ = to_json(wire, crossing, verdict, fields);
  if (due) {
    checkpoint_at_instructions_ = clock.instructions + run_.checkpoint_instructions;
    checkpoint_at_crossing_ = ordinal_ + run_.checkpoint_crossings;
    if (checkpoint()) {
      match = {};
      scan_again(wire, crossing, fields);
    }
  }
  if (match.rule != nullptr) {
    stop("rule", {{"rule", match.rule->id}, {"why", match.why}});
  } else if (is_there()) {
    const bool at_crossing = ordinal_ >= run_.until_crossing || crossing.sequence == run_.until_sequence;
    stop(at_crossing ? "crossing" : "time");
  } else {
    look_for_requests();
  }
  inside_ = false;
}

void ControlServer::scan_again(const Wire& wire, const Crossing& crossing,
                               const std::vector<DecodedField>& fields) {
  std::string why;
  const bool found = run_.scan && rule_matches(*run_.scan, wire, crossing, fields, why);
  if (found && ordinal_ < run_.until_crossing) scanned_ = ordinal_;
}

ControlServer::Match ControlServer::find_match(const Wire& wire, const Crossing& crossing,
                                               const std::vector<DecodedField>& fields) {
  Match match;
  for (const StopRule& rule : run_.rules) {
    if (!rule_matches(rule, wire, crossing, fields, match.why)) continue;
    match.rule = &rule;
    return match;
  }
  if (run_.scan && rule_matches(*run_.scan, wire, crossing, fields, match.why)) match.rule = &*run_.scan;
  return match;
}

}  // namespace ringside

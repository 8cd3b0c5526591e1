#include "sim/wire.h"

#include <algorithm>
#include <cstring>

#include "sim/assert.h"

namespace ringside {

std::string_view to_string(WireKind kind) {
  switch (kind) {
    case WireKind::message: return "message";
    case WireKind::call: return "call";
    case WireKind::signal: return "signal";
    case WireKind::sampled: return "sampled";
  }
  return "unknown";
}

Verdict Wire::pass(Direction direction, std::vector<uint8_t>& payload, uint8_t flags) {
  if (!tapped_) return {};
  return wiring_->pass(*this, direction, payload, flags);
}

Verdict Wire::show_bytes(Direction direction, std::span<const uint8_t> record,
                         std::span<const uint8_t> tail) {
  if (wiring_->shows_ == wiring_->scratch_.size()) [[unlikely]]
    wiring_->scratch_.emplace_back();
  std::vector<uint8_t>& payload = wiring_->scratch_[wiring_->shows_++];
  payload.resize(record.size() + tail.size());
  std::memcpy(payload.data(), record.data(), record.size());
  if (!tail.empty()) std::memcpy(payload.data() + record.size(), tail.data(), tail.size());
  const Verdict verdict = pass(direction, payload);
  --wiring_->shows_;
  return verdict;
}

Verdict Wire::send(Direction direction, std::vector<uint8_t> payload, const Receiver& receiver) {
  const Verdict verdict = pass(direction, payload);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy) {
    if (verdict.punctual()) {
      receiver(payload);
    } else {
      release(verdict, "wire/delayed", [receiver, payload] { receiver(payload); });
    }
  }
  return verdict;
}

void Wire::release(const Verdict& verdict, const char* name, EventQueue::Action action) {
  if (verdict.punctual()) return action();
  EventQueue& events = wiring_->events_;
  if (verdict.behind == 0) {
    events.schedule(saturating_add(wiring_->clock_.now, verdict.delay), name, std::move(action));
    return;
  }
  const auto shared = std::make_shared<EventQueue::Action>(std::move(action));
  const Tick limit = saturating_add(wiring_->clock_.now, std::max(verdict.delay, kReorderLimit));
  const EventQueue::Handle handle = events.schedule(limit, name, [this, shared] {
    std::erase_if(held_, [&](const Held& held) { return held.action == shared; });
    (*shared)();
  });
  held_.push_back({verdict.behind, handle, name, shared});
}

// A crossing has passed: what waited for it follows as the next event.
void Wire::count_held() {
  for (Held& held : held_) {
    if (--held.crossings_left != 0) continue;
    wiring_->events_.cancel(held.limit);
    wiring_->events_.schedule(wiring_->clock_.now, held.name, [action = held.action] { (*action)(); });
  }
  std::erase_if(held_, [](const Held& held) { return held.crossings_left == 0; });
}

Wire& Wiring::add(std::string name, WireKind kind, const PayloadType& type, CapturePolicy capture) {
  for (const auto& wire : wires_) {
    if (wire->name_ == name) return *wire;
  }
  PayloadRegistry::instance().add(type);
  auto wire = std::make_unique<Wire>();
  wire->wiring_ = this;
  wire->name_ = std::move(name);
  wire->index_ = static_cast<uint32_t>(wires_.size());
  wire->kind_ = kind;
  wire->type_ = &type;
  wire->capture_ = capture;
  for (const auto& [glob, policy] : captures_) {
    if (wire_matches(glob, wire->name_)) wire->capture_ = policy;
  }
  wires_.push_back(std::move(wire));
  Wire& added = *wires_.back();
  if (first_tap_ != nullptr) first_tap_->on_wire_added(added);
  for (const TapEntry& entry : taps_) {
    if (!wire_matches(entry.glob, added.name_) || !entry.tap->wants(added)) continue;
    added.taps_.push_back(entry.tap);
    added.tapped_ = true;
    entry.tap->on_wire_added(added);
  }
  return added;
}

void Wiring::set_capture(std::string glob, CapturePolicy policy) {
  for (const auto& wire : wires_) {
    if (wire_matches(glob, wire->name_)) wire->capture_ = policy;
  }
  captures_.emplace_back(std::move(glob), policy);
}

const Wire* Wiring::find(std::string_view name) const {
  for (const auto& wire : wires_) {
    if (wire->name_ == name) return wire.get();
  }
  return nullptr;
}

void Wiring::add_tap(Tap& tap, std::string glob) {
  taps_.push_back({&tap, std::move(glob)});
  for (const auto& wire : wires_) {
    if (!wire_matches(taps_.back().glob, wire->name_) || !tap.wants(*wire)) continue;
    wire->taps_.push_back(&tap);
    wire->tapped_ = true;
    tap.on_wire_added(*wire);
  }
}

void Wiring::set_first_tap(Tap& tap) {
  first_tap_ = &tap;
  for (size_t i = 0; i < wires_.size(); ++i) tap.on_wire_added(*wires_[i]);
}

void Wiring::tap_first(const Wire& wire, bool wanted) {
  auto& taps = wires_[wire.index()]->taps_;
  const bool has = !taps.empty() && taps.front() == first_tap_;
  if (wanted && !has) taps.insert(taps.begin(), first_tap_);
  if (!wanted && has) taps.erase(taps.begin());
  wires_[wire.index()]->tapped_ = !taps.empty();
}

void Wiring::remove_tap(Tap& tap) {
  if (first_tap_ == &tap) first_tap_ = nullptr;
  std::erase_if(taps_, [&](const TapEntry& entry) { return entry.tap == &tap; });
  for (const auto& wire : wires_) {
    auto& taps = wire->taps_;
    std::erase(taps, &tap);
    wire->tapped_ = !taps.empty();
  }
}

inline Verdict Wiring::show_to_taps(Wire& wire, Crossing& crossing) {
  last_crossing_at_ = crossing.at;
  Verdict verdict;
  // By number: a tap may take itself, or another one, off the wire while it looks.
  for (size_t i = 0; i < wire.taps_.size(); ++i) wire.taps_[i]->on_crossing(wire, crossing, verdict);
  if (!wire.held_.empty()) [[unlikely]]
    wire.count_held();
  return verdict;
}

Verdict Wiring::pass(Wire& wire, Direction direction, std::vector<uint8_t>& payload, uint8_t flags) {
  Crossing crossing;
  crossing.at = clock_.now;
  crossing.sequence = ++last_sequence_;
  crossing.direction = direction;
  crossing.flags = flags;
  crossing.payload = &payload;
  return show_to_taps(wire, crossing);
}

void Wiring::show_before(Crossing& behind, Wire& wire, std::span<std::vector<uint8_t>> payloads,
                         uint8_t flags) {
  uint64_t sequence = behind.sequence, next = last_sequence_ + 1;
  last_sequence_ += payloads.size();
  behind.sequence = last_sequence_;
  for (std::vector<uint8_t>& payload : payloads) {
    Crossing crossing;
    crossing.at = clock_.now;
    crossing.sequence = sequence;
    crossing.direction = Direction::in;
    crossing.flags = flags;
    crossing.payload = &payload;
    sequence = next++;
    show_to_taps(wire, crossing);
  }
}

namespace {

bool glob_matches(std::string_view glob, std::string_view name) {
  // Backtracks to the last star only: linear in practice, and never exponential.
  size_t g = 0, n = 0, star = std::string_view::npos, star_name = 0;
  while (n < name.size()) {
    if (g < glob.size() && glob[g] == '*') {
      star = g++;
      star_name = n;
    } else if (g < glob.size() && (glob[g] == '?' || glob[g] == name[n])) {
      ++g;
      ++n;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace

bool wire_matches(std::string_view glob, std::string_view name) {
  if (glob_matches(glob, name)) return true;
  const size_t slash = name.find('/');
  return slash != std::string_view::npos && name.substr(0, 3) == "dom" &&
         glob_matches(glob, name.substr(slash + 1));
}

}  // namespace ringside

#include "sim/wire.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

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

[[gnu::always_inline]] inline Crossing Wire::begin(Direction direction, std::vector<uint8_t>& payload,
                                                   uint8_t flags) {
  Wiring& wiring = *wiring_;
  const Tick now = wiring.clock_.now;
  wiring.last_crossing_at_ = now;
  return {now, ++wiring.last_sequence_, direction, flags, &payload};
}

// By number: a tap may take itself, or another one, off the wire while it looks.
void Wire::show_from(size_t place, Crossing& crossing, Verdict& verdict) {
  for (size_t i = place; i < taps_.size(); ++i) taps_[i]->on_crossing(*this, crossing, verdict);
}

// A payload that is too short to tell is for everyone.
inline Wire::Places Wire::wanting(Direction direction, const std::vector<uint8_t>& payload) const {
  uint32_t number;
  if (payload.size() < number_offset_ + sizeof number) [[unlikely]]
    return ~Places{0};
  std::memcpy(&number, payload.data() + number_offset_, sizeof number);
  return wanting_[static_cast<size_t>(direction) * CrossingFilter::kClasses +
                  CrossingFilter::class_of(number)];
}

inline void Wire::show_to_those(Places wanting, Crossing& crossing, Verdict& verdict) {
  while (wanting != 0) {
    const auto place = static_cast<size_t>(std::countr_zero(wanting));
    if (place >= taps_.size()) return;
    wanting &= wanting - 1;
    // Only a tap without a filter may change the payload, and with it who wants to see it.
    const bool changes = (unfiltered_ >> place & 1) != 0;
    taps_[place]->on_crossing(*this, crossing, verdict);
    if (changes) [[unlikely]]
      wanting = this->wanting(crossing.direction, *crossing.payload) & ~Places{1} << place;
  }
}

void Wire::show_crossing(Crossing& crossing, Verdict& verdict) {
  wiring_->last_crossing_at_ = crossing.at;
  if (wanting_.empty()) {
    show_from(0, crossing, verdict);
  } else {
    show_to_those(wanting(crossing.direction, *crossing.payload), crossing, verdict);
  }
  if (!held_.empty()) count_held();
}

void Wire::show_to_one(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                       uint8_t flags) {
  Crossing crossing = wire.begin(direction, payload, flags);
  wire.taps_.front()->on_crossing(wire, crossing, verdict);
}

void Wire::show_to_taps(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                        uint8_t flags) {
  Crossing crossing = wire.begin(direction, payload, flags);
  // Few wires have more than two.
  wire.taps_[0]->on_crossing(wire, crossing, verdict);
  if (wire.taps_.size() > 1) wire.taps_[1]->on_crossing(wire, crossing, verdict);
  if (wire.taps_.size() > 2) [[unlikely]]
    wire.show_from(2, crossing, verdict);
}

void Wire::show_filtered(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                         uint8_t flags) {
  const Places wanting = wire.wanting(direction, payload);
  if (wanting != 0) return show_to_some(verdict, wire, direction, payload, flags, wanting);
  wire.count_unseen();
}

void Wire::show_to_some(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                        uint8_t flags, Places wanting) {
  Crossing crossing = wire.begin(direction, payload, flags);
  wire.show_to_those(wanting, crossing, verdict);
}

// Others wait until this one has passed.
void Wire::show_awaited(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                        uint8_t flags) {
  Crossing crossing = wire.begin(direction, payload, flags);
  wire.show_crossing(crossing, verdict);
}

Verdict Wire::pass(Direction direction, std::vector<uint8_t>& payload, uint8_t flags) {
  Verdict verdict;
  show_(verdict, *this, direction, payload, flags);
  return verdict;
}

Verdict Wire::show_bytes(Direction direction, std::span<const uint8_t> record,
                         std::span<const uint8_t> tail) {
  std::vector<uint8_t> own;
  const bool is_first = !std::exchange(showing_, true);
  std::vector<uint8_t>& payload = is_first ? shown_ : own;
  payload.resize(record.size() + tail.size());
  std::memcpy(payload.data(), record.data(), record.size());
  if (!tail.empty()) std::memcpy(payload.data() + record.size(), tail.data(), tail.size());
  const Verdict verdict = pass(direction, payload);
  if (is_first) showing_ = false;
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
    choose_show();
    (*shared)();
  });
  held_.push_back({verdict.behind, handle, name, shared});
  choose_show();
}

void Wire::add_tap(Tap& tap, bool first) {
  taps_.insert(first ? taps_.begin() : taps_.end(), &tap);
  tap_classes_.insert(first ? tap_classes_.begin() : tap_classes_.end(),
                      {CrossingFilter::kAll, CrossingFilter::kAll});
  note_taps();
}

void Wire::remove_tap(size_t place) {
  if (taps_[place] == sieved_) sieve_ = nullptr;
  taps_.erase(taps_.begin() + static_cast<ptrdiff_t>(place));
  tap_classes_.erase(tap_classes_.begin() + static_cast<ptrdiff_t>(place));
  note_taps();
}

void Wire::note_taps() {
  tapped_ = !taps_.empty();
  wanting_.clear();
  unfiltered_ = 0;
  const auto is_filtered = [](const auto& classes) {
    return classes[0] != CrossingFilter::kAll || classes[1] != CrossingFilter::kAll;
  };
  // Beyond those that have a bit, everyone sees everything.
  const bool filters = taps_.size() <= std::numeric_limits<Places>::digits &&
                       std::any_of(tap_classes_.begin(), tap_classes_.end(), is_filtered);
  if (filters) {
    wanting_.resize(2 * CrossingFilter::kClasses);
    for (size_t place = 0; place < taps_.size(); ++place) {
      const Places bit = Places{1} << place;
      if (!is_filtered(tap_classes_[place])) unfiltered_ |= bit;
      for (size_t i = 0; i < wanting_.size(); ++i) {
        const uint64_t classes = tap_classes_[place][i / CrossingFilter::kClasses];
        if ((classes >> i % CrossingFilter::kClasses & 1) != 0) wanting_[i] |= bit;
      }
    }
  }
  choose_show();
}

void Wire::choose_show() {
  if (!tapped_) {
    show_ = show_to_nobody;
  } else if (!held_.empty()) {
    show_ = show_awaited;
  } else if (sieve_ != nullptr && taps_.size() == 1) {
    show_ = show_sieved_;
  } else if (!wanting_.empty()) {
    show_ = show_filtered;
  } else {
    show_ = taps_.size() == 1 ? show_to_one : show_to_taps;
  }
}

// A crossing has passed: what waited for it follows as the next event.
void Wire::count_held() {
  for (Held& held : held_) {
    if (--held.crossings_left != 0) continue;
    wiring_->events_.cancel(held.limit);
    wiring_->events_.schedule(wiring_->clock_.now, held.name, [action = held.action] { (*action)(); });
  }
  std::erase_if(held_, [](const Held& held) { return held.crossings_left == 0; });
  choose_show();
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
    added.add_tap(*entry.tap, false);
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
    wire->add_tap(tap, false);
    tap.on_wire_added(*wire);
  }
}

void Wiring::set_first_tap(Tap& tap) {
  first_tap_ = &tap;
  for (size_t i = 0; i < wires_.size(); ++i) tap.on_wire_added(*wires_[i]);
}

void Wiring::tap_first(const Wire& wire, bool wanted) {
  Wire& tapped = *wires_[wire.index()];
  const bool has = !tapped.taps_.empty() && tapped.taps_.front() == first_tap_;
  if (wanted && !has) tapped.add_tap(*first_tap_, true);
  if (!wanted && has) tapped.remove_tap(0);
}

void Wiring::remove_tap(Tap& tap) {
  if (first_tap_ == &tap) first_tap_ = nullptr;
  std::erase_if(taps_, [&](const TapEntry& entry) { return entry.tap == &tap; });
  for (const auto& wire : wires_) {
    for (size_t place = wire->taps_.size(); place-- > 0;) {
      if (wire->taps_[place] == &tap) wire->remove_tap(place);
    }
  }
}

void Wiring::set_filter(const Wire& wire, const Tap& tap, const CrossingFilter& filter) {
  Wire& filtered = *wires_[wire.index()];
  for (size_t place = 0; place < filtered.taps_.size(); ++place) {
    if (filtered.taps_[place] == &tap) filtered.tap_classes_[place] = filter.classes_;
  }
  filtered.number_offset_ = filter.offset_;
  filtered.note_taps();
}

void Wiring::set_sieve(const Wire& wire, const Tap& tap, const CrossingSieve& sieve, Wire::Show show) {
  Wire& sieved = *wires_[wire.index()];
  sieved.show_sieved_ = show;
  sieved.sieved_ = &tap;
  sieved.sieve_ = &sieve;
  sieved.note_taps();
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
    Verdict verdict;
    wire.show_crossing(crossing, verdict);
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

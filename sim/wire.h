// Wires. Every boundary between guest, device, hypervisor and host is a named Wire; a message on it is a
// Crossing with a typed payload. Crossings pass a short list of taps (fault injector, recorder or replayer,
// stepper, checkers). A device never knows which taps exist, and a wire without taps costs one branch.
//
// A full name starts with the domain: "dom1/ring/xvda/request". A glob without a domain matches any.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/field_table.h"

namespace ringside {

// The kind says what may be done to a crossing.
enum class WireKind : uint8_t {
  message,  // frames, ring requests, console bytes: may be dropped, delayed, duplicated, changed
  call,     // hypercall, MMIO: may fail, or give another result
  signal,   // event, interrupt: may be dropped, delayed, repeated
  sampled,  // ring indices and notices: observed only
};
std::string_view to_string(WireKind kind);

// `out` leaves the guest, `in` reaches it.
enum class Direction : uint8_t { out, in };

enum class CaptureMode : uint8_t { full, first_bytes, none };
struct CapturePolicy {
  CaptureMode mode = CaptureMode::full;
  uint32_t bytes = 0;  // for first_bytes
};

class Tap;
class Wiring;

struct Crossing {
  static constexpr uint8_t kCanonical = 1;  // counts in digests
  static constexpr uint8_t kInjected = 2;   // changed or made by a fault
  // What the fault did besides; kInjected is set, too.
  static constexpr uint8_t kDropped = 4;
  static constexpr uint8_t kDelayed = 8;  // or moved behind later ones
  static constexpr uint8_t kRepeated = 16;
  static constexpr uint8_t kFailed = 32;

  Tick at;
  uint64_t sequence = 0;  // over all wires of the machine, from 1
  Direction direction = Direction::out;
  uint8_t flags = kCanonical;
  std::vector<uint8_t>* payload = nullptr;  // a tap that injects faults may change it

  std::span<const uint8_t> bytes() const { return *payload; }
};

// What is left of a crossing after the taps.
struct Verdict {
  uint32_t copies = 1;  // 0: dropped; 2: duplicated
  uint32_t behind = 0;  // messages: each copy arrives once so many later crossings of the wire have passed
  Tick delay;           // each copy arrives that much later
  int64_t fail = 0;     // for calls and responses: the error to give instead (0: none)
  bool intact() const { return copies == 1 && punctual() && fail == 0; }
  bool punctual() const { return delay.ps == 0 && behind == 0; }
};

// Which crossings of a wire a tap wants, where a number of 32 bits in their payload tells that: a hypercall's
// operation. Numbers fall into 64 classes, so that a tap may see a few that it did not ask for.
class CrossingFilter {
 public:
  // The number's place in the payload.
  explicit CrossingFilter(uint32_t offset) : offset_(offset) {}
  CrossingFilter& want(Direction direction, uint32_t number) {
    classes_[static_cast<size_t>(direction)] |= uint64_t{1} << class_of(number);
    return *this;
  }

 private:
  friend class Wire;
  friend class Wiring;
  static constexpr uint64_t kAll = ~uint64_t{0};
  static constexpr uint32_t kClasses = 64;
  static uint32_t class_of(uint32_t number) { return (number ^ number >> 16) % kClasses; }
  uint32_t offset_;
  std::array<uint64_t, 2> classes_{};  // by direction
};

// Who tells by a look at a payload that a tap has nothing to do with it, where that is most of a wire's.
class CrossingSieve {
 public:
  virtual bool is_wanted(const std::vector<uint8_t>& payload) const = 0;

 protected:
  ~CrossingSieve() = default;
};

class Wire {
 public:
  const std::string& name() const { return name_; }
  uint32_t index() const { return index_; }
  WireKind kind() const { return kind_; }
  const PayloadType& payload_type() const { return *type_; }
  const CapturePolicy& capture() const { return capture_; }
  void set_capture(CapturePolicy policy) { capture_ = policy; }
  bool tapped() const { return tapped_; }

  // The primitive: shows the payload to the taps, which may change it, and says what to do with it. Callers
  // that build a payload only to show it ask tapped() first.
  [[gnu::noinline]] Verdict pass(Direction direction, std::vector<uint8_t>& payload,
                                 uint8_t flags = Crossing::kCanonical);

  // For a fixed record and a tail. Returns the verdict; a change by a tap is lost, so this is for wires
  // whose crossings the caller can only drop, delay or fail.
  template <class Record>
  Verdict show(Direction direction, const Record& record, std::span<const uint8_t> tail = {}) {
    if (!tapped_) return {};
    if (tail.empty()) return show_record(direction, record);
    return show_bytes(direction, {reinterpret_cast<const uint8_t*>(&record), sizeof record}, tail);
  }

  // For messages: passes the taps, then hands each copy that is left to the receiver, now or after the
  // verdict's delay. The receiver must live as long as the machine.
  using Receiver = std::function<void(std::span<const uint8_t> payload)>;
  Verdict send(Direction direction, std::vector<uint8_t> payload, const Receiver& receiver);

  // For those that pass() and act on the verdict themselves: does `action` when the verdict says, which is
  // now where it is punctual. Called once for each copy. What waits for later crossings that never come is
  // done kReorderLimit later. `name` is the event's (a literal).
  void release(const Verdict& verdict, const char* name, EventQueue::Action action);
  static constexpr Tick kReorderLimit = milliseconds(10);

  // For faults. A stimulus makes one that nobody sent: it does what the sender would do (a line that pulses,
  // an event that is raised), and so passes this wire itself. A rewriter changes an entry that was published
  // into shared memory to what this payload says. Both are called from the event queue, with payloads that
  // may be anything; who sets one lives as long as the machine, or takes it back with nullptr.
  using Stimulus = std::function<void(std::span<const uint8_t> payload)>;
  void set_stimulus(Stimulus stimulus) { stimulus_ = std::move(stimulus); }
  void set_rewriter(Stimulus rewriter) { rewriter_ = std::move(rewriter); }
  const Stimulus& stimulus() const { return stimulus_; }
  const Stimulus& rewriter() const { return rewriter_; }

 private:
  friend class Wiring;
  struct Held {
    uint32_t crossings_left;
    EventQueue::Handle limit;
    const char* name;
    std::shared_ptr<EventQueue::Action> action;
  };
  void count_held();
  Verdict show_bytes(Direction direction, std::span<const uint8_t> record, std::span<const uint8_t> tail);
  // Most crossings: of a size that is known here, into memory that is there.
  template <class Record>
  [[gnu::noinline]] Verdict show_record(Direction direction, const Record& record) {
    Verdict verdict;  // the only one, so that it is made in its place
    if (showing_ || shown_.size() != sizeof record) [[unlikely]] {
      verdict = show_bytes(direction, {reinterpret_cast<const uint8_t*>(&record), sizeof record}, {});
      return verdict;
    }
    std::memcpy(shown_.data(), &record, sizeof record);
    showing_ = true;
    show_(verdict, *this, direction, shown_, Crossing::kCanonical);
    showing_ = false;
    return verdict;
  }

  // What pass() comes to depends on who taps the wire and on what waits for its crossings; it is chosen when
  // that changes, so that most crossings ask for none of it. The verdict is made by the caller, and stands
  // first as a result does, so that one of these only jumps to the next: what nobody wants costs no frame.
  using Show = void (*)(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  static void show_to_nobody(Verdict&, Wire&, Direction, std::vector<uint8_t>&, uint8_t) {}
  static void show_to_one(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  static void show_to_taps(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  static void show_filtered(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  static void show_awaited(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  template <class Sieve>
  static void show_sieved(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags);
  // Taps by their places: a bit for each.
  using Places = uint32_t;
  static void show_to_some(Verdict&, Wire&, Direction, std::vector<uint8_t>& payload, uint8_t flags,
                           Places wanting);
  Places wanting(Direction direction, const std::vector<uint8_t>& payload) const;
  void show_to_those(Places wanting, Crossing& crossing, Verdict& verdict);
  void show_from(size_t place, Crossing& crossing, Verdict& verdict);
  void show_crossing(Crossing& crossing, Verdict& verdict);
  Crossing begin(Direction direction, std::vector<uint8_t>& payload, uint8_t flags);
  void count_unseen();

  void add_tap(Tap& tap, bool first);
  void remove_tap(size_t place);
  void note_taps();
  void choose_show();

  Wiring* wiring_ = nullptr;
  std::string name_;
  uint32_t index_ = 0;
  WireKind kind_ = WireKind::message;
  const PayloadType* type_ = nullptr;
  CapturePolicy capture_;
  bool tapped_ = false;
  std::vector<Tap*> taps_;
  std::vector<Held> held_;
  Stimulus stimulus_, rewriter_;
  // What show() shows; a tap may show something itself, on this wire too.
  std::vector<uint8_t> shown_;
  bool showing_ = false;
  // Where a tap has a filter: where all filters of this wire look, each tap's classes by direction, who wants
  // a crossing by its direction and class, and who has no filter.
  uint32_t number_offset_ = 0;
  std::vector<std::array<uint64_t, 2>> tap_classes_;
  std::vector<Places> wanting_;  // empty: no tap has a filter
  Places unfiltered_ = 0;
  const Tap* sieved_ = nullptr;  // the tap that has a sieve
  const CrossingSieve* sieve_ = nullptr;
  Show show_sieved_ = nullptr;  // for that sieve
  Show show_ = show_to_nobody;
};

class Tap {
 public:
  virtual ~Tap() = default;
  // Asked for each wire that its glob matches: false leaves the wire untapped by it.
  virtual bool wants(const Wire&) const { return true; }
  virtual void on_wire_added(const Wire&) {}
  virtual void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) = 0;
};

// All wires of a machine, in the order in which they were made (which is deterministic).
class Wiring {
 public:
  Wiring(const Clock& clock, EventQueue& events) : clock_(clock), events_(events) {}
  Wiring(const Wiring&) = delete;
  Wiring& operator=(const Wiring&) = delete;

  // Wires live as long as the machine: a name that exists gives the wire that exists.
  Wire& add(std::string name, WireKind kind, const PayloadType& type, CapturePolicy capture = {});
  const std::deque<std::unique_ptr<Wire>>& wires() const { return wires_; }
  const Wire* find(std::string_view name) const;
  // For the wires that match, those that are there and those that come (a device may be mapped late). The
  // last one that matches a wire counts.
  void set_capture(std::string glob, CapturePolicy policy);

  // Taps see crossings in the order in which they were added. A glob limits which wires a tap sees;
  // on_wire_added is called for each, those that exist already included.
  void add_tap(Tap& tap, std::string glob = "*");
  void remove_tap(Tap& tap);
  // From now on the tap, which sees this wire's crossings, sees those of the filter only. The others count
  // all the same. All filters of a wire look at one place.
  void set_filter(const Wire& wire, const Tap& tap, const CrossingFilter& filter);
  // While no other tap sees this wire, the tap is spared what the sieve, which lives as long, does not want.
  template <class Sieve>
  void set_sieve(const Wire& wire, const Tap& tap, const Sieve& sieve) {
    set_sieve(wire, tap, sieve, &Wire::show_sieved<Sieve>);
  }

  // The one tap that comes before all others (faults). It hears of every wire, those that exist already
  // included, and sees the crossings of those that it asks for.
  void set_first_tap(Tap& tap);
  void tap_first(const Wire& wire, bool wanted);
  // Shows crossings of the first tap's own while it looks at `behind`: they take that one's place in the
  // order, and `behind` moves on to last_sequence() + payloads.size().
  void show_before(Crossing& behind, Wire& wire, std::span<std::vector<uint8_t>> payloads, uint8_t flags);

  const Clock& clock() const { return clock_; }
  // The sequence of the last crossing that taps saw, and its time.
  uint64_t last_sequence() const { return last_sequence_; }
  Tick last_crossing_at() const { return last_crossing_at_; }

 private:
  friend class Wire;
  void set_sieve(const Wire& wire, const Tap& tap, const CrossingSieve& sieve, Wire::Show show);
  struct TapEntry {
    Tap* tap;
    std::string glob;
  };
  const Clock& clock_;
  EventQueue& events_;
  std::deque<std::unique_ptr<Wire>> wires_;
  std::vector<TapEntry> taps_;
  Tap* first_tap_ = nullptr;
  std::vector<std::pair<std::string, CapturePolicy>> captures_;
  Tick last_crossing_at_;
  uint64_t last_sequence_ = 0;
};

// What no tap wants counts all the same.
inline void Wire::count_unseen() {
  ++wiring_->last_sequence_;
  wiring_->last_crossing_at_ = wiring_->clock_.now;
}

// Made for each class of sieves, so that its look costs no call.
template <class Sieve>
void Wire::show_sieved(Verdict& verdict, Wire& wire, Direction direction, std::vector<uint8_t>& payload,
                       uint8_t flags) {
  if (static_cast<const Sieve*>(wire.sieve_)->is_wanted(payload))
    return show_to_one(verdict, wire, direction, payload, flags);
  wire.count_unseen();
}

// `*` matches any run of characters, `?` one. A pattern whose first part is not a domain ("dom1", "*")
// also matches behind any domain.
bool wire_matches(std::string_view glob, std::string_view name);

}  // namespace ringside

#include <algorithm>

#include "sim/assert.h"
#include "testkit/device/bench_house.h"

namespace ringside::test {

ExpectationFailed::ExpectationFailed(const std::string& text, const SourcePlace& place)
    : std::runtime_error(std::string(place.file) + ":" + std::to_string(place.line) + ": " + text),
      place_(place) {}
ExpectationFailed::~ExpectationFailed() = default;

// --- Buffers ---

std::span<uint8_t> Buffer::bytes(size_t offset, size_t length) const {
  if (offset > bytes_.size() || length > bytes_.size() - offset) {
    throw Error("bytes " + std::to_string(offset) + " to " + std::to_string(offset + length) +
                " lie outside of a buffer of " + std::to_string(bytes_.size()));
  }
  return bytes_.subspan(offset, length);
}

Bytes Buffer::copy(size_t offset, size_t length) const {
  const auto from = bytes(offset, length);
  return {from.begin(), from.end()};
}

void Buffer::put(size_t offset, std::span<const uint8_t> from) const {
  const auto into = bytes(offset, from.size());
  std::copy(from.begin(), from.end(), into.begin());
}

void Buffer::fill(uint8_t value) const { std::fill(bytes_.begin(), bytes_.end(), value); }

// --- Time ---

Bench::Bench(std::unique_ptr<house::Bench> made) : house_(std::move(made)) {}
Bench::~Bench() {
  // Of a test that goes on: one that is being left because of a failure says enough.
  if (!house_->is_unwinding() && !house_->looked_at_rules) house_->tell(complaints());
  house_->keep_session_of_failure(*this);
}

Duration Bench::now() const { return house::to_duration(house_->clock.now); }

void Bench::advance(Duration by) {
  if (by < Duration{0}) throw Error("time does not go back: advance(" + to_string(by) + ")");
  house_->advance_to(saturating_add(house_->clock.now, house::to_tick(by)));
}

bool Bench::advance_until(const std::function<bool()>& condition, Duration limit) {
  return house_->wait_for(condition, limit);
}

void Bench::expect_until(const std::function<bool()>& condition, Duration limit, SourcePlace place) {
  if (!house_->wait_for(condition, limit))
    house::fail_expectation(place, "what was waited for did not come within " + to_string(limit));
}

Duration Bench::next_event() const {
  const Tick next = house_->events.next_tick();
  return next == Tick::never() ? Duration::max() : house::to_duration(next);
}

// --- Faults ---

void Bench::fault(std::string_view spec) {
  FaultSpec parsed = house::value_or_error(parse_fault(spec));
  if (!house_->injector)
    house_->injector = std::make_unique<FaultInjector>(house_->wiring, house_->events, house_->options.seed);
  house::value_or_error(house_->injector->add(std::move(parsed)));
}

std::vector<FaultStrikes> Bench::faults() const {
  std::vector<FaultStrikes> all;
  if (!house_->injector) return all;
  for (const FaultInjector::Struck& struck : house_->injector->struck())
    all.push_back({struck.text, struck.times});
  return all;
}

void Bench::expect_faults_struck(SourcePlace place) const {
  for (const FaultStrikes& fault : faults()) {
    if (fault.times == 0)
      house::fail_expectation(place, "the fault '" + fault.fault + "' has struck nothing");
  }
}

// --- Rules ---

std::vector<Violation> Bench::violations() const {
  house_->looked_at_rules = true;
  return house_->all_violations();
}

std::vector<std::string> Bench::complaints() const {
  std::vector<std::string> all;
  for (const Violation& violation : house_->all_violations()) {
    if (!violation.allowed)
      all.push_back("broken: " + violation.rule + " on " + violation.wire + " at " + to_string(violation.at) +
                    ": " + violation.text);
  }
  return all;
}

std::vector<Violation> house::Bench::all_violations() const {
  std::vector<Violation> all;
  if (checkers) {
    for (const ringside::Violation& found : checkers->violations())
      all.push_back({found.rule, found.wire, found.text, to_duration(found.at), found.allowed});
  }
  add_violations(all);
  return all;
}

void Bench::expect_clean(SourcePlace place) const {
  for (const Violation& violation : violations()) {
    if (violation.allowed) continue;
    house::fail_expectation(place, "the rule " + violation.rule + " was broken at " +
                                       to_string(violation.at) + " on " + violation.wire + ": " +
                                       violation.text);
  }
}

void Bench::finish(SourcePlace place) {
  house_->finish_checks();
  expect_clean(place);
}

namespace house {

void fail_expectation(const SourcePlace& place, const std::string& text) {
  throw ExpectationFailed(text, place);
}

Bench::~Bench() = default;

void Bench::step() {
  clock.now = std::max(clock.now, events.next_tick());
  accesses_in_place = 0;
  events.run_due(clock.now);
}

void Bench::advance_to(Tick end) {
  while (events.next_tick() <= end) step();
  stand_at(end);
}

void Bench::finish_checks() {
  if (checkers && !checks_finished_) checkers->end(true);
  checks_finished_ = true;
}

Line::Line(Bench& the_bench, unsigned the_number)
    : bench(the_bench),
      number(static_cast<uint8_t>(the_number)),
      wire(the_bench.wiring.add(the_bench.options.domain + "/irq/" + std::to_string(the_number),
                                WireKind::signal, kInterruptPayload)) {
  wire.set_stimulus([this](std::span<const uint8_t>) {
    // A pulse by nobody: an edge-triggered input takes it for an interrupt.
    if (level) return;
    arrive(true);
    bench.events.schedule(bench.clock.now + microseconds(20), "irq/pulse",
                          [this] { arrive(sources_high != 0); });
  });
}

void Line::connect(InterruptPin& pin) {
  if (pin.level()) ++sources_high;
  pin.connect([this](bool up) {
    sources_high = up ? sources_high + 1 : sources_high - 1;
    const bool wanted = sources_high != 0;
    if (wanted != up) return;  // another source holds it
    if (!wire.tapped()) return arrive(wanted);
    const InterruptRecord record{static_cast<uint8_t>(wanted), number, {}};
    const auto* bytes = reinterpret_cast<const uint8_t*>(&record);
    payload.assign(bytes, bytes + sizeof record);
    const Verdict verdict = wire.pass(ringside::Direction::in, payload);
    for (uint32_t copy = 1; copy < verdict.copies && wanted; ++copy) ++rises;
    if (verdict.copies == 0) return;
    wire.release(verdict, "irq/change", [this, wanted] { arrive(wanted); });
  });
}

void Line::arrive(bool up) {
  if (up == level) return;
  level = up;
  if (up) ++rises;
  ++changes;
  changed_at = bench.clock.now;
}

}  // namespace house

// --- Interrupt lines ---

bool InterruptLine::raised() const { return line_->level; }
uint64_t InterruptLine::rises() const { return line_->rises; }
Duration InterruptLine::changed_at() const { return house::to_duration(line_->changed_at); }

namespace {

std::string line_text(const house::Line& line) {
  std::string text = line.wire.name() + " is " + (line.level ? "high" : "low");
  if (line.changes == 0) return text + " and was never anything else";
  return text + " since " + to_string(house::to_duration(line.changed_at));
}
std::string within_text(Duration limit) {
  return limit.count() == 0 ? std::string() : " within " + to_string(limit);
}

}  // namespace

void InterruptLine::expect_raised(SourcePlace place) const {
  if (!bench_->wait_for([&] { return line_->level; }, limit_))
    house::fail_expectation(place, "expected an interrupt" + within_text(limit_) + "; " + line_text(*line_));
}

void InterruptLine::expect_lowered(SourcePlace place) const {
  if (!bench_->wait_for([&] { return !line_->level; }, limit_))
    house::fail_expectation(
        place, "expected no interrupt any more" + within_text(limit_) + "; " + line_text(*line_));
}

void InterruptLine::expect_rise_after(uint64_t before, SourcePlace place) const {
  if (!bench_->wait_for([&] { return line_->rises > before; }, limit_)) {
    house::fail_expectation(place, "expected interrupt " + std::to_string(before + 1) + within_text(limit_) +
                                       "; there were " + std::to_string(line_->rises) + ", " +
                                       line_text(*line_));
  }
}

void InterruptLine::expect_quiet(Duration duration, SourcePlace place) const {
  const uint64_t before = line_->changes;
  if (bench_->wait_for([&] { return line_->changes != before; }, duration))
    house::fail_expectation(
        place, "expected no change of the line within " + to_string(duration) + "; " + line_text(*line_));
}

}  // namespace ringside::test

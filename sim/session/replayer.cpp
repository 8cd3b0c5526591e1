// Two passes over the file. create() reads it all once: inputs, which digests cover memory, the wires, how
// the run ended, and whether any byte is damaged. During the run a second pass streams the crossings, one
// record ahead, so that a long session never stands in memory.
#include "sim/session/replayer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "sim/session/crossing_hash.h"
#include "sim/session/describe.h"
#include "sim/session/reader.h"

namespace ringside {

struct Replayer::Impl {
  explicit Impl(SessionReader& source) : reader(source) {}

  Result<> read_ahead();
  // The next recorded crossing that counts, answer, digest or outcome; null at the end.
  const SessionRecord* peek();
  void consume() { ahead_valid = false; }
  // Whether the record is the answer to a question of `wire` now; a divergence where it is not.
  bool answers(const SessionRecord* record, std::string_view wire);
  void compare(const SessionCrossing& recorded, const Wire& wire, const Crossing& crossing);
  void differ(std::string what, std::string expected, std::string found, uint64_t instructions, Tick at);
  std::string describe_record(const SessionRecord& record) const;
  // What it means that the replay does not do what the recording has next.
  std::string what_is_missing(const SessionRecord& record) const;
  std::string describe_found(const Wire& wire, const Crossing& crossing) const {
    return describe_crossing(wire.name(), wire.payload_type().id, crossing.direction, crossing.at,
                             crossing.payload->size(), crossing.bytes());
  }
  // Now, as well as we know.
  uint64_t instructions_now() const { return clock != nullptr ? clock->instructions : instructions; }
  bool cut_reached() const { return reader_was_cut && epochs_ended >= covers_memory.size(); }
  bool comparing() const { return !divergence && !ended && !cut_reached(); }

  SessionReader& reader;
  // From the first pass.
  std::vector<InputRecord> inputs;
  std::vector<bool> covers_memory;  // by epoch, from 1
  std::vector<SessionWire> wires;
  std::map<std::string, uint32_t, std::less<>> wire_positions;
  std::optional<RunOutcome> outcome;
  std::string cut;
  bool reader_was_cut = false;

  // The second pass.
  std::optional<SessionRecord> ahead;
  bool ahead_valid = false;
  size_t inputs_taken = 0;
  uint64_t epochs_ended = 0;
  uint64_t instructions = 0;  // at the last epoch's end
  uint64_t compared = 0;
  bool ended = false;
  const Clock* clock = nullptr;
  CrossingHash hash;
  std::vector<uint32_t> recorded_positions;  // by Wire::index()
  std::optional<Divergence> divergence;
  static constexpr uint32_t kNotRecorded = UINT32_MAX;
};

Result<> Replayer::Impl::read_ahead() {
  reader.rewind();
  uint64_t instructions_last = 0;
  for (;;) {
    auto record = reader.next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) break;
    // Answers are met in their place by the second pass.
    auto* input = std::get_if<InputRecord>(&**record);
    if (input != nullptr && !input->is_answer) inputs.push_back(std::move(*input));
    if (auto* digest = std::get_if<EpochDigest>(&**record)) {
      covers_memory.push_back(digest->memory.has_value());
      instructions_last = digest->instructions;
    }
    if (auto* end = std::get_if<RunOutcome>(&**record)) outcome = std::move(*end);
  }
  wires = reader.wires();
  for (uint32_t i = 0; i < wires.size(); ++i) wire_positions.emplace(wires[i].name, i);
  reader_was_cut = reader.was_cut();
  if (reader_was_cut) {
    cut =
        covers_memory.empty()
            ? "the session was cut before its first epoch ended: there is nothing to compare"
            : fmt::format(
                  "the session was cut: it replays up to the end of epoch {} (instruction {}), and {} bytes "
                  "behind that are lost",
                  covers_memory.size(), instructions_last, reader.bytes_lost());
  }
  reader.rewind();
  return {};
}

const SessionRecord* Replayer::Impl::peek() {
  while (!ahead_valid) {
    auto record = reader.next();
    if (!record) {
      differ("the session can no longer be read", record.error().message, "", instructions_now(), {});
      return nullptr;
    }
    ahead = std::move(*record);
    if (!ahead) break;
    const auto* input = std::get_if<InputRecord>(&*ahead);
    if (input != nullptr && !input->is_answer) continue;
    const auto* crossing = std::get_if<SessionCrossing>(&*ahead);
    ahead_valid = crossing == nullptr || (crossing->flags & Crossing::kCanonical) != 0;
  }
  return ahead ? &*ahead : nullptr;
}

void Replayer::Impl::differ(std::string what, std::string expected, std::string found,
                            uint64_t at_instructions, Tick at) {
  if (divergence) return;
  divergence = Divergence{epochs_ended + 1, at_instructions,     at,
                          std::move(what),  std::move(expected), std::move(found)};
}

std::string Replayer::Impl::describe_record(const SessionRecord& record) const {
  if (const auto* crossing = std::get_if<SessionCrossing>(&record))
    return describe(*crossing, wires[crossing->wire]);
  if (const auto* digest = std::get_if<EpochDigest>(&record)) return describe(*digest);
  if (const auto* input = std::get_if<InputRecord>(&record)) return describe(*input);
  return describe(std::get<RunOutcome>(record));
}

std::string Replayer::Impl::what_is_missing(const SessionRecord& record) const {
  if (std::holds_alternative<SessionCrossing>(record))
    return fmt::format("crossing {} of the recording is missing", hash.count() + 1);
  if (const auto* answer = std::get_if<InputRecord>(&record))
    return fmt::format("nothing asks for what {} was answered", answer->wire);
  return "the replay goes on behind the recording's end";
}

void Replayer::Impl::compare(const SessionCrossing& recorded, const Wire& wire, const Crossing& crossing) {
  const auto found = crossing.bytes();
  const auto& expected = recorded.payload;
  const bool same = recorded.wire == recorded_positions[wire.index()] &&
                    recorded.direction == crossing.direction && recorded.at == crossing.at &&
                    recorded.full_size == found.size() && expected.size() <= found.size() &&
                    std::equal(expected.begin(), expected.end(), found.begin());
  if (same) return;
  differ(fmt::format("crossing {} on {} differs", hash.count(), wire.name()),
         describe(recorded, wires[recorded.wire]), describe_found(wire, crossing), instructions_now(),
         crossing.at);
}

Replayer::Replayer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Replayer::~Replayer() = default;

Result<std::unique_ptr<Replayer>> Replayer::create(SessionReader& reader) {
  auto impl = std::make_unique<Impl>(reader);
  if (auto read = impl->read_ahead(); !read) return tl::unexpected(read.error());
  return std::unique_ptr<Replayer>(new Replayer(std::move(impl)));
}

const SessionHeader& Replayer::header() const { return impl_->reader.header(); }

void Replayer::set_clock(const Clock& clock) { impl_->clock = &clock; }

void Replayer::on_wire_added(const Wire& wire) {
  impl_->hash.add_wire(wire);
  if (impl_->recorded_positions.size() <= wire.index()) {
    impl_->recorded_positions.resize(wire.index() + 1, Impl::kNotRecorded);
  }
  const auto place = impl_->wire_positions.find(wire.name());
  if (place != impl_->wire_positions.end()) impl_->recorded_positions[wire.index()] = place->second;
}

void Replayer::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  if ((crossing.flags & Crossing::kCanonical) == 0) return;
  impl_->hash.add(wire, crossing, verdict);
  if (!impl_->comparing()) return;
  const uint32_t position = impl_->recorded_positions[wire.index()];
  if (position != Impl::kNotRecorded && impl_->wires[position].capture.mode == CaptureMode::none) return;

  const SessionRecord* next = impl_->peek();
  if (next == nullptr) return;
  if (const auto* recorded = std::get_if<SessionCrossing>(next)) {
    impl_->compare(*recorded, wire, crossing);
    impl_->consume();
    return;
  }
  impl_->differ(fmt::format("crossing {} on {} is not in the recording", impl_->hash.count(), wire.name()),
                impl_->describe_record(*next), impl_->describe_found(wire, crossing),
                impl_->instructions_now(), crossing.at);
}

bool Replayer::Impl::answers(const SessionRecord* record, std::string_view wire) {
  if (record == nullptr) return false;
  const Tick now = clock != nullptr ? clock->now : Tick{};
  const auto* answer = std::get_if<InputRecord>(record);
  if (answer != nullptr && answer->wire == wire && answer->at == now) return true;
  differ(fmt::format("a question of {} has no answer in the recording", wire), describe_record(*record),
         fmt::format("a question of {} at {}, instruction {}", wire, to_string(now), instructions_now()),
         instructions_now(), now);
  return false;
}

std::optional<std::vector<uint8_t>> Replayer::take_answer(std::string_view wire) {
  if (!impl_->comparing()) return std::nullopt;
  std::vector<uint8_t> bytes;
  for (bool more = true; more;) {
    const SessionRecord* next = impl_->peek();
    if (!impl_->answers(next, wire)) return std::nullopt;
    const auto& part = std::get<InputRecord>(*next);
    bytes.insert(bytes.end(), part.bytes.begin(), part.bytes.end());
    more = part.continued;
    impl_->consume();
  }
  return bytes;
}

const InputRecord* Replayer::next_input() const {
  return impl_->inputs_taken < impl_->inputs.size() ? &impl_->inputs[impl_->inputs_taken] : nullptr;
}

void Replayer::take_input() { ++impl_->inputs_taken; }

bool Replayer::wants_memory(uint64_t epoch) const {
  return epoch >= 1 && epoch <= impl_->covers_memory.size() && impl_->covers_memory[epoch - 1];
}

void Replayer::end_epoch(EpochDigest digest) {
  digest.crossings = impl_->hash.count();
  digest.crossings_hash = impl_->hash.value();
  if (impl_->comparing()) {
    const SessionRecord* next = impl_->peek();
    const auto* recorded = next != nullptr ? std::get_if<EpochDigest>(next) : nullptr;
    if (recorded != nullptr) {
      const DigestDifference difference = first_difference(*recorded, digest);
      if (difference.what.empty()) {
        ++impl_->compared;
      } else {
        const std::string note =
            difference.crossings
                ? ", although no recorded crossing does: it is one on a wire whose crossings are "
                  "recorded in part or not at all"
                : "";
        impl_->differ(difference.what + note, difference.first, difference.second, digest.instructions,
                      digest.at);
      }
      impl_->consume();
    } else if (next != nullptr) {
      impl_->differ(impl_->what_is_missing(*next), impl_->describe_record(*next), describe(digest),
                    digest.instructions, digest.at);
    }
  }
  ++impl_->epochs_ended;
  impl_->instructions = digest.instructions;
}

void Replayer::end_run(const RunOutcome& outcome) {
  if (impl_->comparing() && impl_->outcome) {
    const SessionRecord* next = impl_->peek();
    const auto* recorded = next != nullptr ? std::get_if<RunOutcome>(next) : nullptr;
    if (next != nullptr && (recorded == nullptr || *recorded != outcome)) {
      impl_->differ(
          recorded != nullptr ? "how the run ends differs" : "the replay ends before the recording does",
          impl_->describe_record(*next), describe(outcome), outcome.instructions, outcome.at);
    }
  }
  impl_->ended = true;
}

const std::optional<Divergence>& Replayer::divergence() const { return impl_->divergence; }
uint64_t Replayer::digests_compared() const { return impl_->compared; }
bool Replayer::exhausted() const { return impl_->ended || impl_->cut_reached(); }
const std::optional<RunOutcome>& Replayer::recorded_outcome() const { return impl_->outcome; }
const std::string& Replayer::cut_description() const { return impl_->cut; }

}  // namespace ringside

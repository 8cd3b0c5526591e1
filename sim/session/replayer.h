// The replayer: the tap that stands where the recorder stood, compares what happens with what was recorded,
// and names the first difference.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/session/session.h"
#include "sim/wire.h"

namespace ringside {

class SessionReader;

// The first difference between a replay and its recording.
struct Divergence {
  uint64_t epoch = 0;
  uint64_t instructions = 0;
  Tick at;
  std::string what;      // "crossing 812 on dom1/console/in differs" or "digest of xenstore differs"
  std::string expected;  // recorded, decoded
  std::string found;     // replayed, decoded
};

class Replayer : public Tap {
 public:
  // Reads the whole session once, for inputs and damage (a cut one up to its cut), and streams its crossings
  // while the run goes on. The reader is the replayer's from then on, and must outlive it.
  static Result<std::unique_ptr<Replayer>> create(SessionReader& reader);
  ~Replayer() override;

  const SessionHeader& header() const;
  // The machine's clock, for the instruction count of a crossing that differs; without it the count at the
  // end of the epoch before is given.
  void set_clock(const Clock& clock);

  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

  // The answer that the recording has for a question of `wire` at this place. None once nothing is compared
  // any more, behind a divergence or a cut. That the recording has another answer here, or none, or one to a
  // question at another tick, is a divergence.
  std::optional<std::vector<uint8_t>> take_answer(std::string_view wire);

  // The next recorded input for the run loop that has not been taken, or null.
  const InputRecord* next_input() const;
  void take_input();

  // Whether the recorded digest of this epoch covers memory; the machine computes it only then.
  bool wants_memory(uint64_t epoch) const;
  void end_epoch(EpochDigest digest);
  // Compares how the run ended with how the recording did; does nothing for a cut session.
  void end_run(const RunOutcome& outcome);

  const std::optional<Divergence>& divergence() const;
  uint64_t digests_compared() const;
  // True when there is nothing left to compare: a cut session replays no further. A whole one is exhausted
  // when end_run() was called, because its machine ends by itself.
  bool exhausted() const;
  // The recorded outcome; none for a cut session.
  const std::optional<RunOutcome>& recorded_outcome() const;
  // Where the cut is, in text for a warning; empty when the session is whole.
  const std::string& cut_description() const;

 private:
  struct Impl;
  explicit Replayer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

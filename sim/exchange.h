// Questions to the world outside in the middle of a simulation: a folder of the host, a server behind a
// bridge. While one is asked, virtual time stands still; whatever the host takes, the answer is there at the
// tick of the question, and a device adds the latency that it models.
//
// An answer is an input: a recording keeps it, and a replay takes it from there and asks nobody. It is not
// delivered by the run loop as what a person types is, but stands in the session where it was asked for. So
// all that touches the host belongs into `ask`, and the answer holds all that the device learns by it, a
// failure of the host included: an error of the host is an answer like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace ringside {

class Outside {
 public:
  using Answer = std::vector<uint8_t>;
  using Ask = std::function<Answer()>;

  virtual ~Outside() = default;

  // The answer to a question, of any size but none: an empty one means that there is none any more (a replay
  // that has diverged, or that reached the place where its recording was cut), and is no answer of `ask`.
  // `wire` names who asks ("share/data/manifest"); it is part of the record.
  virtual Answer exchange(std::string_view wire, const Ask& ask) = 0;

  // Whether this process may talk to a peer that remembers the conversation (a socket). False in the child of
  // a fork that has not taken the machine over: the conversation is its parent's.
  virtual bool may_converse() const { return true; }
};

// Asks and keeps nothing: a machine that is not recorded.
class UnrecordedOutside final : public Outside {
 public:
  Answer exchange(std::string_view, const Ask& ask) override { return ask(); }
};

}  // namespace ringside

// A fault: where on the wires it strikes, and what it does there. One grammar, wherever faults are written:
// [[fault]] of a scenario (keys `at` and `do`), --fault on the command line, `fault` of the stepper, a
// campaign's findings. docs/faults.md has it whole.
//
//   fault    = [ NAME ":" ] place " " action
//   place    = GLOB [ "[" FIELD OP VALUE { "," FIELD OP VALUE } "]" ] { "@" selector }
//   OP       = "==" | "=" | "!=" | "<" | "<=" | ">" | ">=" | "~"      ("~": the text contains it)
//   selector = N | N ".." [ M ] | "every(" K ")" | "chance(" P ")"
//            | "from(" TIME ")" | "until(" TIME ")" | "after(" NAME ")" | "at(" TIME ")" | "in" | "out"
//   action   = WORD [ "(" ARGUMENT { "," ARGUMENT } ")" ]
//
// Counts are of the crossings of a wire that the glob, the conditions, directions and times match, each wire
// for itself, from 1. Without a count each one is struck.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"
#include "sim/tick.h"
#include "sim/wire.h"

namespace ringside {

enum class FaultOperator : uint8_t { equal, not_equal, less, at_most, greater, at_least, contains };

struct FaultCondition {
  std::string field;
  FaultOperator op = FaultOperator::equal;
  std::string value;  // as written: a name of the enumeration, a number, a text
};

struct FaultPlace {
  std::string wire;  // a glob
  std::vector<FaultCondition> conditions;
  std::optional<Direction> direction;
  uint64_t first = 1, last = UINT64_MAX;  // of those that match
  uint64_t every = 1;
  uint64_t chance_ppm = 1'000'000;
  Tick from, until = Tick::never();
  std::string after;       // only once the fault of this name has struck
  std::optional<Tick> at;  // of itself at that time, not on a crossing: spurious(), crash(), stall()
};

enum class FaultKind : uint8_t {
  drop,       // it never arrives
  duplicate,  // it arrives twice
  delay,      // (TIME): it arrives later
  reorder,    // (N): it arrives once N later crossings of its wire have passed
  corrupt,    // (FIELD, VALUE) | (OFFSET, VALUE) | (FIELD, flip) | (OFFSET, flip): its bytes are changed
  fail,       // (CODE): the answer is this error
  truncate,   // (N): only its first N bytes arrive
  stall,      // [(TIME)]: from here on nothing passes on this wire (for that long); what came arrives then
  crash,     // [(TIME)]: the backend behind the wire dies as a killed domain does (and comes back after that)
  spurious,  // [(FIELD=VALUE, ...)]: one that nobody sent: an interrupt, an event, a link that goes down
  rewrite,   // (FIELD, VALUE [, TIME]): the entry in shared memory is changed after it was published
  named,     // a device's own, by its name (PayloadType::faults); resolve_fault_action() says what it is
};
std::string_view to_string(FaultKind kind);

struct FaultAction {
  FaultKind kind = FaultKind::drop;
  Tick time;            // delay; stall, crash (0: for ever); rewrite
  uint64_t count = 0;   // reorder, truncate
  int64_t code = 0;     // fail
  std::string field;    // corrupt, rewrite; empty: `offset` counts
  uint64_t offset = 0;  // corrupt: bytes
  std::string value;    // corrupt, rewrite: as written, since what a name means depends on the wire
  bool flip = false;    // corrupt, rewrite: inverts instead of setting
  std::vector<std::pair<std::string, std::string>> fields;  // spurious: values as written
  std::string text;  // as written: "fail(-5)", or a device's own name for it: "parity"
};

struct FaultSpec {
  std::string name;  // may be empty
  FaultPlace place;
  FaultAction action;
  std::string text;  // "ring/xvda/response@3 fail(-5)": parses to this again
};

// Messages point at the character: "fault 'ring/x@0 drop', character 8: counts begin with 1".
Result<FaultSpec> parse_fault(std::string_view text);
Result<FaultAction> parse_fault_action(std::string_view text);

}  // namespace ringside

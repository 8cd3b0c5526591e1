// Where a run stops: rules that a client gives with each run, judged at every crossing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/channel.h"
#include "sim/fault/fault_spec.h"
#include "sim/field_table.h"
#include "sim/wire.h"

namespace ringside {

struct StopCondition {
  std::string field;
  FaultOperator op = FaultOperator::equal;
  std::string value;               // as written: a name of the enumeration, a number, a text
  std::optional<uint64_t> number;  // where it is one
};

// Whether a decoded crossing is what the conditions say. A field that it has not, matches nothing.
bool conditions_hold(const std::vector<StopCondition>& conditions, const std::vector<DecodedField>& fields);

struct StopRule {
  enum class Kind : uint8_t {
    crossing,           // `wire`, `conditions`, `direction`
    notice,             // any but a violation
    violation,          // `name`: a glob of its rule
    xenbus,             // `name`: the device; `value`: the state that either end comes to
    masked_pending,     // `value`: a port that is masked while an event comes for it
    index_written,      // `name`: the ring; `field`: an index, or empty
    notify_suppressed,  // `name`: the ring
  };
  int64_t id = 0;  // the client's
  Kind kind = Kind::crossing;
  std::string wire;  // a glob of those wires whose crossings are judged
  std::vector<StopCondition> conditions;
  std::optional<Direction> direction;
  std::string name;
  std::string field;
  uint64_t value = 0;
};

// From the protocol, and to it.
Result<StopRule> stop_rule_from(const Json& json);
Json to_json(const StopRule& rule);

// What a person writes behind `break`: "ring/xvda/* if status != 0", "xenbus xvda Connected", "notice".
Result<StopRule> parse_stop(std::string_view text);

// What the rule says, as it would be written.
std::string to_string(const StopRule& rule);

}  // namespace ringside

// A crossing as the control protocol gives it and as a person reads it; the lines are those of
// `ringside show`.
#pragma once

#include <string>

#include "control/channel.h"
#include "sim/field_table.h"
#include "sim/wire.h"

namespace ringside {

Json to_json(const std::vector<DecodedField>& fields);
Json to_json(const Wire& wire, const Crossing& crossing, const Verdict& verdict,
             const std::vector<DecodedField>& fields);

// "0.000812345 dom1/ring/xvda/request -> operation=READ ..."
std::string crossing_line(const Json& crossing);
// Seconds with as many digits as tell nanoseconds apart.
std::string short_time(uint64_t ps);
// Breaks a line between words, with four spaces before the rest, and cuts a word that has no room at all.
std::string folded(const std::string& line, size_t columns = 80);

}  // namespace ringside

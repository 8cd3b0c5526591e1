// Records of a session in one line each, for divergences and differences.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "sim/session/reader.h"
#include "sim/session/session.h"

namespace ringside {

// "out on dom1/ring/xvda/request at 0.001s, 8 bytes: operation=READ sector=2"
std::string describe_crossing(std::string_view wire, uint16_t payload_type, Direction direction, Tick at,
                              uint64_t full_size, std::span<const uint8_t> payload);
std::string describe(const SessionCrossing& crossing, const SessionWire& wire);
std::string describe(const InputRecord& input);
std::string describe(const EpochDigest& digest);
std::string describe(const RunOutcome& outcome);
std::string describe(const SessionWire& wire);

// One part of a digest that differs. `what` is empty when the two are equal.
struct DigestDifference {
  std::string what;
  std::string first;
  std::string second;
  bool crossings = false;  // the difference is in the hash over crossings
};
DigestDifference first_difference(const EpochDigest& first, const EpochDigest& second);

}  // namespace ringside

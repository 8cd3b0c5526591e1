// Two sessions compared wire by wire: other times and another interleaving are no difference; another order
// on one wire, another field, a crossing more or less are.
#include <catch2/catch.hpp>

#include "sim/session/wire_difference.h"
#include "tests/unit/sim/session_sample.h"

using namespace ringside;
using namespace ringside::session_sample;

namespace {

std::optional<WireDifference> difference(const std::vector<SessionRecord>& first,
                                         const std::vector<SessionRecord>& second) {
  const TemporaryFile one("wires-a"), other("wires-b");
  write_session(one.path, first, sample_header());
  write_session(other.path, second, sample_header());
  return first_difference_by_wire(one.path, other.path).value();
}

std::vector<size_t> crossings_in(const std::vector<SessionRecord>& records) {
  std::vector<size_t> places;
  for (size_t i = 0; i < records.size(); ++i) {
    if (std::holds_alternative<SessionCrossing>(records[i])) places.push_back(i);
  }
  return places;
}

}  // namespace

TEST_CASE("wire by wire, times are no difference") {
  auto later = sample_records();
  for (auto& record : later) {
    if (auto* crossing = std::get_if<SessionCrossing>(&record)) crossing->at = crossing->at + picoseconds(5);
  }
  CHECK_FALSE(difference(sample_records(), later));
}

TEST_CASE("wire by wire, a field that differs is found with its place") {
  const auto records = sample_records();
  auto changed = records;
  auto& crossing = std::get<SessionCrossing>(changed[crossings_in(records)[1]]);
  REQUIRE_FALSE(crossing.payload.empty());
  crossing.payload[0] ^= 1;
  const auto found = difference(records, changed);
  REQUIRE(found);
  CHECK(found->wire == sample_wires()[crossing.wire].name);
  CHECK(found->expected != found->found);
}

TEST_CASE("wire by wire, a crossing more or less is a difference") {
  const auto records = sample_records();
  auto shorter = records;
  shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(crossings_in(records).back()));
  const auto less = difference(records, shorter);
  REQUIRE(less);
  CHECK(less->found.empty());
  const auto more = difference(shorter, records);
  REQUIRE(more);
  CHECK(more->expected.empty());
}

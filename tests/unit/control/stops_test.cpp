// What is written behind `break`: what it means, that it is printed as it was written, and which mistakes are
// named.
#include <catch2/catch.hpp>
#include <cstring>

#include "control/stops.h"

using namespace ringside;

namespace {

constexpr FieldName kStatuses[] = {{0, "OKAY"}, {0xffff, "ERROR"}};
constexpr Field kFields[] = {{"id", 0, 4},
                             {"status", 4, 2, FieldFormat::enumeration, kStatuses},
                             {"level", 6, 2, FieldFormat::signed_decimal}};
const PayloadType kType{.id = 251,
                        .name = "stops_test",
                        .title = "for this test",
                        .size = 8,
                        .fields = kFields,
                        .tail = TailKind::text,
                        .tail_name = "message"};

std::vector<DecodedField> fields_of(uint32_t id, uint16_t status, int16_t level, std::string_view message) {
  std::vector<uint8_t> bytes(8);
  std::memcpy(&bytes[0], &id, 4);
  std::memcpy(&bytes[4], &status, 2);
  std::memcpy(&bytes[6], &level, 2);
  bytes.insert(bytes.end(), message.begin(), message.end());
  return decode(kType, bytes);
}

bool matches(std::string_view text, const std::vector<DecodedField>& fields) {
  const auto rule = parse_stop(text);
  REQUIRE(rule);
  return conditions_hold(rule->conditions, fields);
}

std::string error_of(std::string_view text) {
  const auto rule = parse_stop(text);
  return rule ? "" : rule.error().message;
}

}  // namespace

TEST_CASE("conditions compare numbers, names and texts") {
  const auto fields = fields_of(7, 0xffff, -3, "disk is full");
  CHECK(matches("ring/* if id == 7", fields));
  CHECK(matches("ring/* if id=0x7", fields));
  CHECK_FALSE(matches("ring/* if id != 7", fields));
  CHECK(matches("ring/* if id >= 7, id <= 7", fields));
  CHECK_FALSE(matches("ring/* if id > 7", fields));
  CHECK(matches("ring/* if status == ERROR", fields));
  CHECK_FALSE(matches("ring/* if status == OKAY", fields));
  CHECK(matches("ring/* if level < 0", fields));
  CHECK(matches("ring/* if level == -3", fields));
  CHECK_FALSE(matches("ring/* if level > 2", fields));
  CHECK(matches("ring/* if message ~ full", fields));
  CHECK(matches("ring/* if message ~ \"is full\"", fields));
  CHECK_FALSE(matches("ring/* if message ~ empty", fields));
}

TEST_CASE("all conditions must hold, and a field that is not there holds never") {
  const auto fields = fields_of(7, 0, 0, "");
  CHECK(matches("ring/* if id == 7 and status == OKAY", fields));
  CHECK_FALSE(matches("ring/* if id == 7 status == ERROR", fields));
  CHECK_FALSE(matches("ring/* if sector == 0", fields));
  CHECK_FALSE(matches("ring/* if sector != 0", fields));
}

TEST_CASE("a rule survives its way through the protocol and prints as it was written") {
  for (const char* text :
       {"ring/xvda/response", "ring/xvda/* in if status != 0, message ~ \"is full\"", "notice", "violation",
        "violation ring/*", "wakeup-missed", "xenbus xvda connected", "masked-pending 4",
        "index-written xvda req_prod", "notify-suppressed xvda"}) {
    const auto rule = parse_stop(text);
    REQUIRE(rule);
    const auto again = stop_rule_from(to_json(*rule));
    REQUIRE(again);
    CHECK(to_string(*again) == to_string(*rule));
    const auto parsed = parse_stop(to_string(*again));
    REQUIRE(parsed);
    CHECK(to_json(*parsed) == to_json(*rule));
  }
  CHECK(to_string(*parse_stop("ring/xvda/* in if status != 0")) == "ring/xvda/* in if status != 0");
}

TEST_CASE("XenBus states have their names, however these are written, and their numbers") {
  for (const char* text : {"xenbus xvda Connected", "xenbus xvda connected", "xenbus xvda 4"})
    CHECK(parse_stop(text)->value == 4);
  CHECK(parse_stop("xenbus xvda InitWait")->value == 2);
  CHECK(error_of("xenbus xvda Open").find("Initialising") != std::string::npos);
}

TEST_CASE("mistakes are named") {
  CHECK(error_of("").find("on what?") != std::string::npos);
  CHECK(error_of("ring/* if status").find("needs an operator") != std::string::npos);
  CHECK(error_of("ring/* if status ==").find("needs a value") != std::string::npos);
  CHECK(error_of("ring/* if message ~ \"open").find("not closed") != std::string::npos);
  CHECK(error_of("ring/* whenever").find("'whenever'") != std::string::npos);
  CHECK(error_of("xenbus xvda").find("xenbus DEVICE STATE") != std::string::npos);
  CHECK(error_of("masked-pending four").find("'four'") != std::string::npos);
}

TEST_CASE("a client's nonsense is an error") {
  CHECK_FALSE(stop_rule_from(Json(7)));
  CHECK_FALSE(stop_rule_from(Json{{"kind", "moon"}}));
  CHECK_FALSE(stop_rule_from(Json{{"if", {{"a", "==", "1", "2"}}}}));
  CHECK_FALSE(stop_rule_from(Json{{"if", {{"a", "=>", "1"}}}}));
}

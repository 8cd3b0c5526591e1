// The grammar of faults: what is read, what is refused, and where the message points.
#include "tests/unit/sim/fault_bench.h"

using namespace ringside;
using namespace ringside::fault_bench;

TEST_CASE("a fault is read whole") {
  const auto fault = parse_fault(
      "lost: ring/*/response[operation=read, sector >= 0x10,label~\"a,]\\\"\"]@3..9@every(2)@chance(12.5%)"
      "@from(1ms)@until(2ms)@after(first)@in corrupt(segments[2].gref, flip)");
  REQUIRE(fault);
  CHECK(fault->name == "lost");
  CHECK(fault->place.wire == "ring/*/response");
  REQUIRE(fault->place.conditions.size() == 3);
  CHECK(fault->place.conditions[0].field == "operation");
  CHECK(fault->place.conditions[0].value == "read");
  CHECK(fault->place.conditions[1].op == FaultOperator::at_least);
  CHECK(fault->place.conditions[2].op == FaultOperator::contains);
  CHECK(fault->place.conditions[2].value == "a,]\"");
  CHECK(fault->place.first == 3);
  CHECK(fault->place.last == 9);
  CHECK(fault->place.every == 2);
  CHECK(fault->place.chance_ppm == 125'000);
  CHECK(fault->place.from == milliseconds(1));
  CHECK(fault->place.until == milliseconds(2));
  CHECK(fault->place.after == "first");
  CHECK(fault->place.direction == Direction::in);
  CHECK(fault->action.kind == FaultKind::corrupt);
  CHECK(fault->action.field == "segments[2].gref");
  CHECK(fault->action.flip);
  CHECK(fault->action.text == "corrupt(segments[2].gref, flip)");
}

TEST_CASE("the text of a fault is the fault again") {
  for (const char* text :
       {"a drop", "n: a@3 duplicate", "a@2.. delay(1ms)", "a reorder(3)", "a corrupt(5, 0xff)",
        "a corrupt(status,-1)", "a fail(EIO)", "a truncate(0)", "a stall", "a@at(3ms) crash(10ms)",
        "a[x==1,y~t] spurious(port=3, state=\"a b\")", "a rewrite(id, 7, 1us)", "  a@5   parity  "}) {
    INFO(text);
    const auto once = parse_fault(text);
    REQUIRE(once);
    const auto twice = parse_fault(once->text);
    REQUIRE(twice);
    CHECK(twice->text == once->text);
    CHECK(twice->name == once->name);
    CHECK(twice->place.wire == once->place.wire);
    CHECK(twice->place.conditions.size() == once->place.conditions.size());
    CHECK(twice->place.first == once->place.first);
    CHECK(twice->action.kind == once->action.kind);
    CHECK(twice->action.text == once->action.text);
    CHECK(twice->action.fields == once->action.fields);
  }
}

TEST_CASE("actions have their arguments") {
  CHECK(parse_fault_action("delay(1.5ms)")->time == microseconds(1500));
  CHECK(parse_fault_action("reorder(7)")->count == 7);
  CHECK(parse_fault_action("truncate(0)")->count == 0);
  CHECK(parse_fault_action("fail(-5)")->code == -5);
  CHECK(parse_fault_action("fail(EIO)")->code == -5);
  CHECK(parse_fault_action("fail(-ENOMEM)")->code == -12);
  CHECK(parse_fault_action("corrupt(0x10, 255)")->offset == 16);
  CHECK(parse_fault_action("corrupt(status, \"flip\")")->flip == false);
  CHECK(parse_fault_action("stall")->time == Tick{0});
  CHECK(parse_fault_action("stall()")->time == Tick{0});
  CHECK(parse_fault_action("crash(10ms)")->time == milliseconds(10));
  CHECK(parse_fault_action("rewrite(id, 1, 2us)")->time == microseconds(2));
  CHECK(parse_fault_action("torn_write")->kind == FaultKind::named);
  const auto spurious = parse_fault_action("spurious(a=1, b = \"x,y\")");
  REQUIRE(spurious);
  REQUIRE(spurious->fields.size() == 2);
  CHECK(spurious->fields[1] == std::pair<std::string, std::string>("b", "x,y"));
}

TEST_CASE("an error points at the character and says what may stand there") {
  const auto check = [](const char* text, size_t character, const char* says) {
    INFO(text);
    const auto fault = parse_fault(text);
    REQUIRE_FALSE(fault);
    INFO(fault.error().message);
    CHECK(fault.error().code == ExitCode::bad_input);
    CHECK(fault.error().message.find("character " + std::to_string(character) + ": ") != std::string::npos);
    CHECK(fault.error().message.find(says) != std::string::npos);
  };
  check("ring/x@0 drop", 8, "counts begin with 1");
  check("ring/x@5..3 drop", 11, "must not be before");
  check("", 1, "name of a wire");
  check("ring/x", 7, "action is missing");
  check("ring/x drp(1)", 8, "did you mean 'drop'");
  check("ring/x drop drop", 13, "nothing may follow");
  check("ring/x delay", 13, "write delay(1ms)");
  check("ring/x drop(1)", 12, "write drop");
  check("ring/x delay(0s)", 14, "more than 0");
  check("ring/x delay(1h)", 14, "is not a time");
  check("ring/x delay(1ms", 13, "never closed");
  check("ring/x fail(0)", 13, "not 0");
  check("ring/x fail(EWHAT)", 13, "by name");
  check("ring/x reorder(0)", 16, "from 1");
  check("ring/x corrupt(3, 256)", 19, "a byte");
  check("ring/x corrupt(3x, 1)", 16, "offset");
  check("ring/x rewrite(3, 1)", 16, "field's name");
  check("ring/x spurious(port)", 17, "FIELD=VALUE");
  check("ring/x[op drop", 11, "==");
  check("ring/x[op=read drop", 7, "never closed");
  check("ring/x[] drop", 8, "field's name");
  check("ring/x[op=] drop", 11, "value is missing");
  check("ring/x@1@2 drop", 10, "second count");
  check("ring/x@soon drop", 8, "no selector");
  check("ring/x@every(0) drop", 14, "from 1");
  check("ring/x@chance(0) drop", 15, "more than 0");
  check("ring/x@chance(1.1) drop", 15, "at most 1");
  check("ring/x@every drop", 13, "one argument");
  check("ring/x@after(a b) drop", 14, "name of another");
  check("ring/x@at(1ms) drop", 16, "need a crossing");
  check("ring/x@at(1ms)@3 crash", 1, "leave out");
  check(": ring/x drop", 1, "before the colon");
  check("ring\tx drop", 5, "control characters");
}

TEST_CASE("no text is too long or too deep for the parser") {
  CHECK_FALSE(parse_fault(std::string(100'000, 'a') + " drop"));
  CHECK_FALSE(parse_fault("a" + std::string(4000, '[') + " drop"));
  CHECK_FALSE(parse_fault("a " + std::string(4000, '(')));
  std::string many = "a[x=1";
  for (int i = 0; i < 20; ++i) many += ",x=1";
  CHECK_FALSE(parse_fault(many + "] drop"));
}

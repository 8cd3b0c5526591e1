// Proves that the generic checks of registers find what is wrong: each device here breaks one rule. Which
// registers real devices have is theirs to test.
#include <catch2/catch.hpp>

#include "tests/support/register_checks.h"

using namespace ringside;
using namespace ringside::register_checks;

namespace {

// One register of two bytes at 2; a test replaces what it does.
struct Subject : RegisterBench, BusTarget, Stateful {
  uint64_t held = 0x1200;
  std::function<uint64_t(uint64_t, unsigned)> on_read = [this](uint64_t offset, unsigned size) {
    return held >> (8 * (offset & 1)) & ones(size);
  };
  std::function<void(uint64_t, unsigned, uint64_t)> on_write = [this](uint64_t offset, unsigned size,
                                                                      uint64_t value) {
    const uint64_t touched = ones(size) << (8 * (offset & 1)) & 0xff;
    held = (held & ~touched) | (value << (8 * (offset & 1)) & touched);
  };
  BusTarget& registers() override { return *this; }
  const Stateful& state() override { return *this; }
  bool reset() override {
    held = 0x1200;
    return true;
  }
  uint64_t read(uint64_t offset, unsigned size) override { return on_read(offset, size); }
  void write(uint64_t offset, unsigned size, uint64_t value) override { on_write(offset, size, value); }
  void visit_state(StateVisitor& visitor) const override { visitor.number("held", held); }
};

const RegisterRow kRow{"CTRL", 2, 2, RegisterAccess::read_write, 0x1200, 0xff, "1"};

template <class Change>
MakeProbe probe(Change change, const RegisterRow& row = kRow) {
  return [change, &row] {
    auto subject = std::make_unique<Subject>();
    change(*subject);
    return Probe(std::move(subject), row);
  };
}
const auto kSound = [](Subject&) {};

}  // namespace

TEST_CASE("a sound register passes every rule") {
  CHECK(check_reset(kRow, probe(kSound)).empty());
  CHECK(check_writes(kRow, probe(kSound)).empty());
  CHECK(check_width(kRow, 1, WidthRule::part, probe(kSound)).empty());
}

TEST_CASE("a wrong reset value is found") {
  CHECK(check_reset(kRow, probe([](Subject& s) { s.held = 1; })) == "at power on it reads: 0x1, not 0x1200");
}

TEST_CASE("a wrong writable mask, a wrong access and a lost write are found") {
  CHECK_FALSE(check_writes(kRow, probe([](Subject& s) {
                             s.on_write = [&s](uint64_t, unsigned, uint64_t value) { s.held = value; };
                           }))
                  .empty());
  CHECK_FALSE(check_writes(kRow, probe([](Subject& s) { s.on_write = [](uint64_t, unsigned, uint64_t) {}; }))
                  .empty());
  for (const RegisterAccess access : {RegisterAccess::read_only, RegisterAccess::read_clear,
                                      RegisterAccess::write_only, RegisterAccess::write_one_clear}) {
    RegisterRow row = kRow;
    row.access = access;
    row.reset = 0x12ff;
    CHECK_FALSE(check_writes(row, probe([](Subject& s) { s.held = 0x12ff; }, row)).empty());
  }
}

TEST_CASE("accesses of another width are held to their rule") {
  for (const WidthRule rule : {WidthRule::ones, WidthRule::zeros}) {
    CHECK_FALSE(check_width(kRow, 4, rule, probe(kSound)).empty());
    const auto refusing = probe([rule](Subject& s) {
      const auto read = s.on_read;
      s.on_read = [=](uint64_t offset, unsigned size) {
        return size != 2 ? (rule == WidthRule::ones ? ones(size) : 0) : read(offset, size);
      };
      s.on_write = [](uint64_t, unsigned, uint64_t) {};
    });
    CHECK(check_width(kRow, 4, rule, refusing).empty());
    CHECK(check_width(kRow, 1, rule, refusing).empty());
  }
  CHECK_FALSE(check_width(kRow, 4, WidthRule::split, probe([](Subject& s) {
                            s.on_read = [](uint64_t, unsigned size) { return size == 4 ? 0u : 0x1200u; };
                          }))
                  .empty());
  CHECK_FALSE(check_width(kRow, 1, WidthRule::part, probe([](Subject& s) {
                            s.on_write = [&s](uint64_t, unsigned, uint64_t value) {
                              s.held = 0x1200 | (value & 0xff);
                            };
                          }))
                  .empty());
}

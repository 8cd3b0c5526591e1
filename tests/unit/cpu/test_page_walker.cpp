// The walk alone, on tables written by hand. Numbers are restated from SDM volume 3, section 4.5.
#include <catch2/catch.hpp>

#include "cpu/page_walker.h"
#include "sim/memory.h"

namespace ringside::test {
namespace {

constexpr uint64_t kBase = 0x8'0000'0000;

// Tables at frames 0 to 3, one chain of entries for one address.
struct Tables {
  static constexpr uint64_t kAddress = 0x0000'5ABC'DEF1'2345;
  std::unique_ptr<Memory> memory = std::move(Memory::create({kBase}, 8 << 20).value());

  Tables() {
    set(4, (kBase + 0x1000) | 7);
    set(3, (kBase + 0x2000) | 7);
    set(2, (kBase + 0x3000) | 7);
    set(1, (kBase + 0x10000) | 7);
  }
  GuestPhys at(int level) const {
    return {kBase + static_cast<uint64_t>(4 - level) * 0x1000 +
            ((kAddress >> (12 + 9 * (level - 1))) & 511) * 8};
  }
  void set(int level, uint64_t entry) { memory->store<uint64_t>(at(level), entry); }
  uint64_t get(int level) { return memory->load<uint64_t>(at(level)); }
  tl::expected<PageWalk, uint32_t> walk(Access access, WalkEffect effect = WalkEffect::none) {
    return walk_page_tables(*memory, {kBase}, {kAddress}, access, effect);
  }
};

}  // namespace

TEST_CASE("a walk finds the page and what may be done with it") {
  Tables tables;
  const auto walk = tables.walk(Access::read);
  REQUIRE(walk);
  CHECK(walk->page.value == kBase + 0x10000);
  CHECK(walk->writable);
  CHECK(walk->executable);
  CHECK_FALSE(walk->dirty);
  CHECK(int{walk->level} == 1);
  tables.set(3, tables.get(3) & ~2ull);
  CHECK_FALSE(tables.walk(Access::read)->writable);
  tables.set(4, tables.get(4) | 1ull << 63);
  CHECK_FALSE(tables.walk(Access::read)->executable);
}

TEST_CASE("each level can refuse, with the right code") {
  for (int level = 1; level <= 4; ++level) {
    Tables tables;
    const uint64_t entry = tables.get(level);
    INFO("level " << level);
    tables.set(level, entry & ~1ull);
    CHECK(tables.walk(Access::read).error() == 4);
    CHECK(tables.walk(Access::write).error() == 4 + 2);
    CHECK(tables.walk(Access::fetch).error() == 4 + 16);
    tables.set(level, entry & ~2ull);
    CHECK(tables.walk(Access::read));
    CHECK(tables.walk(Access::write).error() == 4 + 2 + 1);
    tables.set(level, entry & ~4ull);
    CHECK(tables.walk(Access::read).error() == 4 + 1);
    tables.set(level, entry | 1ull << 63);
    CHECK(tables.walk(Access::write));
    CHECK(tables.walk(Access::fetch).error() == 4 + 16 + 1);
    tables.set(level, 0x1'0000'0000 | 7);  // outside of memory
    CHECK(tables.walk(Access::read).error() == 4 + 8 + 1);
  }
}

TEST_CASE("A and D are set by what succeeds, once, and by nothing else") {
  Tables tables;
  tables.walk(Access::write, WalkEffect::none);
  for (int level = 1; level <= 4; ++level) CHECK((tables.get(level) & 0x60) == 0);
  tables.set(1, tables.get(1) & ~2ull);
  CHECK_FALSE(tables.walk(Access::write, WalkEffect::accessed_dirty));
  for (int level = 1; level <= 4; ++level) CHECK((tables.get(level) & 0x60) == 0);
  CHECK(tables.walk(Access::read, WalkEffect::accessed_dirty));
  for (int level = 1; level <= 4; ++level) CHECK((tables.get(level) & 0x60) == 0x20);
  tables.set(1, tables.get(1) | 2);
  CHECK(tables.walk(Access::write, WalkEffect::accessed_dirty)->dirty);
  CHECK((tables.get(1) & 0x60) == 0x60);
  for (int level = 2; level <= 4; ++level) CHECK((tables.get(level) & 0x60) == 0x20);
}

TEST_CASE("large pages and their reserved bits") {
  Tables tables;
  tables.set(2, (kBase + 0x20'0000) | 7 | 0x80);
  const auto walk = tables.walk(Access::read);
  REQUIRE(walk);
  CHECK(int{walk->level} == 2);
  CHECK(walk->page.value == kBase + 0x20'0000 + (Tables::kAddress & 0x1f'f000));
  tables.set(2, (kBase + 0x20'0000) | 7 | 0x80 | 1 << 12);  // PAT
  CHECK(tables.walk(Access::read));
  tables.set(2, (kBase + 0x20'0000) | 7 | 0x80 | 1 << 13);
  CHECK(tables.walk(Access::read).error() == 4 + 8 + 1);
  tables.set(3, kBase | 7 | 0x80);  // 1 GiB, which reaches out of memory
  CHECK(tables.walk(Access::read).error() == 4 + 8 + 1);
  tables.set(3, (kBase + 0x2000) | 7);
  tables.set(4, tables.get(4) | 0x80);
  CHECK(tables.walk(Access::read).error() == 4 + 8 + 1);
}

TEST_CASE("what is canonical") {
  CHECK(is_canonical(0));
  CHECK(is_canonical(0x7fff'ffff'ffff));
  CHECK_FALSE(is_canonical(0x8000'0000'0000));
  CHECK_FALSE(is_canonical(0xffff'7fff'ffff'ffff));
  CHECK(is_canonical(0xffff'8000'0000'0000));
}

}  // namespace ringside::test

// The tables under the core, each alone: held translations, states of code pages, blocks, instructions.
#include <catch2/catch.hpp>

#include "cpu/block_table.h"
#include "cpu/code_pages.h"
#include "cpu/translations.h"

namespace ringside::test {
namespace {

Translation translation(uint64_t page, uint64_t frame, bool large = false) {
  Translation entry;
  entry.virtual_page = page;
  entry.frame = {frame};
  entry.large = large;
  return entry;
}

}  // namespace

TEST_CASE("translations are found until they are flushed") {
  Translations held;
  for (uint64_t page = 0; page < 1000; ++page) CHECK(held.insert(translation(page * 7, page)));
  CHECK(held.size() == 1000);
  REQUIRE(held.find({70 << 12}) != nullptr);
  CHECK(held.find({70 << 12})->frame.value == 10);
  CHECK(held.find({71 << 12}) == nullptr);
  held.flush({70 << 12});
  held.flush({71 << 12});
  CHECK(held.find({70 << 12}) == nullptr);
  CHECK(held.size() == 999);
  held.insert(translation(70, 5));
  CHECK(held.find({70 << 12})->frame.value == 5);
  held.flush();
  CHECK(held.size() == 0);
  CHECK(held.find({77 << 12}) == nullptr);
}

TEST_CASE("a full map of translations is emptied, and says so") {
  Translations held;
  for (uint64_t page = 0; page < Translations::kEntriesMax; ++page)
    REQUIRE(held.insert(translation(page, page)));
  CHECK_FALSE(held.insert(translation(1 << 30, 1)));
  CHECK(held.size() == 1);
  // Dropping and entering one page for ever needs no room.
  for (uint64_t i = 0; i < Translations::kEntriesMax * 2; ++i) {
    held.flush({5 << 12});
    REQUIRE(held.insert(translation(5, i)));
  }
}

TEST_CASE("one flush drops all pieces of large pages") {
  Translations held;
  held.insert(translation(512, 1, true));
  held.insert(translation(513, 2, true));
  held.flush({600 << 12});
  CHECK(held.size() == 0);
}

TEST_CASE("a frame is code or data, and mixed when it cannot decide") {
  CodePages pages(4);
  CHECK_FALSE(pages.access(1, Access::read, true, false).may_execute);
  CHECK(pages.access(1, Access::write, true, false).may_write);
  const auto fetched = pages.access(1, Access::fetch, true, false);
  CHECK(fetched.flush);
  CHECK(fetched.may_execute);
  CHECK_FALSE(fetched.may_write);
  CHECK_FALSE(pages.access(1, Access::read, true, false).may_write);
  for (int flip = 0; flip < CodePages::kFlipsMax; ++flip) {
    const auto written = pages.access(1, Access::write, true, false);
    CHECK(written.drop_blocks);
    CHECK(written.may_write);
    CHECK_FALSE(written.may_execute);
    pages.access(1, Access::fetch, true, false);
  }
  CHECK(pages.state(1) == CodeState::mixed);
  CHECK_FALSE(pages.access(1, Access::write, true, false).flush);
  // A mapping that may not be executed would write without the emulator's notice.
  CHECK(pages.access(1, Access::write, false, false).drop_blocks);
  CHECK(pages.state(1) == CodeState::data);
}

TEST_CASE("a frame whose own block stores into it is mixed at once") {
  CodePages pages(4);
  pages.access(2, Access::fetch, true, false);
  const auto written = pages.access(2, Access::write, true, true);
  CHECK_FALSE(written.drop_blocks);
  CHECK(written.flush);
  CHECK(written.may_write);
  CHECK(written.may_execute);
  CHECK(pages.host_store(2));
  CHECK(pages.state(2) == CodeState::mixed);
  CHECK_FALSE(pages.host_store(3));
}

TEST_CASE("a block is answered for while its bytes are the same") {
  Disassembler disassembler;
  const CostTable costs(2'000'000'000);
  BlockTable table(disassembler, costs);
  std::vector<uint8_t> bytes = {0x90, 0x48, 0x8b, 0x03, 0x48, 0xf7, 0xf1, 0xeb, 0xf7};  // nop; load; div; jmp
  CHECK(table.find(0x1000, 9) == nullptr);
  const auto& cached = table.look_up(0x1000, {0x5000}, bytes, true);
  CHECK(cached.instructions == 4);
  CHECK(cached.cost_ps == 500 * (1 + 2 + 26 + 2));
  REQUIRE(table.find(0x1000, 9) != nullptr);
  CHECK(table.find(0x1000, 8) == nullptr);
  const Block& block = *cached.block;
  CHECK(block.before(0).instructions == 0);
  CHECK(block.before(1).instructions == 1);
  CHECK(block.before(3).instructions == 1);
  CHECK(block.before(4).cost_ps == 500 * 3);
  CHECK(block.before(9).instructions == 4);
  table.new_epoch();
  CHECK(table.find(0x1000, 9) == nullptr);
  CHECK(table.look_up(0x1000, {0x5000}, bytes, true).instructions == 4);
  bytes = {0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xeb, 0xf7};
  CHECK(table.look_up(0x1000, {0x5000}, bytes, true).instructions == 8);
  table.look_up(0x2000, {0x6000}, bytes, false);
  CHECK(table.find(0x2000, 9) == nullptr);
}

TEST_CASE("what instructions are") {
  Disassembler disassembler;
  const auto decode = [&](std::initializer_list<int> list) {
    std::vector<uint8_t> bytes(list.begin(), list.end());
    Instruction instruction;
    CHECK(disassembler.decode(bytes, 0x1000, instruction));
    return instruction;
  };
  CHECK(decode({0x90}).kind == InstructionKind::simple);
  CHECK(decode({0xf3, 0xa4}).repeated);
  CHECK(decode({0xa5}).kind == InstructionKind::string);
  CHECK(decode({0xf2, 0x0f, 0x10, 0x03}).kind == InstructionKind::floating);  // movsd xmm0, [rbx]
  CHECK(decode({0x0f, 0x05}).kind == InstructionKind::system);
  CHECK(decode({0xe8, 0, 0, 0, 0}).stores == 1);
  CHECK(decode({0xec}).uses_port);
  CHECK(decode({0x6c}).uses_port);
  CHECK(decode({0x48, 0x01, 0x03}).loads == 1);
  CHECK(decode({0x48, 0x01, 0x03}).stores == 1);
  CHECK(decode({0x48, 0x8d, 0x03}).loads == 0);  // lea
  Instruction instruction;
  const std::vector<uint8_t> cut = {0x48, 0x8b};
  CHECK_FALSE(disassembler.decode(cut, 0, instruction));
}

}  // namespace ringside::test

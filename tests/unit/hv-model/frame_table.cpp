// The frame table by itself: order of allocation, counts, and a digest that names the state.
#include "hv-model/frame_table.h"

#include <catch2/catch.hpp>

#include "sim/state.h"

using namespace ringside;

namespace {

constexpr DomainId kGuest{1}, kOther{2};

struct Frames {
  std::unique_ptr<Memory> memory = std::move(*Memory::create({1ull << 32}, 300 * kPageSize));
  FrameTable table{*memory};
};

}  // namespace

TEST_CASE("frames are given out from the lowest up, and freed ones again first") {
  Frames frames;
  const uint64_t first = frames.memory->first_frame().value;
  for (uint64_t i = 0; i < 5; ++i) REQUIRE(frames.table.allocate(kGuest)->value == first + i);
  frames.table.put_page({first + 3});
  frames.table.put_page({first + 1});
  CHECK(frames.table.allocate(kGuest)->value == first + 1);
  CHECK(frames.table.allocate(kGuest)->value == first + 3);
  CHECK(frames.table.allocate(kGuest)->value == first + 5);
  CHECK(frames.table.free_frames() == 300 - 6);
  CHECK(frames.table.owned_frames(kGuest) == 6);
}

TEST_CASE("memory ends: every frame is given out once, then nothing") {
  Frames frames;
  for (int i = 0; i < 300; ++i) REQUIRE(frames.table.allocate(kGuest).has_value());
  CHECK_FALSE(frames.table.allocate(kGuest).has_value());
  CHECK_FALSE(frames.table.allocate_special(kGuest).has_value());
  CHECK_FALSE(frames.table.allocate_run(kGuest, 1).has_value());
  CHECK(frames.table.free_frames() == 0);
}

TEST_CASE("a freed frame is zero again, and nobody's") {
  Frames frames;
  const Mfn frame = *frames.table.allocate(kGuest);
  frames.memory->store<uint64_t>(frame.address() + 8, 0x1234);
  frames.table.put_page(frame);
  CHECK(frames.memory->load<uint64_t>(frame.address() + 8) == 0);
  CHECK_FALSE(frames.table.get_page(frame, kGuest));
  CHECK(frames.table.find(frame)->owner == kOwnerNone);
}

TEST_CASE("a run is aligned to its length and skips what is taken") {
  Frames frames;
  frames.table.allocate(kGuest);
  const Mfn run = *frames.table.allocate_run(kGuest, 3);
  CHECK(run.value % 8 == 0);
  CHECK(run.value == frames.memory->first_frame().value + 8);
  CHECK(frames.table.allocate(kGuest)->value == frames.memory->first_frame().value + 1);
}

TEST_CASE("only the owner gets a reference, and only of frames that exist") {
  Frames frames;
  const Mfn frame = *frames.table.allocate(kGuest);
  CHECK(frames.table.get_page(frame, kGuest));
  CHECK_FALSE(frames.table.get_page(frame, kOther));
  CHECK_FALSE(frames.table.get_page({0}, kGuest));
  CHECK_FALSE(frames.table.get_page({~uint64_t{0}}, kGuest));
  CHECK_FALSE(frames.table.get_page({frames.memory->first_frame().value + 300}, kGuest));
  CHECK(frames.table.find(frame)->ref_count == 2);
}

TEST_CASE("the owner's own reference can be dropped once") {
  Frames frames;
  const Mfn frame = *frames.table.allocate(kGuest);
  REQUIRE(frames.table.get_page(frame, kGuest));
  frames.table.drop_allocation(frame);
  frames.table.drop_allocation(frame);
  CHECK(frames.table.find(frame)->ref_count == 1);
  CHECK(frames.table.find(frame)->owner == kGuest);
  frames.table.put_page(frame);
  CHECK(frames.table.find(frame)->owner == kOwnerNone);
}

TEST_CASE("a special frame is writable for good and does not count") {
  Frames frames;
  const Mfn frame = *frames.table.allocate_special(kGuest);
  CHECK(frames.table.owned_frames(kGuest) == 0);
  CHECK(frames.table.get_writable_type(frame));
  frames.table.put_type(frame);
  CHECK(frames.table.find(frame)->type_count == 1);
  frames.table.drop_allocation(frame);
  CHECK(frames.table.find(frame)->ref_count == 1);
  CHECK_FALSE(frames.table.steal(frame, kGuest, 0));
}

TEST_CASE("a frame in use is not stolen") {
  Frames frames;
  const Mfn frame = *frames.table.allocate(kGuest);
  REQUIRE(frames.table.get_page(frame, kGuest));
  CHECK_FALSE(frames.table.steal(frame, kGuest, 0));
  CHECK_FALSE(frames.table.steal(frame, kOther, 1));
  CHECK(frames.table.steal(frame, kGuest, 1));
  CHECK(frames.table.find(frame)->owner == kOwnerNone);
}

TEST_CASE("the digest tells states apart and forgets the way there") {
  Frames one, two;
  const auto digest = [](const Frames& frames) { return state_digest(frames.table); };
  CHECK(digest(one) == digest(two));
  const Mfn a = *one.table.allocate(kGuest), b = *one.table.allocate(kGuest);
  CHECK(digest(one) != digest(two));
  two.table.allocate(kGuest);
  two.table.allocate(kGuest);
  CHECK(digest(one) == digest(two));
  // The same counts, reached in another order.
  REQUIRE(one.table.get_page(a, kGuest));
  REQUIRE(one.table.get_page(b, kGuest));
  CHECK(digest(one) != digest(two));
  REQUIRE(two.table.get_page(b, kGuest));
  REQUIRE(two.table.get_page(a, kGuest));
  CHECK(digest(one) == digest(two));
  // Swapped frames are not the same state.
  one.table.get_writable_type(a);
  two.table.get_writable_type(b);
  CHECK(digest(one) != digest(two));
}

TEST_CASE("counts that are full take no more, and lose nothing") {
  const auto memory = std::move(*Memory::create({1ull << 32}, 4 * kPageSize));
  FrameTable table(*memory, 5);
  const Mfn frame = *table.allocate(kGuest);
  for (int i = 0; i < 4; ++i) REQUIRE(table.get_writable_page(frame, kGuest));
  CHECK(table.find(frame)->ref_count == 5);
  CHECK_FALSE(table.get_page(frame, kGuest));
  CHECK_FALSE(table.get_writable_page(frame, kGuest));
  CHECK(table.find(frame)->type_count == 4);
  CHECK(table.get_writable_type(frame));
  CHECK_FALSE(table.get_writable_type(frame));
  table.put_type(frame);
  table.put_page(frame);
  CHECK(table.get_page(frame, kGuest));
}

// A storm of page table operations by a guest that knows the rules and breaks them: pins, unpins, roots,
// entries of all levels that point to its own tables, pages, to Xen's and to nothing; memory given up and
// taken in between. Whatever comes of it, the counts must add up and no page table be writable. The storm
// only proves something if much of it succeeds: that is checked, too.
#include <map>

#include "sim/random.h"
#include "tests/unit/hv-model/pv_memory_fixture.h"

using namespace ringside;

namespace {

class Storm : public PvMemoryFixture {
 public:
  explicit Storm(uint64_t seed) : random_(seed) {
    // Few frames, so that they meet often, and the tables of the start, so that the live ones are attacked.
    for (unsigned i = 0; i < 24; ++i) pool_.push_back(frame_of_pfn(1100 + i));
    for (unsigned i = 0; i < 4; ++i) pool_.push_back(frame_of_pfn(0x210 + i));
    const start_info start = read_start_info();
    for (uint64_t i = 0; i < start.nr_pt_frames; ++i) pool_.push_back(frame_at(start.pt_base + i * 4096));
    wild_ = {Mfn{0},
             Mfn{0xfee00},
             Mfn{0xffffffffff},
             *frames().allocate_for_xen(false),
             domain->shared_info,
             {memory->first_frame().value + memory->frames()},
             pages.console};
  }

  void step() {
    // The arguments lie in the first scratch page: while the storm has unmapped that, calls are made
    // directly.
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const Mfn table = pick();
        uint64_t slot = random_.one_in(3) ? random_.below(512) : random_.below(12) * 40;
        // The way to the scratch pages stays, so that mappings go on succeeding.
        const PageType type = frames().find(table) != nullptr ? frames().find(table)->type : PageType::none;
        if (slot < 2 && type >= PageType::l2 && type <= PageType::l4) slot = 500;
        record("update", tables().update_entry(*domain, table.address() + slot * 8, value(),
                                               random_.one_in(2), domain->id));
        break;
      }
      case 4: {
        const auto level = static_cast<PageType>(1 + random_.below(4));
        record("pin", tables().pin(*domain, pick(), level));
        break;
      }
      case 5: record("unpin", tables().unpin(*domain, pick())); break;
      case 6: {
        const uint64_t address = random_.one_in(2)
                                     ? scratch_address(static_cast<unsigned>(1 + random_.below(30)))
                                     : random_.next() >> random_.below(40);
        record("map", tables().update_va_mapping(*domain, address, value(), random_.below(8), DOMID_SELF));
        break;
      }
      case 7: {
        ::mmuext_op_t operation{};
        operation.cmd = static_cast<uint32_t>(random_.below(20));
        operation.arg1.mfn = pick().value;
        operation.arg2.src_mfn = pick().value;
        const bool pins = operation.cmd <= MMUEXT_UNPIN_TABLE;
        const bool has_mask = operation.cmd == MMUEXT_TLB_FLUSH_MULTI || operation.cmd == MMUEXT_INVLPG_MULTI;
        // A root without the start's mappings ends a guest's life: it is tried as the user's.
        if (operation.cmd == MMUEXT_NEW_BASEPTR || has_mask || operation.cmd == MMUEXT_SET_LDT) break;
        record(pins ? "mmuext pin" : "mmuext",
               tables().impl().extended_operation(*domain, operation, domain->id));
        break;
      }
      case 8: {
        const Mfn frame = pick();
        if (frames().get_page(frame, domain->id)) {
          frames().drop_allocation(frame);
          frames().put_page(frame);
        }
        if (!random_.one_in(4)) break;
        if (const auto fresh = frames().allocate(domain->id)) pool_[random_.below(pool_.size())] = *fresh;
        break;
      }
      case 9: {
        const bool hold = tables().get_page_and_type(*domain, pick(), PageType::segment_descriptors) == 0;
        record("descriptors", hold ? 0 : -1);
        if (hold) tables().put_page_and_type(*domain, last_);
        break;
      }
    }
  }

  uint64_t successes(const std::string& what) { return results_[what][0]; }
  uint64_t failures(const std::string& what) { return results_[what][1]; }

 private:
  Mfn pick() {
    return last_ =
               random_.one_in(20) ? wild_[random_.below(wild_.size())] : pool_[random_.below(pool_.size())];
  }
  uint64_t value() {
    if (random_.one_in(4)) return 0;
    uint64_t flags = entry::kPresent | entry::kUser;
    if (random_.one_in(2)) flags |= entry::kWritable;
    if (random_.one_in(8)) flags |= 1ull << random_.below(12);
    if (random_.one_in(8)) flags &= ~entry::kPresent;
    if (random_.one_in(8)) flags |= 1ull << (52 + random_.below(12));
    return pick().address().value | flags;
  }
  void record(const std::string& what, int64_t result) { ++results_[what][result != 0]; }

  Random random_;
  std::vector<Mfn> pool_, wild_;
  Mfn last_;
  std::map<std::string, std::array<uint64_t, 2>> results_;
};

// `enough`: how often each kind must have succeeded and failed.
void run_storm(uint64_t seed, unsigned steps, uint64_t enough) {
  Storm storm(seed);
  for (unsigned i = 0; i < steps; ++i) {
    storm.step();
    if (i % 997 == 0) storm.require_sound();
  }
  storm.require_sound();
  for (const char* what : {"update", "pin", "unpin", "map", "mmuext", "mmuext pin", "descriptors"}) {
    INFO("seed " << seed << ", " << what);
    CHECK(storm.successes(what) >= enough);
    CHECK(storm.failures(what) >= enough);
  }
}

}  // namespace

TEST_CASE("a storm of 100,000 page table operations leaves every count right") {
  run_storm(0x9a6e, 100000, 100);
}

TEST_CASE("shorter storms of other seeds") {
  for (uint64_t seed = 1; seed <= 5; ++seed) run_storm(seed, 15000, 20);
}

TEST_CASE("the same storm gives the same digests") {
  Storm one(7), two(7);
  for (unsigned i = 0; i < 5000; ++i) {
    one.step();
    two.step();
  }
  CHECK(state_digest(one.frames()) == state_digest(two.frames()));
  CHECK(state_digest(one.tables()) == state_digest(two.tables()));
  CHECK(one.memory->digest() == two.memory->digest());
}

TEST_CASE("the checker finds what it should: each kind of wrong count and wrong mapping") {
  PvMemoryFixture guest;
  const Mfn frame = guest.frame_of_pfn(1200), root = guest.domain->vcpu.kernel_root;
  const auto violations = [&] { return memory_violations(*guest.hypervisor).size(); };
  REQUIRE(violations() == 0);
  REQUIRE(guest.frames().get_page(frame, guest.domain->id));
  CHECK(violations() == 1);
  guest.frames().put_page(frame);
  REQUIRE(guest.frames().get_writable_type(frame));
  CHECK(violations() == 1);
  guest.frames().put_type(frame);
  REQUIRE(violations() == 0);
  // A writable mapping of the root, made behind the model's back.
  const GuestPhys at = guest.entry_address(0x200000, 1);
  const auto before = guest.memory->load<uint64_t>(at);
  guest.memory->store(at, entry::make(root, entry::kPresent | entry::kWritable | entry::kUser));
  CHECK(violations() >= 2);
  guest.memory->store(at, before | entry::kCacheDisable);
  CHECK(violations() == 1);
  guest.memory->store(at, before);
  guest.memory->store<uint64_t>(root.address() + 260 * 8, before);
  CHECK(violations() == 1);
}

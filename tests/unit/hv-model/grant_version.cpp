// Grant tables of version 2 (public/grant_table.h; xen/common/grant_table.c): changing the version, status
// frames, parts of pages, and grants of grants. The domain is both ends of most grants; a second one without
// a core owns what transitive grants lead to. Cannot show: entries that change while a copy is under way,
// since nothing runs then.
#include "sim/random.h"
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Version2 : HypercallFixture {
  Domain* other = nullptr;
  Mfn others_page;

  Version2() {
    other = &hypervisor->create_domain();
    other->max_pages = 16;
    REQUIRE(hypervisor->grants.create(*other));
    others_page = *frames().allocate(other->id);
    clear_events();
  }
  int64_t set_version(uint32_t version) {
    gnttab_set_version op{version};
    const int64_t result = grant_op(GNTTABOP_set_version, op);
    CHECK(op.version == domain->grants.version);
    return result;
  }
  uint32_t version() {
    gnttab_get_version op{.dom = DOMID_SELF};
    REQUIRE(grant_op(GNTTABOP_get_version, op) == 0);
    return op.version;
  }
  GuestPhys entry_at(const Domain& owner, uint32_t ref) {
    const uint32_t per_frame = owner.grants.entries_per_frame();
    return owner.grants.frames[ref / per_frame].address() + ref % per_frame * (kPageSize / per_frame);
  }
  void set_entry(uint32_t ref, const grant_entry_v2& entry) { memory->store(entry_at(*domain, ref), entry); }
  grant_entry_v2 entry2(uint32_t ref) { return memory->load<grant_entry_v2>(entry_at(*domain, ref)); }
  uint16_t status(uint32_t ref) {
    return memory->load<uint16_t>(domain->grants.status_frames[ref / 2048].address() + ref % 2048 * 2);
  }
  void grant_whole(uint32_t ref, Mfn frame, uint16_t flags = GTF_permit_access) {
    grant_entry_v2 entry{};
    entry.full_page.hdr = {flags, domain->id.value};
    entry.full_page.frame = frame.value;
    set_entry(ref, entry);
  }
  void grant_part(uint32_t ref, Mfn frame, uint16_t offset, uint16_t length) {
    grant_entry_v2 entry{};
    entry.sub_page.hdr = {GTF_permit_access | GTF_sub_page, domain->id.value};
    entry.sub_page.page_off = offset;
    entry.sub_page.length = length;
    entry.sub_page.frame = frame.value;
    set_entry(ref, entry);
  }
  void grant_through(uint32_t ref, uint16_t source_domain, uint32_t source, uint16_t flags = GTF_transitive) {
    grant_entry_v2 entry{};
    entry.transitive.hdr = {flags, domain->id.value};
    entry.transitive.trans_domid = source_domain;
    entry.transitive.gref = source;
    set_entry(ref, entry);
  }
  // What the other domain, on version 1, grants to this one.
  void other_grants(uint32_t ref, uint16_t flags = GTF_permit_access) {
    memory->store(entry_at(*other, ref),
                  grant_entry_v1{flags, domain->id.value, static_cast<uint32_t>(others_page.value)});
  }
  uint16_t others_flags(uint32_t ref) { return memory->load<uint16_t>(entry_at(*other, ref)); }

  Mfn page(unsigned index) { return frame_at(scratch_address(index)); }
  int16_t copy(uint32_t ref, uint16_t offset, uint16_t length, bool to_grant = false) {
    gnttab_copy op{};
    auto& granted = to_grant ? op.dest : op.source;
    auto& own = to_grant ? op.source : op.dest;
    granted.u.ref = ref;
    granted.domid = domain->id.value;
    granted.offset = offset;
    own.u.gmfn = page(30).value;
    own.domid = DOMID_SELF;
    op.len = length;
    op.flags = to_grant ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
    REQUIRE(grant_op(GNTTABOP_copy, op) == 0);
    return op.status;
  }
  int16_t map_grant(uint32_t ref, uint32_t& handle, uint32_t flags = GNTMAP_host_map) {
    gnttab_map_grant_ref op{};
    op.host_addr = scratch_address(31);
    op.flags = flags;
    op.ref = ref;
    op.dom = domain->id.value;
    REQUIRE(grant_op(GNTTABOP_map_grant_ref, op) == 0);
    handle = op.handle;
    return op.status;
  }
  int16_t unmap_grant(uint32_t handle) {
    gnttab_unmap_grant_ref op{};
    op.host_addr = scratch_address(31);
    op.handle = handle;
    REQUIRE(grant_op(GNTTABOP_unmap_grant_ref, op) == 0);
    return op.status;
  }
};

}  // namespace

TEST_CASE_METHOD(Version2, "the version changes, and the toolstack's entries go along") {
  CHECK(version() == 1);
  CHECK(set_version(3) == -XEN_EINVAL);
  CHECK(set_version(0) == -XEN_EINVAL);
  const grant_entry_v1 console = entry_of(GNTTAB_RESERVED_CONSOLE);
  grant(100, 0, page(1));
  REQUIRE(set_version(2) == 0);
  CHECK(version() == 2);
  CHECK(domain->grants.status_frames.size() == 1);
  const grant_entry_v2 kept = entry2(GNTTAB_RESERVED_CONSOLE);
  CHECK(kept.hdr.flags == console.flags);
  CHECK(kept.hdr.domid == console.domid);
  CHECK(kept.full_page.frame == console.frame);
  CHECK(entry2(50).hdr.flags == 0);  // where number 100 was
  CHECK(set_version(2) == 0);
  REQUIRE(set_version(1) == 0);
  CHECK(domain->grants.status_frames.empty());
  CHECK(entry_of(GNTTAB_RESERVED_CONSOLE).frame == console.frame);
  CHECK(entry_of(100).flags == 0);
  require_sound();
}

TEST_CASE_METHOD(Version2, "entries in use keep the version, but not the toolstack's") {
  grant(9, domain->id.value, page(1));
  uint32_t handle = 0;
  REQUIRE(map_grant(9, handle) == GNTST_okay);
  CHECK(set_version(2) == -XEN_EBUSY);
  REQUIRE(unmap_grant(handle) == GNTST_okay);
  grant(3, domain->id.value, page(1));
  REQUIRE(map_grant(3, handle) == GNTST_okay);
  REQUIRE(set_version(2) == 0);
  CHECK(entry2(3).hdr.flags == GTF_permit_access);
  CHECK(status(3) == (GTF_reading | GTF_writing));
  REQUIRE(unmap_grant(handle) == GNTST_okay);
  CHECK(status(3) == 0);
  require_sound();
}

TEST_CASE_METHOD(Version2, "what version 1 cannot say keeps version 2") {
  REQUIRE(set_version(2) == 0);
  grant_through(4, other->id.value, 8);
  CHECK(set_version(1) == -XEN_ERANGE);
  grant_whole(4, {uint64_t{1} << 32});
  CHECK(set_version(1) == -XEN_ERANGE);
  grant_whole(4, page(1), GTF_accept_transfer);
  CHECK(set_version(1) == 0);
  CHECK(entry_of(4).flags == 0);
}

TEST_CASE_METHOD(Version2, "status frames are told, mapped, and gone only when nobody maps them") {
  REQUIRE(set_version(2) == 0);
  gnttab_get_status_frames op{};
  op.nr_frames = 1;
  op.dom = DOMID_SELF;
  op.frame_list.p = reinterpret_cast<uint64_t*>(scratch_address(7));
  REQUIRE(grant_op(GNTTABOP_get_status_frames, op) == 0);
  CHECK(op.status == GNTST_okay);
  const auto frame = get<uint64_t>(scratch_address(7));
  CHECK(frame == domain->grants.status_frames[0].value);
  op.nr_frames = 2;
  REQUIRE(grant_op(GNTTABOP_get_status_frames, op) == 0);
  CHECK(op.status == GNTST_general_error);
  op.nr_frames = 0;
  op.dom = 77;
  REQUIRE(grant_op(GNTTABOP_get_status_frames, op) == 0);
  CHECK(op.status == GNTST_bad_domain);
  REQUIRE(map(scratch_address(32), entry::make({frame}, entry::kPresent | entry::kWritable | entry::kUser)) ==
          0);
  CHECK(set_version(1) == -XEN_EBUSY);
  CHECK(domain->grants.status_frames.size() == 1);
  REQUIRE(map(scratch_address(32), 0) == 0);
  CHECK(set_version(1) == 0);
  require_sound();
}

TEST_CASE_METHOD(Version2, "a table that grows has its status grow along") {
  REQUIRE(set_version(2) == 0);
  gnttab_setup_table op{};
  op.dom = DOMID_SELF;
  op.nr_frames = GrantTable::kFramesMax;
  op.frame_list.p = reinterpret_cast<xen_pfn_t*>(scratch_address(7));
  REQUIRE(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_okay);
  CHECK(domain->grants.status_frames.size() == 8);
  const uint32_t last = GrantTable::kFramesMax * 256 - 1;
  grant_whole(last, page(1));
  CHECK(copy(last, 0, 8) == GNTST_okay);
  CHECK(copy(last + 1, 0, 8) == GNTST_bad_gntref);
  REQUIRE(set_version(1) == 0);
  CHECK(domain->grants.frames.size() == GrantTable::kFramesMax);
  require_sound();
}

TEST_CASE_METHOD(Version2, "uses show in the status, and the entry stays as it is") {
  REQUIRE(set_version(2) == 0);
  grant_whole(20, page(1));
  uint32_t handle = 0;
  REQUIRE(map_grant(20, handle, GNTMAP_host_map | GNTMAP_readonly) == GNTST_okay);
  CHECK(status(20) == GTF_reading);
  CHECK(entry2(20).hdr.flags == GTF_permit_access);
  REQUIRE(unmap_grant(handle) == GNTST_okay);
  CHECK(status(20) == 0);
  grant_whole(20, page(1), GTF_permit_access | GTF_readonly);
  CHECK(map_grant(20, handle) == GNTST_general_error);
  CHECK(status(20) == 0);
  grant_whole(20, {0xffff'ffff'ffff});
  CHECK(map_grant(20, handle) == GNTST_bad_page);
  grant_whole(20, others_page);
  CHECK(map_grant(20, handle) == GNTST_bad_page);
  require_sound();
}

TEST_CASE_METHOD(Version2, "a part of a page is copied from and to, and cannot be mapped") {
  REQUIRE(set_version(2) == 0);
  put(scratch_address(1) + 0x100, uint64_t{0x1122334455667788});
  grant_part(21, page(1), 0x100, 8);
  CHECK(copy(21, 0x100, 8) == GNTST_okay);
  CHECK(get<uint64_t>(scratch_address(30)) == 0x1122334455667788);
  CHECK(copy(21, 0x102, 4) == GNTST_okay);
  CHECK(copy(21, 0xff, 8) == GNTST_general_error);
  CHECK(copy(21, 0x101, 8) == GNTST_general_error);
  CHECK(copy(21, 0xffff, 8) == GNTST_bad_copy_arg);
  CHECK(copy(21, 0x100, 8, true) == GNTST_okay);
  CHECK(status(21) == 0);
  uint32_t handle = 0;
  CHECK(map_grant(21, handle) == GNTST_general_error);
  // A part that reaches beyond its page grants no more than the page.
  grant_part(21, page(1), 0xff8, 0xffff);
  CHECK(copy(21, 0xff8, 8) == GNTST_okay);
  CHECK(copy(21, 0xff8, 9) == GNTST_bad_copy_arg);
  require_sound();
}

TEST_CASE_METHOD(Version2, "a grant of a grant leads to the other domain's page") {
  REQUIRE(set_version(2) == 0);
  memory->store<uint64_t>(others_page.address() + 0x40, 0xabcdef);
  other_grants(10);
  grant_through(22, other->id.value, 10);
  CHECK(copy(22, 0x40, 8) == GNTST_okay);
  CHECK(get<uint64_t>(scratch_address(30)) == 0xabcdef);
  put(scratch_address(30), uint64_t{0x77});
  CHECK(copy(22, 0x40, 8, true) == GNTST_okay);
  CHECK(memory->load<uint64_t>(others_page.address() + 0x40) == 0x77);
  CHECK(status(22) == 0);
  CHECK(others_flags(10) == GTF_permit_access);  // neither is in use any more
  uint32_t handle = 0;
  CHECK(map_grant(22, handle) == GNTST_general_error);

  other_grants(10, GTF_permit_access | GTF_readonly);
  CHECK(copy(22, 0, 8) == GNTST_okay);
  CHECK(copy(22, 0, 8, true) == GNTST_general_error);
  CHECK(status(22) == 0);
  other_grants(10, 0);
  CHECK(copy(22, 0, 8) == GNTST_general_error);
  grant_through(22, other->id.value, 100000);
  CHECK(copy(22, 0, 8) == GNTST_bad_gntref);
  grant_through(22, domain->id.value, 20);
  CHECK(copy(22, 0, 8) == GNTST_general_error);
  grant_through(22, 77, 10);
  CHECK(copy(22, 0, 8) == GNTST_general_error);
  grant_through(22, 0, 10);
  CHECK(copy(22, 0, 8) == GNTST_bad_gntref);  // domain 0 has granted nothing
  require_sound();
}

TEST_CASE_METHOD(Version2, "there is one step only from grant to grant") {
  REQUIRE(set_version(2) == 0);
  other->grants.version = 2;
  const auto status_frame = *frames().allocate_special(other->id);
  other->grants.status_frames.push_back(status_frame);
  grant_entry_v2 second{};
  second.transitive.hdr = {GTF_transitive, domain->id.value};
  second.transitive.trans_domid = domain->id.value;
  second.transitive.gref = 22;
  memory->store(entry_at(*other, 10), second);
  grant_through(22, other->id.value, 10);  // and back: a circle
  CHECK(copy(22, 0, 8) == GNTST_general_error);
  CHECK(status(22) == 0);
  CHECK(memory->load<uint16_t>(status_frame.address() + 20) == 0);
  require_sound();
}

TEST_CASE_METHOD(Version2, "swapping takes the status along") {
  REQUIRE(set_version(2) == 0);
  grant_whole(30, page(1));
  grant_part(31, page(2), 1, 2);
  memory->store<uint16_t>(domain->grants.status_frames[0].address() + 60, 0x1234);
  gnttab_swap_grant_ref op{30, 31, 0};
  REQUIRE(grant_op(GNTTABOP_swap_grant_ref, op) == 0);
  CHECK(op.status == GNTST_okay);
  CHECK(entry2(30).sub_page.length == 2);
  CHECK(entry2(31).full_page.frame == page(1).value);
  CHECK(status(31) == 0x1234);
  op = {30, 256, 0};
  REQUIRE(grant_op(GNTTABOP_swap_grant_ref, op) == 0);
  CHECK(op.status == GNTST_bad_gntref);  // half as many entries as in version 1
}

TEST_CASE_METHOD(Version2, "random entries, copies, mappings and versions leave every count right") {
  Random random(23);
  uint32_t handle = 0;
  bool mapped = false;
  for (int i = 0; i < 20000; ++i) {
    const auto ref = static_cast<uint32_t>(8 + random.below(24));
    switch (random.below(8)) {
      case 0: {
        std::array<uint32_t, 4> words{};
        for (uint32_t& word : words) word = static_cast<uint32_t>(random.next());
        memory->store(entry_at(*domain, ref), words);
        break;
      }
      case 1:
        if (version() == 2) grant_whole(ref, page(1 + ref % 4), static_cast<uint16_t>(random.below(1024)));
        break;
      case 2:
        if (version() == 2) grant_part(ref, page(1 + ref % 4), 16, 64);
        break;
      case 3:
        other_grants(ref, static_cast<uint16_t>(random.below(8)));
        if (version() == 2)
          grant_through(ref, other->id.value, ref, static_cast<uint16_t>(random.below(1024)));
        break;
      case 4:
        copy(ref, static_cast<uint16_t>(random.below(64)), static_cast<uint16_t>(random.below(32)),
             random.one_in(2));
        break;
      case 5:
        if (!mapped) mapped = map_grant(ref, handle) == GNTST_okay;
        break;
      case 6:
        if (mapped) REQUIRE(unmap_grant(handle) == GNTST_okay);
        mapped = false;
        break;
      default: set_version(static_cast<uint32_t>(1 + random.below(2))); break;
    }
    if (i % 5000 == 4999) require_sound();
  }
}

// Grants as public/grant_table.h and xen/common/grant_table.c have them. The domain maps grants of its own
// (which Xen allows) and backends of domain 0 map the domain's. The frame counts are recomputed after each
// test.
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

struct Guest : HypercallFixture {
  static constexpr uint32_t kRef = 20;
  uint64_t where() const { return scratch_address(3); }
  Mfn target() { return frame_at(scratch_address(5)); }
  uint16_t self() const { return domain->id.value; }
  ~Guest() { require_sound(); }

  gnttab_map_grant_ref map_grant(uint32_t ref, uint32_t flags, uint64_t address, uint16_t from) {
    gnttab_map_grant_ref op{.host_addr = address, .flags = flags, .ref = ref, .dom = from};
    CHECK(grant_op(GNTTABOP_map_grant_ref, op) == 0);
    return op;
  }
  int16_t unmap_grant(uint32_t handle, uint64_t address) {
    gnttab_unmap_grant_ref op{.host_addr = address, .handle = handle};
    CHECK(grant_op(GNTTABOP_unmap_grant_ref, op) == 0);
    return op.status;
  }
  gnttab_copy copy_op() {
    gnttab_copy op{};
    op.source.domid = op.dest.domid = DOMID_SELF;
    op.len = 16;
    return op;
  }
  int16_t copy(gnttab_copy op) {
    CHECK(grant_op(GNTTABOP_copy, op) == 0);
    return op.status;
  }
};

}  // namespace

TEST_CASE_METHOD(Guest, "a backend maps, and the entry says so while it does") {
  grant(kRef, 0, target());
  const auto read_only = hypervisor->grants.map({0}, domain->id, {kRef}, true);
  REQUIRE(read_only.has_value());
  CHECK(read_only->frame == target());
  CHECK((entry_of(kRef).flags & (GTF_reading | GTF_writing)) == GTF_reading);
  const auto writable = hypervisor->grants.map({0}, domain->id, {kRef}, false);
  REQUIRE(writable.has_value());
  CHECK((entry_of(kRef).flags & (GTF_reading | GTF_writing)) == (GTF_reading | GTF_writing));
  require_sound();
  CHECK(hypervisor->grants.unmap({0}, writable->handle) == GNTST_okay);
  CHECK((entry_of(kRef).flags & (GTF_reading | GTF_writing)) == GTF_reading);
  CHECK(hypervisor->grants.unmap({0}, read_only->handle) == GNTST_okay);
  CHECK((entry_of(kRef).flags & (GTF_reading | GTF_writing)) == 0);
  CHECK(hypervisor->grants.unmap({0}, read_only->handle) == GNTST_bad_handle);
}

TEST_CASE_METHOD(Guest, "what was not granted is not mapped") {
  const auto error = [&](bool read_only) {
    const auto mapped = hypervisor->grants.map({0}, domain->id, {kRef}, read_only);
    return mapped ? int16_t{0} : mapped.error();
  };
  CHECK(error(true) == GNTST_general_error);  // an empty entry
  grant(kRef, 5, target());
  CHECK(error(true) == GNTST_general_error);  // for another domain
  grant(kRef, 0, target(), GTF_permit_access | GTF_readonly);
  CHECK(error(false) == GNTST_general_error);
  grant(kRef, 0, target(), GTF_permit_access | GTF_sub_page);
  CHECK(error(true) == GNTST_general_error);
  grant(kRef, 0, {0xffffff});
  CHECK(error(true) == GNTST_bad_page);
  grant(kRef, 0, *frames().allocate_for_xen(true));
  CHECK(error(true) == GNTST_bad_page);
  grant(kRef, 0, domain->vcpu.kernel_root);
  CHECK(error(false) == GNTST_general_error);  // a page table is never writable
  CHECK(hypervisor->grants.map({0}, domain->id, {100000}, true).error() == GNTST_bad_gntref);
  CHECK(hypervisor->grants.map({0}, {9}, {kRef}, true).error() == GNTST_bad_domain);
  CHECK((entry_of(kRef).flags & (GTF_reading | GTF_writing)) == 0);
}

TEST_CASE_METHOD(Guest, "an entry in use is judged by what it was") {
  grant(kRef, 0, target());
  const auto first = hypervisor->grants.map({0}, domain->id, {kRef}, true);
  REQUIRE(first.has_value());
  grant(kRef, 0, domain->vcpu.kernel_root, GTF_permit_access | GTF_reading);
  const auto second = hypervisor->grants.map({0}, domain->id, {kRef}, true);
  REQUIRE(second.has_value());
  CHECK(second->frame == first->frame);
  hypervisor->grants.unmap({0}, first->handle);
  hypervisor->grants.unmap({0}, second->handle);
}

TEST_CASE_METHOD(Guest, "a guest maps a grant at an address, and unmaps it") {
  REQUIRE(map(where(), 0) == 0);
  grant(kRef, self(), target());
  put<uint64_t>(scratch_address(5), 0x1234);
  const auto op = map_grant(kRef, GNTMAP_host_map, where(), self());
  REQUIRE(op.status == GNTST_okay);
  CHECK(get<uint64_t>(where()) == 0x1234);
  CHECK(op.dev_bus_addr == target().address().value);
  require_sound();
  CHECK(unmap_grant(op.handle, where() + kPageSize) == GNTST_general_error);
  CHECK(unmap_grant(op.handle + 1, where()) == GNTST_bad_handle);
  CHECK(unmap_grant(op.handle, 0) == GNTST_okay);  // names nothing, unmaps nothing
  CHECK(unmap_grant(op.handle, where()) == GNTST_okay);
  CHECK_FALSE(cpu->translate({where()}, Access::read).has_value());
  CHECK(unmap_grant(op.handle, where()) == GNTST_bad_handle);
}

TEST_CASE_METHOD(Guest, "a guest maps a grant by the address of the entry, read-only") {
  REQUIRE(map(where(), 0) == 0);
  grant(kRef, self(), target(), GTF_permit_access | GTF_readonly);
  const uint64_t entry = entry_address(where(), 1).value;
  const uint32_t flags = GNTMAP_host_map | GNTMAP_contains_pte;
  CHECK(map_grant(kRef, flags, entry, self()).status == GNTST_general_error);
  const auto op = map_grant(kRef, flags | GNTMAP_readonly, entry, self());
  REQUIRE(op.status == GNTST_okay);
  CHECK(cpu->translate({where()}, Access::read).has_value());
  CHECK_FALSE(cpu->translate({where()}, Access::write).has_value());
  CHECK(map_grant(kRef, flags | GNTMAP_readonly, entry + 1, self()).status == GNTST_general_error);
  CHECK(unmap_grant(op.handle, entry) == GNTST_okay);
  CHECK(map_grant(kRef, 0, where(), self()).status == GNTST_bad_gntref);
  CHECK(map_grant(kRef, GNTMAP_host_map, kUnmapped, self()).status != GNTST_okay);
  CHECK(map_grant(kRef, GNTMAP_host_map | GNTMAP_device_map, where(), self()).status == GNTST_general_error);
  CHECK(map_grant(kRef, GNTMAP_host_map, where(), 9).status == GNTST_bad_domain);
  CHECK(map_grant(kRef, GNTMAP_host_map, where(), 0).status == GNTST_bad_gntref);
  CHECK(entry_of(kRef).flags == (GTF_permit_access | GTF_readonly));
}

TEST_CASE_METHOD(Guest, "unmap_and_replace moves another mapping there") {
  const Mfn moved = frame_at(scratch_address(6));
  REQUIRE(map(where(), 0) == 0);
  grant(kRef, self(), target());
  const auto op = map_grant(kRef, GNTMAP_host_map, where(), self());
  REQUIRE(op.status == GNTST_okay);
  gnttab_unmap_and_replace replace{.host_addr = where(), .new_addr = scratch_address(6), .handle = op.handle};
  CHECK(grant_op(GNTTABOP_unmap_and_replace, replace) == 0);
  CHECK(replace.status == GNTST_okay);
  CHECK(frame_at(where()) == moved);
  CHECK_FALSE(cpu->translate({scratch_address(6)}, Access::read).has_value());
  CHECK(grant_op(GNTTABOP_unmap_and_replace, replace) == 0);
  CHECK(replace.status == GNTST_bad_handle);
}

TEST_CASE_METHOD(Guest, "the table grows up to its limit") {
  gnttab_setup_table op{.dom = DOMID_SELF, .nr_frames = 3};
  op.frame_list.p = reinterpret_cast<xen_pfn_t*>(scratch_address(7));
  CHECK(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_okay);
  CHECK(get<uint64_t>(scratch_address(7) + 16) == domain->grants.frames.at(2).value);
  op.nr_frames = GrantTable::kFramesMax + 1;
  CHECK(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_general_error);
  op = {.dom = 0, .nr_frames = 1};
  CHECK(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_permission_denied);
  op = {.dom = 99, .nr_frames = 1};
  CHECK(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_bad_domain);
  op = {.dom = DOMID_SELF, .nr_frames = 1};
  op.frame_list.p = reinterpret_cast<xen_pfn_t*>(kUnmapped);
  CHECK(grant_op(GNTTABOP_setup_table, op) == 0);
  CHECK(op.status == GNTST_bad_virt_addr);
  op.frame_list.p = reinterpret_cast<xen_pfn_t*>(kXens);
  CHECK(grant_op(GNTTABOP_setup_table, op) == -XEN_EFAULT);
  gnttab_query_size size{.dom = DOMID_SELF};
  CHECK(grant_op(GNTTABOP_query_size, size) == 0);
  CHECK(size.nr_frames == 3);
  CHECK(size.max_nr_frames == 64);
  size.dom = 0;
  CHECK(grant_op(GNTTABOP_query_size, size) == 0);
  CHECK(size.status == GNTST_permission_denied);
}

TEST_CASE_METHOD(Guest, "a table begins with version 1") {
  gnttab_set_version version{1};
  CHECK(grant_op(GNTTABOP_set_version, version) == 0);
  version = {3};
  CHECK(grant_op(GNTTABOP_set_version, version) == -XEN_EINVAL);
  gnttab_get_version get_version{.dom = DOMID_SELF};
  CHECK(grant_op(GNTTABOP_get_version, get_version) == 0);
  CHECK(get_version.version == 1);
  get_version.dom = 0;
  CHECK(grant_op(GNTTABOP_get_version, get_version) == -XEN_EPERM);
  get_version.dom = 50;
  CHECK(grant_op(GNTTABOP_get_version, get_version) == -XEN_ESRCH);
  gnttab_get_status_frames status{.nr_frames = 1, .dom = DOMID_SELF};
  CHECK(grant_op(GNTTABOP_get_status_frames, status) == 0);
  CHECK(status.status == GNTST_general_error);
  gnttab_dump_table dump{.dom = DOMID_SELF};
  CHECK(grant_op(GNTTABOP_dump_table, dump) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "copies go between frames and grants, within a page") {
  put<uint64_t>(scratch_address(5) + 8, 0xabcdef);
  grant(kRef, self(), target());
  gnttab_copy op = copy_op();
  op.flags = GNTCOPY_source_gref;
  op.source = {.u = {.ref = kRef}, .domid = self(), .offset = 0};
  op.dest.u.gmfn = frame_at(scratch_address(6)).value;
  op.dest.offset = 100;
  CHECK(copy(op) == GNTST_okay);
  CHECK(get<uint64_t>(scratch_address(6) + 108) == 0xabcdef);
  CHECK(entry_of(kRef).flags == GTF_permit_access);
  op.dest.offset = kPageSize - 15;
  CHECK(copy(op) == GNTST_bad_copy_arg);
  op.dest = {.u = {.gmfn = domain->vcpu.kernel_root.value}, .domid = DOMID_SELF};
  CHECK(copy(op) == GNTST_general_error);
  op.dest.u.gmfn = 1;
  CHECK(copy(op) == GNTST_bad_page);
  op.dest = {.u = {.gmfn = frame_at(scratch_address(6)).value}, .domid = self()};
  CHECK(copy(op) == GNTST_permission_denied);
  op.dest.domid = DOMID_SELF;
  op.source.u.ref = 100000;
  CHECK(copy(op) == GNTST_bad_gntref);
  op.source.domid = 9;
  CHECK(copy(op) == GNTST_bad_domain);
  grant(kRef, self(), target(), GTF_permit_access | GTF_readonly);
  gnttab_copy to = copy_op();
  to.flags = GNTCOPY_dest_gref;
  to.dest = {.u = {.ref = kRef}, .domid = self(), .offset = 0};
  to.source.u.gmfn = frame_at(scratch_address(6)).value;
  CHECK(copy(to) == GNTST_general_error);
  grant(kRef, self(), target());
  CHECK(copy(to) == GNTST_okay);
}

TEST_CASE_METHOD(Guest, "swapping waits until nobody uses the entries") {
  grant(kRef, 0, target());
  gnttab_swap_grant_ref op{.ref_a = kRef, .ref_b = kRef + 1};
  CHECK(grant_op(GNTTABOP_swap_grant_ref, op) == 0);
  CHECK(op.status == GNTST_okay);
  CHECK(entry_of(kRef + 1).frame == target().value);
  CHECK(entry_of(kRef).flags == 0);
  const auto mapped = hypervisor->grants.map({0}, domain->id, {kRef + 1}, true);
  REQUIRE(mapped.has_value());
  CHECK(grant_op(GNTTABOP_swap_grant_ref, op) == 0);
  CHECK(op.status == GNTST_eagain);
  hypervisor->grants.unmap({0}, mapped->handle);
  op.ref_b = 512;
  CHECK(grant_op(GNTTABOP_swap_grant_ref, op) == 0);
  CHECK(op.status == GNTST_bad_gntref);
}

TEST_CASE_METHOD(Guest, "a transfer needs an entry that accepts it") {
  const Mfn given = frame_of_pfn(1100);
  memory->store<uint64_t>(given.address(), 0x7777);
  gnttab_transfer op{.mfn = given.value, .domid = self(), .ref = kRef};
  CHECK(grant_op(GNTTABOP_transfer, op) == 0);
  CHECK(op.status == GNTST_bad_gntref);
  grant(kRef, self(), {0}, GTF_accept_transfer);
  op.mfn = target().value;  // mapped: not to be given away
  CHECK(grant_op(GNTTABOP_transfer, op) == 0);
  CHECK(op.status == GNTST_bad_page);
  op.mfn = given.value;
  CHECK(grant_op(GNTTABOP_transfer, op) == 0);
  CHECK(op.status == GNTST_okay);
  CHECK(entry_of(kRef).flags == (GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed));
  CHECK(memory->load<uint64_t>(Mfn{entry_of(kRef).frame}.address()) == 0x7777);
  op = {.mfn = 12, .domid = self(), .ref = kRef};
  CHECK(grant_op(GNTTABOP_transfer, op) == 0);
  CHECK(op.status == GNTST_bad_page);
  op = {.mfn = frame_of_pfn(1101).value, .domid = 9, .ref = kRef};
  CHECK(grant_op(GNTTABOP_transfer, op) == 0);
  CHECK(op.status == GNTST_bad_domain);
}

TEST_CASE_METHOD(Guest, "cache flushes stay within a page that is the domain's") {
  gnttab_cache_flush op{};
  op.a.dev_bus_addr = target().address().value;
  op.length = 64;
  op.op = GNTTAB_CACHE_CLEAN;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == 0);
  op.op = GNTTAB_CACHE_INVAL;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == -XEN_EOPNOTSUPP);
  op.op = GNTTAB_CACHE_SOURCE_GREF | GNTTAB_CACHE_CLEAN;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == -XEN_EINVAL);
  op.op = GNTTAB_CACHE_CLEAN;
  op.offset = 4090;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == -XEN_EINVAL);
  op.offset = 0;
  op.a.dev_bus_addr = 0;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == -XEN_EINVAL);
  uint64_t of_xen = 0;
  while (info({of_xen + (kBase >> 12)}).owner != kOwnerXen) ++of_xen;
  op.a.dev_bus_addr = kBase + of_xen * kPageSize;
  CHECK(grant_op(GNTTABOP_cache_flush, op) == -XEN_EPERM);
}

TEST_CASE_METHOD(Guest, "another domain's page may be flushed while it is mapped") {
  Domain& other = hypervisor->create_domain();
  REQUIRE(hypervisor->grants.create(other));
  const auto page = frames().allocate(other.id);
  REQUIRE(page.has_value());
  hypervisor->grants.seed(other, {kRef}, domain->id, *page);
  gnttab_cache_flush flush{};
  flush.a.dev_bus_addr = page->address().value;
  flush.length = 64;
  flush.op = GNTTAB_CACHE_CLEAN;
  CHECK(grant_op(GNTTABOP_cache_flush, flush) == -XEN_EINVAL);
  const auto first = map_grant(kRef, GNTMAP_host_map, where(), other.id.value);
  const auto second = map_grant(kRef, GNTMAP_host_map, scratch_address(4), other.id.value);
  REQUIRE(first.status == GNTST_okay);
  REQUIRE(second.status == GNTST_okay);
  CHECK(unmap_grant(first.handle, where()) == GNTST_okay);
  CHECK(grant_op(GNTTABOP_cache_flush, flush) == 0);
  CHECK(unmap_grant(second.handle, scratch_address(4)) == GNTST_okay);
  CHECK(grant_op(GNTTABOP_cache_flush, flush) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "lists and counts that cannot be right fault") {
  CHECK(call(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, kArgument, 2) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, kArgument, 0x80000000) == -XEN_EINVAL);
  CHECK(call(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, kArgument, 0) == 0);
  CHECK(call(__HYPERVISOR_grant_table_op, 99, kArgument, 1) == -XEN_ENOSYS);
  CHECK(call(__HYPERVISOR_grant_table_op, 1u << 20 | GNTTABOP_map_grant_ref, kArgument, 1) == -XEN_EINVAL);
  for (uint32_t command = 0; command <= GNTTABOP_cache_flush; ++command) {
    if (command == GNTTABOP_dump_table) continue;
    CHECK(call(__HYPERVISOR_grant_table_op, command, kUnmapped, 1) == -XEN_EFAULT);
    CHECK(call(__HYPERVISOR_grant_table_op, command, kXens, 1) == -XEN_EFAULT);
  }
}

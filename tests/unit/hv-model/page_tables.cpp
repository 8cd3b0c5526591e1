// What a guest may do to page tables and what it may not: the rules of xen/arch/x86/mm.c, one by one, and the
// ways around them that a hostile guest would try. After each, all counts are recomputed from scratch.
#include "tests/unit/hv-model/pv_memory_fixture.h"

using namespace ringside;

namespace {

// Flags restated from the processor's manual.
constexpr uint64_t P = 1, RW = 2, US = 4, PWT = 8, PCD = 16, A = 32, D = 64, PSE = 128, G = 256;
constexpr uint64_t kReadWrite = P | RW | US | A | D, kReadOnly = P | US | A;

struct Guest : PvMemoryFixture {
  // Frames that nothing maps: those behind the start-of-day region.
  Mfn spare(unsigned index) { return frame_of_pfn(1100 + index); }
  uint64_t address() const { return scratch_address(3); }
  ~Guest() { require_sound(); }
};

uint64_t value_of(Mfn frame, uint64_t flags) { return frame.address().value | flags; }

}  // namespace

TEST_CASE_METHOD(Guest, "a guest maps its own frames, read-only and writable") {
  CHECK(map(address(), value_of(spare(0), kReadWrite)) == 0);
  CHECK(info(spare(0)).ref_count == 2);
  CHECK(info(spare(0)).type == PageType::writable);
  put<uint64_t>(address(), 0x5555);
  CHECK(memory->load<uint64_t>(spare(0).address()) == 0x5555);
  CHECK(map(address(), value_of(spare(0), kReadOnly)) == 0);
  CHECK(info(spare(0)).type_count == 0);
  CHECK(info(spare(0)).ref_count == 2);
  CHECK_FALSE(cpu->translate({address()}, Access::write).has_value());
  CHECK(map(address(), 0) == 0);
  CHECK(info(spare(0)).ref_count == 1);
  CHECK_FALSE(cpu->translate({address()}, Access::read).has_value());
}

TEST_CASE_METHOD(Guest, "what is not the guest's cannot be mapped") {
  Domain& other = hypervisor->create_domain();
  const Mfn foreign = *frames().allocate(other.id), xen = *frames().allocate_for_xen(false);
  const Mfn free{memory->first_frame().value + memory->frames() - 1};
  const uint64_t before = entry_value(address(), 1);
  for (const uint64_t flags : {kReadWrite, kReadOnly}) {
    CHECK(map(address(), value_of(foreign, flags)) == -XEN_EBUSY);
    CHECK(map(address(), value_of(xen, flags)) == -XEN_EBUSY);
    CHECK(map(address(), value_of(free, flags)) == -XEN_EBUSY);
    CHECK(map(address(), value_of({0}, flags)) == -XEN_EPERM);
    CHECK(map(address(), value_of({0xfee00}, flags)) == -XEN_EPERM);
    CHECK(map(address(), value_of({memory->first_frame().value + memory->frames()}, flags)) == -XEN_EPERM);
    CHECK(map(address(), value_of({0xffffffffff}, flags)) == -XEN_EINVAL);
  }
  // The M2P's frames are Xen's: they are to be seen at their own place only.
  const Mfn m2p = frame_at(MACH2PHYS_VIRT_START + spare(0).value * 8);
  CHECK(map(address(), value_of(m2p, kReadOnly)) == -XEN_EBUSY);
  CHECK(entry_value(address(), 1) == before);
}

TEST_CASE_METHOD(Guest, "flags that Xen does not allow are refused") {
  for (const uint64_t flag : {PWT, PCD, PSE})
    CHECK(map(address(), value_of(spare(0), kReadWrite | flag)) == -XEN_EINVAL);
  CHECK(map(address(), value_of(spare(0), kReadWrite | G)) == 0);
  CHECK(map(address(), value_of(spare(0), kReadWrite | 1ull << 63 | 0x7ffull << 52 | 0xe00)) == 0);
  const uint64_t l2 = entry_address(address(), 2).value;
  const uint64_t l1 = entry_value(address(), 2) & 0x000ffffffffff000ull;
  for (const uint64_t flag : {PWT, PCD, PSE, G}) CHECK(mmu_update(l2, l1 | kReadWrite | flag) == -XEN_EINVAL);
  // Superpages are for nobody.
  CHECK(mmu_update(l2, value_of({spare(0).value & ~511ull}, kReadWrite | PSE)) == -XEN_EINVAL);
  // What is not present is anybody's business but Xen's.
  CHECK(map(address(), 0x123456789abcdef0ull & ~P) == 0);
  CHECK(entry_value(address(), 1) == (0x123456789abcdef0ull & ~P));
}

TEST_CASE_METHOD(Guest, "entries are stored as a 64-bit guest's: for users, and the kernel's marked") {
  REQUIRE(map(address(), value_of(spare(0), P | RW)) == 0);
  CHECK((entry_value(address(), 1) & (US | G | 1ull << 52)) == (US | 1ull << 52));
  REQUIRE(map(address(), value_of(spare(0), P | RW | US)) == 0);
  CHECK((entry_value(address(), 1) & (US | G | 1ull << 52)) == (US | G));
}

TEST_CASE_METHOD(Guest, "a page table is never mapped writable") {
  const start_info start = read_start_info();
  for (uint64_t i = 0; i < start.nr_pt_frames; ++i) {
    const Mfn table = frame_at(start.pt_base + i * 4096);
    CHECK(map(address(), value_of(table, kReadWrite)) == -XEN_EBUSY);
    CHECK(map(start.pt_base + i * 4096, value_of(table, kReadWrite)) == -XEN_EBUSY);
    CHECK(map(address(), value_of(table, kReadOnly)) == 0);
  }
}

TEST_CASE_METHOD(Guest, "a page that is mapped writable never becomes a page table") {
  const Mfn frame = frame_at(scratch_address(5));
  for (uint32_t level = 0; level < 4; ++level)
    CHECK(mmuext(MMUEXT_PIN_L1_TABLE + level, frame.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, frame.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, frame.value) == -XEN_EINVAL);
  CHECK(mmu_update(entry_address(0x40000000, 3).value, value_of(frame, kReadWrite)) == -XEN_EINVAL);
  // Unmapped first, it may; and the core's translations to it are dropped.
  REQUIRE(tables().update_va_mapping(*domain, scratch_address(5), value_of(frame, kReadOnly), 0,
                                     DOMID_SELF) == 0);
  const uint64_t flushes = cpu->flushes;
  CHECK(mmuext(MMUEXT_PIN_L1_TABLE, frame.value) == 0);
  CHECK(cpu->flushes > flushes);
  CHECK(info(frame).type == PageType::l1);
  CHECK(map(scratch_address(5), value_of(frame, kReadWrite)) == -XEN_EBUSY);
}

TEST_CASE_METHOD(Guest, "new tables: filled, pinned, hung in, used, and taken away again") {
  const Mfn l1 = spare(0), l2 = spare(1), page = spare(2);
  // Plain stores by mmu_update while they are no tables yet.
  CHECK(mmu_update(l1.address().value + 8, value_of(page, P | RW)) == 0);
  CHECK(mmu_update(l2.address().value, value_of(l1, kReadWrite)) == 0);
  CHECK(info(l1).type_count == 0);
  CHECK(mmuext(MMUEXT_PIN_L2_TABLE, l2.value) == 0);
  CHECK(info(l1).type == PageType::l1);
  CHECK(info(l1).type_count == 1);
  CHECK(info(page).type_count == 1);
  CHECK((memory->load<uint64_t>(l1.address() + 8) & US) != 0);
  const uint64_t flushes = cpu->flushes;
  CHECK(mmu_update(entry_address(0x40000000, 3).value, value_of(l2, kReadWrite)) == 0);
  CHECK(cpu->flushes > flushes);
  put<uint64_t>(0x40001000, 42);
  CHECK(memory->load<uint64_t>(page.address()) == 42);
  CHECK(mmuext(MMUEXT_PIN_L2_TABLE, l2.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_UNPIN_TABLE, l2.value) == 0);
  CHECK(mmuext(MMUEXT_UNPIN_TABLE, l2.value) == -XEN_EINVAL);
  CHECK(info(l2).type_count == 1);
  CHECK(mmu_update(entry_address(0x40000000, 3).value, 0) == 0);
  CHECK(info(l2).type_count == 0);
  CHECK(info(l1).type_count == 0);
  CHECK(info(page).ref_count == 1);
}

TEST_CASE_METHOD(Guest, "a table with one bad entry is refused whole, and everything taken is given back") {
  const Mfn l1 = spare(0), page = spare(1), table = frame_at(read_start_info().pt_base);
  for (unsigned slot = 0; slot < 500; ++slot) {
    REQUIRE(mmu_update(l1.address().value + slot * 8,
                       value_of(page, slot % 2 != 0 ? kReadWrite : kReadOnly)) == 0);
  }
  const uint64_t bad[] = {value_of(table, kReadWrite), value_of({0}, kReadOnly),
                          value_of(page, kReadOnly | PCD), value_of({0xffffffffff}, kReadOnly)};
  for (const uint64_t value : bad) {
    REQUIRE(mmu_update(l1.address().value + 500 * 8, value) == 0);
    CHECK(mmuext(MMUEXT_PIN_L1_TABLE, l1.value) < 0);
    CHECK(info(l1).type_count == 0);
    CHECK(info(l1).ref_count == 1);
    CHECK(info(page).ref_count == 1);
    CHECK(info(page).type_count == 0);
  }
  // Three levels above it the failure arrives, too.
  const Mfn l2 = spare(2), l3 = spare(3), l4 = spare(4);
  REQUIRE(mmu_update(l2.address().value + 7 * 8, value_of(l1, kReadWrite)) == 0);
  REQUIRE(mmu_update(l3.address().value + 9 * 8, value_of(l2, kReadWrite)) == 0);
  REQUIRE(mmu_update(l4.address().value + 11 * 8, value_of(l3, kReadWrite)) == 0);
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, l4.value) == -XEN_EINVAL);
  for (const Mfn frame : {l1, l2, l3, l4, page}) CHECK(info(frame).ref_count == 1);
  REQUIRE(mmu_update(l1.address().value + 500 * 8, 0) == 0);
  CHECK(mmuext(MMUEXT_PIN_L4_TABLE, l4.value) == 0);
  CHECK(info(page).ref_count == 501);
  CHECK(mmuext(MMUEXT_UNPIN_TABLE, l4.value) == 0);
  for (const Mfn frame : {l1, l2, l3, l4, page}) CHECK(info(frame).ref_count == 1);
}

TEST_CASE_METHOD(Guest, "tables that contain themselves or each other are refused") {
  const Mfn table = spare(0), second = spare(1);
  REQUIRE(mmu_update(table.address().value, value_of(table, kReadOnly)) == 0);
  for (uint32_t level = 2; level <= 4; ++level) {
    CHECK(mmuext(MMUEXT_PIN_L1_TABLE + level - 1, table.value) == -XEN_EINVAL);
  }
  // An L1 that maps itself read-only is a plain mapping.
  CHECK(mmuext(MMUEXT_PIN_L1_TABLE, table.value) == 0);
  CHECK(mmuext(MMUEXT_UNPIN_TABLE, table.value) == 0);
  REQUIRE(mmu_update(table.address().value, value_of(table, kReadWrite)) == 0);
  CHECK(mmuext(MMUEXT_PIN_L1_TABLE, table.value) == -XEN_EBUSY);
  // A ring of two.
  REQUIRE(mmu_update(table.address().value, value_of(second, kReadWrite)) == 0);
  REQUIRE(mmu_update(second.address().value, value_of(table, kReadWrite)) == 0);
  CHECK(mmuext(MMUEXT_PIN_L4_TABLE, table.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_PIN_L2_TABLE, table.value) == -XEN_EBUSY);
  // The live root as its own L3.
  const Mfn root = domain->vcpu.kernel_root;
  CHECK(mmu_update(root.address().value + 300 * 8, value_of(root, kReadOnly)) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "one frame has one type: no table of two levels at once") {
  const Mfn table = spare(0);
  REQUIRE(mmuext(MMUEXT_PIN_L1_TABLE, table.value) == 0);
  CHECK(mmuext(MMUEXT_PIN_L2_TABLE, table.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, table.value) == -XEN_EINVAL);
  CHECK(mmu_update(entry_address(0x40000000, 3).value, value_of(table, kReadWrite)) == -XEN_EINVAL);
  CHECK(mmu_update(entry_address(0x200000, 2).value + 8 * 100, value_of(table, kReadWrite)) == 0);
}

TEST_CASE_METHOD(Guest, "Xen's slots of an L4 are Xen's") {
  const Mfn root = domain->vcpu.kernel_root;
  const uint64_t before = memory->load<uint64_t>(root.address() + 256 * 8);
  for (uint64_t slot = 256; slot <= 271; ++slot) {
    CHECK(mmu_update(root.address().value + slot * 8, value_of(spare(0), kReadWrite)) == -XEN_EINVAL);
    CHECK(mmu_update(root.address().value + slot * 8, 0) == -XEN_EINVAL);
  }
  CHECK(memory->load<uint64_t>(root.address() + 256 * 8) == before);
  // A guest that has filled them beforehand finds them overwritten.
  const Mfn fresh = spare(1);
  for (uint64_t slot = 256; slot <= 271; ++slot) {
    REQUIRE(mmu_update(fresh.address().value + slot * 8, value_of(spare(0), kReadWrite)) == 0);
  }
  REQUIRE(mmuext(MMUEXT_PIN_L4_TABLE, fresh.value) == 0);
  CHECK(memory->load<uint64_t>(fresh.address() + 256 * 8) == before);
  CHECK(memory->load<uint64_t>(fresh.address() + 258 * 8) == 0);
  CHECK(info(spare(0)).ref_count == 1);
}

TEST_CASE_METHOD(Guest, "changing the root: counts follow, and the core's CR3") {
  const Mfn old = domain->vcpu.kernel_root, fresh = spare(0);
  for (uint64_t slot : {0, 511}) {
    const auto value = memory->load<uint64_t>(old.address() + slot * 8);
    REQUIRE(mmu_update(fresh.address().value + slot * 8, value) == 0);
  }
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, fresh.value) == 0);
  CHECK(cpu->page_table_root() == fresh.address());
  CHECK(info(old).type_count == 1);
  CHECK(info(fresh).type_count == 1);
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, fresh.value) == 0);
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, fresh.value) == 0);
  CHECK(info(fresh).type_count == 2);
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, 0) == 0);
  CHECK(info(fresh).type_count == 1);
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, 0) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, spare(1).value + 100000) == -XEN_EINVAL);
  CHECK(cpu->page_table_root() == fresh.address());
  // The old root, unpinned, is no table any more.
  CHECK(mmuext(MMUEXT_UNPIN_TABLE, old.value) == 0);
  CHECK(info(old).type_count == 0);
  CHECK(mmuext(MMUEXT_NEW_BASEPTR, old.value) == 0);
  domain->vcpu.kernel_mode = false;
  CHECK(mmuext(MMUEXT_NEW_USER_BASEPTR, fresh.value) == 0);
  tables().load_root(*domain);
  CHECK(cpu->page_table_root() == fresh.address());
  domain->vcpu.kernel_mode = true;
  tables().load_root(*domain);
  CHECK(cpu->page_table_root() == old.address());
}

TEST_CASE_METHOD(Guest, "accessed and dirty bits are kept where the guest asks for it") {
  REQUIRE(map(address(), value_of(spare(0), P | RW | US)) == 0);
  const GuestPhys at = entry_address(address(), 1);
  memory->store(at, memory->load<uint64_t>(at) | A | D);
  CHECK(mmu_update(at.value | MMU_PT_UPDATE_PRESERVE_AD, value_of(spare(0), P | US)) == 0);
  CHECK((memory->load<uint64_t>(at) & (A | D | RW)) == (A | D));
  CHECK(mmu_update(at.value, value_of(spare(0), P | US)) == 0);
  CHECK((memory->load<uint64_t>(at) & (A | D)) == 0);
  CHECK(mmu_update(at.value | MMU_PT_UPDATE_NO_TRANSLATE, value_of(spare(0), P | US | RW)) == 0);
  CHECK(info(spare(0)).type_count == 1);
}

TEST_CASE_METHOD(Guest, "mmu_update: the number done, and where it stops") {
  const uint64_t list = scratch_address(0), done = scratch_address(1);
  const GuestPhys at = entry_address(address(), 1);
  ::mmu_update_t requests[3] = {
      {at.value, value_of(spare(0), kReadOnly)}, {at.value, value_of({0}, kReadOnly)}, {at.value, 0}};
  put(list, requests);
  put<uint32_t>(done, 77);
  CHECK(tables().mmu_update(*domain, {list}, 3, {done}, DOMID_SELF) == -XEN_EPERM);
  CHECK(get<uint32_t>(done) == 1);
  CHECK(tables().mmu_update(*domain, {list}, 1, {done}, DOMID_SELF) == 0);
  CHECK(get<uint32_t>(done) == 1);
  // The rest of a call goes on counting.
  CHECK(tables().mmu_update(*domain, {list}, 1u << 31 | 1, {done}, DOMID_SELF) == 0);
  CHECK(get<uint32_t>(done) == 2);
  CHECK(tables().mmu_update(*domain, {list}, 0, {done}, DOMID_SELF) == 0);
  CHECK(get<uint32_t>(done) == 0);
  CHECK(tables().mmu_update(*domain, {0x40000000}, 5, {done}, DOMID_SELF) == -XEN_EFAULT);
  CHECK(get<uint32_t>(done) == 0);
  CHECK(tables().mmu_update(*domain, {0xffff800000000000ull}, 5, {0}, DOMID_SELF) == -XEN_EFAULT);
  CHECK(tables().mmu_update(*domain, {list}, ~0u, {0}, DOMID_SELF) == -XEN_EPERM);
  CHECK(tables().mmu_update(*domain, {0}, 1u << 31, {0}, static_cast<uint32_t>(-5)) == -5);
  for (unsigned command = 4; command < 8; ++command) CHECK(mmu_update(at.value | command, 0) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "foreign domains") {
  const uint64_t at = entry_address(address(), 1).value, value = value_of(spare(0), kReadOnly);
  CHECK(mmu_update(at, value, domain->id.value) == -XEN_ESRCH);
  CHECK(mmu_update(at, value, 0) == -XEN_EPERM);
  CHECK(mmu_update(at, value, 99) == -XEN_ESRCH);
  CHECK(mmu_update(at, value, DOMID_XEN) == -XEN_EPERM);
  CHECK(mmu_update(at, value, DOMID_IO) == -XEN_EBUSY);
  CHECK(mmu_update(at, value_of({0}, kReadOnly), DOMID_IO) == -XEN_EPERM);
  CHECK(mmu_update(at, value, DOMID_SELF | (domain->id.value + 1u) << 16) == 0);
  CHECK(mmu_update(at, value, DOMID_SELF | 1u << 16) == -XEN_EPERM);
  CHECK(mmu_update(at, value, DOMID_SELF | 50u << 16) == -XEN_ESRCH);
  CHECK(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0, domain->id.value) == -XEN_ESRCH);
  CHECK(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0, 0) == -XEN_EPERM);
  CHECK(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0, 99) == -XEN_ESRCH);
  CHECK(tables().update_va_mapping(*domain, address(), value, 0, 99) == -XEN_ESRCH);
  CHECK(tables().update_va_mapping(*domain, address(), value, 0, 0) == -XEN_EPERM);
}

TEST_CASE_METHOD(Guest, "the machine-to-phys table is changed for the guest's own frames only") {
  CHECK(mmu_update(spare(0).address().value | MMU_MACHPHYS_UPDATE, 4711) == 0);
  CHECK(get<uint64_t>(MACH2PHYS_VIRT_START + spare(0).value * 8) == 4711);
  CHECK(mmu_update(uint64_t{0} | MMU_MACHPHYS_UPDATE, 1) == -XEN_EINVAL);
  const Mfn xen = *frames().allocate_for_xen(false);
  CHECK(mmu_update(xen.address().value | MMU_MACHPHYS_UPDATE, 1) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "pages are cleared and copied only where the guest could write") {
  REQUIRE(map(address(), value_of(spare(0), kReadWrite)) == 0);
  put<uint64_t>(address() + 8, 0x77);
  CHECK(mmuext(MMUEXT_COPY_PAGE, spare(1).value, spare(0).value) == 0);
  CHECK(memory->load<uint64_t>(spare(1).address() + 8) == 0x77);
  CHECK(mmuext(MMUEXT_CLEAR_PAGE, spare(0).value) == 0);
  CHECK(get<uint64_t>(address() + 8) == 0);
  const Mfn root = domain->vcpu.kernel_root;
  CHECK(mmuext(MMUEXT_CLEAR_PAGE, root.value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_COPY_PAGE, root.value, spare(0).value) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_COPY_PAGE, spare(0).value, root.value) == 0);
  CHECK(mmuext(MMUEXT_COPY_PAGE, spare(0).value, 0) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_COPY_PAGE, spare(0).value, spare(0).value) == 0);
}

TEST_CASE_METHOD(Guest, "flushes and what is left of mmuext_op") {
  uint64_t flushes = cpu->flushes;
  CHECK(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0) == 0);
  CHECK(mmuext(MMUEXT_TLB_FLUSH_ALL, 0) == 0);
  CHECK(cpu->flushes == flushes + 2);
  CHECK(mmuext(MMUEXT_INVLPG_LOCAL, 0x5123) == 0);
  CHECK(cpu->flushed_pages.back().value == 0x5000);
  put<uint64_t>(scratch_address(1), 1);
  flushes = cpu->flushes;
  CHECK(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, scratch_address(1)) == 0);
  CHECK(cpu->flushes == flushes + 1);
  put<uint64_t>(scratch_address(1), 2);
  CHECK(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, scratch_address(1)) == 0);
  CHECK(cpu->flushes == flushes + 1);
  CHECK(mmuext(MMUEXT_INVLPG_MULTI, 0, 0x40000000) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_FLUSH_CACHE, 0) == -XEN_EACCES);
  CHECK(mmuext(MMUEXT_FLUSH_CACHE_GLOBAL, 0) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_SET_LDT, 0x5000, 8192) == 0);
  CHECK(domain->vcpu.ldt_entries == 8192);
  CHECK(mmuext(MMUEXT_SET_LDT, 0x5000, 8193) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_SET_LDT, 0x5008, 1) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_SET_LDT, 0xffff800000000000ull, 1) == -XEN_EINVAL);
  CHECK(mmuext(MMUEXT_SET_LDT, 0x5008, 0) == 0);
  CHECK(mmuext(MMUEXT_MARK_SUPER, 0) == -XEN_EOPNOTSUPP);
  CHECK(mmuext(MMUEXT_UNMARK_SUPER, 0) == -XEN_EOPNOTSUPP);
  CHECK(mmuext(100, 0) == -XEN_ENOSYS);
}

TEST_CASE_METHOD(Guest, "update_va_mapping: flushes as asked, refuses what has no L1") {
  const uint64_t value = value_of(spare(0), kReadWrite);
  const auto update = [&](uint64_t at, uint64_t flags) {
    return tables().update_va_mapping(*domain, at, value, flags, DOMID_SELF);
  };
  uint64_t flushes = cpu->flushes;
  size_t pages_flushed = cpu->flushed_pages.size();
  CHECK(update(address(), UVMF_NONE) == 0);
  CHECK(cpu->flushes == flushes);
  CHECK(update(address(), UVMF_TLB_FLUSH | UVMF_ALL) == 0);
  CHECK(cpu->flushes == flushes + 1);
  CHECK(update(address(), UVMF_INVLPG | UVMF_LOCAL) == 0);
  CHECK(cpu->flushed_pages.size() == pages_flushed + 1);
  put<uint64_t>(scratch_address(1), 1);
  CHECK(update(address(), UVMF_INVLPG | scratch_address(1)) == 0);
  CHECK(cpu->flushed_pages.size() == pages_flushed + 2);
  CHECK(update(address(), UVMF_INVLPG | 0x40000000) == -XEN_EFAULT);
  CHECK(update(0x40000000, 0) == -XEN_EINVAL);
  CHECK(update(0x800000000000ull, 0) == -XEN_EINVAL);
  CHECK(update(MACH2PHYS_VIRT_START + spare(0).value * 8, 0) == -XEN_EINVAL);
}

TEST_CASE_METHOD(Guest, "descriptor tables are checked, and not writable while in use") {
  const Mfn gdt = spare(0);
  memory->store<uint64_t>(gdt.address() + 8, 0x00af9b000000ffffull);  // code, ring 0
  CHECK(tables().get_page_and_type(*domain, gdt, PageType::segment_descriptors) == 0);
  CHECK(memory->load<uint64_t>(gdt.address() + 8) == 0x00affb000000ffffull);  // ring 3 now
  CHECK(map(address(), value_of(gdt, kReadWrite)) == -XEN_EBUSY);
  CHECK(mmu_update(gdt.address().value, 0) == -XEN_EINVAL);
  tables().put_page_and_type(*domain, gdt);
  memory->store<uint64_t>(gdt.address() + 16, 0x0000890000000067ull);  // a TSS
  CHECK(tables().get_page_and_type(*domain, gdt, PageType::segment_descriptors) == -XEN_EINVAL);
  CHECK(info(gdt).ref_count == 1);
}

TEST_CASE_METHOD(Guest, "a list longer than Xen's patience is continued, not cut") {
  // 30,000 requests need more than one go. The SYSCALL lies at rip - 2.
  constexpr uint32_t kCount = 30000;
  const uint64_t list = 0x240000;
  const ::mmu_update_t request{entry_address(address(), 1).value, value_of(spare(0), kReadOnly)};
  for (uint32_t i = 0; i < kCount; ++i) put(list + i * sizeof request, request);
  put<uint16_t>(0x100, 0x050f);
  cpu->set_rip(0x102);
  cpu->set_general(Registers::rax, __HYPERVISOR_mmu_update);
  put<uint32_t>(scratch_address(1), 0);
  uint64_t at = list;
  uint32_t count = kCount;
  int64_t result = __HYPERVISOR_mmu_update;
  unsigned parts = 0;
  while (parts < 10) {
    ++parts;
    result = tables().mmu_update(*domain, {at}, count, {scratch_address(1)}, DOMID_SELF);
    if (result != __HYPERVISOR_mmu_update) break;
    REQUIRE(cpu->rip() == 0x100);
    cpu->set_rip(0x102);
    at = cpu->general(Registers::rdi);
    count = static_cast<uint32_t>(cpu->general(Registers::rsi));
    REQUIRE(cpu->general(Registers::rdx) == scratch_address(1));
  }
  CHECK(result == 0);
  CHECK(parts == 2);
  CHECK(get<uint32_t>(scratch_address(1)) == kCount);
}

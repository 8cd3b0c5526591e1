// HYPERVISOR_memory_op as a paravirtual domU gets it: partial results, hostile sizes and handles, refusals.
// And stores to page tables that Xen executes in the guest's stead.
#include "tests/unit/hv-model/pv_memory_fixture.h"

using namespace ringside;

namespace {

struct Guest : PvMemoryFixture {
  Mfn spare(unsigned index) { return frame_of_pfn(1100 + index); }
  uint64_t argument() const { return scratch_address(0); }
  uint64_t list() const { return scratch_address(1); }
  template <class T>
  int64_t call(uint64_t command, const T& value) {
    put(argument(), value);
    return tables().memory_op(*domain, command, {argument()});
  }
  int64_t reservation(uint64_t command, uint64_t extents, unsigned order = 0, uint64_t at = 0,
                      uint16_t of = DOMID_SELF, unsigned flags = 0) {
    xen_memory_reservation request{};
    request.extent_start.p = reinterpret_cast<xen_pfn_t*>(at != 0 ? at : list());
    request.nr_extents = extents;
    request.extent_order = order;
    request.domid = of;
    request.mem_flags = flags;
    return call(command, request);
  }
  void put_list(std::initializer_list<uint64_t> numbers) {
    uint64_t at = list();
    for (const uint64_t number : numbers) put(at, number), at += 8;
  }
  uint64_t owned() { return frames().owned_frames(domain->id); }
  ~Guest() { require_sound(); }
};

}  // namespace

TEST_CASE_METHOD(Guest, "memory given up is gone, and can be taken again up to the maximum") {
  const uint64_t before = owned();
  const Mfn first = spare(0), second = spare(1);
  put_list({first.value, second.value, first.value, spare(2).value});
  // The third is not the guest's any more: the list ends there.
  CHECK(reservation(XENMEM_decrease_reservation, 4) == 2);
  CHECK(owned() == before - 2);
  CHECK(info(first).owner == kOwnerNone);
  CHECK(tables().machine_to_phys(first) == ~uint64_t{0});
  put_list({5001, 5002, 5003});
  CHECK(reservation(XENMEM_populate_physmap, 3) == 2);
  CHECK(owned() == before);
  const Mfn fresh{get<uint64_t>(list())};
  CHECK(tables().machine_to_phys(fresh) == 5001);
  CHECK(get<uint64_t>(list() + 16) == 5003);
  CHECK(domain->owned_pages == before);
  CHECK(reservation(XENMEM_increase_reservation, 1) == 0);
  CHECK(tables().memory_op(*domain, XENMEM_current_reservation, {argument()}) == -XEN_ESRCH);
  CHECK(call<domid_t>(XENMEM_current_reservation, DOMID_SELF) == static_cast<int64_t>(before));
  CHECK(call<domid_t>(XENMEM_maximum_reservation, DOMID_SELF) == static_cast<int64_t>(before));
}

TEST_CASE_METHOD(Guest, "a frame that is still mapped lives on until the mapping goes") {
  const uint64_t address = scratch_address(4);
  const Mfn frame = frame_at(address);
  put<uint64_t>(address, 0x99);
  put_list({frame.value});
  CHECK(reservation(XENMEM_decrease_reservation, 1) == 1);
  CHECK(get<uint64_t>(address) == 0x99);
  CHECK(info(frame).ref_count == 1);
  CHECK(reservation(XENMEM_decrease_reservation, 1) == 1);
  CHECK(get<uint64_t>(address) == 0x99);
  CHECK(map(address, 0) == 0);
  CHECK(info(frame).owner == kOwnerNone);
}

TEST_CASE_METHOD(Guest, "page tables, shared_info and the rings of backends survive being given up") {
  const Mfn root = domain->vcpu.kernel_root;
  put_list({root.value, domain->shared_info.value, pages.console.value, domain->grants.frames.front().value});
  CHECK(reservation(XENMEM_decrease_reservation, 4) == 4);
  CHECK(reservation(XENMEM_decrease_reservation, 4) == 4);
  CHECK(info(root).type == PageType::l4);
  CHECK(info(domain->shared_info).owner == domain->id);
  CHECK(info(pages.console).owner == domain->id);
  CHECK(info(domain->grants.frames.front()).owner == domain->id);
}

TEST_CASE_METHOD(Guest, "extents of several frames are aligned") {
  std::vector<uint64_t> given;
  for (uint64_t i = 0; i < 8; ++i) put(list() + i * 8, spare(static_cast<unsigned>(i)).value);
  REQUIRE(reservation(XENMEM_decrease_reservation, 8) == 8);
  put_list({8000, 8004, 8008});
  CHECK(reservation(XENMEM_populate_physmap, 3, 2) == 2);
  const uint64_t run = get<uint64_t>(list());
  CHECK(run % 4 == 0);
  CHECK(tables().machine_to_phys({run + 3}) == 8003);
  CHECK(reservation(XENMEM_populate_physmap, 1, 10) == 0);
  CHECK(reservation(XENMEM_decrease_reservation, 1, 2) == 1);
}

TEST_CASE_METHOD(Guest, "hostile reservations do nothing, at once") {
  put_list({spare(0).value});
  const uint64_t before = owned();
  for (const uint64_t command :
       {XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap}) {
    CHECK(reservation(command, 1ull << 60) == 0);
    CHECK(reservation(command, ~uint64_t{0}) == 0);
    CHECK(reservation(command, 1, 0, 0xffff800000000000ull) == 0);
    CHECK(reservation(command, 1, 64) == 0);
    CHECK(reservation(command, 1, 0, 0, 0) == 0);
    CHECK(reservation(command, 1, 0, 0, 99) == 0);
    CHECK(tables().memory_op(*domain, command, {0x40000000}) == 0);
    // Progress that a continuation would hand in is given back.
    CHECK(tables().memory_op(*domain, command | 9ull << 6, {0x40000000}) == 9);
    CHECK(reservation(command | 9ull << 6, 5) == 9);
  }
  CHECK(reservation(XENMEM_decrease_reservation, 5, 0, 0x40000000) == 0);
  CHECK(reservation(XENMEM_populate_physmap, 1, 0, 0, DOMID_SELF, 8) == 0);
  CHECK(reservation(XENMEM_populate_physmap, 1, 0, 0, DOMID_SELF, XENMEMF_populate_on_demand) == 0);
  CHECK(owned() == before);
}

TEST_CASE_METHOD(Guest, "memory is exchanged frame by frame or as a run, and only what is free of use") {
  xen_memory_exchange request{};
  const uint64_t in = list(), out = scratch_address(2);
  request.in.extent_start.p = reinterpret_cast<xen_pfn_t*>(in);
  request.out.extent_start.p = reinterpret_cast<xen_pfn_t*>(out);
  request.in.domid = request.out.domid = DOMID_SELF;
  request.in.nr_extents = 4;
  request.out.nr_extents = 1;
  request.out.extent_order = 2;
  for (unsigned i = 0; i < 4; ++i) put(in + i * 8, spare(i * 3).value);
  put<uint64_t>(out, 9000);
  const uint64_t before = owned();
  CHECK(call(XENMEM_exchange, request) == 0);
  CHECK(get<xen_memory_exchange>(argument()).nr_exchanged == 4);
  const uint64_t run = get<uint64_t>(out);
  CHECK(run % 4 == 0);
  CHECK(tables().machine_to_phys({run + 2}) == 9002);
  CHECK(owned() == before);

  put(in, spare(20).value);
  put(in + 8, frame_at(scratch_address(7)).value);  // mapped
  request.in.nr_extents = 2;
  request.out.nr_extents = 2;
  request.out.extent_order = 0;
  CHECK(call(XENMEM_exchange, request) == -XEN_EINVAL);
  CHECK(get<xen_memory_exchange>(argument()).nr_exchanged == 1);
  request.in.nr_extents = 3;
  CHECK(call(XENMEM_exchange, request) == -XEN_EINVAL);
  request.in.nr_extents = request.out.nr_extents = ~uint64_t{0};
  request.in.extent_order = request.out.extent_order = 1;
  CHECK(call(XENMEM_exchange, request) == -XEN_EINVAL);
  request.in.extent_order = request.out.extent_order = 10;
  CHECK(call(XENMEM_exchange, request) == -XEN_EPERM);
  CHECK(tables().memory_op(*domain, XENMEM_exchange, {0x40000000}) == -XEN_EFAULT);
  // The same frame twice in one run.
  request.in.extent_order = 0;
  request.out.extent_order = 1;
  request.in.nr_extents = 2;
  request.out.nr_extents = 1;
  put(in, spare(22).value);
  put(in + 8, spare(22).value);
  CHECK(call(XENMEM_exchange, request) == -XEN_EINVAL);
  CHECK(info(spare(22)).owner == domain->id);
}

TEST_CASE_METHOD(Guest, "what a guest may ask about memory") {
  xen_memory_map map{};
  map.nr_entries = 10;
  map.buffer.p = reinterpret_cast<void*>(list());
  CHECK(call(XENMEM_memory_map, map) == 0);
  CHECK(get<xen_memory_map>(argument()).nr_entries == 1);
  CHECK(get<uint64_t>(list()) == 0);
  CHECK(get<uint64_t>(list() + 8) == kDomainBytes);
  CHECK(get<uint32_t>(list() + 16) == 1);
  xen_foreign_memory_map own{};
  own.domid = DOMID_SELF;
  own.map = map;
  own.map.nr_entries = 2;
  put<uint64_t>(list() + 20, 0x77);
  CHECK(call(XENMEM_set_memory_map, own) == 0);
  CHECK(call(XENMEM_memory_map, map) == 0);
  CHECK(get<xen_memory_map>(argument()).nr_entries == 2);
  own.map.nr_entries = 129;
  CHECK(call(XENMEM_set_memory_map, own) == -XEN_EINVAL);

  CHECK(call(XENMEM_machphys_mapping, uint64_t{0}) == 0);
  const auto mapping = get<xen_machphys_mapping>(argument());
  CHECK(mapping.v_start == 0xffff800000000000ull);
  CHECK(mapping.max_mfn == memory->first_frame().value + memory->frames() - 1);
  CHECK(tables().memory_op(*domain, XENMEM_maximum_ram_page, {0}) ==
        static_cast<int64_t>(mapping.max_mfn + 1));
  xen_machphys_mfn_list frames_list{};
  frames_list.max_extents = ~0u;
  frames_list.extent_start.p = reinterpret_cast<xen_pfn_t*>(list());
  CHECK(call(XENMEM_machphys_mfn_list, frames_list) == 0);
  CHECK(get<xen_machphys_mfn_list>(argument()).nr_extents == 5);
}

TEST_CASE_METHOD(Guest, "what a paravirtual domU is refused") {
  xen_add_to_physmap physmap{};
  physmap.domid = DOMID_SELF;
  physmap.space = XENMAPSPACE_shared_info;
  CHECK(call(XENMEM_add_to_physmap, physmap) == -XEN_EACCES);
  physmap.domid = 0;
  CHECK(call(XENMEM_add_to_physmap, physmap) == -XEN_EPERM);
  physmap.domid = 77;
  CHECK(call(XENMEM_add_to_physmap, physmap) == -XEN_ESRCH);
  xen_remove_from_physmap removal{};
  removal.domid = DOMID_SELF;
  removal.gpfn = 12345;
  CHECK(call(XENMEM_remove_from_physmap, removal) == -XEN_ENOENT);
  xen_vnuma_topology_info topology{};
  topology.domid = DOMID_SELF;
  CHECK(call(XENMEM_get_vnumainfo, topology) == -XEN_EOPNOTSUPP);
  CHECK(call(XENMEM_machine_memory_map, uint64_t{0}) == -XEN_EPERM);
  xen_pod_target target{};
  target.domid = DOMID_SELF;
  CHECK(call(XENMEM_set_pod_target, target) == -XEN_EPERM);
  xen_mem_acquire_resource resource{};
  resource.domid = DOMID_SELF;
  CHECK(call(XENMEM_acquire_resource, resource) == -XEN_EPERM);
  CHECK(reservation(24, 1, 0, 0) == -XEN_EINVAL);  // XENMEM_claim_pages with a list
  for (const uint64_t command : {8, 18, 19, 20, 21, 22, 30, 40, 63}) {
    CHECK(tables().memory_op(*domain, command, {argument()}) == -XEN_ENOSYS);
  }
}

namespace {

struct Writer : Guest {
  uint64_t table = 0;  // where the guest sees the L1 that maps its scratch pages
  uint64_t at = 0;     // the entry of scratch page 9, there
  Writer() {
    table = scratch_address(8);
    const Mfn l1 = frame_of(entry_address(kScratch, 1));
    REQUIRE(map(table, entry::make(l1, entry::kPresent | entry::kUser)) == 0);
    at = table + entry::slot(scratch_address(9), 1) * 8;
    domain->vm_assist = 1u << VMASST_TYPE_writable_pagetables;
  }
  bool execute(std::initializer_list<uint8_t> code, uint64_t address) {
    uint64_t to = 0x100;
    for (const uint8_t byte : code) put(to++, byte);
    cpu->set_rip(0x100);
    return tables().emulate_page_table_write(*domain, {address});
  }
};

}  // namespace

TEST_CASE_METHOD(Writer, "stores to an L1 are executed by Xen's rules") {
  const Mfn frame = spare(0);
  const uint64_t value = entry::make(frame, entry::kPresent | entry::kWritable);
  cpu->set_general(Registers::rax, value);
  CHECK(execute({0x48, 0x89, 0x07}, at));  // mov %rax, (%rdi)
  CHECK(cpu->rip() == 0x103);
  CHECK(frame_at(scratch_address(9)) == frame);
  CHECK(info(frame).type_count == 1);
  // mov %r9, 0x12345678(%rbx,%rcx,8)
  cpu->set_general(Registers::r9, entry::make(frame, entry::kPresent));
  CHECK(execute({0x4c, 0x89, 0x8c, 0xcb, 0x78, 0x56, 0x34, 0x12}, at));
  CHECK(cpu->rip() == 0x108);
  CHECK(info(frame).type_count == 0);
  const uint64_t stored = get<uint64_t>(at);
  // lock cmpxchg %rdx, (%rdi): first with another value than the one there.
  cpu->set_general(Registers::rdx, value);
  cpu->set_general(Registers::rax, 1);
  CHECK(execute({0xf0, 0x48, 0x0f, 0xb1, 0x17}, at));
  CHECK(cpu->general(Registers::rax) == stored);
  CHECK((cpu->registers().rflags & 0x40) == 0);
  CHECK(execute({0xf0, 0x48, 0x0f, 0xb1, 0x17}, at));
  CHECK((cpu->registers().rflags & 0x40) != 0);
  CHECK(info(frame).type_count == 1);
  // lock btr $1, (%rdi): takes the writable bit away; the carry flag tells that it was there.
  CHECK(execute({0xf0, 0x48, 0x0f, 0xba, 0x37, 0x01}, at));
  CHECK((cpu->registers().rflags & 1) != 0);
  CHECK(info(frame).type_count == 0);
  // xchg %rax, (%rdi) with zero: unmaps.
  cpu->set_general(Registers::rax, 0);
  CHECK(execute({0x48, 0x87, 0x07}, at));
  CHECK(info(frame).ref_count == 1);
  CHECK(entry::frame(cpu->general(Registers::rax)) == frame);
  // Parts of an entry: ds andb $0xfd, (%r12) is what Linux's patched `lock andb` becomes on one processor.
  cpu->set_general(Registers::rax, value);
  CHECK(execute({0x48, 0x89, 0x07}, at));
  CHECK(execute({0x3e, 0x41, 0x80, 0x24, 0x24, 0xfd}, at));
  CHECK(cpu->rip() == 0x106);
  CHECK(info(frame).type_count == 0);
  CHECK(get<uint64_t>(at) == stored);
  // xchg %cx, 2(%rdi) and %ch, which is not decoded.
  cpu->set_general(Registers::rcx, 0xaaaaaaaaaaaa0000 | (stored >> 16 & 0xffff));
  CHECK(execute({0x66, 0x87, 0x4f, 0x02}, at + 2));
  CHECK(cpu->general(Registers::rcx) == (0xaaaaaaaaaaaa0000 | (stored >> 16 & 0xffff)));
  CHECK_FALSE(execute({0x86, 0x2f}, at));
  // movl $0, 4(%rdi): the upper half alone, of an entry that is not present.
  cpu->set_general(Registers::rax, 0);
  CHECK(execute({0x48, 0x87, 0x07}, at));
  CHECK(execute({0xc7, 0x47, 0x04, 0, 0, 0, 0}, at + 4));
  CHECK(cpu->rip() == 0x107);
}

TEST_CASE_METHOD(Writer, "a store that would break the rules stays a page fault") {
  const uint64_t before = get<uint64_t>(at);
  const auto refused = [&](uint64_t value) {
    cpu->set_general(Registers::rax, value);
    return !execute({0x48, 0x89, 0x07}, at) && cpu->rip() == 0x100 && get<uint64_t>(at) == before;
  };
  CHECK(refused(entry::make(frame_of(entry_address(kScratch, 1)), entry::kPresent | entry::kWritable)));
  CHECK(refused(entry::make({0}, entry::kPresent)));
  CHECK(refused(entry::make(spare(0), entry::kPresent | entry::kCacheDisable)));
  const uint64_t good = entry::make(spare(0), entry::kPresent);
  cpu->set_general(Registers::rax, good);
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, at + 1));                     // misaligned
  CHECK_FALSE(execute({0x48, 0x01, 0x07}, at));                         // add: not decoded
  CHECK_FALSE(execute({0x48, 0x89, 0xc7}, at));                         // no memory operand
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, scratch_address(9)));         // not mapped read-only
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, 0x40000000));                 // not mapped
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, read_start_info().pt_base));  // an L4
  domain->vcpu.kernel_mode = false;
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, at));
  domain->vcpu.kernel_mode = true;
  domain->vm_assist = 0;
  CHECK_FALSE(execute({0x48, 0x89, 0x07}, at));
  CHECK(get<uint64_t>(at) == before);
}

TEST_CASE_METHOD(Guest, "grant mappings take the place of entries, and give it back only whole") {
  Domain& other = hypervisor->create_domain();
  const Mfn foreign = *frames().allocate(other.id);
  const uint64_t address = scratch_address(6);
  const Mfn before = frame_at(address);
  REQUIRE(frames().get_writable_page(foreign, other.id));
  CHECK(tables().install_grant_mapping(*domain, address, GNTMAP_host_map, foreign, true) == GNTST_okay);
  CHECK(frame_at(address) == foreign);
  CHECK(info(before).ref_count == 1);
  require_sound();
  CHECK(tables().install_grant_mapping(*domain, 0x40000000, GNTMAP_host_map, foreign, true) ==
        GNTST_general_error);
  const uint32_t read_only = GNTMAP_host_map | GNTMAP_readonly;
  CHECK(tables().remove_grant_mapping(*domain, address, read_only, foreign, 0) == GNTST_general_error);
  CHECK(tables().remove_grant_mapping(*domain, address, GNTMAP_host_map, before, 0) == GNTST_general_error);
  CHECK(tables().remove_grant_mapping(*domain, address, GNTMAP_host_map, foreign, address) ==
        GNTST_general_error);
  CHECK(tables().remove_grant_mapping(*domain, address, GNTMAP_host_map, foreign, scratch_address(7)) ==
        GNTST_okay);
  CHECK_FALSE(cpu->translate({scratch_address(7)}, Access::read).has_value());
  frames().put_type(foreign);
  frames().put_page(foreign);
  // At the machine address of an entry, which must be one of an L1 of the guest's.
  const uint64_t entry_at = entry_address(address, 1).value;
  REQUIRE(frames().get_page(foreign, other.id));
  const uint32_t by_entry = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly;
  CHECK(tables().install_grant_mapping(*domain, entry_at + 1, by_entry, foreign, false) ==
        GNTST_general_error);
  CHECK(tables().install_grant_mapping(*domain, spare(0).address().value, by_entry, foreign, false) ==
        GNTST_general_error);
  CHECK(tables().install_grant_mapping(*domain, entry_at, by_entry, foreign, false) == GNTST_okay);
  CHECK_FALSE(cpu->translate({address}, Access::write).has_value());
  CHECK(tables().remove_grant_mapping(*domain, entry_at, by_entry, foreign, address) == GNTST_general_error);
  CHECK(tables().remove_grant_mapping(*domain, entry_at, by_entry, foreign, 0) == GNTST_okay);
  frames().put_page(foreign);
}

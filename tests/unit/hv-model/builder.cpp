// What a guest finds at its first instruction: public/xen.h, "start-of-day memory layout".
#include "hv-model/pv/hypercall_page.h"
#include "tests/unit/hv-model/pv_memory_fixture.h"

using namespace ringside;

namespace {

constexpr uint64_t kLinuxBase = 0xffffffff80000000ull;

ElfSpec linux_like() {
  ElfSpec spec = small_xen_kernel();
  std::vector<uint8_t> code(0x2000);
  for (size_t i = 0; i < code.size(); ++i) code[i] = static_cast<uint8_t>(i * 7);
  spec.segments = {{kLinuxBase + 0x100000, 0x100000, code, 0x5000}};
  spec.notes[3] = number_note(kNoteVirtBase, kLinuxBase);
  spec.notes.push_back(number_note(kNoteEntry, kLinuxBase + 0x100010));
  spec.notes.push_back(number_note(kNoteHypercallPage, kLinuxBase + 0x101000));
  spec.notes.push_back(number_note(kNoteInitP2m, 0x8000000000));
  spec.notes.push_back(number_note(kNoteModStartPfn, 1));
  return spec;
}

Result<PvDomainPages> try_build(const ElfSpec& spec, uint64_t bytes, const std::string& command_line = "") {
  Clock clock;
  EventQueue events;
  Wiring wiring(clock, events);
  auto memory = std::move(*Memory::create({1ull << 32}, 16 << 20));
  Hypervisor hypervisor(HypervisorConfig{}, *memory, clock, events, wiring);
  Domain& domain = hypervisor.create_domain();
  FakeCpu cpu(*memory);
  domain.cpu = &cpu;
  const std::vector<uint8_t> kernel = make_elf(spec);
  PvBuildRequest request{"boot/kernel", kernel, {}, command_line, bytes};
  return build_pv_domain(hypervisor, domain, request);
}

}  // namespace

TEST_CASE("registers and start_info at the first instruction") {
  PvMemoryFixture guest;
  const Registers registers = guest.cpu->registers();
  CHECK(registers.rip == 0);
  CHECK(registers.cs == 0xe033);
  CHECK(registers.ss == 0xe02b);
  CHECK((registers.rflags & 0x200) != 0);
  CHECK(guest.cpu->page_table_root() == guest.domain->vcpu.kernel_root.address());

  const start_info start = guest.read_start_info();
  CHECK(std::string(start.magic) == "xen-3.0-x86_64");
  CHECK(start.nr_pages == PvMemoryFixture::kDomainBytes / 4096);
  CHECK(start.shared_info == guest.domain->shared_info.address().value);
  CHECK(start.flags == 0);
  CHECK(start.store_mfn == guest.pages.xenstore.value);
  CHECK(start.store_evtchn == guest.pages.xenstore_port.value);
  CHECK(start.console.domU.mfn == guest.pages.console.value);
  CHECK(start.console.domU.evtchn == guest.pages.console_port.value);
  CHECK(std::string(reinterpret_cast<const char*>(start.cmd_line)) == "console=hvc0 one=two");
  CHECK(start.mod_len == 0);

  // The order of the elements: kernel, list, start_info, XenStore, console, page tables, stack.
  CHECK(start.mfn_list == 0x1000);
  CHECK(registers.general[Registers::rsi] == 0x5000);
  CHECK(guest.frame_at(0x6000) == guest.pages.xenstore);
  CHECK(guest.frame_at(0x7000) == guest.pages.console);
  CHECK(start.pt_base == 0x8000);
  CHECK(guest.frame_at(start.pt_base) == guest.domain->vcpu.kernel_root);
  CHECK(start.nr_pt_frames == 5);
  CHECK(registers.general[Registers::rsp] == start.pt_base + (start.nr_pt_frames + 1) * 4096);
  // At least 512 KiB behind the stack, up to a multiple of 4 MiB.
  CHECK(guest.cpu->translate({0x3fffff}, Access::write).has_value());
  CHECK_FALSE(guest.cpu->translate({0x400000}, Access::read).has_value());
}

TEST_CASE("the p2m list and the M2P are each other's inverse, and no frame has its own number") {
  PvMemoryFixture guest;
  for (uint64_t pfn = 0; pfn < PvMemoryFixture::kDomainBytes / 4096; ++pfn) {
    const Mfn frame = guest.frame_of_pfn(pfn);
    REQUIRE(frame.value != pfn);
    REQUIRE(guest.tables().machine_to_phys(frame) == pfn);
    REQUIRE(guest.info(frame).owner == guest.domain->id);
  }
  // The guest reads the table through its own page tables, and cannot write it.
  const Mfn frame = guest.frame_of_pfn(77);
  const uint64_t entry_address = MACH2PHYS_VIRT_START + frame.value * 8;
  CHECK(guest.get<uint64_t>(entry_address) == 77);
  CHECK_FALSE(guest.cpu->translate({entry_address}, Access::write).has_value());
  CHECK(guest.tables().machine_to_phys(guest.domain->shared_info) == ~uint64_t{0});
}

TEST_CASE("page tables of the start are typed as if the guest had pinned them") {
  PvMemoryFixture guest;
  guest.require_sound();
  const start_info start = guest.read_start_info();
  for (uint64_t i = 0; i < start.nr_pt_frames; ++i) {
    const Mfn frame = guest.frame_at(start.pt_base + i * 4096);
    const PageInfo& info = guest.info(frame);
    CHECK(entry::level_of(info.type) == (i == 0 ? 4 : i == 1 ? 3 : i == 2 ? 2 : 1));
    CHECK(info.validated);
    CHECK(info.pinned == (i == 0));
    CHECK(info.type_count == (i == 0 ? 2 : 1));
    CHECK_FALSE(guest.cpu->translate({start.pt_base + i * 4096}, Access::write).has_value());
  }
  const uint64_t value = guest.entry_value(0x3000, 1);
  CHECK((value & (entry::kUser | entry::kGuestKernel)) == (entry::kUser | entry::kGuestKernel));
}

TEST_CASE("shared_info masks upcalls") {
  PvMemoryFixture guest;
  shared_info shared{};
  guest.memory->read(guest.domain->shared_info.address(), &shared, sizeof shared);
  CHECK(shared.vcpu_info[0].evtchn_upcall_mask == 1);
  CHECK(shared.vcpu_info[0].evtchn_upcall_pending == 0);
  CHECK(guest.pages.xenstore_port != guest.pages.console_port);
}

TEST_CASE("a kernel like Linux: high base, hypercall page, list elsewhere, unmapped ramdisk") {
  std::vector<uint8_t> ramdisk(10000);
  for (size_t i = 0; i < ramdisk.size(); ++i) ramdisk[i] = static_cast<uint8_t>(i * 13);
  PvMemoryFixture guest(linux_like(), 16 << 20, ramdisk);
  guest.require_sound();
  const start_info start = guest.read_start_info();
  CHECK(guest.cpu->rip() == kLinuxBase + 0x100010);
  CHECK(guest.get<uint8_t>(kLinuxBase + 0x100003) == 21);
  CHECK(guest.get<uint8_t>(kLinuxBase + 0x103000) == 0);
  CHECK(start.mfn_list == 0x8000000000);
  CHECK(start.nr_p2m_frames == 4 + 3);  // the list, and its L3, L2 and L1
  CHECK(guest.frame_at(0x8000000000) == guest.frame_of_pfn(start.first_p2m_pfn));
  CHECK(start.flags == SIF_MOD_START_PFN);
  CHECK(start.mod_len == 10000);
  uint8_t last = 0;
  guest.memory->read(guest.frame_of_pfn(start.mod_start + 2).address() + (9999 - 8192), &last, 1);
  CHECK(last == static_cast<uint8_t>(9999 * 13));

  // push %rcx; push %r11; mov $1, %eax; syscall; pop %r11; pop %rcx; ret
  const uint8_t stub[] = {0x51, 0x41, 0x53, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};
  uint8_t found[sizeof stub];
  REQUIRE(guest.cpu->read_virtual({kLinuxBase + 0x101000 + 32}, found, sizeof found));
  CHECK(std::memcmp(found, stub, sizeof stub) == 0);
  const uint8_t iret[] = {0x51, 0x41, 0x53, 0x50, 0xb8, 23, 0, 0, 0, 0x0f, 0x05};
  CHECK(std::memcmp(make_hypercall_page().data() + 23 * 32, iret, sizeof iret) == 0);
}

TEST_CASE("a mapped ramdisk lies behind the kernel") {
  std::vector<uint8_t> ramdisk(5000, 0xab);
  PvMemoryFixture guest(small_xen_kernel(), 16 << 20, ramdisk);
  const start_info start = guest.read_start_info();
  CHECK(start.mod_start == 0x1000);
  CHECK(start.mod_len == 5000);
  CHECK(start.mfn_list == 0x3000);
  CHECK(guest.get<uint8_t>(0x1000 + 4999) == 0xab);
  CHECK(guest.get<uint8_t>(0x1000 + 5000) == 0);
}

TEST_CASE("a domain that cannot be built says why") {
  using Catch::Matchers::Contains;
  CHECK(try_build(small_xen_kernel(), 8 << 20).has_value());
  CHECK_THAT(try_build(small_xen_kernel(), 2 << 20).error().message, Contains("raise `memory`"));
  CHECK_THAT(try_build(small_xen_kernel(), 0).error().message, Contains("raise `memory`"));
  CHECK_THAT(try_build(small_xen_kernel(), 64 << 20).error().message, Contains("too little"));
  CHECK_THAT(try_build(small_xen_kernel(), (8 << 20) + 1).error().message, Contains("multiple"));
  CHECK_THAT(try_build(small_xen_kernel(), 8 << 20, std::string(1024, 'x')).error().message,
             Contains("1023"));
  ElfSpec huge = small_xen_kernel();
  huge.segments[0].memory_size = 1ull << 40;
  CHECK_THAT(try_build(huge, 8 << 20).error().message, Contains("raise `memory`"));
  // Xen's own part of the address space, the hole of non-canonical addresses, and the end of it all.
  for (const uint64_t base : {0xffff800000000000ull, 0x800000000000ull, 0xffff87fffff00000ull,
                              0x7fffffff0000ull, 0xffffffffffff0000ull}) {
    ElfSpec spec = small_xen_kernel();
    spec.segments[0].virtual_address = base;
    spec.notes[3] = number_note(kNoteVirtBase, base);
    spec.entry = base;
    CHECK_THAT(try_build(spec, 8 << 20).error().message, Contains("not free"));
  }
  ElfSpec overlap = linux_like();
  overlap.notes[6] = number_note(kNoteInitP2m, kLinuxBase + 0x200000);
  CHECK_THAT(try_build(overlap, 8 << 20).error().message, Contains("p2m list"));
  overlap.notes[6] = number_note(kNoteInitP2m, 0xffff800000000000ull);
  CHECK_THAT(try_build(overlap, 8 << 20).error().message, Contains("p2m list"));
}

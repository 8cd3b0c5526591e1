// A paravirtual domain with a small kernel, built by the real builder, around a core without an emulator.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "hv-model/mm/invariants.h"
#include "hv-model/mm/page_tables_impl.h"
#include "hv-model/pv/builder.h"
#include "tests/support/elf_file.h"
#include "tests/support/fake_cpu.h"

namespace ringside {

struct PvMemoryFixture {
  static constexpr uint64_t kBase = 4ull << 30;
  static constexpr uint64_t kDomainBytes = 8ull << 20;

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  std::unique_ptr<Memory> memory;
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<FakeCpu> cpu;
  Domain* domain = nullptr;
  PvDomainPages pages;
  std::vector<uint8_t> kernel;

  explicit PvMemoryFixture(const ElfSpec& spec = small_xen_kernel(), uint64_t machine_bytes = 16ull << 20,
                           std::span<const uint8_t> ramdisk = {}) {
    memory = std::move(*Memory::create({kBase}, machine_bytes));
    hypervisor = std::make_unique<Hypervisor>(HypervisorConfig{}, *memory, clock, events, wiring);
    hypervisor->page_tables.create_machine_to_phys();
    domain = &hypervisor->create_domain();
    cpu = std::make_unique<FakeCpu>(*memory, &clock);
    domain->cpu = cpu.get();
    kernel = make_elf(spec);
    PvBuildRequest request;
    request.kernel_name = "test kernel";
    request.kernel = kernel;
    request.ramdisk = ramdisk;
    request.command_line = "console=hvc0 one=two";
    request.memory_bytes = kDomainBytes;
    auto built = build_pv_domain(*hypervisor, *domain, request);
    if (!built) FAIL(built.error().message);
    pages = *built;
  }

  FrameTable& frames() { return hypervisor->frames; }
  PageTables& tables() { return hypervisor->page_tables; }
  const PageInfo& info(Mfn frame) { return *frames().find(frame); }

  // The frame that a start-of-day address is mapped to.
  Mfn frame_at(uint64_t address) {
    const auto physical = cpu->translate({address}, Access::read);
    REQUIRE(physical.has_value());
    return frame_of(*physical);
  }
  // The frame of a pfn, by the list in start_info.
  Mfn frame_of_pfn(uint64_t pfn) {
    start_info start{};
    REQUIRE(cpu->read_virtual({cpu->general(Registers::rsi)}, &start, sizeof start));
    uint64_t frame = 0;
    REQUIRE(cpu->read_virtual({start.mfn_list + pfn * 8}, &frame, sizeof frame));
    return {frame};
  }
  start_info read_start_info() {
    start_info start{};
    REQUIRE(cpu->read_virtual({cpu->general(Registers::rsi)}, &start, sizeof start));
    return start;
  }
  // The entry of that level which maps an address, and where it is.
  GuestPhys entry_address(uint64_t address, unsigned level) {
    Mfn table = domain->vcpu.kernel_root;
    for (unsigned at = 4; at > level; --at) {
      table = entry::frame(memory->load<uint64_t>(table.address() + entry::slot(address, at) * 8));
    }
    return table.address() + entry::slot(address, level) * 8;
  }
  uint64_t entry_value(uint64_t address, unsigned level) {
    return memory->load<uint64_t>(entry_address(address, level));
  }
  int64_t map(uint64_t address, uint64_t value) {
    return tables().update_va_mapping(*domain, address, value, UVMF_INVLPG | UVMF_LOCAL, DOMID_SELF);
  }
  // A page of the start-of-day region, mapped writable and not used by anything: above the boot stack.
  static constexpr uint64_t kScratch = 0x200000;
  uint64_t scratch_address(unsigned index) const { return kScratch + index * kPageSize; }

  template <class T>
  void put(uint64_t address, const T& value) {
    REQUIRE(cpu->write_virtual({address}, &value, sizeof value));
  }
  template <class T>
  T get(uint64_t address) {
    T value{};
    REQUIRE(cpu->read_virtual({address}, &value, sizeof value));
    return value;
  }
  int64_t mmu_update(uint64_t pointer, uint64_t value, uint32_t foreign = DOMID_SELF) {
    put(scratch_address(0), ::mmu_update_t{pointer, value});
    return tables().mmu_update(*domain, {scratch_address(0)}, 1, {0}, foreign);
  }
  int64_t mmuext(uint32_t command, uint64_t first, uint64_t second = 0, uint32_t foreign = DOMID_SELF) {
    ::mmuext_op_t operation{};
    operation.cmd = command;
    operation.arg1.mfn = first;
    operation.arg2.src_mfn = second;
    put(scratch_address(0), operation);
    return tables().mmuext_op(*domain, {scratch_address(0)}, 1, {0}, foreign);
  }
  void require_sound() {
    const auto violations = memory_violations(*hypervisor);
    if (!violations.empty()) FAIL(violations.front());
  }
};

}  // namespace ringside

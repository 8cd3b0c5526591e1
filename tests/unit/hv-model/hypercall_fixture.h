// A PV domain that makes hypercalls with arguments in its own memory.
#pragma once

#include "hv-model/vcpu_state.h"
#include "sim/random.h"
#include "tests/unit/hv-model/pv_memory_fixture.h"

namespace ringside {

struct HypercallFixture : PvMemoryFixture {
  static constexpr uint64_t kArgument = kScratch + 8 * kPageSize;  // where arguments are put
  static constexpr uint64_t kUnmapped = 0x7000'0000'0000;
  static constexpr uint64_t kXens = 0xffff'8200'0000'0000;  // Xen's part of the address space

  int64_t call(uint64_t number, uint64_t a = 0, uint64_t b = 0, uint64_t c = 0, uint64_t d = 0) {
    return hypervisor->hypercall(*domain, number, {a, b, c, d, 0, 0}).value;
  }
  // An operation whose argument is one structure in guest memory, read back afterwards.
  template <class T>
  int64_t operate(uint64_t number, uint64_t command, T& argument) {
    put(kArgument, argument);
    const int64_t result = call(number, command, kArgument);
    argument = get<T>(kArgument);
    return result;
  }
  template <class T>
  int64_t event_op(uint32_t command, T& argument) {
    return operate(__HYPERVISOR_event_channel_op, command, argument);
  }
  // One element of a grant operation.
  template <class T>
  int64_t grant_op(uint32_t command, T& argument) {
    put(kArgument, argument);
    const int64_t result = call(__HYPERVISOR_grant_table_op, command, kArgument, 1);
    argument = get<T>(kArgument);
    return result;
  }
  template <class T>
  int64_t vcpu_op(uint32_t command, T& argument) {
    put(kArgument, argument);
    const int64_t result = call(__HYPERVISOR_vcpu_op, command, 0, kArgument);
    argument = get<T>(kArgument);
    return result;
  }

  GuestPhys shared(size_t field) const { return domain->shared_info.address() + field; }
  bool bit(size_t field, uint32_t number) const {
    return memory->load<uint64_t>(shared(field) + number / 64 * 8) >> number % 64 & 1;
  }
  void set_bit(size_t field, uint32_t number, bool on) {
    const GuestPhys word = shared(field) + number / 64 * 8;
    const uint64_t mask = uint64_t{1} << number % 64;
    memory->store<uint64_t>(word, (memory->load<uint64_t>(word) & ~mask) | (on ? mask : 0));
  }
  bool pending(uint32_t port) const { return bit(offsetof(shared_info, evtchn_pending), port); }
  void set_masked(uint32_t port, bool on) { set_bit(offsetof(shared_info, evtchn_mask), port, on); }
  vcpu_info info_now() const { return memory->load<vcpu_info>(vcpu_info_address(*domain)); }
  void clear_events() {
    vcpu_info info = info_now();
    info.evtchn_upcall_pending = 0;
    info.evtchn_pending_sel = 0;
    memory->store(vcpu_info_address(*domain), info);
    for (uint32_t word = 0; word < 64; ++word) {
      memory->store<uint64_t>(shared(offsetof(shared_info, evtchn_pending)) + word * 8, 0);
    }
  }
  // Lets time pass, with all that happens meanwhile.
  void advance(Tick by) {
    const Tick until = clock.now + by;
    while (events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = until;
  }

  grant_entry_v1 entry_of(uint32_t ref) {
    return memory->load<grant_entry_v1>(domain->grants.frames[ref / 512].address() + ref % 512 * 8);
  }
  void grant(uint32_t ref, uint16_t to, Mfn frame, uint16_t flags = GTF_permit_access) {
    const grant_entry_v1 entry{flags, to, static_cast<uint32_t>(frame.value)};
    memory->store(domain->grants.frames[ref / 512].address() + ref % 512 * 8, entry);
  }
};

}  // namespace ringside

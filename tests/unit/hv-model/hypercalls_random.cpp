// 200,000 hypercalls of a hostile guest: valid handles kept and used again, pointers of every kind, and
// counts that nobody would use. All frame counts are recomputed now and then. It cannot find what a
// processor's own accesses would break: the core is a fake one. A failure prints the seed and the call.
#include <map>

#include "hv-model/hypercalls/table.h"
#include "hv-model/pv/pv_guest.h"
#include "tests/unit/hv-model/hypercall_fixture.h"

using namespace ringside;

namespace {

class Attacker : public HypercallFixture {
 public:
  void run(uint64_t seed, uint32_t calls) {
    random_ = Random(seed);
    for (uint32_t done = 0; done < calls; ++done) {
      INFO("seed " << seed << ", before call " << done << ", after " << last_);
      const auto [number, arguments] = invent();
      INFO("seed " << seed << ", call " << done << ": hypercall " << number);
      const int64_t result = hypervisor->hypercall(*domain, number, arguments).value;
      last_ = number << 32 | (arguments[0] & 0xffffffff);
      remember(number, static_cast<uint32_t>(arguments[0]), result);
      if (done % 50 == 0) advance(microseconds(random_.below(300)));
      domain->end.reset();
      domain->shutdown_code.reset();
      wake(*hypervisor, *domain);
      if (done % 10000 == 9999) require_sound();
    }
    require_sound();
  }

  std::map<std::pair<uint64_t, uint32_t>, std::array<uint32_t, 2>>
      outcomes;  // by operation: failed, succeeded

 private:
  uint64_t any_pointer() {
    switch (random_.below(12)) {
      case 0: return kUnmapped;
      case 1: return kXens;
      case 2: return kArgument + kPageSize - random_.below(64);
      case 3: return random_.next();
      case 4: return 0;
      default: return kArgument;
    }
  }
  uint64_t any_frame() {
    switch (random_.below(8)) {
      case 0: return random_.next() >> random_.below(64);
      case 1: return domain->vcpu.kernel_root.value;
      case 2: return domain->shared_info.value;
      case 3: return domain->grants.frames[0].value;
      default: return memory->first_frame().value + random_.below(memory->frames());
    }
  }
  uint32_t small() { return static_cast<uint32_t>(random_.one_in(8) ? random_.next() : random_.below(24)); }
  uint16_t any_domain() {
    switch (random_.below(5)) {
      case 0: return 0;
      case 1: return static_cast<uint16_t>(random_.next());
      case 2: return domain->id.value;
      default: return DOMID_SELF;
    }
  }

  void put_argument(uint64_t number, uint32_t command) {
    std::array<uint8_t, 256> noise;
    for (uint8_t& byte : noise) byte = static_cast<uint8_t>(random_.below(random_.one_in(3) ? 256 : 4));
    put(kArgument, noise);
    if (number == __HYPERVISOR_event_channel_op) return put_event(command);
    if (number == __HYPERVISOR_grant_table_op) return put_grant(command);
    if (number == __HYPERVISOR_sched_op && command == SCHEDOP_poll) {
      sched_poll poll{};
      poll.ports.p = reinterpret_cast<evtchn_port_t*>(random_.one_in(4) ? any_pointer() : kArgument + 64);
      poll.nr_ports = small();
      poll.timeout = random_.below(1'000'000);
      return put(kArgument, poll);
    }
    if (number == __HYPERVISOR_vcpu_op && command == VCPUOP_register_vcpu_info) {
      return put(kArgument,
                 vcpu_register_vcpu_info{any_frame(), static_cast<uint32_t>(random_.below(65)) * 64, 0});
    }
    if (number == __HYPERVISOR_set_gdt)
      return put(kArgument, std::array<uint64_t, 2>{any_frame(), any_frame()});
    if (number == __HYPERVISOR_multicall) {
      for (size_t i = 0; i < 4; ++i) {
        multicall_entry entry{};
        entry.op = tame(random_.below(44));
        for (auto& argument : entry.args) argument = random_.one_in(2) ? any_pointer() : small();
        put(kArgument + i * sizeof entry, entry);
      }
    }
  }

  void put_event(uint32_t command) {
    const uint32_t port = small();
    switch (command) {
      case EVTCHNOP_alloc_unbound:
        return put(kArgument, evtchn_alloc_unbound{
                                  any_domain(), random_.one_in(2) ? uint16_t{DOMID_SELF} : any_domain(), 0});
      case EVTCHNOP_bind_interdomain:
        return put(kArgument, evtchn_bind_interdomain{any_domain(), 1 + port % 24, 0});
      case EVTCHNOP_bind_virq:
        return put(kArgument, evtchn_bind_virq{small(), static_cast<uint32_t>(random_.below(2)), 0});
      case EVTCHNOP_bind_ipi:
        return put(kArgument, evtchn_bind_ipi{static_cast<uint32_t>(random_.below(2)), 0});
      case EVTCHNOP_status: return put(kArgument, evtchn_status{any_domain(), port, 0, 0, {}});
      case EVTCHNOP_bind_vcpu:
        return put(kArgument, evtchn_bind_vcpu{port, static_cast<uint32_t>(random_.below(2))});
      case EVTCHNOP_reset:
        return put(kArgument, evtchn_reset{random_.one_in(16) ? uint16_t{DOMID_SELF} : uint16_t{0}});
      default: return put(kArgument, port);
    }
  }

  void put_grant(uint32_t command) {
    const uint32_t ref = small();
    if (ref < 512)
      grant(ref, domain->id.value, {any_frame()},
            static_cast<uint16_t>(random_.below(4) | random_.below(2) << 2));
    const uint64_t address = scratch_address(20 + static_cast<unsigned>(random_.below(8)));
    switch (command) {
      case GNTTABOP_map_grant_ref:
        return put(kArgument,
                   gnttab_map_grant_ref{.host_addr = address,
                                        .flags = GNTMAP_host_map | static_cast<uint32_t>(random_.below(8)),
                                        .ref = ref,
                                        .dom = domain->id.value});
      case GNTTABOP_unmap_grant_ref:
        return put(kArgument, gnttab_unmap_grant_ref{.host_addr = address_of(last_handle_, address),
                                                     .handle = last_handle_});
      case GNTTABOP_unmap_and_replace:
        return put(kArgument, gnttab_unmap_and_replace{.host_addr = address_of(last_handle_, address),
                                                       .new_addr = address,
                                                       .handle = last_handle_});
      case GNTTABOP_copy: {
        gnttab_copy copy{};
        copy.flags = static_cast<uint16_t>(random_.below(4));
        const auto fill = [&](auto& end, bool by_grant) {
          end.domid = by_grant ? domain->id.value : any_domain();
          if (by_grant)
            end.u.ref = ref;
          else
            end.u.gmfn = any_frame();
          end.offset = static_cast<uint16_t>(random_.below(4200));
        };
        fill(copy.source, copy.flags & GNTCOPY_source_gref);
        fill(copy.dest, copy.flags & GNTCOPY_dest_gref);
        copy.len = static_cast<uint16_t>(random_.below(600));
        // A copy over a page of the test's own would only confuse the test.
        if (!(copy.flags & GNTCOPY_dest_gref)) copy.dest.u.gmfn = frame_at(scratch_address(30)).value;
        if (copy.flags & GNTCOPY_dest_gref) grant(ref & 511, domain->id.value, frame_at(scratch_address(30)));
        return put(kArgument, copy);
      }
      case GNTTABOP_transfer:
        return put(kArgument, gnttab_transfer{any_frame() | 1ull << 60, any_domain(), ref, 0});
      case GNTTABOP_setup_table: {
        gnttab_setup_table setup{.dom = any_domain(), .nr_frames = small()};
        setup.frame_list.p = reinterpret_cast<xen_pfn_t*>(scratch_address(31));
        return put(kArgument, setup);
      }
      case GNTTABOP_swap_grant_ref: return put(kArgument, gnttab_swap_grant_ref{ref, small(), 0});
      default: return;
    }
  }
  uint64_t address_of(uint32_t handle, uint64_t otherwise) const {
    const auto found = domain->grants.mappings.find(handle);
    return found == domain->grants.mappings.end() ? otherwise : found->second.host_address;
  }

  // Page tables have a test of their own; here they would take the arguments' page away.
  static uint64_t tame(uint64_t number) {
    switch (number) {
      case __HYPERVISOR_mmu_update:
      case __HYPERVISOR_update_va_mapping:
      case __HYPERVISOR_update_va_mapping_otherdomain:
      case __HYPERVISOR_mmuext_op:
      case __HYPERVISOR_memory_op:
      case __HYPERVISOR_iret: return __HYPERVISOR_xen_version;
      default: return number;
    }
  }

  std::pair<uint64_t, std::array<uint64_t, 6>> invent() {
    static constexpr uint64_t kFavourites[] = {__HYPERVISOR_event_channel_op, __HYPERVISOR_grant_table_op,
                                               __HYPERVISOR_sched_op, __HYPERVISOR_vcpu_op};
    uint64_t number = random_.one_in(2) ? kFavourites[random_.below(4)] : random_.below(44);
    number = tame(number);
    const uint32_t command = static_cast<uint32_t>(random_.one_in(20) ? random_.next() : random_.below(16));
    put_argument(number, command);
    std::array<uint64_t, 6> arguments{command, any_pointer(), 1, 0, 0, 0};
    const HypercallEntry* entry = find_hypercall(number);
    if (!entry || entry->command_argument < 0)
      arguments = {any_pointer(), small(), any_pointer(), small(), 0, 0};
    if (number == __HYPERVISOR_vcpu_op) arguments = {command, random_.below(20) == 0, any_pointer(), 0, 0, 0};
    if (number == __HYPERVISOR_set_segment_base) arguments[1] = random_.next() >> random_.below(64);
    if (number == __HYPERVISOR_update_descriptor)
      arguments = {any_frame() << 12 | 8, random_.next(), 0, 0, 0, 0};
    if (number == __HYPERVISOR_update_descriptor)
      arguments[0] = frame_at(scratch_address(30)).address().value + 8;
    return {number, arguments};
  }

  void remember(uint64_t number, uint32_t command, int64_t result) {
    bool succeeded = result >= 0;
    if (number == __HYPERVISOR_grant_table_op && succeeded) {
      for (const auto& [handle, mapping] : domain->grants.mappings) last_handle_ = handle;
    }
    if (const HypercallEntry* entry = find_hypercall(number); entry && entry->command_argument < 0)
      command = 0;
    if (command < 64) ++outcomes[{number, command}][succeeded];
  }

  Random random_{0};
  uint32_t last_handle_ = 0;
  uint64_t last_ = 0;  // the call before, for the report
};

}  // namespace

TEST_CASE("a hostile guest's hypercalls leave every count right") {
  for (const uint64_t seed : {1, 2}) {
    Attacker attacker;
    attacker.run(seed, 100'000);
    for (uint32_t command = 0; command <= EVTCHNOP_reset; ++command) {
      const auto& [failed, succeeded] = attacker.outcomes[{__HYPERVISOR_event_channel_op, command}];
      INFO("event_channel_op " << command);
      CHECK(failed > 50);
      if (command != EVTCHNOP_bind_pirq) CHECK(succeeded > 10);
    }
    for (uint32_t command = 0; command <= GNTTABOP_cache_flush; ++command) {
      const auto& [failed, succeeded] = attacker.outcomes[{__HYPERVISOR_grant_table_op, command}];
      INFO("grant_table_op " << command);
      CHECK(failed > 50);
    }
  }
}

// A domain with checkers, and a test that plays both ends of its devices: it stores into the shared pages,
// writes nodes, and shows on the wires what backends show there. There is no backend, so that each end can
// break any rule.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

// Says of each crossing what a fault would have done to it.
struct FaultFlags : Tap {
  uint8_t flags = 0;
  Verdict verdict;
  void on_crossing(const Wire&, Crossing& crossing, Verdict& into) override {
    if (flags == 0) return;
    crossing.flags |= static_cast<uint8_t>(flags | Crossing::kInjected);
    into = verdict;
  }
};

struct CheckedXen {
  static constexpr uint32_t kRingRef = 8, kDataRef = 16;

  explicit CheckedXen(CheckSettings settings = {}) {
    wiring.add_tap(faults, "*");
    CheckedMachine checked{.clock = clock, .wiring = wiring};
    checked.notices = [this](std::string_view name) { return name == "dom1" ? &domain->notices : nullptr; };
    checkers = std::make_unique<Checkers>(std::move(checked), std::move(settings));
    checkers->set_hypervisor(hypervisor, store);
    domain = &hypervisor.create_domain();
    domain->max_pages = 64;
    domain->shared_info = hypervisor.frames.allocate(domain->id).value();
    REQUIRE(hypervisor.grants.create(*domain));
    store.introduce(domain->id);
    guest = std::make_unique<XenStoreClient>(store, events, clock, microseconds(1), domain->id);
    hypercall(__HYPERVISOR_xen_version, 0);  // the guest runs
  }

  Mfn frame() { return hypervisor.frames.allocate(domain->id).value(); }
  GuestPhys grant_address(uint32_t ref) const {
    return domain->grants.frames.at(0).address() + ref * sizeof(grant_entry_v1);
  }
  void grant(uint32_t ref, Mfn page, bool read_only = false) {
    memory->store(grant_address(ref),
                  grant_entry_v1{static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0)), 0,
                                 static_cast<uint32_t>(page.value)});
  }
  void end_grant(uint32_t ref) { memory->store(grant_address(ref), grant_entry_v1{}); }

  void hypercall(uint32_t number, uint32_t command, bool returns = true, int64_t result = 0) {
    HypercallRecord record;
    record.number = number;
    record.operation = operation_code(number, command);
    domain->hypercall_wire->show(Direction::out, record);
    record.phase = 1;
    record.result = result;
    if (returns) domain->hypercall_wire->show(Direction::in, record);
  }
  void wait() { hypercall(__HYPERVISOR_sched_op, SCHEDOP_block); }
  void yield() { hypercall(__HYPERVISOR_sched_op, SCHEDOP_yield); }

  // A channel between the domain and domain 0; the guest's end.
  EventPort channel() {
    const EventPort port{static_cast<uint32_t>(hypervisor.channels.alloc_unbound(domain->id, DomainId{0}))};
    backend_port =
        EventPort{static_cast<uint32_t>(hypervisor.channels.bind_interdomain(DomainId{0}, domain->id, port))};
    return port;
  }
  // The backend's domain is killed: Xen ends its end of the channel, the toolstack takes its folder.
  void kill_backend() {
    REQUIRE(hypervisor.channels.close(DomainId{0}, backend_port) == 0);
    run();
    REQUIRE(toolstack.remove(backend));
  }
  // The next one, which waits in InitWait for what it finds in XenStore.
  void start_backend(EventPort port) {
    set_state(backend, 2);
    backend_port =
        EventPort{static_cast<uint32_t>(hypervisor.channels.bind_interdomain(DomainId{0}, domain->id, port))};
  }
  void send(EventPort port) { REQUIRE(hypervisor.channels.send(domain->id, port) == 0); }
  // The backend's event, and the guest that takes it.
  void notify_guest(EventPort port) {
    REQUIRE(hypervisor.channels.send(DomainId{0}, backend_port) == 0);
    run();
    clear_pending(port);
  }
  GuestPhys shared(size_t field, EventPort port) const {
    return domain->shared_info.address() + field + port.value / 64 * 8;
  }
  void set_bit(size_t field, EventPort port, bool value) {
    const auto word = memory->load<uint64_t>(shared(field, port));
    const uint64_t bit = uint64_t{1} << port.value % 64;
    memory->store<uint64_t>(shared(field, port), value ? word | bit : word & ~bit);
  }
  void clear_pending(EventPort port) {
    set_bit(offsetof(shared_info, evtchn_pending), port, false);
    memory->store<uint64_t>(domain->shared_info.address() + offsetof(vcpu_info, evtchn_pending_sel), 0);
    memory->store<uint8_t>(domain->shared_info.address() + offsetof(vcpu_info, evtchn_upcall_pending), 0);
  }

  void run(Tick duration = microseconds(100)) {
    const Tick end = clock.now + duration;
    while (events.next_tick() <= end) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = end;
  }

  // --- XenStore: "vbd/51712" ---
  void make_device(const std::string& device) {
    frontend = "/local/domain/1/device/" + device;
    const size_t slash = device.find('/');
    backend = "/local/domain/0/backend/" + device.substr(0, slash) + "/1" + device.substr(slash);
    for (const std::string& folder : {frontend, backend}) {
      REQUIRE(toolstack.make_directory(folder));
      REQUIRE(toolstack.set_permissions(folder, {folder == frontend ? "n1" : "n0", "r1"}));
    }
    set_state(frontend, 1);
    set_state(backend, 2);
  }
  void put(const std::string& path, const std::string& value) { REQUIRE(toolstack.write(path, value)); }
  void set_state(const std::string& folder, unsigned state) { put(folder + "/state", std::to_string(state)); }

  // --- what the checkers have said ---
  std::vector<std::string> rules() const {
    std::vector<std::string> found;
    for (const Violation& violation : checkers->violations()) found.push_back(violation.rule);
    return found;
  }

  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  FaultFlags faults;
  std::unique_ptr<Memory> memory = std::move(Memory::create(GuestPhys{0x100000}, 128 * kPageSize).value());
  Hypervisor hypervisor{HypervisorConfig{}, *memory, clock, events, wiring};
  XenStore store;
  XenStoreClient toolstack{store, events, clock, microseconds(1)};
  std::unique_ptr<XenStoreClient> guest;
  Domain* domain = nullptr;
  EventPort backend_port;
  std::string frontend, backend;
  std::unique_ptr<Checkers> checkers;
};

// A disk's ring, connected; index fields of its page by name.
struct CheckedDisk : CheckedXen {
  static constexpr size_t kReqProd = 0, kReqEvent = 4, kRspProd = 8, kRspEvent = 12;
  static constexpr uint32_t kSlots = 32;

  explicit CheckedDisk(CheckSettings settings = {}, uint32_t first_index = 0)
      : CheckedXen(std::move(settings)) {
    page = frame();
    grant(kRingRef, page);
    port = channel();
    run();
    clear_pending(port);
    set(kReqProd, first_index);
    set(kRspProd, first_index);
    set(kReqEvent, first_index + 1);
    set(kRspEvent, first_index + 1);
    taken = answered = published = first_index;
    make_device("vbd/51712");
    put(frontend + "/ring-ref", std::to_string(kRingRef));
    put(frontend + "/event-channel", std::to_string(port.value));
    connect();
  }
  void connect() {
    set_state(frontend, 3);
    for (const char* name : {"/sectors", "/sector-size", "/info"}) put(backend + name, "512");
    set_state(backend, 4);
    set_state(frontend, 4);
  }

  // The next backend takes the ring over from the last response on.
  void take_over() {
    start_backend(port);
    taken = answered;
    for (const char* name : {"/sectors", "/sector-size", "/info"}) put(backend + name, "512");
    set_state(backend, 4);
  }

  uint32_t get(size_t field) const { return memory->load<uint32_t>(page.address() + field); }
  void set(size_t field, uint32_t value) { memory->store(page.address() + field, value); }
  GuestPhys slot(uint32_t index) const {
    return page.address() + (64 + index % kSlots * sizeof(blkif_request));
  }

  // --- the frontend ---
  void fill(uint64_t id, uint32_t index) {
    blkif_request request{};
    request.operation = BLKIF_OP_READ;
    request.nr_segments = 1;
    request.id = id;
    request.sector_number = 8 * id;
    memory->store(slot(index), request);
  }
  void publish(uint64_t id) {
    fill(id, published);
    set(kReqProd, ++published);
  }
  void request(uint64_t id) {
    publish(id);
    send(port);
  }

  // --- the backend ---
  void show_indices(Direction direction) {
    indices.show(direction,
                 BlkIndicesRecord{get(kReqProd), get(kReqEvent), get(kRspProd), get(kRspEvent), taken, 0});
  }
  // Without a grant of its own each request has another one.
  void take(uint32_t given_ref = 0, uint8_t operation = BLKIF_OP_READ, uint8_t first = 0, uint8_t last = 7) {
    show_indices(Direction::out);
    const uint32_t ref = given_ref != 0 ? given_ref : kDataRef + taken % 8;
    const uint64_t id = memory->load<uint64_t>(slot(taken) + 8);
    BlkRequestRecord record{};
    record.operation = operation;
    record.indirect_op = kNoIndirectOp;
    record.nr_segments = 1;
    record.id = id;
    record.slot = taken % kSlots;
    record.req_prod = get(kReqProd);
    record.req_cons = taken++;
    const BlkSegmentRecord segment{ref, first, last, static_cast<uint8_t>(BlkSegmentKind::data), 0};
    requests.show(Direction::out, record, {reinterpret_cast<const uint8_t*>(&segment), sizeof segment});
    set(kReqEvent, taken + 1);
    show_indices(Direction::in);
  }
  void answer(uint64_t id, bool notifies = true) {
    responses.show(Direction::in, BlkResponseRecord{id, 0, answered % kSlots, 0, BLKIF_OP_READ, 0});
    memory->store(slot(answered), id);
    set(kRspProd, ++answered);
    show_indices(Direction::in);
    if (notifies) notify_guest(port);
  }
  // The frontend has taken the responses, and asks for an event with the next one.
  void arm() { set(kRspEvent, get(kRspProd) + 1); }

  Mfn page;
  EventPort port;
  uint32_t published = 0, taken = 0, answered = 0;
  Wire& requests = wiring.add("dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload);
  Wire& responses = wiring.add("dom1/ring/xvda/response", WireKind::message, kBlkResponsePayload);
  Wire& indices = wiring.add("dom1/ring/xvda/indices", WireKind::sampled, kBlkIndicesPayload);
};

}  // namespace ringside

// The checker `ring`: both ends of shared rings keep to public/io/ring.h and to the interface on top of it
// (blkif.h, netif.h, 9pfs.h, console.h, xs_wire.h).
//
// It looks at the shared pages whenever one end has had its turn: when the frontend sends an event, yields or
// waits, and when the backend shows the indices that it has seen. A device's rings are known from the moment
// at which its backend says Connected until either end says Closed.
//
// It cannot see what happens between two looks: an entry that is filled late, but before anybody looks, or an
// event that comes late. Where a fault has changed a ring's messages, what follows from it is nobody's. When
// a backend has died, its frontend's port leads nowhere, and it owes nobody an event until that has changed;
// a ring that the next backend takes over has rightly the indices of the last one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "checkers/xen/ring_view.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"

namespace ringside {

class RingChecker final : public Checker {
 public:
  explicit RingChecker(Checkers& checkers)
      : Checker(checkers, "ring"), tells_needless_(asked_for("needless_event")) {}
  static std::vector<CheckerRule> rules();

  std::vector<std::string> wires() const override;
  bool wants(const Wire& wire) const override;
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;
  void on_store_change(const std::string& path) override;
  void on_end(bool orderly) override;

 private:
  enum class Part : uint8_t { none, hypercall, events, indices, byte_indices, request, response };
  // The wires of one ring, "dom1/ring/xvda/" and "dom1/ring/net0/queue-1/tx/".
  struct Group {
    std::string base;
    RingKind kind;
    std::optional<uint32_t> queue;
    uint16_t domain;
    SlotRing* ring = nullptr;
    ByteRing* bytes = nullptr;
  };
  struct DomainRings {
    uint16_t id;
    const Wire* wire = nullptr;  // for what has no wire of its own
    bool has_fixed = false;      // the rings that the domain builder makes have been looked for
    std::vector<std::unique_ptr<SlotRing>> slots;
    std::vector<std::unique_ptr<ByteRing>> bytes;
  };
  // What is being looked at, for a violation's crossing.
  struct Sight {
    const Wire& wire;
    const Crossing* crossing;
  };
  // Calls of Xen after which others have their turn.
  static constexpr uint32_t kYield = operation_code(__HYPERVISOR_sched_op, SCHEDOP_yield),
                            kBlock = operation_code(__HYPERVISOR_sched_op, SCHEDOP_block),
                            kPoll = operation_code(__HYPERVISOR_sched_op, SCHEDOP_poll),
                            kBlockCompat = operation_code(__HYPERVISOR_sched_op_compat, SCHEDOP_block);
  // A wire's part: what its crossings mean, and how long their records are.
  struct Role;
  using Look = void (*)(RingChecker&, const Wire&, const Crossing&, const Verdict&, const Role&);
  struct Role {
    Look look = nullptr;
    size_t record_bytes = 0;
    Group* group = nullptr;
    DomainRings* domain = nullptr;
  };

  // --- ring_checker.cpp: which ring a crossing is about ---
  DomainRings& rings_of(uint16_t domain);
  Group& group_of(const std::string& base, RingKind kind);
  void connect(const DeviceNode& node);
  // Behind a backend that has died, or a port that the frontend has closed, nobody is to be told or to tell.
  bool has_backend(DomainId domain, EventPort port) const;
  void disconnect(const std::string& frontend);
  void add_ring(const OfferedRing& offered, const DeviceNode& node, bool taken_over);
  void look_for_stale(const OfferedRing& offered, const DeviceNode& node);
  void find_fixed_rings(DomainRings& domain);
  const uint8_t* page_of(uint16_t domain, GrantRef ref) const;
  SlotRing* ring_of(Group& group, const RingIndices& shown);
  SlotRing* find_only_ring_of(Group& group);
  ByteRing* bytes_of(Group& group, const ByteRing::Indices& shown);
  const Wire& wire_of(const SlotRing& ring, const Wire& otherwise) const {
    return ring.wire != nullptr ? *ring.wire : otherwise;
  }
  void on_cut_crossing(const Wire& wire, const Crossing& crossing, const Verdict& verdict, const Role& role);
  void on_byte_indices(const Role& role, Sight sight, const Verdict& verdict);
  void on_scheduling(DomainRings& domain, bool waits, Sight sight);
  void frontend_sends(DomainRings& domain, uint32_t port, Sight sight);

  // --- slot_ring_rules.cpp ---
  static Look look_of(Part part);
  template <void (RingChecker::*on_part)(const Role&, Sight, const Verdict&)>
  static void look_at(RingChecker& checker, const Wire& wire, const Crossing& crossing,
                      const Verdict& verdict, const Role& role) {
    (checker.*on_part)(role, {wire, &crossing}, verdict);
  }
  void on_hypercall(const Role& role, Sight sight, const Verdict& verdict);
  void on_event(const Role& role, Sight sight, const Verdict& verdict);
  void on_indices(const Role& role, Sight sight, const Verdict& verdict);
  void on_request(const Role& role, Sight sight, const Verdict& verdict);
  void on_response(const Role& role, Sight sight, const Verdict& verdict);
  // These are seldom called, and are no part of what calls them, so that it needs no frame.
  [[gnu::noinline]] void on_indices_of_another(const Role& role, Sight sight);
  [[gnu::noinline]] void on_first_message(const Role& role, Sight sight, const Verdict& verdict);
  bool look(SlotRing& ring, RingIndices now, Sight sight);
  [[gnu::noinline]] bool look_at_answers(SlotRing& ring, RingIndices now, Sight sight);
  [[gnu::noinline]] void halt(SlotRing& ring, RingIndices now, Sight sight);
  void look_again(SlotRing& ring, Sight sight);
  void compare(SlotRing& ring, uint32_t index, Sight sight);
  [[gnu::noinline]] void note_change(SlotRing& ring, uint32_t index, Sight sight);
  void note_published(SlotRing& ring, uint32_t to, Sight sight);
  void read_responses(SlotRing& ring, uint32_t to, Sight sight);
  void look_for_late_event(SlotRing& ring, Sight sight);
  void on_indices(SlotRing& ring, RingIndices shown, Sight sight);
  void on_answers(SlotRing& ring, RingIndices shown, Sight sight);
  void look_for_unasked(SlotRing& ring, const RingIndices& shown, Sight sight);
  [[gnu::noinline]] void tell_untaken(SlotRing& ring, uint32_t rsp_prod, uint32_t req_cons, Sight sight);
  [[gnu::noinline]] void tell_unasked(SlotRing& ring, uint32_t index, uint64_t id, Sight sight);
  void frontend_waits(SlotRing& ring, Sight sight) {
    if (!ring.may_wait()) look_at_wait(ring, sight);
  }
  void look_at_wait(SlotRing& ring, Sight sight);
  void frontend_gets_event(SlotRing& ring, const Verdict& verdict);
  void end(SlotRing& ring, const Wire& wire);

  // --- byte_ring_rules.cpp ---
  void look(ByteRing& ring, Sight sight) {
    if (!ring.is_as_seen() && !ring.halted) [[unlikely]]
      look_closer(ring, sight);
  }
  void look_closer(ByteRing& ring, Sight sight);
  void frontend_waits(ByteRing& ring, Sight sight) {
    if (ring.seen.out_prod != ring.seen.out_cons) look_for_missing_event(ring, sight);
  }
  void look_for_missing_event(ByteRing& ring, Sight sight);

  const bool tells_needless_;
  std::vector<Role> roles_;  // by the wire's index
  Connections connections_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<std::unique_ptr<DomainRings>> domains_;
};

}  // namespace ringside

// The checker `grants`: what a domain grants to its backends (public/grant_table.h), it grants for as long as
// they use it, to be used as they may, and no longer than the device lives.
//
// It sees uses of grants where Xen does (map, unmap, copy), what requests name (blkif.h, netif.h), and the
// guest's table as it stands then. An entry that is ended too early is found when its mapping ends, or when a
// backend comes for it; one that is never ended, when all devices of the domain are closed and it shuts down.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkers/checker.h"
#include "checkers/xen/xen_device.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/payloads.h"
#include "sim/ids.h"

namespace ringside {

class Domain;

class GrantsChecker final : public Checker {
 public:
  explicit GrantsChecker(Checkers& checkers) : Checker(checkers, "grants") {}
  static std::vector<CheckerRule> rules();

  std::vector<std::string> wires() const override;
  bool wants(const Wire& wire) const override;
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;
  void on_store_change(const std::string& path) override;
  void on_end(bool orderly) override;

 private:
  // A request in flight, and what it does to granted pages: sectors of 512 bytes.
  struct Flight {
    uint64_t id = 0;
    bool fills = false;  // the backend writes to them
    size_t count = 0;    // of segments; the others keep their memory
    std::vector<BlkSegmentRecord> segments;
    std::span<const BlkSegmentRecord> uses() const { return {segments.data(), count}; }
  };
  // One ring's requests. The first `count` are in flight; the others keep their memory. Requests with an
  // index before `next` have been taken already: a backend that takes one of them has taken over the ring of
  // one that has died. What it does anew may have been answered, and forgotten by the frontend; its second
  // answer then goes to another request with that id, which the frontend rightly takes for answered: from
  // there on nobody can say what is in flight (`unsure`).
  struct Ring {
    std::string base;
    std::vector<std::unique_ptr<Flight>> flights;
    size_t count = 0;
    std::array<uint16_t, 256> places{};  // by the low bits of the id: where it is, perhaps
    unsigned outputs_seen = 0;           // whose page's flags have been looked at
    uint32_t next = 0;
    bool unsure = false;
  };
  struct alignas(8) Ref {
    uint16_t in_flight = 0;  // uses by requests
    bool used = false;       // by a backend
    bool suspect = false;    // named by a request that a fault has changed
    // There when a backend died, and named by no sound request since: perhaps by one that is done anew.
    bool done_anew = false;
  };
  struct DomainGrants final : CrossingSieve {
    explicit DomainGrants(uint16_t the_id) : id(the_id) {}
    // Most uses are of grants that have been used before, and go well.
    bool is_wanted(const std::vector<uint8_t>& payload) const override;

    const uint16_t id;
    const Wire* wire = nullptr;
    const Domain* granter = nullptr;  // once it is known; it stays, and so does the memory
    const Memory* memory = nullptr;
    std::vector<Ref> all_refs;
    std::span<Ref> refs;         // these; its size need not be computed
    std::vector<uint32_t> used;  // the first `used_count` are those that are, in their order
    size_t used_count = 0;
    bool persistent = false;  // a disk's pages may be kept for any use
  };
  // A wire's part: what its crossings mean, and how long their records are.
  struct Role;
  using Look = void (*)(GrantsChecker&, const Wire&, const Crossing&, const Role&);
  struct Role {
    Look look = nullptr;
    size_t record_bytes = 0;
    DomainGrants* domain = nullptr;
    Ring* ring = nullptr;
  };

  DomainGrants& grants_of(uint16_t domain);
  Ring& ring_of(const std::string& base);
  // Null for a number that is no grant's.
  Ref* ref_of(DomainGrants& domain, uint32_t ref) const {
    return ref < domain.refs.size() ? &domain.refs[ref] : new_ref_of(domain, ref);
  }
  Ref* new_ref_of(DomainGrants& domain, uint32_t ref) const;
  const Domain* domain_of(const DomainGrants& grants) const;
  std::optional<GrantEntry> entry_of(DomainGrants& domain, uint32_t ref) const;

  static Role role_of(uint16_t payload_type);
  template <void (GrantsChecker::*on_part)(const Role&, const Wire&, const Crossing&)>
  static void look_at(GrantsChecker& checker, const Wire& wire, const Crossing& crossing, const Role& role) {
    (checker.*on_part)(role, wire, crossing);
  }
  void on_cut_crossing(const Wire& wire, const Crossing& crossing, const Role& role);
  void on_grant(const Role& role, const Wire& wire, const Crossing& crossing);
  [[gnu::noinline]] void on_first_use(const Role& role, const Wire& wire, const Crossing& crossing);
  void on_refusal(DomainGrants& domain, const Wire& wire, const Crossing& crossing);
  void on_unmapping(DomainGrants& domain, const Wire& wire, const Crossing& crossing);
  void on_return(const Role& role, const Wire& wire, const Crossing& crossing);
  void on_blk_request(const Role& role, const Wire& wire, const Crossing& crossing);
  void on_blk_response(const Role& role, const Wire& wire, const Crossing& crossing);
  void on_tx_request(const Role& role, const Wire& wire, const Crossing& crossing);
  void on_rx_request(const Role& role, const Wire& wire, const Crossing& crossing);
  bool is_anew(const Role& role, uint32_t index);
  bool is_in_flight(const Ring& ring, uint64_t id) const;
  void on_death(DomainGrants& domain);
  void report_clash(const Ring& ring, const Flight& flight, const Wire& wire, const Crossing& crossing);
  void end(const Role& role, uint64_t id);
  void forget_flights(const Role& role);
  void clear(const Role& role);
  Flight& open(Ring& ring, size_t segments);
  [[gnu::noinline]] Flight& new_flight(Ring& ring, size_t segments);
  void on_doubtful_request(const Role& role, const Crossing& crossing);
  const Flight* clash_of(const Ring& ring, const BlkSegmentRecord& use, bool fills) const;
  void check_read_only(const Role& role, uint32_t ref, const char* what, const Wire& wire,
                       const Crossing& crossing);
  void look_for_freed(DomainGrants& domain, const Wire& wire, const Crossing& crossing);
  void look_for_leaks(const DomainGrants& domain);

  std::vector<Role> roles_;
  OfferedDevices devices_;
  std::vector<std::unique_ptr<DomainGrants>> domains_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

}  // namespace ringside

// Entries and their uses (xen/common/grant_table.c: _set_status, acquire_grant_for_copy, map_grant_ref,
// unmap_common). The guest's hypercall is grant_table_op.cpp; copies and transfers are grant_copy.cpp.
#include "hv-model/grant_table.h"

#include <algorithm>
#include <cstring>

#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "sim/hash.h"

namespace ringside {

Grants::Grants(Hypervisor& hypervisor) : hypervisor_(hypervisor) {}

bool Grants::create(Domain& domain) { return grow(domain, 1); }

bool Grants::grow(Domain& domain, uint32_t frames) {
  GrantTable& table = domain.grants;
  if (frames > GrantTable::kFramesMax) return false;
  while (table.frames.size() < frames) {
    const auto frame = hypervisor_.frames.allocate_special(domain.id);
    if (!frame) return false;
    table.frames.push_back(*frame);
    table.active.resize(table.frames.size() * GrantTable::kEntriesPerFrame);
  }
  return table.version == 1 || grow_status(domain);
}

void Grants::seed(Domain& domain, GrantRef ref, DomainId to, Mfn frame) {
  if (ref.value >= domain.grants.entries()) return;
  const grant_entry_v1 entry{GTF_permit_access, to.value, static_cast<uint32_t>(frame.value)};
  hypervisor_.memory.store(entry_address(domain, ref), entry);
}

// The entry is read once and judged as it was then: the guest may change it at any other moment. What it says
// is taken at the first use, and holds until the last one ends.
int16_t Grants::pin(Domain& granter, GrantRef ref, DomainId by, bool read_only, Use use, GrantedPage& page) {
  if (ref.value >= granter.grants.entries()) return GNTST_bad_gntref;
  ActiveGrant& active = granter.grants.active[ref.value];
  const bool pinned = active.readers + active.writers != 0;
  if (pinned && (active.mapped_by != by || std::max(active.readers, active.writers) > GrantTable::kPinsMax ||
                 (use == Use::mapping && active.sub_page))) {
    return GNTST_general_error;
  }
  uint16_t flags = hypervisor_.memory.load<uint16_t>(entry_address(granter, ref));
  const bool transitive =
      granter.grants.version == 2 && use != Use::mapping && (flags & GTF_type_mask) == GTF_transitive;
  ActiveGrant found = active;
  const bool more = !pinned || (!read_only && active.writers == 0);
  if (more) {
    if (const int16_t error = judge_entry(granter, ref, by, read_only, use, flags)) return error;
  }
  int16_t error = GNTST_okay;
  if (transitive) {
    error = pin_source(granter, ref, read_only, use, found);
    // DEVIATES: Xen - restarts the call for as long as an entry in use has become another one.
    if (error == GNTST_okay && pinned &&
        (!active.transitive || active.frame != found.frame || active.start != found.start ||
         active.length != found.length || active.source_domain != found.source_domain ||
         active.source_ref != found.source_ref)) {
      unpin(*hypervisor_.find_domain(found.source_domain), found.source_ref, read_only);
      error = GNTST_eagain;
    }
  } else if (pinned && active.transitive) {
    error = GNTST_bad_domain;  // it has become a plain one, but in use is still a page of somebody else's
  } else if (!pinned) {
    error = find_page(granter, ref, flags, found);
  }
  if (error != GNTST_okay) return error;
  if (!pinned) found.mapped_by = by;
  ++(read_only ? found.readers : found.writers);
  active = found;
  if (more) mark_used(granter, ref, read_only);
  Domain* owner = active.transitive ? hypervisor_.find_domain(active.source_domain) : &granter;
  page = {owner, active.frame, active.start, active.length};
  return GNTST_okay;
}

// _set_status_v1 and _set_status_v2.
int16_t Grants::judge_entry(Domain& granter, GrantRef ref, DomainId by, bool read_only, Use use,
                            uint16_t& flags) {
  const auto header = hypervisor_.memory.load<grant_entry_header>(entry_address(granter, ref));
  flags = header.flags;
  const ActiveGrant& active = granter.grants.active[ref.value];
  const uint32_t mask = GTF_type_mask | (use == Use::mapping ? GTF_sub_page : 0);
  const bool may_be_transitive = granter.grants.version == 2 && use != Use::mapping;
  const bool granted =
      (flags & mask) == GTF_permit_access || (may_be_transitive && (flags & mask) == GTF_transitive);
  const bool pinned = active.readers + active.writers != 0;
  if (!pinned && (!granted || header.domid != by.value)) return GNTST_general_error;
  return !read_only && (flags & GTF_readonly) ? GNTST_general_error : GNTST_okay;
}

int16_t Grants::find_page(Domain& granter, GrantRef ref, uint16_t flags, ActiveGrant& found) {
  found = {};
  found.frame = {load_frame(granter, ref)};
  const PageInfo* info = hypervisor_.frames.find(found.frame);
  if (!info || info->owner != granter.id) return GNTST_bad_page;
  if (granter.grants.version == 2 && (flags & GTF_sub_page)) {
    const GuestPhys entry = entry_address(granter, ref);
    found.sub_page = true;
    found.start = hypervisor_.memory.load<uint16_t>(entry + offsetof(grant_entry_v2, sub_page.page_off));
    found.length = hypervisor_.memory.load<uint16_t>(entry + offsetof(grant_entry_v2, sub_page.length));
  }
  return GNTST_okay;
}

// A grant of what another domain has granted to this one. There is one step only: the source is no such
// grant.
int16_t Grants::pin_source(Domain& granter, GrantRef ref, bool read_only, Use use, ActiveGrant& found) {
  if (use == Use::copy_through) return GNTST_general_error;
  const GuestPhys entry = entry_address(granter, ref);
  const DomainId domain{
      hypervisor_.memory.load<uint16_t>(entry + offsetof(grant_entry_v2, transitive.trans_domid))};
  const GrantRef source{hypervisor_.memory.load<uint32_t>(entry + offsetof(grant_entry_v2, transitive.gref))};
  if (domain == granter.id) return GNTST_general_error;
  Domain* owner = hypervisor_.find_domain(domain);
  if (!owner) return GNTST_general_error;
  GrantedPage page;
  if (const int16_t error = pin(*owner, source, granter.id, read_only, Use::copy_through, page)) return error;
  found.frame = page.frame;
  found.start = static_cast<uint16_t>(page.start);
  found.length = static_cast<uint16_t>(page.length);
  found.sub_page = found.transitive = true;
  found.source_domain = domain;
  found.source_ref = source;
  return GNTST_okay;
}

void Grants::mark_used(Domain& granter, GrantRef ref, bool read_only) {
  const GuestPhys status = status_address(granter, ref);
  const auto flags = hypervisor_.memory.load<uint16_t>(status);
  hypervisor_.memory.store(status,
                           static_cast<uint16_t>(flags | GTF_reading | (read_only ? 0 : GTF_writing)));
}

// What no use justifies any more.
void Grants::mark_unused(Domain& granter, GrantRef ref) {
  const ActiveGrant& active = granter.grants.active[ref.value];
  const GuestPhys status = status_address(granter, ref);
  auto flags = hypervisor_.memory.load<uint16_t>(status);
  if (active.writers == 0) flags &= static_cast<uint16_t>(~GTF_writing);
  if (active.readers + active.writers == 0) flags &= static_cast<uint16_t>(~GTF_reading);
  hypervisor_.memory.store(status, flags);
}

void Grants::unpin(Domain& granter, GrantRef ref, bool read_only) {
  ActiveGrant& active = granter.grants.active[ref.value];
  const ActiveGrant was = active;
  --(read_only ? active.readers : active.writers);
  mark_unused(granter, ref);
  if (!was.transitive) return;
  if (active.readers + active.writers == 0) active = {};
  if (Domain* source = hypervisor_.find_domain(was.source_domain)) unpin(*source, was.source_ref, read_only);
}

bool Grants::hold_frame(Domain& granter, Mfn frame, bool read_only) {
  return read_only ? hypervisor_.frames.get_page(frame, granter.id)
                   : hypervisor_.page_tables.get_page_and_type(granter, frame, PageType::writable) == 0;
}

void Grants::release_frame(Mfn frame, bool read_only) {
  if (!read_only) hypervisor_.frames.put_type(frame);
  hypervisor_.frames.put_page(frame);
}

// Takes all that a mapping holds but the guest's page table entry.
int16_t Grants::map_frame(DomainId by, DomainId granter, GrantRef ref, bool read_only, Mapped& mapped) {
  Domain* owner = hypervisor_.find_domain(granter);
  Domain* mapper = hypervisor_.find_domain(by);
  if (!owner || !mapper) return GNTST_bad_domain;
  GrantTable& table = mapper->grants;
  if (table.mappings.size() >= GrantTable::kMappingsMax) return GNTST_no_space;
  GrantedPage page;
  if (const int16_t error = pin(*owner, ref, by, read_only, Use::mapping, page)) return error;
  const Mfn frame = page.frame;
  if (!hold_frame(*owner, frame, read_only)) {
    unpin(*owner, ref, read_only);
    return GNTST_general_error;
  }
  while (table.mappings.contains(table.next_handle)) ++table.next_handle;
  mapped = {table.next_handle++, frame, read_only};
  table.mappings[mapped.handle] = {.granter = granter, .ref = ref, .frame = frame, .read_only = read_only};
  ++table.mapped_frames[frame.value];
  return GNTST_okay;
}

void Grants::end_mapping(GrantTable& mapper, uint32_t handle) {
  const auto found = mapper.mappings.find(handle);
  const GrantMapping mapping = found->second;
  mapper.mappings.erase(found);
  const auto uses = mapper.mapped_frames.find(mapping.frame.value);
  if (--uses->second == 0) mapper.mapped_frames.erase(uses);
  release_frame(mapping.frame, mapping.read_only);
  if (Domain* granter = hypervisor_.find_domain(mapping.granter))
    unpin(*granter, mapping.ref, mapping.read_only);
}

// The crossing tells how it went; a fault on it may still make a success fail.
Verdict Grants::show(Domain* granter, GrantOperation operation, GrantRef ref, DomainId by, Mfn frame,
                     uint32_t length, int16_t status) {
  if (!granter || !granter->grant_wire || !granter->grant_wire->tapped()) return {};
  GrantRecord record;
  record.operation = static_cast<uint8_t>(operation);
  record.status = status;
  record.ref = ref.value;
  record.by = by.value;
  record.frame = frame.value;
  record.length = length;
  if (ref.value < granter->grants.entries()) {
    const auto flags = hypervisor_.memory.load<uint16_t>(entry_address(*granter, ref));
    record.flags =
        static_cast<uint16_t>(flags | hypervisor_.memory.load<uint16_t>(status_address(*granter, ref)));
  }
  const Direction direction = by == granter->id ? Direction::out : Direction::in;
  payload_.resize(sizeof record);
  std::memcpy(payload_.data(), &record, sizeof record);
  Verdict verdict = granter->grant_wire->pass(direction, payload_);
  // A status that a fault has written there is as good as its fail().
  if (payload_.size() == sizeof record) std::memcpy(&record, payload_.data(), sizeof record);
  if (record.status != status) verdict.fail = record.status;
  const bool is_status = verdict.fail < 0 && verdict.fail >= INT16_MIN;
  if (verdict.fail != 0 && !is_status) verdict.fail = GNTST_general_error;
  // A guest waits for its call; domain 0 has no time of its own.
  const Domain* caller = hypervisor_.find_domain(by);
  if (caller && caller->cpu && verdict.delay.ps != 0) caller->cpu->charge(verdict.delay);
  return verdict;
}

tl::expected<Grants::Mapped, int16_t> Grants::map(DomainId by, DomainId granter, GrantRef ref,
                                                  bool read_only) {
  Mapped mapped;
  int16_t status = map_frame(by, granter, ref, read_only, mapped);
  const Verdict verdict =
      show(hypervisor_.find_domain(granter), GrantOperation::map, ref, by, mapped.frame, 0, status);
  if (status == GNTST_okay && verdict.fail != 0) {
    end_mapping(hypervisor_.find_domain(by)->grants, mapped.handle);
    status = static_cast<int16_t>(verdict.fail);
  }
  if (status != GNTST_okay) return tl::unexpected(status);
  return mapped;
}

int16_t Grants::unmap(DomainId by, uint32_t handle) {
  Domain* mapper = hypervisor_.find_domain(by);
  if (!mapper) return GNTST_bad_domain;
  const auto found = mapper->grants.mappings.find(handle);
  if (found == mapper->grants.mappings.end() || found->second.host_map) return GNTST_bad_handle;
  const GrantMapping mapping = found->second;
  end_mapping(mapper->grants, handle);
  show(hypervisor_.find_domain(mapping.granter), GrantOperation::unmap, mapping.ref, by, mapping.frame, 0,
       GNTST_okay);
  return GNTST_okay;
}

void Grants::visit_state(StateVisitor& visitor) const {
  for (const auto& domain : hypervisor_.domains()) {
    const GrantTable& table = domain->grants;
    uint64_t digest = table.next_handle;
    digest = hash_mix(digest, table.version);
    for (const Mfn frame : table.frames) digest = hash_mix(digest, frame.value);
    for (const Mfn frame : table.status_frames) digest = hash_mix(digest, frame.value);
    for (size_t ref = 0; ref < table.active.size(); ++ref) {
      const ActiveGrant& active = table.active[ref];
      if (active.readers + active.writers == 0) continue;
      digest = hash_mix(digest, ref << 32 | active.mapped_by.value);
      digest = hash_mix(digest, uint64_t{active.readers} << 32 | active.writers);
      digest = hash_mix(digest, active.frame.value);
      digest = hash_mix(digest, uint64_t{active.start} << 32 | uint64_t{active.length} << 16 |
                                    uint64_t{active.sub_page} << 1 | uint64_t{active.transitive});
      digest = hash_mix(digest, uint64_t{active.source_domain.value} << 32 | active.source_ref.value);
    }
    for (const auto& [handle, mapping] : table.mappings) {
      digest = hash_mix(digest, uint64_t{handle} << 32 | mapping.ref.value);
      digest = hash_mix(digest, uint64_t{mapping.granter.value} << 32 | mapping.flags);
      digest = hash_mix(digest, mapping.frame.value);
      digest = hash_mix(digest, mapping.host_address);
    }
    visitor.number(domain->name, digest);
  }
}

}  // namespace ringside

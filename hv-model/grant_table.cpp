// Entries and their uses (xen/common/grant_table.c: _set_status_v1, map_grant_ref, unmap_common). The guest's
// hypercall is grant_table_op.cpp; copies and transfers are grant_copy.cpp.
#include "hv-model/grant_table.h"

#include <algorithm>

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
  return true;
}

GuestPhys Grants::entry_address(const Domain& granter, GrantRef ref) const {
  const Mfn frame = granter.grants.frames[ref.value / GrantTable::kEntriesPerFrame];
  return frame.address() + uint64_t{ref.value % GrantTable::kEntriesPerFrame} * sizeof(grant_entry_v1);
}

void Grants::seed(Domain& domain, GrantRef ref, DomainId to, Mfn frame) {
  if (ref.value >= domain.grants.active.size()) return;
  const grant_entry_v1 entry{GTF_permit_access, to.value, static_cast<uint32_t>(frame.value)};
  hypervisor_.memory.store(entry_address(domain, ref), entry);
}

// The entry is read once and judged as it was then: the guest may change it at any other moment, and its
// flags are written back alone.
int16_t Grants::pin(Domain& granter, GrantRef ref, DomainId by, bool read_only, bool mapping, Mfn& frame) {
  if (ref.value >= granter.grants.active.size()) return GNTST_bad_gntref;
  ActiveGrant& active = granter.grants.active[ref.value];
  const bool pinned = active.readers + active.writers != 0;
  if (pinned && (active.mapped_by != by || std::max(active.readers, active.writers) > GrantTable::kPinsMax)) {
    return GNTST_general_error;
  }
  if (!pinned || (!read_only && active.writers == 0)) {
    Memory& memory = hypervisor_.memory;
    const GuestPhys address = entry_address(granter, ref);
    const auto entry = memory.load<grant_entry_v1>(address);
    const uint32_t mask = GTF_type_mask | (mapping ? GTF_sub_page : 0);
    if (!pinned && ((entry.flags & mask) != GTF_permit_access || entry.domid != by.value)) {
      return GNTST_general_error;
    }
    if (!read_only && (entry.flags & GTF_readonly)) return GNTST_general_error;
    if (!pinned) {
      const PageInfo* info = hypervisor_.frames.find({entry.frame});
      if (!info || info->owner != granter.id) return GNTST_bad_page;
      active.frame = {entry.frame};
      active.mapped_by = by;
    }
    memory.store<uint16_t>(address,
                           static_cast<uint16_t>(entry.flags | GTF_reading | (read_only ? 0 : GTF_writing)));
  }
  ++(read_only ? active.readers : active.writers);
  frame = active.frame;
  return GNTST_okay;
}

void Grants::unpin(Domain& granter, GrantRef ref, bool read_only) {
  ActiveGrant& active = granter.grants.active[ref.value];
  --(read_only ? active.readers : active.writers);
  const GuestPhys address = entry_address(granter, ref);
  uint16_t flags = hypervisor_.memory.load<uint16_t>(address);
  if (!read_only && active.writers == 0) flags &= static_cast<uint16_t>(~GTF_writing);
  if (active.readers + active.writers == 0) flags &= static_cast<uint16_t>(~GTF_reading);
  hypervisor_.memory.store(address, flags);
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
  Mfn frame;
  if (const int16_t error = pin(*owner, ref, by, read_only, true, frame)) return error;
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
  if (ref.value < granter->grants.active.size()) {
    record.flags = hypervisor_.memory.load<uint16_t>(entry_address(*granter, ref));
  }
  const Direction direction = by == granter->id ? Direction::out : Direction::in;
  return granter->grant_wire->show(direction, record);
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
    for (const Mfn frame : table.frames) digest = hash_mix(digest, frame.value);
    for (size_t ref = 0; ref < table.active.size(); ++ref) {
      const ActiveGrant& active = table.active[ref];
      if (active.readers + active.writers == 0) continue;
      digest = hash_mix(digest, ref << 32 | active.mapped_by.value);
      digest = hash_mix(digest, uint64_t{active.readers} << 32 | active.writers);
      digest = hash_mix(digest, active.frame.value);
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

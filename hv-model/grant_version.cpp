// Versions of the grant table: where an entry and its status are, and GNTTABOP_set_version, get_version and
// get_status_frames (xen/common/grant_table.c). In version 1 Xen keeps GTF_reading and GTF_writing in the
// entry's flags; in version 2 an entry is twice as long, and they are in a table of their own.
#include <array>

#include "hv-model/grant_table.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

GuestPhys Grants::entry_address(const Domain& granter, GrantRef ref) const {
  const GrantTable& table = granter.grants;
  const uint32_t per_frame = table.entries_per_frame();
  const uint64_t bytes = kPageSize / per_frame;
  return table.frames[ref.value / per_frame].address() + ref.value % per_frame * bytes;
}

GuestPhys Grants::status_address(const Domain& granter, GrantRef ref) const {
  constexpr uint32_t per_frame = GrantTable::kStatusPerFrame;
  if (granter.grants.version == 1) return entry_address(granter, ref);
  return granter.grants.status_frames[ref.value / per_frame].address() +
         ref.value % per_frame * sizeof(grant_status_t);
}

uint64_t Grants::load_frame(const Domain& granter, GrantRef ref) const {
  const GuestPhys entry = entry_address(granter, ref);
  if (granter.grants.version == 1)
    return hypervisor_.memory.load<uint32_t>(entry + offsetof(grant_entry_v1, frame));
  return hypervisor_.memory.load<uint64_t>(entry + offsetof(grant_entry_v2, full_page.frame));
}

void Grants::store_frame(const Domain& granter, GrantRef ref, Mfn frame) {
  const GuestPhys entry = entry_address(granter, ref);
  if (granter.grants.version == 1) {
    hypervisor_.memory.store(entry + offsetof(grant_entry_v1, frame), static_cast<uint32_t>(frame.value));
  } else {
    hypervisor_.memory.store(entry + offsetof(grant_entry_v2, full_page.frame), frame.value);
  }
}

// As many as the entries of the table want.
bool Grants::grow_status(Domain& domain) {
  GrantTable& table = domain.grants;
  const size_t entries = table.frames.size() * GrantTable::kEntriesPerFrame / 2;
  const size_t wanted = (entries + GrantTable::kStatusPerFrame - 1) / GrantTable::kStatusPerFrame;
  while (table.status_frames.size() < wanted) {
    const auto frame = hypervisor_.frames.allocate_special(domain.id);
    if (!frame) return false;
    table.status_frames.push_back(*frame);
  }
  return true;
}

// All or none: the guest may still map one.
int64_t Grants::free_status(Domain& domain) {
  for (const Mfn frame : domain.grants.status_frames) {
    if (!hypervisor_.frames.is_special_unused(frame)) return -XEN_EBUSY;
  }
  for (const Mfn frame : domain.grants.status_frames) hypervisor_.frames.free_special(frame);
  domain.grants.status_frames.clear();
  return 0;
}

namespace {

using ReservedEntries = std::array<grant_entry_v1, GrantTable::kReserved>;

}  // namespace

// The toolstack's entries go along; all others must be in nobody's use, and are lost.
int64_t Grants::change_version(Domain& domain, uint32_t version) {
  GrantTable& table = domain.grants;
  Memory& memory = hypervisor_.memory;
  for (uint32_t ref = GrantTable::kReserved; ref < table.entries(); ++ref) {
    if (table.active[ref].readers + table.active[ref].writers != 0) return -XEN_EBUSY;
  }
  ReservedEntries reserved{};
  for (uint32_t ref = 0; ref < GrantTable::kReserved; ++ref) {
    const auto header = memory.load<grant_entry_header>(entry_address(domain, {ref}));
    const uint64_t frame = load_frame(domain, {ref});
    const uint16_t type = header.flags & GTF_type_mask;
    if (version == 1 && (type == GTF_transitive || (type == GTF_permit_access && frame >> 32 != 0))) {
      return -XEN_ERANGE;
    }
    if (version == 1 && type != GTF_permit_access) continue;  // what version 1 cannot say is forgotten
    const auto status = version == 1 ? memory.load<uint16_t>(status_address(domain, {ref})) : uint16_t{0};
    reserved[ref] = {static_cast<uint16_t>(header.flags | status), header.domid,
                     static_cast<uint32_t>(frame)};
  }
  if (version == 2) {
    if (!grow_status(domain)) return -XEN_ENOMEM;
  } else if (const int64_t error = free_status(domain)) {
    return error;
  }
  static constexpr std::array<uint8_t, kPageSize> kZeros{};
  for (const Mfn frame : table.frames) memory.write(frame.address(), kZeros.data(), kZeros.size());
  table.version = version;
  constexpr uint16_t in_use = GTF_reading | GTF_writing;
  for (uint32_t ref = 0; ref < GrantTable::kReserved; ++ref) {
    const uint16_t flags = reserved[ref].flags;
    const bool apart = version == 2;
    memory.store(
        entry_address(domain, {ref}),
        grant_entry_header{static_cast<uint16_t>(apart ? flags & ~in_use : flags), reserved[ref].domid});
    store_frame(domain, {ref}, {reserved[ref].frame});
    if (apart) memory.store(status_address(domain, {ref}), static_cast<uint16_t>(flags & in_use));
  }
  return 0;
}

int64_t Grants::set_version(Domain& domain, GuestVirt argument) {
  gnttab_set_version op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  int64_t result = 0;
  if (op.version != 1 && op.version != 2) {
    result = -XEN_EINVAL;
  } else if (op.version != domain.grants.version) {
    result = change_version(domain, op.version);
  }
  op.version = domain.grants.version;
  show(&domain, GrantOperation::set_version, {}, domain.id, {}, 0,
       result == 0 ? GNTST_okay : GNTST_general_error);
  return domain.copy_to_guest(argument, op) ? result : -XEN_EFAULT;
}

int64_t Grants::get_status_frames(Domain& domain, GuestVirt argument) {
  gnttab_get_status_frames op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  const GuestVirt list{reinterpret_cast<uint64_t>(op.frame_list.p)};
  if (!Domain::accessible(list, uint64_t{op.nr_frames} * sizeof(uint64_t))) return -XEN_EFAULT;
  op.status = judge_target(domain, op.dom);
  // Version 1 has no frames for the status.
  if (op.status == GNTST_okay && op.nr_frames > domain.grants.status_frames.size())
    op.status = GNTST_general_error;
  if (op.status == GNTST_okay) {
    for (uint32_t index = 0; index < op.nr_frames; ++index) {
      const uint64_t frame = domain.grants.status_frames[index].value;
      if (!domain.copy_to_guest(list + uint64_t{index} * sizeof frame, frame))
        op.status = GNTST_bad_virt_addr;
    }
  }
  return domain.copy_to_guest(argument + offsetof(gnttab_get_status_frames, status), op.status) ? 0
                                                                                                : -XEN_EFAULT;
}

int64_t Grants::get_version(Domain& domain, GuestVirt argument) {
  gnttab_get_version op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  switch (judge_target(domain, op.dom)) {
    case GNTST_okay: break;
    case GNTST_permission_denied: return -XEN_EPERM;
    default: return -XEN_ESRCH;
  }
  op.version = domain.grants.version;
  return domain.copy_to_guest(argument, op) ? 0 : -XEN_EFAULT;
}

}  // namespace ringside

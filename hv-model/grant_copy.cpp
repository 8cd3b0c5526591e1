// GNTTABOP_copy and GNTTABOP_transfer (xen/common/grant_table.c: gnttab_copy_one, gnttab_transfer).
#include <array>

#include "hv-model/grant_table.h"
#include "hv-model/hypervisor.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

// One end of a copy: a granted frame, or a frame of the caller's own.
struct Grants::CopyEnd {
  uint16_t named;  // domain
  bool by_grant;
  uint64_t number;  // grant reference or frame
  uint16_t offset;
  bool read_only;
  // Found by open_end.
  Domain* domain = nullptr;
  GrantedPage page;
  bool open = false;

  // GNTST_general_error where the bytes reach beyond what is granted.
  int16_t judge(uint64_t from, uint64_t bytes) const {
    if (from > kPageSize || bytes > kPageSize - from) return GNTST_bad_copy_arg;
    const bool within = from >= page.start && from + bytes <= uint64_t{page.start} + page.length;
    return within ? GNTST_okay : GNTST_general_error;
  }
};

int16_t Grants::open_end(Domain& caller, CopyEnd& end) {
  if (end.by_grant) {
    const GrantRef ref{static_cast<uint32_t>(end.number)};
    if (const int16_t error = pin(*end.domain, ref, caller.id, end.read_only, Use::copy, end.page))
      return error;
    if (!hold_frame(*end.page.owner, end.page.frame, end.read_only)) {
      unpin(*end.domain, ref, end.read_only);
      return GNTST_general_error;
    }
  } else {
    end.page = {end.domain, {end.number}, 0, kPageSize};
    if (!hypervisor_.frames.get_page(end.page.frame, end.domain->id)) return GNTST_bad_page;
    hypervisor_.frames.put_page(end.page.frame);
    if (!hold_frame(*end.domain, end.page.frame, end.read_only)) return GNTST_general_error;
  }
  end.open = true;
  return GNTST_okay;
}

void Grants::close_end(Domain&, CopyEnd& end) {
  if (!end.open) return;
  release_frame(end.page.frame, end.read_only);
  if (end.by_grant) unpin(*end.domain, {static_cast<uint32_t>(end.number)}, end.read_only);
}

int64_t Grants::copy_element(Domain& domain, GuestVirt argument) {
  gnttab_copy op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  const auto end_of = [](const auto& pointer, bool by_grant, bool read_only) {
    return CopyEnd{pointer.domid, by_grant, by_grant ? pointer.u.ref : pointer.u.gmfn, pointer.offset,
                   read_only};
  };
  CopyEnd source = end_of(op.source, (op.flags & GNTCOPY_source_gref) != 0, true);
  CopyEnd target = end_of(op.dest, (op.flags & GNTCOPY_dest_gref) != 0, false);
  op.status = GNTST_okay;
  for (CopyEnd* end : {&source, &target}) {
    if (op.status != GNTST_okay) break;
    // Only its own frames may a domain name by their numbers, and only as DOMID_SELF.
    if (end->named != DOMID_SELF && !end->by_grant) op.status = GNTST_permission_denied;
    end->domain = end->named == DOMID_SELF ? &domain : hypervisor_.find_domain({end->named});
    if (op.status == GNTST_okay && !end->domain) op.status = GNTST_bad_domain;
  }
  if (op.status == GNTST_okay) op.status = open_end(domain, source);
  if (op.status == GNTST_okay) op.status = open_end(domain, target);
  if (op.status == GNTST_okay &&
      (uint32_t{source.offset} + op.len > kPageSize || uint32_t{target.offset} + op.len > kPageSize)) {
    op.status = GNTST_bad_copy_arg;
  }
  for (const CopyEnd* end : {&source, &target}) {
    if (op.status == GNTST_okay) op.status = end->judge(end->offset, op.len);
  }
  for (CopyEnd* end : {&source, &target}) {
    if (!end->by_grant || !end->domain) continue;
    const GrantOperation operation = end == &source ? GrantOperation::copy_from : GrantOperation::copy_to;
    const Verdict verdict = show(end->domain, operation, {static_cast<uint32_t>(end->number)}, domain.id,
                                 end->page.frame, op.len, op.status);
    if (op.status == GNTST_okay && verdict.fail != 0) op.status = static_cast<int16_t>(verdict.fail);
  }
  if (op.status == GNTST_okay) {
    std::array<uint8_t, kPageSize> bytes;
    hypervisor_.memory.read(source.page.frame.address() + source.offset, bytes.data(), op.len);
    hypervisor_.memory.write(target.page.frame.address() + target.offset, bytes.data(), op.len);
  }
  close_end(domain, target);
  close_end(domain, source);
  return domain.copy_to_guest(argument + offsetof(gnttab_copy, status), op.status) ? 0 : -XEN_EFAULT;
}

// Exactly one of `into` and `from` is given: where the bytes go to, or come from.
int16_t Grants::copy_granted(DomainId by, DomainId granter, GrantRef ref, uint64_t offset, uint64_t length,
                             uint8_t* into, const uint8_t* from) {
  CopyEnd end{granter.value, true, ref.value, 0, into != nullptr};
  Domain* caller = hypervisor_.find_domain(by);
  end.domain = hypervisor_.find_domain(granter);
  if (!caller || !end.domain) return GNTST_bad_domain;
  int16_t status = open_end(*caller, end);
  if (status == GNTST_okay) status = end.judge(offset, length);
  const GrantOperation operation = into ? GrantOperation::copy_from : GrantOperation::copy_to;
  const Verdict verdict =
      show(end.domain, operation, ref, by, end.page.frame, static_cast<uint32_t>(length), status);
  if (status == GNTST_okay && verdict.fail != 0) status = static_cast<int16_t>(verdict.fail);
  if (status == GNTST_okay) {
    const GuestPhys place = end.page.frame.address() + offset;
    const bool done =
        into ? hypervisor_.memory.read(place, into, length) : hypervisor_.memory.write(place, from, length);
    if (!done) status = GNTST_bad_page;
  }
  close_end(*caller, end);
  return status;
}

int16_t Grants::copy_from(DomainId by, DomainId granter, GrantRef ref, uint64_t offset,
                          std::span<uint8_t> into) {
  return copy_granted(by, granter, ref, offset, into.size(), into.data(), nullptr);
}

int16_t Grants::copy_to(DomainId by, DomainId granter, GrantRef ref, uint64_t offset,
                        std::span<const uint8_t> from) {
  return copy_granted(by, granter, ref, offset, from.size(), nullptr, from.data());
}

// DEVIATES: Xen - the receiver gets the contents in another frame, not the frame itself; the guest that gives
// a page away has no use for its number any more, and the receiver learns its own from the entry.
int16_t Grants::transfer(Domain& domain, Mfn frame, uint16_t to, GrantRef ref) {
  FrameTable& frames = hypervisor_.frames;
  Memory& memory = hypervisor_.memory;
  if (!frames.get_page(frame, domain.id)) return GNTST_bad_page;
  frames.put_page(frame);
  Domain* receiver = hypervisor_.find_domain({to});
  if (!receiver) return GNTST_bad_domain;
  if (ref.value >= receiver->grants.entries()) return GNTST_bad_gntref;
  const GuestPhys entry_at = entry_address(*receiver, ref);
  const auto entry = memory.load<grant_entry_header>(entry_at);
  const uint16_t state = entry.flags & (GTF_type_mask | GTF_transfer_committed | GTF_transfer_completed);
  if (state != GTF_accept_transfer || entry.domid != domain.id.value) return GNTST_bad_gntref;
  if (receiver != &domain && frames.owned_frames(receiver->id) >= receiver->max_pages)
    return GNTST_general_error;
  std::array<uint8_t, kPageSize> contents;
  memory.read(frame.address(), contents.data(), contents.size());
  if (!frames.steal(frame, domain.id, 0)) return GNTST_bad_page;
  hypervisor_.page_tables.set_machine_to_phys(frame, ~uint64_t{0});
  const auto given = frames.allocate(receiver->id);
  if (!given) return GNTST_general_error;
  memory.write(given->address(), contents.data(), contents.size());
  store_frame(*receiver, ref, *given);
  memory.store<uint16_t>(
      entry_at, static_cast<uint16_t>(entry.flags | GTF_transfer_committed | GTF_transfer_completed));
  return GNTST_okay;
}

int64_t Grants::transfer_element(Domain& domain, GuestVirt argument) {
  gnttab_transfer op{};
  if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
  op.status = transfer(domain, {op.mfn}, op.domid, {op.ref});
  show(hypervisor_.find_domain({op.domid}), GrantOperation::transfer, {op.ref}, domain.id, {op.mfn}, 0,
       op.status);
  return domain.copy_to_guest(argument + offsetof(gnttab_transfer, status), op.status) ? 0 : -XEN_EFAULT;
}

}  // namespace ringside

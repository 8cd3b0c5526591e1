#include "hv-model/mm/page_tables.h"

#include "hv-model/mm/page_tables_impl.h"
#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

PageTables::PageTables(Hypervisor& hypervisor)
    : hypervisor_(hypervisor), impl_(std::make_unique<Impl>(hypervisor)) {}

PageTables::~PageTables() = default;

FrameTable& PageTables::Impl::frames() { return hypervisor.frames; }
Memory& PageTables::Impl::memory() { return hypervisor.memory; }

namespace {

constexpr uint64_t kEntriesPerFrame = kPageSize / sizeof(uint64_t);
// Xen's INVALID_M2P_ENTRY: what a frame says that no domain uses.
constexpr uint64_t kInvalidEntry = ~uint64_t{0};

}  // namespace

// Only the part of the table that stands for frames that exist is made; around it the guest gets page faults
// where Xen has zeros or nothing.
bool PageTables::create_machine_to_phys() {
  Impl& impl = *impl_;
  if (!impl.m2p_frames.empty()) return true;
  FrameTable& frames = impl.frames();
  Memory& memory = impl.memory();
  frames.set_observer(&impl);

  const uint64_t first = memory.first_frame().value / kEntriesPerFrame;
  const uint64_t last = (memory.first_frame().value + memory.frames() - 1) / kEntriesPerFrame;
  const std::vector<uint64_t> invalid(kEntriesPerFrame, kInvalidEntry);
  std::vector<Mfn> data;
  std::map<uint64_t, Mfn> l1_tables, l2_tables;  // by the part of the address above them
  const auto l3 = frames.allocate_for_xen(false);
  if (!l3) return false;
  const uint64_t kTable = entry::kPresent | entry::kUser | entry::kAccessed;
  const auto table_in = [&](std::map<uint64_t, Mfn>& tables, uint64_t key, Mfn parent,
                            unsigned slot) -> std::optional<Mfn> {
    if (const auto found = tables.find(key); found != tables.end()) return found->second;
    const auto table = frames.allocate_for_xen(false);
    if (!table) return std::nullopt;
    memory.store<uint64_t>(parent.address() + slot * sizeof(uint64_t), entry::make(*table, kTable));
    return tables[key] = *table;
  };
  for (uint64_t index = first; index <= last; ++index) {
    const uint64_t address = MACH2PHYS_VIRT_START + index * kPageSize;
    const auto frame = frames.allocate_for_xen(true);
    if (!frame) return false;
    const auto l2 = table_in(l2_tables, address >> 30, *l3, entry::slot(address, 3));
    if (!l2) return false;
    const auto l1 = table_in(l1_tables, address >> 21, *l2, entry::slot(address, 2));
    if (!l1) return false;
    memory.store<uint64_t>(l1->address() + entry::slot(address, 1) * sizeof(uint64_t),
                           entry::make(*frame, kTable | entry::kDirty));
    memory.write(frame->address(), invalid.data(), kPageSize);
    data.push_back(*frame);
  }
  impl.m2p_frames = std::move(data);
  impl.m2p_first_entry = first * kEntriesPerFrame;
  impl.m2p_l3 = *l3;
  return true;
}

void PageTables::set_machine_to_phys(Mfn frame, uint64_t pfn) {
  Impl& impl = *impl_;
  if (impl.m2p_frames.empty() || !impl.memory().contains(frame)) return;
  const uint64_t position = frame.value - impl.m2p_first_entry;
  const Mfn table = impl.m2p_frames[position / kEntriesPerFrame];
  impl.memory().store(table.address() + position % kEntriesPerFrame * sizeof(uint64_t), pfn);
}

uint64_t PageTables::machine_to_phys(Mfn frame) const {
  if (impl_->m2p_frames.empty() || !impl_->memory().contains(frame)) return kInvalidEntry;
  const uint64_t position = frame.value - impl_->m2p_first_entry;
  const Mfn table = impl_->m2p_frames[position / kEntriesPerFrame];
  return impl_->memory().load<uint64_t>(table.address() + position % kEntriesPerFrame * sizeof(uint64_t));
}

int64_t PageTables::get_page_and_type(Domain& domain, Mfn frame, PageType type) {
  return impl_->get_page_and_type(domain, frame, type);
}

void PageTables::put_page_and_type(Domain& domain, Mfn frame) { impl_->put_page_and_type(domain, frame); }

int64_t PageTables::pin(Domain& domain, Mfn frame, PageType level) {
  if (!impl_->frames().get_page(frame, domain.id)) return -XEN_EINVAL;
  const int64_t error = impl_->get_type(domain, frame, level);
  if (error != 0) {
    impl_->frames().put_page(frame);
    return error;
  }
  if (impl_->frames().find(frame)->pinned) {
    impl_->put_page_and_type(domain, frame);
    return -XEN_EINVAL;
  }
  impl_->frames().set_pinned(frame, true);
  return 0;
}

int64_t PageTables::unpin(Domain& domain, Mfn frame) {
  if (!impl_->frames().get_page(frame, domain.id)) return -XEN_EINVAL;
  const bool pinned = impl_->frames().find(frame)->pinned;
  if (pinned) {
    impl_->frames().set_pinned(frame, false);
    impl_->put_page_and_type(domain, frame);
  }
  impl_->frames().put_page(frame);
  return pinned ? 0 : -XEN_EINVAL;
}

bool PageTables::hold_for_backend(Domain& domain, Mfn frame) {
  if (!impl_->frames().get_writable_page(frame, domain.id)) return false;
  ++impl_->held[frame];
  return true;
}

uint32_t PageTables::held_for_backend(Mfn frame) const {
  const auto found = impl_->held.find(frame);
  return found == impl_->held.end() ? 0 : found->second;
}

void PageTables::flush(Domain& domain) { impl_->flush(domain); }

void PageTables::load_root(Domain& domain) {
  const Mfn root = domain.vcpu.kernel_mode ? domain.vcpu.kernel_root : domain.vcpu.user_root;
  impl_->last_flush[domain.id] = impl_->frames().advance_tlb_clock();
  if (domain.cpu != nullptr) domain.cpu->set_page_table_root(root.address());
}

void PageTables::Impl::flush(Domain& domain) {
  last_flush[domain.id] = frames().advance_tlb_clock();
  if (domain.cpu != nullptr) domain.cpu->flush_translations();
}

void PageTables::Impl::flush_stale(const Domain& domain, uint64_t stamp) {
  if (stamp == 0) return;
  const auto flushed = last_flush.find(domain.id);
  if (flushed != last_flush.end() && flushed->second > stamp) return;
  if (Domain* owner = hypervisor.find_domain(domain.id); owner != nullptr) flush(*owner);
}

void PageTables::Impl::frame_freed(Mfn frame) {
  hypervisor.page_tables.set_machine_to_phys(frame, kInvalidEntry);
}

void PageTables::Impl::frame_reused(Mfn, uint64_t flush_stamp) {
  // Which core could still see the frame is not known any more, as in Xen: all of them.
  for (const auto& domain : hypervisor.domains()) flush_stale(*domain, flush_stamp);
}

// The tables themselves are memory, which digests cover; frames and counts are the frame table's.
void PageTables::visit_state(StateVisitor& visitor) const {
  visitor.number("m2p_l3", impl_->m2p_l3.value);
  visitor.number("m2p_frames", impl_->m2p_frames.size());
  for (const auto& [frame, count] : impl_->held) {
    visitor.number("held_frame", frame.value);
    visitor.number("held_count", count);
  }
  for (const auto& [domain, map] : impl_->memory_maps) {
    visitor.number("memory_map_of", domain.value);
    visitor.bytes("memory_map", map);
  }
  for (const auto& [domain, stamp] : impl_->last_flush) {
    visitor.number("flushed_domain", domain.value);
    visitor.number("flushed_at", stamp);
  }
}

}  // namespace ringside

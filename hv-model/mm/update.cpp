// One page table entry: Xen's mod_l1_entry to mod_l4_entry, and the grant table's entries.
#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

int64_t PageTables::Impl::modify_entry(Domain& domain, Mfn table, unsigned level, unsigned slot,
                                       uint64_t value, bool preserve_ad, DomainId owner) {
  if (!entry::is_guest_slot(level, slot)) return -XEN_EINVAL;
  const GuestPhys address = table.address() + slot * sizeof(uint64_t);
  const auto old = memory().load<uint64_t>(address);
  const uint64_t kept = preserve_ad ? old & (entry::kAccessed | entry::kDirty) : 0;

  if ((value & entry::kPresent) != 0) {
    if ((value & entry::disallowed(level)) != 0) return -XEN_EINVAL;
    value = entry::adjust(level, value);
    if ((old & entry::kPresent) != 0 && ((old ^ value) & ~entry::kHarmless) == 0) {
      memory().store(address, value | kept);
      return 0;
    }
    const int64_t error = get_from_entry(domain, level, value, owner);
    if (error != 0) return error;
  }
  memory().store(address, value | kept);
  put_from_entry(domain, level, old);
  return 0;
}

int64_t PageTables::Impl::update(Domain& domain, GuestPhys address, uint64_t value, bool preserve_ad,
                                 DomainId owner, bool& upper_changed) {
  const Mfn table = frame_of(address);
  if (!frames().get_page(table, domain.id)) return -XEN_EINVAL;
  const PageInfo& info = *frames().find(table);
  const unsigned level = entry::level_of(info.type);
  int64_t error = -XEN_EINVAL;
  if (info.type_count > 0 && level != 0) {
    const auto slot = static_cast<unsigned>(address.page_offset() / sizeof(uint64_t));
    // The table keeps its type while its entry is changed (Xen's page_lock holds a type reference).
    frames().add_type_reference(table);
    if (level == 1 || owner == domain.id) {
      error = modify_entry(domain, table, level, slot, value, preserve_ad, owner);
      if (error == 0 && level > 1) upper_changed = true;
    }
    put_type(domain, table);
  } else if (frames().get_writable_type(table)) {
    // Not a page table: a plain store.
    memory().store(address, value);
    frames().put_type(table);
    error = 0;
  }
  frames().put_page(table);
  return error;
}

int64_t PageTables::update_entry(Domain& domain, GuestPhys entry_address, uint64_t value, bool preserve_ad,
                                 DomainId foreign) {
  bool upper_changed = false;
  const GuestPhys aligned{entry_address.value & ~uint64_t{7}};
  const int64_t error = impl_->update(domain, aligned, value, preserve_ad, foreign, upper_changed);
  if (upper_changed) impl_->flush(domain);
  return error;
}

std::optional<PageTables::Impl::Walk> PageTables::Impl::find_l1_entry(Domain& domain, uint64_t address) {
  if (!address_ok(address)) return std::nullopt;
  Mfn table = domain.vcpu.kernel_mode ? domain.vcpu.kernel_root : domain.vcpu.user_root;
  for (unsigned level = 4; level > 1; --level) {
    const PageInfo* info = frames().find(table);
    if (info == nullptr || info->type != entry::type_of(level) || info->type_count == 0) return std::nullopt;
    const auto value =
        memory().load<uint64_t>(table.address() + entry::slot(address, level) * sizeof(uint64_t));
    if ((value & entry::kPresent) == 0) return std::nullopt;
    table = entry::frame(value);
  }
  const PageInfo* info = frames().find(table);
  if (info == nullptr || info->type != PageType::l1 || info->type_count == 0) return std::nullopt;
  Walk walk;
  walk.table = table;
  walk.slot = entry::slot(address, 1);
  walk.address = table.address() + walk.slot * sizeof(uint64_t);
  walk.value = memory().load<uint64_t>(walk.address);
  return walk;
}

namespace {

uint64_t grant_entry(Mfn frame, uint32_t map_flags, bool writable) {
  uint64_t value = entry::make(frame, entry::kPresent | entry::kAccessed | entry::kDirty);
  if ((map_flags & GNTMAP_application_map) != 0) value |= entry::kUser;
  if (writable) value |= entry::kWritable;
  value |= static_cast<uint64_t>(map_flags >> _GNTMAP_guest_avail0) << 9 & entry::kAvailableLow;
  return entry::adjust(1, value);
}

}  // namespace

// xen/arch/x86/pv/grant_table.c: create_grant_pv_mapping.
int64_t PageTables::install_grant_mapping(Domain& domain, uint64_t host_address, uint32_t map_flags,
                                          Mfn frame, bool writable) {
  GuestPhys address;
  if ((map_flags & GNTMAP_contains_pte) != 0) {
    if (host_address % sizeof(uint64_t) != 0) return GNTST_general_error;
    address = {host_address};
    const PageInfo* info = impl_->frames().find(frame_of(address));
    if (info == nullptr || info->owner != domain.id || info->type != PageType::l1 || info->type_count == 0) {
      return GNTST_general_error;
    }
  } else {
    const auto walk = impl_->find_l1_entry(domain, host_address);
    if (!walk || impl_->frames().find(walk->table)->owner != domain.id) return GNTST_general_error;
    address = walk->address;
  }
  const auto old = impl_->memory().load<uint64_t>(address);
  impl_->memory().store(address, grant_entry(frame, map_flags, writable));
  impl_->put_from_entry(domain, 1, old);
  return GNTST_okay;
}

// replace_grant_pv_mapping: what is there must be the mapping of that frame with that access.
int64_t PageTables::remove_grant_mapping(Domain& domain, uint64_t host_address, uint32_t map_flags, Mfn frame,
                                         uint64_t replace_with_address) {
  Impl& impl = *impl_;
  const uint64_t wanted = grant_entry(frame, map_flags, (map_flags & GNTMAP_readonly) == 0) &
                          (entry::kPresent | entry::kWritable);
  const auto matches = [&](uint64_t value) {
    return entry::frame(value) == frame && (value & (entry::kPresent | entry::kWritable)) == wanted;
  };
  if ((map_flags & GNTMAP_contains_pte) != 0) {
    if (replace_with_address != 0 || host_address % sizeof(uint64_t) != 0) return GNTST_general_error;
    const GuestPhys address{host_address};
    const PageInfo* info = impl.frames().find(frame_of(address));
    if (info == nullptr || info->owner != domain.id || info->type != PageType::l1 || info->type_count == 0 ||
        !matches(impl.memory().load<uint64_t>(address))) {
      return GNTST_general_error;
    }
    impl.memory().store<uint64_t>(address, 0);
    return GNTST_okay;
  }
  const auto walk = impl.find_l1_entry(domain, host_address);
  if (!walk || impl.frames().find(walk->table)->owner != domain.id || !matches(walk->value)) {
    return GNTST_general_error;
  }
  uint64_t replacement = 0;
  if (replace_with_address != 0) {
    const auto source = impl.find_l1_entry(domain, replace_with_address);
    if (!source || impl.frames().find(source->table)->owner != domain.id ||
        source->address == walk->address) {
      return GNTST_general_error;
    }
    replacement = source->value;
    impl.memory().store<uint64_t>(source->address, 0);
  }
  impl.memory().store(walk->address, replacement);
  return GNTST_okay;
}

}  // namespace ringside

#include "hv-model/mm/invariants.h"

#include <fmt/format.h>

#include "hv-model/mm/page_tables_impl.h"

namespace ringside {

namespace {

class Checker {
 public:
  Checker(Hypervisor& hypervisor, size_t limit)
      : hypervisor_(hypervisor),
        limit_(limit),
        references_(hypervisor.memory.frames()),
        types_(references_.size()) {}

  std::vector<std::string> run() {
    for (size_t index = 0; index < references_.size(); ++index) own_uses(frame_at(index));
    for (const auto& domain : hypervisor_.domains()) domain_uses(*domain);
    for (size_t index = 0; index < references_.size(); ++index) compare(frame_at(index));
    check_owned();
    return std::move(violations_);
  }

 private:
  Mfn frame_at(size_t index) const { return {hypervisor_.memory.first_frame().value + index}; }

  template <class... Arguments>
  void violation(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (violations_.size() < limit_)
      violations_.push_back(fmt::format(format, std::forward<Arguments>(arguments)...));
  }

  void count(Mfn frame, bool typed) {
    if (!hypervisor_.memory.contains(frame)) return;
    const size_t index = hypervisor_.memory.index_of(frame);
    ++references_[index];
    if (typed) ++types_[index];
  }

  void expect_type(Mfn frame, PageType type, const char* why) {
    const PageInfo* info = hypervisor_.frames.find(frame);
    if (info == nullptr || info->type != type || !info->validated) {
      violation("frame {:#x} is used as type {} by {}, but is of type {}", frame.value,
                static_cast<int>(type), why, info == nullptr ? -1 : static_cast<int>(info->type));
    }
  }

  // What the frame's own record and, of a page table, its entries stand for.
  void own_uses(Mfn frame) {
    const PageInfo& info = *hypervisor_.frames.find(frame);
    if (info.owner == kOwnerNone) {
      if (info.ref_count != 0 || info.type_count != 0)
        violation("free frame {:#x} has references", frame.value);
      return;
    }
    if (info.allocated) count(frame, false);
    if (info.special) count(frame, true);
    if (info.pinned) count(frame, true);
    for (uint32_t i = 0; i < hypervisor_.page_tables.held_for_backend(frame); ++i) count(frame, true);
    const unsigned level = entry::level_of(info.type);
    if (info.pinned && level == 0) violation("frame {:#x} is pinned but no page table", frame.value);
    if (info.type_count > 0 && level != 0) table_uses(frame, level);
  }

  void table_uses(Mfn table, unsigned level) {
    for (unsigned slot = 0; slot < entry::kEntries; ++slot) {
      const auto value = hypervisor_.memory.load<uint64_t>(table.address() + slot * sizeof(uint64_t));
      if (!entry::is_guest_slot(level, slot)) {
        xen_slot(table, slot, value);
        continue;
      }
      if ((value & entry::kPresent) == 0) continue;
      const Mfn target = entry::frame(value);
      if ((value & entry::disallowed(level)) != 0 || (value & entry::kUser) == 0) {
        violation("entry {} of L{} {:#x} has flags {:#x}", slot, level, table.value,
                  value & ~entry::kFrameMask);
      }
      if (!hypervisor_.memory.contains(target)) {
        violation("entry {} of L{} {:#x} points outside of memory: {:#x}", slot, level, table.value, value);
        continue;
      }
      const bool typed = level > 1 || (value & entry::kWritable) != 0;
      count(target, typed);
      if (level > 1) {
        expect_type(target, entry::type_of(level - 1), "a page table");
      } else if (typed) {
        expect_type(target, PageType::writable, "a writable mapping");
      }
      if (level > 1 && hypervisor_.frames.find(target)->owner != hypervisor_.frames.find(table)->owner) {
        violation("L{} {:#x} points to another's table {:#x}", level, table.value, target.value);
      }
    }
  }

  void xen_slot(Mfn table, unsigned slot, uint64_t value) {
    const bool m2p = slot == entry::kFirstXenSlot;
    const PageInfo* info = hypervisor_.frames.find(entry::frame(value));
    if (m2p ? info == nullptr || info->owner != kOwnerXen || (value & entry::kWritable) != 0 : value != 0) {
      violation("Xen's slot {} of L4 {:#x} holds {:#x}", slot, table.value, value);
    }
  }

  void domain_uses(const Domain& domain) {
    for (const Mfn root : {domain.vcpu.kernel_root, domain.vcpu.user_root}) {
      if (root.value == 0) continue;
      count(root, true);
      expect_type(root, PageType::l4, "a root");
    }
    for (const Mfn frame : domain.vcpu.gdt_frames) {
      count(frame, true);
      expect_type(frame, PageType::segment_descriptors, "a GDT");
    }
    if (domain.vcpu.info) {
      count(frame_of(*domain.vcpu.info), true);
      expect_type(frame_of(*domain.vcpu.info), PageType::writable, "vcpu_info");
    }
    for (const Mfn frame : hypervisor_.channels.held_frames(domain.id)) {
      count(frame, true);
      expect_type(frame, PageType::writable, "the FIFO event channels");
    }
    // A mapping into the guest's own address space is the entry that was counted above.
    for (const auto& [handle, mapping] : domain.grants.mappings) {
      if (!mapping.host_map || domain.id.value == 0) count(mapping.frame, !mapping.read_only);
    }
  }

  void compare(Mfn frame) {
    const PageInfo& info = *hypervisor_.frames.find(frame);
    const size_t index = hypervisor_.memory.index_of(frame);
    if (info.owner == kOwnerNone && references_[index] == 0) return;
    if (info.ref_count != references_[index]) {
      violation("frame {:#x} of domain {} has {} references, {} are known", frame.value, info.owner.value,
                info.ref_count, references_[index]);
    }
    if (info.type_count != types_[index]) {
      violation("frame {:#x} of domain {} has {} references to its type {}, {} are known", frame.value,
                info.owner.value, info.type_count, static_cast<int>(info.type), types_[index]);
    }
  }

  void check_owned() {
    std::map<DomainId, uint64_t> owned;
    for (size_t index = 0; index < references_.size(); ++index) {
      const PageInfo& info = *hypervisor_.frames.find(frame_at(index));
      if (info.owner != kOwnerNone && !info.special) ++owned[info.owner];
    }
    for (const auto& [owner, frames] : owned) {
      if (hypervisor_.frames.owned_frames(owner) != frames) {
        violation("domain {} owns {} frames, {} are counted", owner.value, frames,
                  hypervisor_.frames.owned_frames(owner));
      }
    }
  }

  Hypervisor& hypervisor_;
  size_t limit_;
  std::vector<uint64_t> references_, types_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> memory_violations(Hypervisor& hypervisor, size_t limit) {
  return Checker(hypervisor, limit).run();
}

}  // namespace ringside

// Watching stores by a memory hook of the emulator, bounded to the watched pages. It looks at a hook's bounds
// by physical address. Code translated before there was such a hook stores past it, and code translated while
// there was one is slow: so all of it is translated anew, which costs time and has no other effect.
#include "cpu/unicorn_cpu.h"
#include "cpu/unicorn_engine.h"

namespace ringside {

void UnicornCpu::watch_stores(std::vector<GuestPhys> pages, OnStore on_store) {
  if (pages.empty() && watched_pages_.empty()) return;
  watched_pages_ = std::move(pages);
  on_store_ = std::move(on_store);
  watch_is_stale_ = true;
}

void UnicornCpu::place_watch() {
  watch_is_stale_ = false;
  for (const uc_hook hook : watch_hooks_) uc_hook_del(uc_, hook);
  watch_hooks_.clear();
  for (const GuestPhys page : watched_pages_) {
    uc_hook hook = 0;
    const uint64_t first = page.value & ~(kPageSize - 1);
    const uc_err error = uc_hook_add(uc_, &hook, UC_HOOK_MEM_WRITE, hook_pointer(store_hook), this, first,
                                     first + kPageSize - 1);
    if (error == UC_ERR_OK) watch_hooks_.push_back(hook);
  }
  uc_ctl_flush_tb(uc_);
  flush_emulator();
}

void UnicornCpu::store_hook(uc_engine*, uc_mem_type, uint64_t address, int size, int64_t value, void* self) {
  const UnicornCpu& cpu = *static_cast<UnicornCpu*>(self);
  if (cpu.watch_is_stale_ || !cpu.on_store_) return;
  cpu.on_store_({address}, static_cast<unsigned>(size), static_cast<uint64_t>(value));
}

}  // namespace ringside

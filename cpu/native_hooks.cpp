// What the emulator calls while it runs: blocks, translations, exceptions. Nothing here throws or blocks, and
// nothing but the run loop acts on what is noted.
#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/native_layout.h"
#include "cpu/unicorn_native.h"

namespace ringside {
namespace {

NativeUnicornCpu& core(void* self) { return *static_cast<NativeUnicornCpu*>(self); }

Access access_of(uc_mem_type type) {
  if (type == UC_MEM_WRITE) return Access::write;
  return type == UC_MEM_FETCH ? Access::fetch : Access::read;
}

constexpr uint64_t kInterruptFlag = 1 << 9;

}  // namespace

void NativeUnicornCpu::stop(Pending pending) {
  // With the trap flag set, the emulator adds a #DB to a SYSCALL; the processor masks the flag first.
  const bool called = pending_.cause == Cause::syscall || pending_.cause == Cause::sysenter;
  if (!called) pending_ = pending;
  uc_emu_stop(uc_);
}

// --- Blocks: the count and the time ---

void NativeUnicornCpu::block_hook(uc_engine*, uint64_t address, uint32_t size, void* self) {
  NativeUnicornCpu& cpu = core(self);
  const BlockTable::Cached* cached = cpu.blocks_.find(address, size);
  if (cached == nullptr || cpu.clock_.now.ps >= cpu.check_at_ps_) [[unlikely]] {
    return cpu.on_unusual_block(address, size);
  }
  cpu.charge_block(*cached);
}

inline void NativeUnicornCpu::charge_block(const BlockTable::Cached& cached) {
  clock_.now.ps += cached.cost_ps;
  clock_.instructions += cached.instructions;
  current_.address = cached.address;
  current_.size = cached.size;
  current_.io_offset = 0;
  current_.block = cached.block;
}

void NativeUnicornCpu::on_unusual_block(uint64_t address, uint32_t size) {
  if (in_stub_ || pending_.cause != Cause::none) return;
  if (clock_.now.ps < check_at_ps_) {
    // Nothing is due; the block is only one of those that must be watched, or not known.
    if (const BlockTable::Cached* cached = blocks_.find_watched(address, size);
        cached != nullptr && (!cached->block->port_offset || privilege() == 0)) {
      if (cached->block->string.width != 0 && iterations_.is_worth_it(current_.block == cached->block)) {
        repeat_string(*cached->block);
      }
      if (cached->block->pauses) wait_longer(address);
      charge_block(*cached);
      return watch_end_of(*cached->block);
    }
    if (!current_.mixed && !single_) {
      if (const BlockTable::Cached* cached = find_moved(address, size);
          cached != nullptr && !cached->block->port_offset && !BlockTable::must_be_compared(*cached)) {
        if (cached->block->pauses) wait_longer(address);
        charge_block(*cached);
        return watch_end_of(*cached->block);
      }
    }
  }
  if (stepping_) return on_stepped_block(address);
  if (current_.mixed) take_back_cut_block(address, size);
  note_end_of_last_block(address);
  if (stop_requested_ || clock_.now >= deadline_ || interrupt_is_due()) {
    current_ = {};
    return stop({.cause = Cause::boundary});
  }
  const auto first_behind = std::lower_bound(breakpoints_.begin(), breakpoints_.end(), address);
  const bool has_breakpoint = first_behind != breakpoints_.end() && *first_behind - address < size;
  if (single_ || has_breakpoint) {
    return stop({.cause = Cause::debugger, .vector = size, .page = address});
  }
  enter_block(address, size);
  if (current_.block->port_offset && !ports_are_free()) {
    stop({.cause = Cause::port, .page = address + *current_.block->port_offset});
  }
}

// What the end of the block before means for interrupts at this boundary.
void NativeUnicornCpu::note_end_of_last_block(uint64_t address) {
  if (current_.block == nullptr) return;  // noted when the emulator was stopped here
  const BlockEnd end = current_.block->ends_by;
  shadow_ = (end == BlockEnd::sti || end == BlockEnd::shadow) && current_.address + current_.size == address;
  if (end == BlockEnd::iret) nmi_blocked_ = false;
}

bool NativeUnicornCpu::interrupt_is_due() const {
  if (shadow_) return false;
  if (nmi_pending_ && !nmi_blocked_) return true;
  return interrupt_line_ && !request_has_gone_ && (read(UC_X86_REG_RFLAGS) & kInterruptFlag);
}

// The cached block with these bytes, which lie where they lay and have not changed. Null when that is not
// known.
const BlockTable::Cached* NativeUnicornCpu::find_moved(uint64_t address, uint32_t size) {
  const BlockTable::Frames* frames = blocks_.find_moved(address, size);
  if (frames == nullptr) return nullptr;
  const uint64_t last = address + size - 1;
  const bool crosses = (last ^ address) >> kPageShift != 0;
  const auto first_page = peek_page(address);
  if (!first_page || frame_of(*first_page).value != frames->first) return nullptr;
  bool changeable = is_changeable(address);
  if (crosses) {
    const auto last_page = peek_page(last);
    if (!last_page || frame_of(*last_page).value != frames->last) return nullptr;
    changeable = changeable || is_changeable(last);
  }
  const BlockTable::Cached& cached = blocks_.renew(address, changeable);
  if (!BlockTable::must_be_compared(cached)) return &cached;
  const uint8_t* bytes = crosses ? nullptr : map_.bytes_at(*first_page + (address & (kPageSize - 1)), size);
  const bool same = bytes != nullptr && cached.block->bytes.size() == size &&
                    std::memcmp(bytes, cached.block->bytes.data(), size) == 0;
  return same ? &cached : nullptr;
}

void NativeUnicornCpu::enter_block(uint64_t address, uint32_t size) {
  if (const BlockTable::Cached* moved = find_moved(address, size)) {
    if (moved->block->pauses) wait_longer(address);
    charge_block(*moved);
    current_.mixed = BlockTable::must_be_compared(*moved);
    return begin_block();
  }
  std::array<uint8_t, 2 * kPageSize> bytes;
  const size_t length = peek(address, bytes.data(), std::min<size_t>(size, bytes.size()));
  bool mixed = false;
  for (uint64_t at : {address, address + std::max<uint32_t>(size, 1) - 1}) {
    const auto page = peek_page(at);
    mixed = mixed || (page && map_.is_ram(*page) &&
                      code_pages_.state(memory_.index_of(frame_of(*page))) == CodeState::mixed);
  }
  const bool has_breakpoint =
      std::any_of(breakpoints_.begin(), breakpoints_.end(), [&](uint64_t at) { return at - address < size; });
  const BlockTable::Kept kept = has_breakpoint ? BlockTable::Kept::never
                                : mixed        ? BlockTable::Kept::compared
                                               : BlockTable::Kept::always;
  const CodeMode mode = code_mode();
  if (mode.width != CodeWidth::bits_64) {
    known_selector_ = static_cast<uint16_t>(read(UC_X86_REG_CS));
    known_base_ = address - rip();
  }
  const GuestPhys at = peek_page(address).value_or(GuestPhys{}) + (address & (kPageSize - 1));
  const BlockTable::Cached& cached =
      blocks_.look_up_watched(address, at, {bytes.data(), length}, kept, mode.width);
  blocks_.set_base(*cached.block, mode.width == CodeWidth::bits_64 ? 0 : known_base_);
  const auto last_page = peek_page(address + std::max<uint32_t>(size, 1) - 1);
  const uint64_t last = address + std::max<uint32_t>(size, 1) - 1;
  blocks_.set_frames(address, {frame_of(at).value, last_page ? frame_of(*last_page).value : 0},
                     is_changeable(address) || is_changeable(last));
  if (cached.block->pauses) wait_longer(address);
  charge_block(cached);
  current_.size = size;
  current_.mixed = mixed;
  begin_block();
}

void NativeUnicornCpu::begin_block() {
  if (current_.mixed && current_.block->string.width != 0) current_.left = read(UC_X86_REG_RCX);
  shadow_ = false;
  request_has_gone_ = false;
  check_at_ps_ = current_.mixed || stop_requested_ ? 0 : deadline_.ps;
  if (interrupt_line_ && (read(UC_X86_REG_RFLAGS) & kInterruptFlag)) check_at_ps_ = 0;
  if (nmi_pending_ && !nmi_blocked_) check_at_ps_ = 0;
  watch_end_of(*current_.block);
}

// What may become due behind this block.
void NativeUnicornCpu::watch_end_of(const Block& block) {
  if (block.ends_by != BlockEnd::ordinary && (interrupt_line_ || nmi_pending_ || nmi_blocked_))
    check_at_ps_ = 0;
}

// While run_up_to() is at work: the block that it begins in has been charged, the next one is a boundary.
void NativeUnicornCpu::on_stepped_block(uint64_t address) {
  if (!stepping_entered_) {
    stepping_entered_ = true;
    return;
  }
  if (is_restarted(address)) return;
  note_end_of_last_block(address);
  stop({.cause = Cause::boundary, .page = address});
}

// Where the guest's address lies in RAM, when its processor holds a translation that allows the access, and
// (for a store) the emulator has been given the right to write there without being asked.
uint8_t* NativeUnicornCpu::reached_memory(uint64_t address, Access access) {
  const Translation* held = find_translation({address});
  if (held == nullptr || !paging_.paging || !is_allowed(paging_, *held, {access, is_user()})) return nullptr;
  const GuestPhys page = held->frame.address();
  if (!map_.is_ram(page)) return nullptr;
  if (access == Access::write) {
    const size_t frame = memory_.index_of(held->frame);
    const bool given = held->dirty && written_[frame].life == emulator_life_;
    if (!given || code_pages_.state(frame) != CodeState::data) return nullptr;
  }
  return memory_.data() + (page.value - memory_.base().value) + (address & (kPageSize - 1));
}

// At the beginning of an iteration, with which the clock has not been charged: the one that the emulator
// goes on with must begin before anything is due.
void NativeUnicornCpu::repeat_string(const Block& block) {
  const uint64_t in_time = (check_at_ps_ - 1 - clock_.now.ps) / block.cost_ps;
  const uint64_t done = repeat_at_once(uc_, block.string, in_time, [this](uint64_t address, Access access) {
    return reached_memory(address, access);
  });
  clock_.now.ps += done * block.cost_ps;
  clock_.instructions += done;
}

// An iteration of a repeated string instruction that stores into its own bytes begins twice.
bool NativeUnicornCpu::is_restarted(uint64_t address) const {
  return current_.mixed && current_.block != nullptr && current_.block->string.width != 0 &&
         address == current_.address && read(UC_X86_REG_RCX) == current_.left;
}

// As in UnicornCpu::take_back_cut_block(): a store into the bytes of its own block ends the block before the
// store, which the emulator then runs as a block of its own.
void NativeUnicornCpu::take_back_cut_block(uint64_t next_address, uint32_t next_size) {
  if (is_restarted(next_address)) return settle_at(next_address);
  if (current_.block == nullptr || next_address < current_.address ||
      next_address - current_.address >= current_.size) {
    return;
  }
  const uint64_t offset = next_address - current_.address;
  const Block::Start* start = current_.block->start_at(offset);
  if (start == nullptr || !start->cuttable || next_size != current_.block->length_of(*start)) return;
  settle_at(next_address);
}

void NativeUnicornCpu::settle_at(uint64_t linear) {
  if (current_.block == nullptr || linear < current_.address || linear - current_.address >= current_.size) {
    return;
  }
  const Block::Part done = current_.block->before(linear - current_.address);
  clock_.now.ps -= current_.block->cost_ps - done.cost_ps;
  clock_.instructions -= current_.block->instructions - done.instructions;
  current_ = {};
}

// --- Translation ---

bool NativeUnicornCpu::tlb_hook(uc_engine*, uint64_t address, uc_mem_type type, uc_tlb_entry* entry,
                                void* self) {
  return core(self).fill(address, access_of(type), *entry);
}

bool NativeUnicornCpu::is_user() const { return (cr0_ & 1) && privilege() == 3; }

bool NativeUnicornCpu::fill(uint64_t address, Access access, uc_tlb_entry& entry) {
  using namespace native_layout;
  address &= ~(kPageSize - 1);
  if (alias_open_ && (address & kAlias) != 0 && !is_canonical(address)) {
    entry.paddr = address - kAlias;
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
    return true;
  }
  if (in_stub_) {
    if (address != kStub && address != kFlush) return false;
    entry.paddr = kPrivate + (address == kStub ? kStubPage : kFlushPage) * kPageSize;
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
    return true;
  }
  // Behind a stop the guest asks for nothing more. The emulator does: it forgets the block before an exit
  // address, which it looks up by the privilege that the guest has come to.
  if (pending_.cause != Cause::none) return false;
  if (!paging_.long_mode) {
    address = static_cast<uint32_t>(address);
  } else if (!is_canonical(address)) {
    pending_ = {.cause = Cause::general_fault, .page = address, .access = access};
    return false;
  }
  PageAccess wanted{access, is_user()};
  auto translation = translation_for({address}, wanted);
  if (!translation && wanted.user && is_implicit_access(address, access)) {
    wanted.user = false;
    translation = translation_for({address}, wanted);
  }
  if (!translation) {
    pending_ = {
        .cause = Cause::page_fault, .page = address, .access = access, .error_code = translation.error()};
    return false;
  }
  grant(*translation, wanted, entry);
  // Behind the grant, which may have flushed what was there.
  if (!translation->global && changeables_ <= kChangeableMax) note_changeable(address, translation->frame);
  return true;
}

void NativeUnicornCpu::note_changeable(uint64_t address, Mfn frame) {
  for (size_t i = 0; i < changeables_; ++i) {
    if (changeable_[i].address == address && changeable_[i].frame == frame) return;
  }
  if (changeables_ < kChangeableMax) changeable_[changeables_] = {address, frame};
  ++changeables_;
}

const Translation* NativeUnicornCpu::find_translation(GuestVirt address) const {
  const Translation* held = translations_.find(address);
  return held != nullptr ? held : global_translations_.find(address);
}

tl::expected<Translation, uint32_t> NativeUnicornCpu::translation_for(GuestVirt address, PageAccess access) {
  const Translation* held = find_translation(address);
  if (held != nullptr && is_allowed(paging_, *held, access) &&
      (access.access != Access::write || held->dirty)) {
    return *held;
  }
  // Not held, or held without the right: the processor walks again before it faults.
  const auto walk = walk_native(map_, paging_, address, access, WalkEffect::accessed_dirty);
  if (!walk) {
    // A page fault drops what was held for its address.
    if (held != nullptr) flush_translation(address);
    return tl::unexpected(walk.error());
  }
  if (!paging_.paging) return *walk;
  const bool moved = held != nullptr && held->frame.value != walk->frame.value;
  Translations& kept = walk->global ? global_translations_ : translations_;
  Translations& other = walk->global ? translations_ : global_translations_;
  if (held != nullptr && other.find(address) != nullptr) other.flush(address);
  const bool had_room = kept.insert(*walk);
  if (moved || !had_room) forget_emulator_tlb();
  return *walk;
}

void NativeUnicornCpu::grant(const Translation& translation, PageAccess access, uc_tlb_entry& entry) {
  using namespace native_layout;
  const bool may_write = translation.dirty && is_allowed(paging_, translation, {Access::write, access.user});
  const GuestPhys page = translation.frame.address();
  const PhysicalMap::Place place = map_.place(page);
  if (place.kind == PhysicalMap::Kind::ram) return grant_memory(translation, access, may_write, entry);
  if (access.access == Access::fetch) {
    const bool rom = place.kind == PhysicalMap::Kind::rom;
    entry.paddr = rom ? rom_offsets_[place.rom] + place.offset : kPrivate + kBusPage * kPageSize;
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
  } else if (place.kind == PhysicalMap::Kind::rom && access.access == Access::read) {
    entry.paddr = rom_offsets_[place.rom] + place.offset;
    entry.perms = UC_PROT_READ;
  } else {
    // A store to read-only memory is a device's affair, too: nobody takes it.
    entry.paddr = kDevices + page.value;
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | (may_write ? UC_PROT_WRITE : 0));
  }
}

void NativeUnicornCpu::grant_memory(const Translation& translation, PageAccess access, bool may_write,
                                    uc_tlb_entry& entry) {
  const size_t frame = memory_.index_of(translation.frame);
  const bool own = access.access == Access::write && code_pages_.state(frame) == CodeState::code &&
                   is_own_frame(translation.frame);
  const CodePages::Step step =
      code_pages_.access(frame, access.access, translation.executable, own, judged_at_);
  if (step.drop_blocks) {
    // The block that runs may go on within its own frame unasked; any other way into a frame is a fetch.
    const bool current = is_own_frame(translation.frame);
    // Blocks that begin in the frame before, and end in this one, are not asked for here: they go at once.
    constexpr uint64_t kLongestInstruction = 15;
    const bool all = current || !remembered_code_.remember(memory_, translation.frame);
    drop_blocks(translation.frame.address(), all ? kPageSize : kLongestInstruction);
  } else if (step.flush && (access.access != Access::fetch || written_[frame].life == emulator_life_)) {
    // A frame becomes code: only entries that may write to it are in the way.
    flush_emulator();
    if (access.access == Access::write) blocks_.drop_frame(translation.frame.value);
    if (own) {
      current_.mixed = true;
      current_.left = read(UC_X86_REG_RCX);
      check_at_ps_ = 0;
    }
  }
  if (access.access == Access::fetch) {
    remembered_code_.compare(memory_, translation.frame,
                             [this](GuestPhys at, uint64_t stale) { drop_blocks(at, stale); });
    memory_.set_frame_flags(translation.frame, Memory::code);
  }
  unsigned permissions = UC_PROT_READ;
  if (may_write && step.may_write) {
    permissions |= UC_PROT_WRITE;
    note_writer(written_[frame], translation.virtual_page << kPageShift);
    memory_.set_frame_flags(translation.frame, Memory::touched);
  }
  if (translation.executable && step.may_execute) permissions |= UC_PROT_EXEC;
  entry.paddr = native_layout::kRam + (translation.frame.address().value - memory_.base().value);
  entry.perms = static_cast<uc_prot>(permissions);
}

void NativeUnicornCpu::note_writer(Written& written, uint64_t address) const {
  const bool first = written.life != emulator_life_;
  written.sole = first || (written.sole && written.address == address);
  written.address = address;
  written.life = emulator_life_;
}

bool NativeUnicornCpu::is_own_frame(Mfn frame) const {
  if (current_.size == 0) return false;
  const auto first = peek_page(current_.address);
  const auto last = peek_page(current_.address + current_.size - 1);
  return (first && frame_of(*first).value == frame.value) || (last && frame_of(*last).value == frame.value);
}

void NativeUnicornCpu::drop_blocks(GuestPhys address, uint64_t length) {
  using namespace native_layout;
  const PhysicalMap::Place place = map_.place(address);
  uint64_t at = kPrivate + kBusPage * kPageSize + address.page_offset();
  if (place.kind == PhysicalMap::Kind::ram) at = kRam + place.offset;
  if (place.kind == PhysicalMap::Kind::rom) at = rom_offsets_[place.rom] + place.offset;
  alias_open_ = true;
  uc_ctl_remove_cache(uc_, kAlias + at, kAlias + at + length);
  alias_open_ = false;
  // The alias must not stay in the emulator's TLB, where the guest could use it.
  flush_emulator();
  for (Mfn frame = frame_of(address); frame <= frame_of(address + (length - 1)); ++frame.value)
    blocks_.drop_frame(frame.value);
}

void NativeUnicornCpu::on_host_store(GuestPhys address, uint64_t length) {
  code_pages_.host_store(memory_, address, length,
                         [this](GuestPhys at, uint64_t stale) { drop_blocks(at, stale); });
}

// --- Exceptions and instructions ---

void NativeUnicornCpu::interrupt_hook(uc_engine*, uint32_t number, void* self) {
  if (number >= 0x100) {
    core(self).stop({.cause = Cause::intercept, .vector = number - 0x100});
  } else {
    core(self).stop({.cause = Cause::unknown, .vector = number});
  }
}

bool NativeUnicornCpu::invalid_hook(uc_engine*, void* self) {
  core(self).stop({.cause = Cause::intercept, .vector = 0x46});
  return true;
}

void NativeUnicornCpu::syscall_hook(uc_engine*, void* self) { core(self).stop({.cause = Cause::syscall}); }

void NativeUnicornCpu::sysenter_hook(uc_engine*, void* self) { core(self).stop({.cause = Cause::sysenter}); }

}  // namespace ringside

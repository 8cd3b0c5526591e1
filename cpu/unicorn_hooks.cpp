// What the emulator calls while it runs. Nothing here throws or blocks, and nothing but the run loop acts on
// what is noted.
#include <algorithm>
#include <array>
#include <cstring>

#include "cpu/counting_loop.h"
#include "cpu/unicorn_cpu.h"
#include "cpu/unicorn_layout.h"

namespace ringside {
namespace {

constexpr uint64_t kTrapFlag = 1 << 8;

UnicornCpu& core(void* self) { return *static_cast<UnicornCpu*>(self); }

Access access_of(uc_mem_type type) {
  if (type == UC_MEM_WRITE) return Access::write;
  return type == UC_MEM_FETCH ? Access::fetch : Access::read;
}

}  // namespace

void UnicornCpu::stop(Pending pending) {
  // With the trap flag set, the emulator adds a #DB to a SYSCALL; the processor masks the flag first.
  const bool called = pending_.cause == Cause::syscall || pending_.cause == Cause::sysenter;
  if (!called) pending_ = pending;
  uc_emu_stop(uc_);
}

// --- Blocks: the count and the time ---

void UnicornCpu::block_hook(uc_engine*, uint64_t address, uint32_t size, void* self) {
  UnicornCpu& cpu = core(self);
  const BlockTable::Cached* cached = cpu.blocks_.find(address, size);
  if (cached == nullptr || cpu.clock_.now.ps >= cpu.check_at_ps_) [[unlikely]] {
    return cpu.on_unusual_block(address, size);
  }
  cpu.charge_block(*cached);
}

inline void UnicornCpu::charge_block(const BlockTable::Cached& cached) {
  clock_.now.ps += cached.cost_ps;
  clock_.instructions += cached.instructions;
  current_.address = cached.address;
  current_.size = cached.size;
  current_.block = cached.block;
}

void UnicornCpu::on_unusual_block(uint64_t address, uint32_t size) {
  if (in_setup_ || stepping_ || pending_.cause != Cause::none) return;
  if (clock_.now.ps < check_at_ps_) {
    // Nothing is due; the cache does not answer for the block, or not any more. How a block ends matters to
    // no interrupt here, so that a watched one is as good as any.
    const BlockTable::Cached* cached = blocks_.find_watched(address, size);
    if (cached == nullptr) cached = find_moved(address, size);
    if (cached != nullptr && !cached->block->port_offset && !BlockTable::must_be_compared(*cached)) {
      if (cached->block->string.width != 0 && iterations_.is_worth_it(current_.block == cached->block)) {
        repeat_string(*cached->block);
      }
      return charge_block(*cached);
    }
  }
  if (current_.mixed) take_back_cut_block(address, size);
  if (stop_requested_ || clock_.now >= deadline_) {
    current_ = {};
    return stop({.cause = Cause::boundary});
  }
  const bool looks = clock_.now.ps >= check_at_ps_;
  const Tick began = clock_.now;
  enter_block(address, size);
  if (looks && !current_.mixed) pass_over_counting(began);
  check_at_ps_ = current_.mixed || stop_requested_ ? 0 : next_look();
  // The emulator executes port instructions at CPL 3, and the rest of the block behind them. They must fault
  // (IOPL is 0 and there is no bitmap), so the block is not entered.
  if (current_.block->port_offset)
    stop({.cause = Cause::port, .page = address + *current_.block->port_offset});
}

// As the native core's: where the guest has reached memory already, and at the beginning of an iteration.
uint8_t* UnicornCpu::reached_memory(uint64_t address, Access access) {
  const Translation* held = translations_.find({address});
  if (held == nullptr) return nullptr;
  if (access == Access::write) {
    const size_t frame = memory_.index_of(held->frame);
    const bool given = held->writable && held->dirty && written_in_life_[frame] == emulator_life_;
    if (!given || code_pages_.state(frame) != CodeState::data) return nullptr;
  }
  return memory_.data() + (held->frame.address().value - memory_.base().value) + (address & (kPageSize - 1));
}

void UnicornCpu::repeat_string(const Block& block) {
  const uint64_t in_time = (deadline_.ps - 1 - clock_.now.ps) / block.cost_ps;
  const uint64_t done = repeat_at_once(uc_, block.string, in_time, [this](uint64_t address, Access access) {
    return reached_memory(address, access);
  });
  clock_.now.ps += done * block.cost_ps;
  clock_.instructions += done;
}

// When a block is to be looked at though nothing is due: often enough to find a loop that counts soon after
// it began, and seldom enough that code without loops does not feel it.
uint64_t UnicornCpu::next_look() const {
  constexpr Tick kLookEvery = microseconds(16);
  return std::min(deadline_, saturating_add(clock_.now, kLookEvery)).ps;
}

void UnicornCpu::pass_over_counting(Tick began) {
  const uint64_t offset = current_.address & (kPageSize - 1);
  if (current_.block->string.width != 0 || !may_be_counting_loop(current_.block->bytes, 0)) return;
  const auto page_address = peek_page(current_.address);
  if (!page_address || began >= deadline_ || (read(UC_X86_REG_RFLAGS) & kTrapFlag)) return;
  const uint8_t* page = memory_.at(*page_address, kPageSize);
  if (page == nullptr) return;
  CountingLoop::General before;
  for (uint8_t i = 0; i < before.size(); ++i) before[i] = general(static_cast<Registers::General>(i));
  const auto loop = find_counting_loop({page, kPageSize}, offset, before, costs_);
  if (!loop) return;
  // Each block of these iterations begins before the deadline.
  const uint64_t in_time = (deadline_.ps - 1 - began.ps) / loop->cost.ps;
  const uint64_t count = std::min(loop->iterations, in_time);
  if (count == 0) return;
  for (uint8_t i = 0; i < before.size(); ++i) {
    if (loop->changes[i].step == 0) continue;
    set_general(static_cast<Registers::General>(i), CountingLoop::after(loop->changes[i], before[i], count));
  }
  clock_.now.ps += count * loop->cost.ps;
  clock_.instructions += count * loop->instructions;
}

// The cached block with these bytes, which lie where they lay and have not changed. Null when that is not
// known.
const BlockTable::Cached* UnicornCpu::find_moved(uint64_t address, uint32_t size) {
  const BlockTable::Frames* frames = blocks_.find_moved(address, size);
  if (frames == nullptr) return nullptr;
  const auto first_page = peek_page(address);
  if (!first_page || frame_of(*first_page).value != frames->first) return nullptr;
  const uint64_t last = address + size - 1;
  const bool crosses = (last ^ address) >> kPageShift != 0;
  if (crosses) {
    const auto last_page = peek_page(last);
    if (!last_page || frame_of(*last_page).value != frames->last) return nullptr;
  }
  const BlockTable::Cached& cached = blocks_.renew(address, false);
  if (!BlockTable::must_be_compared(cached)) return &cached;
  if (crosses || cached.block->bytes.size() != size) return nullptr;
  const uint8_t* bytes = memory_.at(*first_page + (address & (kPageSize - 1)), size);
  return bytes != nullptr && std::memcmp(bytes, cached.block->bytes.data(), size) == 0 ? &cached : nullptr;
}

void UnicornCpu::enter_block(uint64_t address, uint32_t size) {
  if (const BlockTable::Cached* moved = find_moved(address, size)) {
    charge_block(*moved);
    current_.mixed = BlockTable::must_be_compared(*moved);
    return;
  }
  std::array<uint8_t, 2 * kPageSize> bytes;
  const size_t length = peek(address, bytes.data(), std::min<size_t>(size, bytes.size()));
  const auto first = peek_page(address);
  const auto last = peek_page(address + std::max<uint32_t>(size, 1) - 1);
  bool mixed = false;
  for (const auto& page : {first, last}) {
    mixed = mixed || (page && code_pages_.state(memory_.index_of(frame_of(*page))) == CodeState::mixed);
  }
  const GuestPhys at = first.value_or(GuestPhys{}) + (address & (kPageSize - 1));
  const BlockTable::Cached& cached = blocks_.look_up_watched(
      address, at, {bytes.data(), length}, mixed ? BlockTable::Kept::compared : BlockTable::Kept::always,
      CodeWidth::bits_64);
  blocks_.set_frames(address, {frame_of(at).value, last ? frame_of(*last).value : 0}, false);
  charge_block(cached);
  current_.size = size;
  current_.mixed = mixed;
}

// A store into the bytes of its own block ends the block before the store; the emulator then runs the store
// as a block of its own, and goes on with new code behind it. What the cut block was charged from the store
// on is taken back: a block of one instruction, which is such a store, inside of the block before, is the
// sign of it. A jump back to a single store would look the same, but every block in which such a jump could
// land goes on behind the store.
void UnicornCpu::take_back_cut_block(uint64_t next_address, uint32_t next_size) {
  if (next_address < current_.address || next_address - current_.address >= current_.size) return;
  const uint64_t offset = next_address - current_.address;
  const Block::Start* start = current_.block->start_at(offset);
  if (start == nullptr || !start->cuttable || next_size != current_.block->length_of(*start)) return;
  settle_at(next_address);
}

void UnicornCpu::settle_at(uint64_t rip) {
  if (current_.block == nullptr || rip < current_.address || rip - current_.address >= current_.size) return;
  const Block::Part done = current_.block->before(rip - current_.address);
  clock_.now.ps -= current_.block->cost_ps - done.cost_ps;
  clock_.instructions -= current_.block->instructions - done.instructions;
  current_ = {};
}

// --- Translation ---

bool UnicornCpu::tlb_hook(uc_engine*, uint64_t address, uc_mem_type type, uc_tlb_entry* entry, void* self) {
  return core(self).fill(address, access_of(type), *entry);
}

bool UnicornCpu::fill(uint64_t address, Access access, uc_tlb_entry& entry) {
  using namespace unicorn_layout;
  address &= ~(kPageSize - 1);
  const auto constant_page = [&](uint64_t page) {
    entry.paddr = private_base_.value + page * kPageSize;
    entry.perms = UC_PROT_READ;
    return true;
  };
  if (alias_open_ && (address & kAlias) != 0 && !is_canonical(address)) {
    entry.paddr = address - kAlias;
    entry.perms = static_cast<uc_prot>(UC_PROT_READ | UC_PROT_EXEC);
    return true;
  }
  if (in_setup_) {
    if (address != kStub) return false;
    constant_page(kStubPage);
    entry.perms = UC_PROT_ALL;
    return true;
  }
  // A segment load reads the descriptor table as a supervisor. The hook is not told so; a guest that reads
  // there finds the constants.
  if (access == Access::read && address - kDescriptorTable < kDescriptorTableBytes) {
    const bool holds = address - kDescriptorTable == kDescriptorWindowPage * kPageSize;
    return constant_page(holds ? kDescriptorPage : kZeroPage);
  }
  if (!is_canonical(address)) {
    pending_ = {.cause = Cause::general_fault, .page = address, .access = access};
    return false;
  }
  const auto translation = translation_for({address}, access);
  if (!translation) {
    pending_ = {
        .cause = Cause::page_fault, .page = address, .access = access, .error_code = translation.error()};
    return false;
  }
  grant(*translation, access, entry);
  return true;
}

tl::expected<Translation, uint32_t> UnicornCpu::translation_for(GuestVirt address, Access access) {
  const Translation* held = translations_.find(address);
  if (held != nullptr) {
    const bool enough = access == Access::read ||
                        (access == Access::write && held->writable && held->dirty) ||
                        (access == Access::fetch && held->executable);
    if (enough) return *held;
  }
  // Not held, or held without the right: the processor walks again before it faults (SDM volume 3, 4.10.4.3).
  const auto walk = walk_page_tables(memory_, root_, address, access, WalkEffect::accessed_dirty);
  if (!walk) {
    // A page fault drops what was held for its address (SDM volume 3, 4.10.4.1).
    if (held != nullptr) flush_translation(address);
    return tl::unexpected(walk.error());
  }
  Translation entered;
  entered.virtual_page = address.value >> kPageShift;
  entered.frame = frame_of(walk->page);
  entered.writable = walk->writable;
  entered.executable = walk->executable;
  entered.dirty = walk->dirty;
  entered.large = walk->level > 1;
  large_seen_ = large_seen_ || entered.large;
  const bool moved = held != nullptr &&
                     (held->frame.value != entered.frame.value || (held->executable && !entered.executable));
  const bool had_room = translations_.insert(entered);
  if (moved || !had_room) forget_emulator_tlb();
  return entered;
}

void UnicornCpu::grant(const Translation& translation, Access access, uc_tlb_entry& entry) {
  const size_t frame = memory_.index_of(translation.frame);
  const bool own = access == Access::write && code_pages_.state(frame) == CodeState::code &&
                   is_own_frame(translation.frame);
  const CodePages::Step step = code_pages_.access(frame, access, translation.executable, own, judged_at_);
  if (step.drop_blocks) {
    // The block that runs may go on within its own frame unasked; any other way into a frame is a fetch.
    const bool current = is_own_frame(translation.frame);
    // Blocks that begin in the frame before, and end in this one, are not asked for here: they go at once.
    constexpr uint64_t kLongestInstruction = 15;
    const bool all = current || !remembered_code_.remember(memory_, translation.frame);
    drop_blocks(translation.frame.address(), all ? kPageSize : kLongestInstruction);
  } else if (step.flush && (access != Access::fetch || written_in_life_[frame] == emulator_life_)) {
    // A frame becomes code: only entries that may write to it are in the way.
    flush_emulator();
    if (access == Access::write) blocks_.drop_frame(translation.frame.value);
    if (own) {
      current_.mixed = true;
      check_at_ps_ = 0;
    }
  }
  if (access == Access::fetch) {
    remembered_code_.compare(memory_, translation.frame,
                             [this](GuestPhys at, uint64_t stale) { drop_blocks(at, stale); });
    memory_.set_frame_flags(translation.frame, Memory::code);
  }
  unsigned permissions = UC_PROT_READ;
  if (translation.writable && translation.dirty && step.may_write) {
    permissions |= UC_PROT_WRITE;
    written_in_life_[frame] = emulator_life_;
    memory_.set_frame_flags(translation.frame, Memory::touched);
  }
  if (translation.executable && step.may_execute) permissions |= UC_PROT_EXEC;
  entry.paddr = translation.frame.address().value;
  entry.perms = static_cast<uc_prot>(permissions);
}

bool UnicornCpu::is_own_frame(Mfn frame) const {
  if (current_.size == 0) return false;
  const auto first = peek_page(current_.address);
  const auto last = peek_page(current_.address + current_.size - 1);
  return (first && frame_of(*first).value == frame.value) || (last && frame_of(*last).value == frame.value);
}

void UnicornCpu::drop_blocks(GuestPhys address, uint64_t length) {
  alias_open_ = true;
  uc_ctl_remove_cache(uc_, unicorn_layout::kAlias + address.value,
                      unicorn_layout::kAlias + address.value + length);
  alias_open_ = false;
  // The alias must not stay in the emulator's TLB, where the guest could use it.
  flush_emulator();
  for (Mfn frame = frame_of(address); frame <= frame_of(address + (length - 1)); ++frame.value)
    blocks_.drop_frame(frame.value);
}

void UnicornCpu::on_host_store(GuestPhys address, uint64_t length) {
  code_pages_.host_store(memory_, address, length,
                         [this](GuestPhys at, uint64_t stale) { drop_blocks(at, stale); });
}

// --- Exceptions and instructions ---

void UnicornCpu::interrupt_hook(uc_engine*, uint32_t number, void* self) {
  if (number >= 0x100) {
    core(self).stop({.cause = Cause::intercept, .vector = number - 0x100});
  } else {
    core(self).stop({.cause = Cause::unknown, .vector = number});
  }
}

bool UnicornCpu::invalid_hook(uc_engine*, void* self) {
  core(self).stop({.cause = Cause::intercept, .vector = 0x46});
  return true;
}

void UnicornCpu::syscall_hook(uc_engine*, void* self) { core(self).stop({.cause = Cause::syscall}); }

void UnicornCpu::sysenter_hook(uc_engine*, void* self) { core(self).stop({.cause = Cause::sysenter}); }

// The clock has been charged for the whole block; the instruction that asks stands somewhere in it.
Tick UnicornCpu::now_at_instruction() const {
  const uint64_t offset = rip() - current_.address;
  if (current_.block == nullptr || offset >= current_.size) return clock_.now;
  return clock_.now - picoseconds(current_.block->cost_ps - current_.block->before(offset).cost_ps);
}

int UnicornCpu::cpuid_hook(uc_engine*, void* self) {
  UnicornCpu& cpu = core(self);
  const Tick charged = cpu.clock_.now;
  const Tick now = cpu.clock_.now = cpu.now_at_instruction();
  const auto leaf = cpu.environment_.cpuid(static_cast<uint32_t>(cpu.read(UC_X86_REG_RAX)),
                                           static_cast<uint32_t>(cpu.read(UC_X86_REG_RCX)));
  cpu.clock_.now = charged + (cpu.clock_.now - now);  // the environment may have charged
  cpu.write(UC_X86_REG_RAX, leaf.eax);
  cpu.write(UC_X86_REG_RBX, leaf.ebx);
  cpu.write(UC_X86_REG_RCX, leaf.ecx);
  cpu.write(UC_X86_REG_RDX, leaf.edx);
  return 1;
}

void UnicornCpu::answer_time_stamp() {
  const Tick charged = clock_.now;
  const Tick now = clock_.now = now_at_instruction();
  const uint64_t counter = environment_.time_stamp_counter(now);
  clock_.now = charged + (clock_.now - now);
  write(UC_X86_REG_RAX, static_cast<uint32_t>(counter));
  write(UC_X86_REG_RDX, counter >> 32);
}

int UnicornCpu::rdtsc_hook(uc_engine*, void* self) {
  core(self).answer_time_stamp();
  return 1;
}

int UnicornCpu::rdtscp_hook(uc_engine*, void* self) {
  core(self).answer_time_stamp();
  core(self).write(UC_X86_REG_RCX, 0);  // TSC_AUX: the first processor of the first node
  return 1;
}

}  // namespace ringside

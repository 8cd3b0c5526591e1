// What the emulator calls while it runs. Nothing here throws or blocks, and nothing but the run loop acts on
// what is noted.
#include <algorithm>
#include <array>

#include "cpu/unicorn_cpu.h"
#include "cpu/unicorn_layout.h"

namespace ringside {
namespace {

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
  cpu.clock_.now.ps += cached->cost_ps;
  cpu.clock_.instructions += cached->instructions;
  cpu.current_.address = address;
  cpu.current_.size = size;
  cpu.current_.block = cached->block;
}

void UnicornCpu::on_unusual_block(uint64_t address, uint32_t size) {
  if (in_setup_ || stepping_ || pending_.cause != Cause::none) return;
  if (current_.mixed) take_back_cut_block(address, size);
  if (stop_requested_ || clock_.now >= deadline_) {
    current_ = {};
    return stop({.cause = Cause::boundary});
  }
  std::array<uint8_t, 2 * kPageSize> bytes;
  const size_t length = peek(address, bytes.data(), std::min<size_t>(size, bytes.size()));
  bool mixed = false;
  for (uint64_t at : {address, address + std::max<uint32_t>(size, 1) - 1}) {
    const auto page = peek_page(at);
    mixed = mixed || (page && code_pages_.state(memory_.index_of(frame_of(*page))) == CodeState::mixed);
  }
  const GuestPhys at = peek_page(address).value_or(GuestPhys{}) + (address & (kPageSize - 1));
  const BlockTable::Cached& cached = blocks_.look_up(address, at, {bytes.data(), length}, !mixed);
  clock_.now.ps += cached.cost_ps;
  clock_.instructions += cached.instructions;
  current_ = {address, size, cached.block, mixed};
  check_at_ps_ = mixed || stop_requested_ ? 0 : deadline_.ps;
  // The emulator executes port instructions at CPL 3, and the rest of the block behind them. They must fault
  // (IOPL is 0 and there is no bitmap), so the block is not entered.
  if (cached.block->port_offset) stop({.cause = Cause::port, .page = address + *cached.block->port_offset});
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
  const bool moved = held != nullptr && held->frame.value != entered.frame.value;
  const bool had_room = translations_.insert(entered);
  if (moved || !had_room) forget_emulator_tlb();
  return entered;
}

void UnicornCpu::grant(const Translation& translation, Access access, uc_tlb_entry& entry) {
  const size_t frame = memory_.index_of(translation.frame);
  const bool own = access == Access::write && code_pages_.state(frame) == CodeState::code &&
                   is_own_frame(translation.frame);
  const CodePages::Step step = code_pages_.access(frame, access, translation.executable, own);
  if (step.drop_blocks) {
    drop_blocks(translation.frame.address(), kPageSize);
  } else if (step.flush) {
    uc_ctl_flush_tlb(uc_);
    if (access == Access::write) blocks_.new_epoch();
    if (own) {
      current_.mixed = true;
      check_at_ps_ = 0;
    }
  }
  if (access == Access::fetch) memory_.set_frame_flags(translation.frame, Memory::code);
  unsigned permissions = UC_PROT_READ;
  if (translation.writable && translation.dirty && step.may_write) {
    permissions |= UC_PROT_WRITE;
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
  uc_ctl_flush_tlb(uc_);
  blocks_.new_epoch();
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

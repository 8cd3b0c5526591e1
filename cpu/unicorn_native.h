// The whole processor on Unicorn.
//
// As the paravirtual core does (unicorn_cpu.h), the emulator lives in SVM guest mode, entered by a real
// VMRUN: what is intercepted arrives in our interrupt hook as 0x100 + exit code, RIP at the instruction, with
// nothing done yet. Intercepted are all exceptions, INT n, HLT, MSRs, INVLPG and the moves to control
// registers that change translations. The emulator delivers nothing by itself: native_delivery.cpp does, by
// the book.
//
// VMRUN is also the one way to load a segment register with any hidden part, and to read them all, since it
// saves what it replaces. It is not intercepted, and is undefined to the guest because EFER.SVME is clear;
// the core sets that bit for its own few instructions (native_segments.cpp).
//
// Files: native_run.cpp is the run loop with steps and breakpoints, native_hooks.cpp what the emulator calls
// for blocks and translations, native_io.cpp devices and the time of an access, native_exits.cpp instructions
// that are intercepted, native_faults.cpp exceptions before delivery, native_delivery.cpp and
// native_legacy.cpp the way into handlers, native_segments.cpp segments, native_state.cpp registers and
// state, native_setup.cpp start and reset.
#pragma once

#include <unicorn/unicorn.h>

#include <map>

#include "cpu/block_table.h"
#include "cpu/code_pages.h"
#include "cpu/disassembler.h"
#include "cpu/fault_address.h"
#include "cpu/native_cpu.h"
#include "cpu/native_msr.h"
#include "cpu/native_walker.h"
#include "cpu/physical_map.h"
#include "cpu/segment.h"
#include "cpu/translations.h"
#include "cpu/unicorn_strings.h"

namespace ringside {

class NativeUnicornCpu final : public NativeCpu {
 public:
  NativeUnicornCpu(const NativeCpuConfig& config, Memory& memory, Clock& clock,
                   NativeCpuEnvironment& environment);
  ~NativeUnicornCpu() override;
  // Opens the emulator. Call it once, before anything else.
  Result<void> start();

  void enter(const CpuEntry& entry) override;
  Exit run(Tick deadline) override;
  Exit step(Tick deadline) override;
  void set_breakpoints(std::vector<GuestVirt> addresses) override;
  void request_stop() override;
  void bring_deadline_forward(Tick deadline) override;
  void set_interrupt_line(bool level) override;
  void raise_nmi() override;
  bool halted() const override;
  void charge(Tick cost) override { clock_.now = saturating_add(clock_.now, cost); }
  Tick exit_cost(ExitReason reason) const override { return costs_.cost(cycles_of(reason)); }

  uint64_t general(Registers::General which) const override;
  void set_general(Registers::General which, uint64_t value) override;
  uint64_t rip() const override { return read(UC_X86_REG_RIP); }
  void set_rip(uint64_t value) override;
  Registers registers() const override;
  void set_registers(const Registers& registers) override;
  void set_fs_base(uint64_t value) override { write(UC_X86_REG_FS_BASE, value); }
  void set_gs_base(uint64_t value) override { write(UC_X86_REG_GS_BASE, value); }
  SystemRegisters system_registers() const override;
  GuestPhys page_table_root() const override { return paging_.root; }
  void set_page_table_root(GuestPhys root) override;
  void set_task_switched(bool on) override;

  void flush_translations() override;
  void flush_translation(GuestVirt page) override;
  tl::expected<GuestPhys, PageFault> translate(GuestVirt address, Access access) override;
  tl::expected<void, PageFault> read_virtual(GuestVirt address, void* into, uint64_t length) override;
  tl::expected<void, PageFault> write_virtual(GuestVirt address, const void* from, uint64_t length) override;
  std::string disassemble(GuestVirt address, unsigned count) override;
  void flush_emulator_tlb() override { uc_ctl_flush_tlb(uc_); }  // a test's: nothing is known by it
  void visit_state(StateVisitor& visitor) const override;

 private:
  // --- Why the emulator was stopped ---
  enum class Cause : uint8_t {
    none,
    boundary,  // before a block: the run loop looks what is due
    debugger,  // before a block in which a debugger has business: `page` is its address, `vector` its size
    port,      // before a block that may not use its port, at the linear address `page`
    syscall,
    sysenter,
    intercept,      // `vector` is the SVM exit code
    page_fault,     // `page`, `access`, `error_code`
    general_fault,  // a non-canonical `page`
    unknown,        // an interrupt number that cannot be: `vector`
  };
  struct Pending {
    Cause cause = Cause::none;
    uint32_t vector = 0;
    uint64_t page = 0;
    Access access = Access::read;
    uint32_t error_code = 0;
  };

  // --- An exception or interrupt on its way to a handler ---
  enum class EventKind : uint8_t { interrupt, nmi, exception, software };
  struct Event {
    EventKind kind = EventKind::exception;
    uint8_t vector = 0;
    std::optional<uint32_t> error_code;
    uint64_t cr2 = 0;
  };
  // Delivery failed by another exception.
  struct Failure {
    uint8_t vector = 0;
    std::optional<uint32_t> error_code;
    uint64_t cr2 = 0;
  };
  using Delivered = tl::expected<void, Failure>;

  // All that VMRUN and VMLOAD load.
  struct MachineState {
    Segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    uint64_t cr0 = 0, cr2 = 0, cr3 = 0, cr4 = 0, efer = 0, dr6 = 0xffff'0ff0;
    uint64_t rflags = 2, rip = 0, rsp = 0, rax = 0, kernel_gs_base = 0;
  };

  // --- native_setup.cpp ---
  Result<void> add_hooks();
  Result<void> map_pages();
  void reset();
  MachineState reset_state() const;
  MachineState entry_state(const CpuEntry& entry);

  // --- native_hooks.cpp: what the emulator calls ---
  static void block_hook(uc_engine*, uint64_t address, uint32_t size, void* self);
  static bool tlb_hook(uc_engine*, uint64_t address, uc_mem_type type, uc_tlb_entry* entry, void* self);
  static void interrupt_hook(uc_engine*, uint32_t number, void* self);
  static bool invalid_hook(uc_engine*, void* self);
  static void syscall_hook(uc_engine*, void* self);
  static void sysenter_hook(uc_engine*, void* self);
  void on_unusual_block(uint64_t address, uint32_t size);
  void on_stepped_block(uint64_t address);
  void enter_block(uint64_t address, uint32_t size);
  void begin_block();
  const BlockTable::Cached* find_moved(uint64_t address, uint32_t size);
  void charge_block(const BlockTable::Cached& cached);
  void watch_end_of(const Block& block);
  // Iterations of REP STOS and REP MOVS beyond the one that begins (unicorn_strings.h).
  void repeat_string(const Block& block);
  uint8_t* reached_memory(uint64_t address, Access access);
  bool is_restarted(uint64_t address) const;
  void take_back_cut_block(uint64_t next_address, uint32_t next_size);
  void note_end_of_last_block(uint64_t address);
  bool interrupt_is_due() const;
  bool fill(uint64_t address, Access access, uc_tlb_entry& entry);
  void grant(const Translation& translation, PageAccess access, uc_tlb_entry& entry);
  void grant_memory(const Translation& translation, PageAccess access, bool may_write, uc_tlb_entry& entry);
  bool is_implicit_access(uint64_t page, Access access);
  bool is_own_frame(Mfn frame) const;
  void stop(Pending pending);

  // --- native_io.cpp ---
  static uint64_t memory_read_hook(uc_engine*, uint64_t offset, unsigned size, void* self);
  static void memory_write_hook(uc_engine*, uint64_t offset, unsigned size, uint64_t value, void* self);
  static uint32_t port_in_hook(uc_engine*, uint32_t port, int size, void* self);
  static void port_out_hook(uc_engine*, uint32_t port, int size, uint32_t value, void* self);
  static int cpuid_hook(uc_engine*, void* self);
  static int rdtsc_hook(uc_engine*, void* self);
  static int rdtscp_hook(uc_engine*, void* self);
  // Runs `function` with the clock set back to `now`. What the clock was charged ahead stays charged, and
  // what `function` charges, and `cost`, come on top.
  template <class Function>
  auto at_time(Tick now, Tick cost, Function function) {
    const Tick ahead = clock_.now - now;
    if (cost.ps != 0) spin_ = {};
    clock_.now = now;
    auto result = function();
    clock_.now = saturating_add(clock_.now, ahead + cost);
    return result;
  }
  Tick now_at_offset(uint64_t offset) const;
  Tick now_at_instruction() const;
  Tick now_at_access(GuestPhys address, unsigned size, Access access);
  uint64_t access_address(const Block::MemoryAccess& access) const;
  bool port_is_allowed(uint16_t port, unsigned size);
  bool ports_are_free() const;

  // --- Translation and code ---
  bool is_user() const;
  tl::expected<Translation, uint32_t> translation_for(GuestVirt address, PageAccess access);
  const Translation* find_translation(GuestVirt address) const;
  void drop_blocks(GuestPhys address, uint64_t length);
  void on_host_store(GuestPhys address, uint64_t length);
  void forget_emulator_tlb();
  // Now where the emulator runs, else before the next run.
  void flush_emulator();
  // The same for one page, for much less: what else the emulator holds stays. Not while it runs.
  void flush_emulator_page(uint64_t address);
  // Behind a new CR3: what it changes leaves the emulator's TLB.
  void flush_changeable();
  void note_changeable(uint64_t address, Mfn frame);
  void judge_frames();
  uc_err run_emulator(uint64_t from);
  // Bytes as the guest would fetch them, without an effect; fewer where the next page is missing.
  size_t peek(uint64_t linear, uint8_t* into, size_t length) const;
  std::optional<GuestPhys> peek_page(uint64_t linear) const;
  // Whether a new CR3 may change what the address means: it may not where a global page is held.
  bool is_changeable(uint64_t linear) const {
    return paging_.paging && global_translations_.find({linear}) == nullptr;
  }

  // --- native_run.cpp ---
  Exit run_or_step(Tick deadline, bool step);
  std::optional<Exit> handle_exit(uc_err error);
  std::optional<Exit> at_boundary(bool& interrupted);
  bool stopped_at_breakpoint(bool single);
  std::optional<Exit> run_partial();
  Exit broken(std::string detail) const;
  // Takes back what the current block was charged for from the linear address on.
  void settle_at(uint64_t linear);

  // --- native_exits.cpp: they return an exit when one is due ---
  std::optional<Exit> intercepted(uint32_t code);
  std::optional<Exit> halt();
  std::optional<Exit> exception_intercepted(uint8_t vector);
  std::optional<Exit> software_interrupt();
  std::optional<Exit> move_to_control_register();
  std::optional<Exit> move_from_control_register();
  std::optional<Exit> access_dr7();
  std::optional<Exit> invalidate_page();
  std::optional<Exit> access_msr();
  std::optional<Exit> access_port(uint64_t linear);
  bool write_cr0(uint64_t value);
  bool write_cr3(uint64_t value);
  bool write_cr4(uint64_t value);
  std::optional<uint64_t> read_msr(uint32_t index);
  bool write_msr(uint32_t index, uint64_t value);
  bool write_efer(uint64_t value);
  void finish_instruction(unsigned length);
  uint64_t host_read_msr(uint32_t index) const;
  void host_write_msr(uint32_t index, uint64_t value);
  void take_over_control_registers();

  // --- native_faults.cpp ---
  std::optional<Exit> fault(uint8_t vector, std::optional<uint32_t> error_code);
  std::optional<Exit> page_fault();
  std::optional<Exit> general_fault();
  std::optional<Exit> advance_to_page_end(uint64_t page);
  std::optional<Exit> run_up_to(uint64_t linear);
  std::optional<FaultingOperand> faulting_operand(Instruction instruction, const Registers& registers,
                                                  uint64_t page, Access access) const;
  uint32_t selector_error_code();
  bool decode_at(uint64_t linear, Instruction& into);

  // --- native_delivery.cpp ---
  std::optional<Exit> deliver(Event event);
  Delivered deliver_once(const Event& event);
  Delivered deliver_long(const Event& event);
  void enter_long(uint16_t selector, unsigned new_cpl, unsigned old_cpl);
  std::optional<Exit> enter_syscall();
  std::optional<Exit> enter_sysenter();

  // --- native_legacy.cpp ---
  Delivered deliver_real(const Event& event);
  Delivered deliver_protected(const Event& event);

  // The accesses that the processor makes by itself, as a supervisor.
  tl::expected<void, Failure> load(uint64_t linear, void* into, uint64_t length, bool user = false);
  tl::expected<void, Failure> save(uint64_t linear, const void* from, uint64_t length, bool user = false);
  tl::expected<void, Failure> transfer(uint64_t linear, uint8_t* bytes, uint64_t length, PageAccess access);

  // --- native_segments.cpp ---
  struct CodeMode {
    CodeWidth width = CodeWidth::bits_64;
    uint64_t base = 0;
  };
  CodeMode code_mode() const;
  uint64_t linear(uint64_t rip) const;
  uint64_t segment_base(const MemoryOperand& operand) const;
  uint64_t linear_address(const MemoryOperand& operand, const Registers& registers, uint64_t next_rip) const;
  std::optional<Descriptor> peek_descriptor(uint16_t selector) const;
  unsigned privilege() const;
  bool in_virtual_8086() const;
  // Everything that VMRUN replaces, the hidden parts of segments included. Leaves the emulator in 64-bit code
  // at CPL 0: load_state() must follow.
  MachineState capture_state();
  void load_state(const MachineState& state);
  // `base` is that of CS.
  void run_stub(std::initializer_list<uint8_t> code, uint64_t vmcb_page, uint64_t base);
  void write_flat_state();
  // From 64-bit code: the quick way to CPL 0.
  void raise_privilege();

  // --- native_state.cpp ---
  uint64_t read(int reg) const {
    uint64_t value = 0;
    uc_reg_read(uc_, reg, &value);
    return value;
  }
  void write(int reg, uint64_t value) { uc_reg_write(uc_, reg, &value); }
  uc_x86_mmr read_table(int reg) const;

  const NativeCpuConfig config_;
  Memory& memory_;
  Clock& clock_;
  NativeCpuEnvironment& environment_;
  CostTable costs_;
  PhysicalMap map_;
  Disassembler disassembler_;
  Translations translations_, global_translations_;
  CodePages code_pages_;
  BlockTable blocks_;

  uc_engine* uc_ = nullptr;
  uc_context* pristine_ = nullptr;  // as it was opened: 64-bit code at CPL 0, no guest of SVM
  uc_context* guest_ = nullptr;     // the guest, while a page is flushed
  // A 16-bit engine lends contexts in which writing a segment register loads it as real mode does.
  uc_engine* lender_ = nullptr;
  uc_context* lent_ = nullptr;
  uint8_t* private_pages_ = nullptr;
  uint64_t private_bytes_ = 0;
  std::vector<uint64_t> rom_offsets_;  // in the emulator's own physical addresses
  bool in_stub_ = false;
  bool in_emulator_ = false;
  bool emulator_is_stale_ = false;  // flush before the next run
  bool alias_open_ = false;         // while drop_blocks() speaks of physical addresses

  // --- The processor's state beside the emulator's ---
  uint64_t cr0_ = 0, cr4_ = 0, efer_ = 0;
  PagingMode paging_;
  uint64_t star_ = 0, lstar_ = 0, cstar_ = 0, sfmask_ = 0;
  uint64_t sysenter_cs_ = 0, sysenter_esp_ = 0, sysenter_eip_ = 0;
  // What the emulator's TLB may hold: pages that are not global, and for each frame, in which of its lives
  // (between flushes) it got a right to write.
  static constexpr size_t kChangeableMax = 4;  // more of them are dropped by a flush of everything
  struct Changeable {
    uint64_t address = 0;
    Mfn frame;
  };
  std::array<Changeable, kChangeableMax> changeable_{};
  size_t changeables_ = 0;  // kChangeableMax + 1: too many to be listed
  uint32_t emulator_life_ = 1;
  struct Written {
    uint32_t life = 0;
    bool sole = false;  // by one page only:
    uint64_t address = 0;
  };
  std::vector<Written> written_;
  void note_writer(Written& written, uint64_t address) const;
  RememberedCode remembered_code_;
  // The time by which frames of code and data are judged: that of an interrupt, OUT or store to CR3, because
  // a stop that a debugger made cannot move those.
  Tick judged_at_;
  uint64_t pat_ = 0, tsc_aux_ = 0, dr7_ = 0;
  NativeMsrs msrs_;
  bool halted_ = false;
  bool shadow_ = false;  // of STI or MOV SS, over the next instruction
  bool interrupt_line_ = false;
  bool nmi_pending_ = false, nmi_blocked_ = false;
  // INT n: where it returns to, and where it stands.
  uint64_t software_return_ = 0, software_start_ = 0;
  bool advanced_ = false;  // advance_to_page_end() has executed something
  std::string shutdown_;   // why, once it has shut down
  // CS as it was last seen where its base is not its descriptor's: at reset, and behind a switch of mode.
  uint16_t known_selector_ = 0;
  uint64_t known_base_ = 0;

  // --- Running ---
  Pending pending_;
  bool stop_requested_ = false;
  bool request_has_gone_ = false;  // the interrupt controller took its request back: once, not for ever
  Tick deadline_ = Tick::never();
  uint64_t check_at_ps_ = 0;  // a block that starts at this time or later is unusual
  // The block that runs, or ran last: as it was charged.
  struct Current {
    uint64_t address = 0;
    uint32_t size = 0;
    uint32_t io_offset = 0;  // behind the last instruction that is known to have reached a device
    const Block* block = nullptr;
    bool mixed = false;  // may be cut by its own store
    uint64_t left = 0;   // of a repeated string instruction that may: RCX
  };
  Current current_;
  IterationCount iterations_;

  // A loop that waits by PAUSE, and touches no device: where it pauses, since when, and the last time.
  struct Spin {
    uint64_t address = 0;
    Tick since;
    uint64_t instructions = 0;
  };
  Spin spin_;
  void wait_longer(uint64_t address);

  // --- Debugging ---
  std::vector<uint64_t> breakpoints_;  // sorted
  bool stepping_ = false;              // run_up_to() is at work
  bool stepping_entered_ = false;      // its block has begun
  bool single_ = false;                // step(): every block is the debugger's business
  // A block whose boundary has been passed, of which the debugger has run a part.
  struct Partial {
    bool active = false;
    uint64_t address = 0;
    uint32_t size = 0;
    uint32_t io_offset = 0;
    uint64_t at = 0;  // linear, the next instruction
  };
  Partial partial_;
  std::optional<uint64_t> reported_breakpoint_;

  struct Decoded {
    std::array<uint8_t, 16> key{};  // the bytes, the width, and how many could be read
    bool known = false;
    Instruction instruction;
  };
  std::vector<Decoded> decoded_ = std::vector<Decoded>(256);

  // Keeps the memory's observer from calling a core that is gone.
  std::shared_ptr<NativeUnicornCpu*> self_;
};

}  // namespace ringside

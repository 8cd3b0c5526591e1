// The core on Unicorn, for a 64-bit paravirtual guest.
//
// The emulator lives in SVM guest mode, entered once at start by a real VMRUN that loads CPL 3 with the
// selectors of a Xen guest (unicorn_setup.cpp). It never performs a #VMEXIT: an intercepted exception arrives
// in our interrupt hook as 0x100 + exit code, RIP at the instruction, state as it was. Two things follow.
// Exceptions are clean exits, and the emulator's "exception in progress" state, which otherwise would turn
// every second fault into a double fault, is reset each time. The guest cannot tell: at CPL 3 every SVM
// instruction faults, and CPUID is answered by the environment.
//
// Six files: unicorn_cpu.cpp is the run loop and the exits, unicorn_hooks.cpp what the emulator calls,
// unicorn_registers.cpp the registers and the state, unicorn_setup.cpp the way to CPL 3, unicorn_ahead.cpp
// translation before a fork, unicorn_watch.cpp a debugger's watch. No exception, no thread, no time limit,
// and but for that watch no hook on instructions or memory; what a hook cannot finish it notes in `pending_`,
// stops, and the run loop acts.
#pragma once

#include <unicorn/unicorn.h>

#include <map>
#include <vector>

#include "cpu/block_table.h"
#include "cpu/code_pages.h"
#include "cpu/cpu.h"
#include "cpu/disassembler.h"
#include "cpu/fault_address.h"
#include "cpu/page_walker.h"
#include "cpu/store_watch.h"
#include "cpu/translations.h"
#include "cpu/unicorn_strings.h"

namespace ringside {

class UnicornCpu final : public Cpu, public StoreWatch {
 public:
  UnicornCpu(const CpuConfig& config, Memory& memory, Clock& clock, CpuEnvironment& environment);
  ~UnicornCpu() override;
  // Opens the emulator and brings it to CPL 3. Call it once, before anything else.
  Result<void> start();

  Exit run(Tick deadline) override;
  void request_stop() override;
  void charge(Tick cost) override;
  Tick exit_cost(ExitReason reason) const override;

  uint64_t general(Registers::General which) const override;
  void set_general(Registers::General which, uint64_t value) override;
  uint64_t rip() const override;
  void set_rip(uint64_t value) override;
  Registers registers() const override;
  void set_registers(const Registers& registers) override;
  void set_fs_base(uint64_t value) override;
  void set_gs_base(uint64_t value) override;
  GuestPhys page_table_root() const override { return root_; }
  void set_page_table_root(GuestPhys root) override;
  void set_task_switched(bool on) override;

  void flush_translations() override;
  void flush_translation(GuestVirt page) override;
  tl::expected<GuestPhys, PageFault> translate(GuestVirt address, Access access) override;
  tl::expected<void, PageFault> read_virtual(GuestVirt address, void* into, uint64_t length) override;
  tl::expected<void, PageFault> write_virtual(GuestVirt address, const void* from, uint64_t length) override;
  std::string disassemble(GuestVirt address, unsigned count) override;
  std::vector<SeenBlock> seen_blocks() const override { return blocks_.seen(); }
  void translate_ahead(std::vector<SeenBlock>& blocks) override;
  void flush_emulator_tlb() override;
  void visit_state(StateVisitor& visitor) const override;
  void watch_stores(std::vector<GuestPhys> pages, OnStore on_store) override;

 private:
  // --- Why the emulator was stopped ---
  enum class Cause : uint8_t {
    none,
    boundary,  // the deadline or a request, before a block
    port,      // before a block that uses a port at address `page`
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

  // --- unicorn_setup.cpp ---
  Result<void> enter_guest_mode();
  Result<void> add_hooks();

  // --- unicorn_hooks.cpp: what the emulator calls ---
  static void block_hook(uc_engine*, uint64_t address, uint32_t size, void* self);
  static bool tlb_hook(uc_engine*, uint64_t address, uc_mem_type type, uc_tlb_entry* entry, void* self);
  static void interrupt_hook(uc_engine*, uint32_t number, void* self);
  static bool invalid_hook(uc_engine*, void* self);
  static void syscall_hook(uc_engine*, void* self);
  static void sysenter_hook(uc_engine*, void* self);
  static int cpuid_hook(uc_engine*, void* self);
  static int rdtsc_hook(uc_engine*, void* self);
  static int rdtscp_hook(uc_engine*, void* self);
  // Not in line: the hook must stay a leaf.
  [[gnu::noinline]] void on_unusual_block(uint64_t address, uint32_t size);
  void charge_block(const BlockTable::Cached& cached);
  void enter_block(uint64_t address, uint32_t size);
  const BlockTable::Cached* find_moved(uint64_t address, uint32_t size);
  // Iterations of REP STOS and REP MOVS beyond the one that begins (unicorn_strings.h).
  void repeat_string(const Block& block);
  uint8_t* reached_memory(uint64_t address, Access access);
  // Iterations of a loop that only counts (counting_loop.h), which a block begins that was entered at
  // `began`.
  void pass_over_counting(Tick began);
  uint64_t next_look() const;
  void take_back_cut_block(uint64_t next_address, uint32_t next_size);
  bool fill(uint64_t address, Access access, uc_tlb_entry& entry);
  void grant(const Translation& translation, Access access, uc_tlb_entry& entry);
  void answer_time_stamp();
  Tick now_at_instruction() const;
  void stop(Pending pending);

  // --- Translation and code ---
  // From the map, or by a walk that enters it.
  tl::expected<Translation, uint32_t> translation_for(GuestVirt address, Access access);
  void drop_blocks(GuestPhys address, uint64_t length);
  void on_host_store(GuestPhys address, uint64_t length);
  bool is_own_frame(Mfn frame) const;

  // The translations that the emulator itself holds are no longer right.
  void forget_emulator_tlb();
  void flush_emulator();
  void judge_frames();
  uc_err run_emulator(uint64_t from);

  // --- unicorn_cpu.cpp: exits ---
  Exit exit_for(uc_err error);
  Exit intercepted(uint32_t code);
  Exit software_interrupt(uint64_t at);
  Exit software_debug(uint64_t at);
  bool is_icebp(uint64_t address) const;
  bool is_rdpmc(uint64_t address) const;
  Exit page_fault_exit();
  Exit general_fault_exit();
  Exit general_fault_for(const FaultingOperand& operand);
  Exit exception(uint8_t vector, std::optional<uint32_t> error_code);
  Exit broken(std::string detail) const;
  Exit port_exit(uint64_t address);
  std::optional<Exit> advance_to_page_end(uint64_t page);
  std::optional<Exit> run_up_to(uint64_t address);
  // Takes back what the current block was charged for from `rip` on.
  void settle_at(uint64_t rip);
  uint32_t selector_error_code();
  bool decode_at(uint64_t address, Instruction& into);
  // Bytes as the guest would fetch them, without an effect; fewer where the next page is missing.
  size_t peek(uint64_t address, uint8_t* into, size_t length) const;
  // The machine address, by the map or else by the tables as they are.
  std::optional<GuestPhys> peek_page(uint64_t address) const;

  // --- unicorn_ahead.cpp ---
  bool is_ready_for(const SeenBlock& block, GuestPhys& at) const;

  // --- unicorn_watch.cpp ---
  void place_watch();
  static void store_hook(uc_engine*, uc_mem_type, uint64_t address, int size, int64_t value, void* self);

  // --- unicorn_registers.cpp ---
  uint64_t read(int reg) const;
  void write(int reg, uint64_t value);
  void set_flags(uint64_t value);
  void set_data_selector(int reg, uint16_t value);

  const CpuConfig config_;
  Memory& memory_;
  Clock& clock_;
  CpuEnvironment& environment_;
  CostTable costs_;
  Disassembler disassembler_;
  Translations translations_;
  CodePages code_pages_;
  BlockTable blocks_;
  GuestPhys root_;
  bool task_switched_ = false;

  uc_engine* uc_ = nullptr;
  uint8_t* private_pages_ = nullptr;  // what the emulator itself needs: VMCB, permission maps, GDT
  GuestPhys private_base_;
  bool in_setup_ = true;
  bool in_emulator_ = false;
  bool emulator_is_stale_ = false;  // flush before the next run
  bool alias_open_ = false;         // while drop_blocks() speaks of machine addresses
  bool stepping_ = false;           // run_up_to(): the block has been charged already
  bool large_seen_ = false;         // a piece of a large page may be held
  size_t translated_ahead_ = 0;     // blocks
  // For each frame, in which of the emulator's lives (between flushes of its TLB) it got a right to write.
  uint32_t emulator_life_ = 1;
  Tick judged_at_;  // when frames of code and data were
  std::vector<uint32_t> written_in_life_;
  RememberedCode remembered_code_;

  std::vector<GuestPhys> watched_pages_;
  OnStore on_store_;
  std::vector<uc_hook> watch_hooks_;
  bool watch_is_stale_ = false;

  Pending pending_;
  bool stop_requested_ = false;
  Tick deadline_;
  uint64_t check_at_ps_ = 0;  // a block that starts at this time or later is unusual; the deadline, or before

  // The block that runs, or ran last: as it was charged.
  struct Current {
    uint64_t address = 0;
    uint32_t size = 0;
    const Block* block = nullptr;
    bool mixed = false;  // may be cut by its own store
  };
  Current current_;
  IterationCount iterations_;

  // Keeps the memory's observer from calling a core that is gone.
  std::shared_ptr<UnicornCpu*> self_;
};

}  // namespace ringside

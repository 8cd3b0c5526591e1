// What each translated block counts and costs. The emulator calls us once per block that it executes, some
// 100 million times a second, with the block's address and size only; this table answers how many
// instructions those are and how long they take.
//
// The answer is a function of the bytes alone, so the question is only whether the bytes are still the same.
// A small direct-mapped cache answers while the epoch stands. Whoever changes what the guest's addresses
// mean, or stores into translated code, starts a new epoch; the first use of a block in a new epoch compares
// its bytes. Blocks in frames that are both code and data (code_pages.h) are compared at every use.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "cpu/cpu.h"
#include "cpu/disassembler.h"
#include "cpu/instruction_cost.h"
#include "cpu/quick_decode.h"
#include "sim/ids.h"

namespace ringside {

// A block of 64-bit code that is one iteration of REP STOS or REP MOVS.
struct RepeatedString {
  uint8_t width = 0;  // bytes of an element; 0: the block is none
  bool copies = false;
};

struct Block {
  std::vector<uint8_t> bytes;
  struct Start {  // of an instruction
    uint16_t offset = 0;
    bool cuttable = false;  // a store that is no branch and no string instruction, see UnicornCpu::on_block
    uint32_t cost_before_ps = 0;
  };
  std::vector<Start> starts;
  uint32_t instructions = 0;
  uint32_t cost_ps = 0;
  std::optional<uint16_t> port_offset;  // of the first instruction that uses an I/O port
  CodeWidth width = CodeWidth::bits_64;
  RepeatedString string;
  bool pauses = false;                    // its last instruction is PAUSE
  BlockEnd ends_by = BlockEnd::ordinary;  // what its last instruction does to interrupts

  // Filled at the first call of BlockTable::accesses().
  struct MemoryAccess {
    uint16_t offset = 0;
    uint8_t length = 0;
    MemoryOperand operand;
  };
  mutable std::vector<MemoryAccess> accesses;
  mutable bool accesses_known = false;
  // What was to be added to the instruction pointer: CS's base where it was analysed.
  uint64_t base = 0;

  // How many instructions lie wholly before `offset`, and what they cost.
  struct Part {
    uint32_t instructions = 0;
    uint32_t cost_ps = 0;
  };
  Part before(uint64_t offset) const;
  uint64_t length_of(const Start& start) const {
    const bool last = &start == &starts.back();
    return (last ? bytes.size() : (&start + 1)->offset) - start.offset;
  }
  // Null when no instruction starts there.
  const Start* start_at(uint64_t offset) const;
};

class BlockTable {
 public:
  // `cache_bits`: the cache holds two to that power.
  BlockTable(const Disassembler& disassembler, CostTable costs, unsigned cache_bits = 13);

  struct Cached {
    uint64_t address = 0;
    uint32_t size = 0;
    uint32_t epoch = 0;
    uint32_t instructions = 0;
    uint32_t cost_ps = 0;
    const Block* block = nullptr;
  };

  // Null when the cache does not know: then ask look_up().
  const Cached* find(uint64_t address, uint32_t size) const {
    const Cached& cached = cache_[index(address)];
    return cached.address == address && cached.size == size && cached.epoch == epoch_ ? &cached : nullptr;
  }
  // `bytes` are what the block consists of now, `at` where they lie. Unless `lasting`, the cache will not
  // answer for it, nor for a block that uses a port.
  const Cached& look_up(uint64_t address, GuestPhys at, std::span<const uint8_t> bytes, bool lasting,
                        CodeWidth width = CodeWidth::bits_64);
  // The same with nothing forgotten: for a core that must look at some blocks each time, but quickly. A block
  // that uses a port, or whose end is not ordinary, is found by find_watched() only.
  enum class Kept : uint8_t {
    always,
    compared,  // found by find_moved() only, and its bytes must be compared each time
    never,
  };
  const Cached& look_up_watched(uint64_t address, GuestPhys at, std::span<const uint8_t> bytes, Kept kept,
                                CodeWidth width);
  const Cached* find_watched(uint64_t address, uint32_t size) const {
    const Cached& cached = cache_[index(address)];
    return cached.address == address && cached.size == size && cached.epoch == (epoch_ | kWatched) ? &cached
                                                                                                   : nullptr;
  }

  // The guest's addresses may mean other frames now, but no code has changed: what is held stays good where
  // its frames are the same.
  void new_mapping();
  // The same for addresses only that were said to be changeable: those that a new CR3 may move.
  void new_mapping_of_changeable();
  // Where the bytes of a cached block lay, when it was entered before the last new_mapping(). Null when that
  // is not so. When both frames are still right, renew() makes the entry good again.
  struct Frames {
    uint64_t first = 0, last = 0;
  };
  const Frames* find_moved(uint64_t address, uint32_t size) const {
    const size_t at = index(address);
    const Cached& cached = cache_[at];
    const bool held =
        cached.address == address && cached.size == size && (cached.epoch & kEpochMask) >= code_epoch_;
    return held ? &frames_[at] : nullptr;
  }
  const Cached& renew(uint64_t address, bool changeable) {
    const size_t at = index(address);
    Cached& cached = cache_[at];
    cached.epoch = (cached.epoch & (kWatched | kCompared)) | epoch_;
    if (changeable) note_changeable(at);
    return cached;
  }
  static bool must_be_compared(const Cached& cached) { return cached.epoch & kCompared; }
  void set_frames(uint64_t address, Frames frames, bool changeable);
  // The code in this frame has changed; only blocks whose frames were set are forgotten.
  void drop_frame(uint64_t frame);

  // The block's operands in memory, in the order of their accesses.
  const std::vector<Block::MemoryAccess>& accesses(const Block& block, uint64_t address) const;
  void set_base(const Block& block, uint64_t base) { const_cast<Block&>(block).base = base; }

  void new_epoch();

  // What the cache still holds of code as it is.
  std::vector<SeenBlock> seen() const;

  static constexpr size_t kBlocksMax = 1 << 17;

 private:
  size_t index(uint64_t address) const { return (address ^ (address >> 13)) & mask_; }
  static constexpr uint32_t kWatched = 1u << 31, kCompared = 1u << 30, kMoved = 1u << 29,
                            kEpochMask = kMoved - 1;
  static constexpr size_t kNotesMax = 4096;  // of one frame
  void note(uint64_t frame, size_t at);
  void note_changeable(size_t at) {
    if (changeable_.size() > mask_) new_mapping_of_changeable();
    changeable_.push_back(static_cast<uint32_t>(at));
  }
  Cached& enter(uint64_t address, GuestPhys at, std::span<const uint8_t> bytes, CodeWidth width);
  InstructionSummary summary_at(uint64_t address, std::span<const uint8_t> bytes, CodeWidth width) const;
  std::unique_ptr<Block> analyse(uint64_t address, std::span<const uint8_t> bytes, CodeWidth width);

  const Disassembler& disassembler_;
  size_t mask_;
  CostTable costs_;
  uint32_t epoch_ = 1;
  uint32_t code_epoch_ = 1;  // the first epoch with the code as it is
  std::vector<Cached> cache_;
  std::vector<Frames> frames_;  // beside the cache, which must stay small
  // Which entries may hold blocks of a frame, and which are at addresses that are changeable. Looked up only.
  std::unordered_map<uint64_t, std::vector<uint32_t>> by_frame_;
  std::vector<uint32_t> changeable_;
  std::vector<Block::Start> starts_;  // analyse()'s own, kept for its room
  // By machine address and size. Looked up only, never walked: its order is not seen.
  std::unordered_map<uint64_t, std::unique_ptr<Block>> blocks_;
};

}  // namespace ringside

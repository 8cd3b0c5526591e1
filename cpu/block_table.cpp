#include "cpu/block_table.h"

#include <algorithm>
#include <cstring>

namespace ringside {

Block::Part Block::before(uint64_t offset) const {
  for (size_t i = 0; i < starts.size(); ++i) {
    const uint64_t end = i + 1 < starts.size() ? starts[i + 1].offset : bytes.size();
    if (end > offset) return {static_cast<uint32_t>(i), starts[i].cost_before_ps};
  }
  return {instructions, cost_ps};
}

const Block::Start* Block::start_at(uint64_t offset) const {
  for (const Start& start : starts) {
    if (start.offset == offset) return &start;
  }
  return nullptr;
}

namespace {

// By its bytes: F3, perhaps 66 or REX.W, and the opcode.
RepeatedString repeated_string(std::span<const uint8_t> block) {
  RepeatedString string;
  if (block.size() < 2 || block.size() > 3 || block[0] != 0xf3) return string;
  const uint8_t prefix = block.size() == 3 ? block[1] : 0, opcode = block.back();
  const bool copies = (opcode & 0xfe) == 0xa4, stores = (opcode & 0xfe) == 0xaa;
  if ((!copies && !stores) || (prefix != 0 && prefix != 0x48 && prefix != 0x66)) return string;
  string.copies = copies;
  string.width = !(opcode & 1) ? 1 : prefix == 0x48 ? 8 : prefix == 0x66 ? 2 : 4;
  return string;
}

}  // namespace

BlockTable::BlockTable(const Disassembler& disassembler, CostTable costs, unsigned cache_bits)
    : disassembler_(disassembler),
      mask_((size_t{1} << cache_bits) - 1),
      costs_(costs),
      cache_(mask_ + 1),
      frames_(mask_ + 1) {}

void BlockTable::new_mapping() {
  changeable_.clear();
  if (++epoch_ > kEpochMask) new_epoch();
}

void BlockTable::new_mapping_of_changeable() {
  for (const uint32_t at : changeable_) cache_[at].epoch |= kMoved;
  changeable_.clear();
}

void BlockTable::set_frames(uint64_t address, Frames frames, bool changeable) {
  const size_t at = index(address);
  frames_[at] = frames;
  note(frames.first, at);
  if (frames.last != frames.first) note(frames.last, at);
  if (changeable) note_changeable(at);
}

void BlockTable::note(uint64_t frame, size_t at) {
  std::vector<uint32_t>& notes = by_frame_[frame];
  if (notes.size() >= kNotesMax) {
    // A guest that makes code in one frame without end: what is there is forgotten, but for the newest.
    const Frames newest = frames_[at];
    const Cached cached = cache_[at];
    drop_frame(frame);
    cache_[at] = cached;
    frames_[at] = newest;
  }
  by_frame_[frame].push_back(static_cast<uint32_t>(at));
}

void BlockTable::drop_frame(uint64_t frame) {
  const auto notes = by_frame_.find(frame);
  if (notes == by_frame_.end()) return;
  for (const uint32_t at : notes->second) {
    if (frames_[at].first == frame || frames_[at].last == frame) cache_[at] = {};
  }
  by_frame_.erase(notes);
}

void BlockTable::new_epoch() {
  changeable_.clear();
  by_frame_.clear();
  code_epoch_ = ++epoch_;
  if (epoch_ <= kEpochMask) return;
  std::fill(cache_.begin(), cache_.end(), Cached{});
  epoch_ = code_epoch_ = 1;
}

const BlockTable::Cached& BlockTable::look_up(uint64_t address, GuestPhys at, std::span<const uint8_t> bytes,
                                              bool lasting, CodeWidth width) {
  Cached& cached = enter(address, at, bytes, width);
  if (!lasting || cached.block->port_offset) cached.epoch = 0;
  return cached;
}

const BlockTable::Cached& BlockTable::look_up_watched(uint64_t address, GuestPhys at,
                                                      std::span<const uint8_t> bytes, Kept kept,
                                                      CodeWidth width) {
  Cached& cached = enter(address, at, bytes, width);
  const bool watched = cached.block->port_offset || cached.block->string.width != 0 || cached.block->pauses ||
                       cached.block->ends_by != BlockEnd::ordinary;
  if (watched) cached.epoch |= kWatched;
  if (kept == Kept::compared) cached.epoch |= kCompared;
  if (kept == Kept::never) cached.epoch = 0;
  return cached;
}

BlockTable::Cached& BlockTable::enter(uint64_t address, GuestPhys at, std::span<const uint8_t> bytes,
                                      CodeWidth width) {
  const uint64_t key = at.value << 12 | (bytes.size() & 0xfff);
  auto found = blocks_.find(key);
  if (found == blocks_.end() && blocks_.size() >= kBlocksMax) {
    // A guest that makes code for ever. What is dropped can be computed again.
    blocks_.clear();
    std::fill(cache_.begin(), cache_.end(), Cached{});
    found = blocks_.end();
  }
  std::unique_ptr<Block>& block = found == blocks_.end() ? blocks_[key] : found->second;
  const bool same = block && block->width == width && block->bytes.size() == bytes.size() &&
                    std::memcmp(block->bytes.data(), bytes.data(), bytes.size()) == 0;
  if (!same) {
    // The cache may still point to the block that goes, from an earlier epoch or another address.
    if (block && by_frame_.empty()) new_epoch();
    if (block) drop_frame(at.value >> kPageShift);
    block = analyse(address, bytes, width);
  }
  Cached& cached = cache_[index(address)];
  cached = {address,    static_cast<uint32_t>(bytes.size()), epoch_, block->instructions, block->cost_ps,
            block.get()};
  return cached;
}

std::vector<SeenBlock> BlockTable::seen() const {
  std::vector<SeenBlock> seen;
  for (const Cached& cached : cache_) {
    if (cached.block != nullptr && (cached.epoch & kEpochMask) >= code_epoch_)
      seen.push_back({{cached.address}, cached.block->bytes});
  }
  return seen;
}

InstructionSummary BlockTable::summary_at(uint64_t address, std::span<const uint8_t> bytes,
                                          CodeWidth width) const {
  InstructionSummary summary;
  if (width == CodeWidth::bits_64 && quick_decode(bytes, summary)) return summary;
  Instruction instruction;
  disassembler_.decode(bytes, address, instruction, width);
  return summary_of(instruction);
}

std::unique_ptr<Block> BlockTable::analyse(uint64_t address, std::span<const uint8_t> bytes,
                                           CodeWidth width) {
  auto block = std::make_unique<Block>();
  block->width = width;
  block->bytes.assign(bytes.begin(), bytes.end());
  starts_.clear();
  uint64_t offset = 0;
  Tick cost;
  while (offset < bytes.size()) {
    const InstructionSummary summary = summary_at(address + offset, bytes.subspan(offset), width);
    Block::Start start;
    start.offset = static_cast<uint16_t>(offset);
    start.cost_before_ps = static_cast<uint32_t>(cost.ps);
    start.cuttable = summary.cuttable;
    starts_.push_back(start);
    if (summary.uses_port && !block->port_offset) block->port_offset = start.offset;
    block->ends_by = summary.end;
    cost += costs_.cost(summary.cycles);
    // What Capstone cannot decode has no length. It counts as one instruction up to the block's end: an
    // undefined opcode ends a block.
    offset += summary.length ? summary.length : bytes.size() - offset;
  }
  const auto last = bytes.subspan(starts_.empty() ? 0 : starts_.back().offset);
  block->pauses = last.size() == 2 && last[0] == 0xf3 && last[1] == 0x90;
  if (starts_.size() == 1 && width == CodeWidth::bits_64) block->string = repeated_string(bytes);
  block->starts = starts_;
  block->instructions = static_cast<uint32_t>(starts_.size());
  block->cost_ps = static_cast<uint32_t>(cost.ps);
  return block;
}

const std::vector<Block::MemoryAccess>& BlockTable::accesses(const Block& block, uint64_t address) const {
  if (block.accesses_known) return block.accesses;
  block.accesses_known = true;
  for (const Block::Start& start : block.starts) {
    Instruction instruction;
    const auto bytes = std::span(block.bytes).subspan(start.offset);
    if (!disassembler_.decode(bytes, address + start.offset, instruction, block.width)) continue;
    for (uint8_t i = 0; i < instruction.operand_count; ++i) {
      block.accesses.push_back({start.offset, instruction.length, instruction.operands[i]});
    }
  }
  return block.accesses;
}

}  // namespace ringside

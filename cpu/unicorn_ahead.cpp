// Translation ahead of a fork. The children of a campaign's trunk would each translate the rest of the
// guest's code again, which takes them longer than running it; so the trunk has it translated before it
// forks.
//
// It must not be seen. So nothing is fetched that the guest has not fetched from: the page is in the map of
// translations and its frame is code already, and neither changes. And the bytes are those of a block that
// has run elsewhere, which ends within its page, so that the emulator reads no further.
#include <cstring>

#include "cpu/unicorn_cpu.h"

namespace ringside {

namespace {

// The emulator's room for code is bounded. When it is full it starts anew, which it can do only while it
// runs.
constexpr size_t kAheadMax = 1 << 15;

}  // namespace

bool UnicornCpu::is_ready_for(const SeenBlock& block, GuestPhys& at) const {
  const uint64_t size = block.bytes.size(), offset = block.address.value & (kPageSize - 1);
  if (size == 0 || offset + size > kPageSize) return false;
  const Translation* held = translations_.find(block.address);
  if (held == nullptr || !held->executable || !memory_.contains(held->frame)) return false;
  if (code_pages_.state(memory_.index_of(held->frame)) != CodeState::code) return false;
  at = held->frame.address() + offset;
  return std::memcmp(memory_.at(at, size), block.bytes.data(), size) == 0;
}

void UnicornCpu::translate_ahead(std::vector<SeenBlock>& blocks) {
  if (in_emulator_ || in_setup_) return;
  if (emulator_is_stale_) uc_ctl_flush_tlb(uc_);
  emulator_is_stale_ = false;
  std::erase_if(blocks, [&](const SeenBlock& block) {
    GuestPhys at;
    const auto size = static_cast<uint32_t>(block.bytes.size());
    if (translated_ahead_ >= kAheadMax || !is_ready_for(block, at)) return false;
    const bool known = blocks_.find(block.address.value, size) != nullptr ||
                       blocks_.find_watched(block.address.value, size) != nullptr;
    if (known) return true;
    uc_tb translated{};
    ++translated_ahead_;
    if (uc_ctl_request_cache(uc_, block.address.value, &translated) != UC_ERR_OK) return false;
    if (translated.size != size) return true;
    blocks_.look_up_watched(block.address.value, at, block.bytes, BlockTable::Kept::always,
                            CodeWidth::bits_64);
    blocks_.set_frames(block.address.value, {frame_of(at).value, frame_of(at).value}, false);
    return true;
  });
}

}  // namespace ringside

#include "hv-model/frame_table.h"

#include <bit>

#include "sim/assert.h"
#include "sim/hash.h"

namespace ringside {

namespace {

constexpr size_t kBitsPerWord = 64;

// What one frame adds to the digest. A frame that was never used adds nothing, so that the table of an idle
// memory needs no pass over it.
uint64_t contribution(size_t index, const PageInfo& info) {
  if (info.owner == kOwnerNone && info.flush_stamp == 0) return 0;
  const uint64_t bits =
      static_cast<uint64_t>(info.owner.value) | static_cast<uint64_t>(info.type) << 16 |
      static_cast<uint64_t>(info.validated) << 24 | static_cast<uint64_t>(info.pinned) << 25 |
      static_cast<uint64_t>(info.guest_readable) << 26 | static_cast<uint64_t>(info.allocated) << 27 |
      static_cast<uint64_t>(info.special) << 28;
  const uint64_t counts = static_cast<uint64_t>(info.type_count) << 32 | info.ref_count;
  return hash_mix(hash_mix(hash_mix(index, bits), counts), info.flush_stamp);
}

bool is_page_table(PageType type) { return type >= PageType::l1 && type <= PageType::l4; }

}  // namespace

FrameTable::FrameTable(Memory& memory, uint32_t count_max)
    : memory_(memory),
      info_(memory.frames()),
      free_words_((memory.frames() + kBitsPerWord - 1) / kBitsPerWord, ~uint64_t{0}),
      free_(memory.frames()),
      count_max_(count_max) {
  const size_t rest = memory.frames() % kBitsPerWord;
  if (rest != 0) free_words_.back() = (uint64_t{1} << rest) - 1;
}

template <class Change>
void FrameTable::change(size_t index, Change apply) {
  PageInfo& info = info_[index];
  digest_ -= contribution(index, info);
  apply(info);
  digest_ += contribution(index, info);
}

const PageInfo* FrameTable::find(Mfn frame) const {
  return memory_.contains(frame) ? &info_[memory_.index_of(frame)] : nullptr;
}

uint64_t FrameTable::owned_frames(DomainId owner) const {
  const auto found = owned_.find(owner);
  return found == owned_.end() ? 0 : found->second;
}

std::optional<Mfn> FrameTable::take(size_t index, DomainId owner, bool special) {
  const Mfn frame{memory_.first_frame().value + index};
  const uint64_t stamp = info_[index].flush_stamp;
  if (stamp != 0 && observer_ != nullptr) observer_->frame_reused(frame, stamp);
  free_words_[index / kBitsPerWord] &= ~(uint64_t{1} << (index % kBitsPerWord));
  --free_;
  change(index, [&](PageInfo& info) {
    info = PageInfo{};
    info.owner = owner;
    info.ref_count = 1;
    if (special) {
      info.special = true;
      info.type = PageType::writable;
      info.type_count = 1;
      info.validated = true;
    } else {
      info.allocated = true;
    }
  });
  if (!special) ++owned_[owner];
  return frame;
}

std::optional<Mfn> FrameTable::allocate(DomainId owner) {
  if (free_ == 0) return std::nullopt;
  while (free_words_[first_free_word_] == 0) ++first_free_word_;
  const auto bit = static_cast<size_t>(std::countr_zero(free_words_[first_free_word_]));
  return take(first_free_word_ * kBitsPerWord + bit, owner, false);
}

std::optional<Mfn> FrameTable::allocate_special(DomainId owner) {
  if (free_ == 0) return std::nullopt;
  while (free_words_[first_free_word_] == 0) ++first_free_word_;
  const auto bit = static_cast<size_t>(std::countr_zero(free_words_[first_free_word_]));
  return take(first_free_word_ * kBitsPerWord + bit, owner, true);
}

bool FrameTable::is_special_unused(Mfn frame) const {
  const PageInfo* info = find(frame);
  return info != nullptr && info->special && info->ref_count == 1 && info->type_count == 1;
}

void FrameTable::free_special(Mfn frame) {
  SIM_ASSERT(is_special_unused(frame));
  ++owned_[find(frame)->owner];  // release() takes it back
  change(memory_.index_of(frame), [](PageInfo& info) {
    info.special = false;
    info.ref_count = info.type_count = 0;
  });
  release(frame);
}

std::optional<Mfn> FrameTable::allocate_for_xen(bool guest_readable) {
  const std::optional<Mfn> frame = allocate(kOwnerXen);
  if (frame) change(memory_.index_of(*frame), [&](PageInfo& info) { info.guest_readable = guest_readable; });
  return frame;
}

std::optional<Mfn> FrameTable::allocate_run(DomainId owner, unsigned order) {
  const uint64_t length = uint64_t{1} << order;
  if (order == 0) return allocate(owner);
  const uint64_t first = memory_.first_frame().value;
  uint64_t start = (first + length - 1) / length * length;
  for (; start + length <= first + memory_.frames(); start += length) {
    uint64_t free_here = 0;
    while (free_here < length) {
      const size_t index = start - first + free_here;
      if ((free_words_[index / kBitsPerWord] >> (index % kBitsPerWord) & 1) == 0) break;
      ++free_here;
    }
    if (free_here != length) continue;
    for (uint64_t i = 0; i < length; ++i) take(start - first + i, owner, false);
    return Mfn{start};
  }
  return std::nullopt;
}

bool FrameTable::get_page(Mfn frame, DomainId domain) {
  const PageInfo* info = find(frame);
  if (info == nullptr || info->owner != domain || info->ref_count == 0 || info->ref_count >= count_max_)
    return false;
  change(memory_.index_of(frame), [](PageInfo& page) { ++page.ref_count; });
  return true;
}

void FrameTable::put_page(Mfn frame) {
  const PageInfo* info = find(frame);
  SIM_ASSERT(info != nullptr && info->ref_count > 0);
  change(memory_.index_of(frame), [](PageInfo& page) { --page.ref_count; });
  if (info->ref_count == 0) release(frame);
}

void FrameTable::drop_allocation(Mfn frame) {
  const PageInfo* info = find(frame);
  SIM_ASSERT(info != nullptr);
  if (!info->allocated) return;
  change(memory_.index_of(frame), [](PageInfo& page) { page.allocated = false; });
  put_page(frame);
}

void FrameTable::release(Mfn frame) {
  const size_t index = memory_.index_of(frame);
  const PageInfo& info = info_[index];
  SIM_ASSERT(info.type_count == 0 && !info.pinned && !info.special);
  --owned_[info.owner];
  change(index, [&](PageInfo& page) {
    page = PageInfo{};
    page.flush_stamp = tlb_clock_;
  });
  if ((memory_.frame_flags(frame) & Memory::touched) != 0) {
    static constexpr uint8_t kZeros[kPageSize] = {};
    memory_.write(frame.address(), kZeros, kPageSize);
  }
  free_words_[index / kBitsPerWord] |= uint64_t{1} << (index % kBitsPerWord);
  if (index / kBitsPerWord < first_free_word_) first_free_word_ = index / kBitsPerWord;
  ++free_;
  if (observer_ != nullptr) observer_->frame_freed(frame);
}

bool FrameTable::get_writable_type(Mfn frame) {
  const PageInfo* info = find(frame);
  if (info == nullptr || info->type_count >= count_max_) return false;
  if (info->type_count > 0 && info->type != PageType::writable) return false;
  change(memory_.index_of(frame), [](PageInfo& page) {
    page.type = PageType::writable;
    page.validated = true;
    ++page.type_count;
  });
  return true;
}

bool FrameTable::get_writable_page(Mfn frame, DomainId domain) {
  const PageInfo* info = find(frame);
  if (info == nullptr || info->owner != domain || info->ref_count == 0 || info->ref_count >= count_max_)
    return false;
  if (info->type_count >= count_max_ || (info->type_count > 0 && info->type != PageType::writable))
    return false;
  change(memory_.index_of(frame), [](PageInfo& page) {
    page.type = PageType::writable;
    page.validated = true;
    ++page.type_count;
    ++page.ref_count;
  });
  return true;
}

void FrameTable::put_type(Mfn frame) {
  const PageInfo* info = find(frame);
  SIM_ASSERT(info != nullptr && info->type_count > 0);
  SIM_ASSERT(info->type_count > 1 || !is_page_table(info->type) || !info->validated);
  change(memory_.index_of(frame), [this](PageInfo& page) {
    if (--page.type_count > 0) return;
    page.validated = false;
    page.flush_stamp = tlb_clock_;
  });
}

void FrameTable::begin_type(Mfn frame, PageType type) {
  const PageInfo* info = find(frame);
  SIM_ASSERT(info != nullptr && info->type_count == 0);
  change(memory_.index_of(frame), [type](PageInfo& page) {
    page.type = type;
    page.validated = false;
    page.type_count = 1;
  });
}

void FrameTable::end_type(Mfn frame, bool valid) {
  change(memory_.index_of(frame), [valid](PageInfo& page) {
    page.validated = valid;
    if (valid) return;
    page.type = PageType::none;
    page.type_count = 0;
  });
}

void FrameTable::add_type_reference(Mfn frame) {
  change(memory_.index_of(frame), [](PageInfo& page) { ++page.type_count; });
}

void FrameTable::set_pinned(Mfn frame, bool pinned) {
  change(memory_.index_of(frame), [pinned](PageInfo& page) { page.pinned = pinned; });
}

bool FrameTable::steal(Mfn frame, DomainId domain, uint32_t held) {
  const PageInfo* info = find(frame);
  if (info == nullptr || info->owner != domain || info->special || !info->allocated ||
      info->ref_count != held + 1 || info->type_count != 0) {
    return false;
  }
  change(memory_.index_of(frame), [](PageInfo& page) {
    page.ref_count = 0;
    page.allocated = false;
  });
  release(frame);
  return true;
}

void FrameTable::visit_state(StateVisitor& visitor) const {
  visitor.number("frames", digest_);
  visitor.number("free", free_);
  visitor.number("tlb_clock", tlb_clock_);
}

}  // namespace ringside

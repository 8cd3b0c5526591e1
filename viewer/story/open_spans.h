// Spans that have begun, by what their answer will bear: an id, a tag.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

namespace ringside::viewer {

class OpenSpans {
 public:
  void add(uint64_t key, uint32_t span) {
    if (count_ >= kOpenMax) return;  // stays unanswered
    ++count_;
    if (uint32_t* const first = place(key); *first == kFree) {
      *first = span;
    } else {
      others_.emplace(key, span);
    }
  }
  // The one that has been open longest.
  std::optional<uint32_t> take(uint64_t key) {
    uint32_t* const first = find(key);
    if (first == nullptr || *first == kFree) return std::nullopt;
    --count_;
    const uint32_t span = *first;
    const auto next = others_.empty() ? others_.end() : others_.find(key);
    if (next != others_.end()) {
      *first = next->second;
      others_.erase(next);
    } else if (key < kDense) {
      *first = kFree;
    } else {
      sparse_.erase(key);
    }
    return span;
  }
  void clear() {
    if (count_ == 0) return;
    *this = {};
  }

 private:
  static constexpr uint32_t kFree = UINT32_MAX;
  static constexpr size_t kDense = 1024, kOpenMax = 65536;
  // std::hash is the number itself, so that a file could choose its ids to lie in one bucket.
  struct Mixed {
    size_t operator()(uint64_t key) const {
      key *= 0x9e3779b97f4a7c15ull;
      return key ^ key >> 32;
    }
  };

  uint32_t* find(uint64_t key) {
    if (key < kDense) return key < dense_.size() ? &dense_[key] : nullptr;
    const auto found = sparse_.find(key);
    return found == sparse_.end() ? nullptr : &found->second;
  }
  uint32_t* place(uint64_t key) {
    if (key >= kDense) return &sparse_.try_emplace(key, kFree).first->second;
    if (dense_.size() <= key) dense_.resize(key + 1, kFree);
    return &dense_[key];
  }

  size_t count_ = 0;
  std::vector<uint32_t> dense_;
  std::unordered_map<uint64_t, uint32_t, Mixed> sparse_;
  std::multimap<uint64_t, uint32_t> others_;  // of a key that is open already, in their order
};

}  // namespace ringside::viewer

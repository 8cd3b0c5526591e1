#include "host/9p/file_locks.h"

#include <algorithm>

namespace ringside {

const FileLock* FileLocks::conflict(const FileLock& wanted) const {
  for (const FileLock& lock : locks_) {
    const bool overlap = lock.first <= wanted.last && wanted.first <= lock.last;
    if (overlap && (lock.exclusive || wanted.exclusive) && lock.owner != wanted.owner) return &lock;
  }
  return nullptr;
}

bool FileLocks::release(const LockOwner& owner, uint64_t first, uint64_t last) {
  std::vector<FileLock> left;
  left.reserve(locks_.size() + 1);
  for (const FileLock& lock : locks_) {
    if (lock.owner != owner || lock.last < first || lock.first > last) {
      left.push_back(lock);
      continue;
    }
    if (lock.first < first) {
      left.push_back(lock);
      left.back().last = first - 1;
    }
    if (lock.last > last) {
      left.push_back(lock);
      left.back().first = last + 1;
    }
  }
  if (left.size() > kLocksMax) return false;
  std::stable_sort(left.begin(), left.end(),
                   [](const FileLock& a, const FileLock& b) { return a.first < b.first; });
  locks_ = std::move(left);
  return true;
}

bool FileLocks::take(const FileLock& lock) {
  if (locks_.size() + 2 > kLocksMax) return false;  // one more, and perhaps one cut in two
  release(lock.owner, lock.first, lock.last);
  FileLock whole = lock;
  std::erase_if(locks_, [&](const FileLock& other) {
    if (other.owner != lock.owner || other.exclusive != lock.exclusive || other.fid != lock.fid) return false;
    // Ends are at most INT64_MAX, so adding 1 cannot overflow.
    if (other.last + 1 != lock.first && lock.last + 1 != other.first) return false;
    whole.first = std::min(whole.first, other.first);
    whole.last = std::max(whole.last, other.last);
    return true;
  });
  const auto behind =
      std::upper_bound(locks_.begin(), locks_.end(), whole.first,
                       [](uint64_t first, const FileLock& other) { return first < other.first; });
  locks_.insert(behind, whole);
  return true;
}

void FileLocks::release_all(uint64_t conversation, uint32_t fid) {
  std::erase_if(locks_, [&](const FileLock& lock) {
    return lock.owner.conversation == conversation && lock.fid == fid;
  });
}

}  // namespace ringside

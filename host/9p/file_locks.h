// POSIX record locks of one file (fcntl(2), "Advisory record locking"), as Tlock and Tgetlock of 9P2000.L
// want them: ranges of bytes, shared or exclusive, which belong to a process of a client. A range that an
// owner locks again changes its kind; what one owner has side by side becomes one lock.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ringside {

struct LockOwner {
  uint64_t conversation = 0;  // two clients may have the same name
  uint32_t process = 0;
  std::string client;
  bool operator==(const LockOwner&) const = default;
};

struct FileLock {
  LockOwner owner;
  uint32_t fid = 0;  // through which it was asked for: goes with the clunk
  bool exclusive = false;
  uint64_t first = 0, last = 0;  // bytes, both included
};

class FileLocks {
 public:
  static constexpr size_t kLocksMax = 1024;  // of one file
  static constexpr uint64_t kLastByte = INT64_MAX;

  // The first lock of another owner that forbids this one, or null.
  const FileLock* conflict(const FileLock& wanted) const;
  // Takes a lock that no other forbids. False: there is no room (ENOLCK).
  bool take(const FileLock& lock);
  // Gives up the owner's locks from `first` to `last`. False: there is no room for the two ends of what was
  // one.
  bool release(const LockOwner& owner, uint64_t first, uint64_t last);
  void release_all(uint64_t conversation, uint32_t fid);

  bool empty() const { return locks_.empty(); }
  const std::vector<FileLock>& all() const { return locks_; }

 private:
  std::vector<FileLock> locks_;  // ordered by their first byte
};

}  // namespace ringside

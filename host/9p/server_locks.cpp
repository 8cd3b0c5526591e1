// POSIX record locks: Tlock and Tgetlock of 9P2000.L. A lock that another owner's forbids is answered
// "blocked" at once, whether or not the client would wait: Linux's client asks again.
#include "host/9p/file_locks.h"
#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

constexpr uint32_t kReadLock = 0, kWriteLock = 1, kUnlock = 2;
constexpr uint8_t kSuccess = 0, kBlocked = 1;
constexpr size_t kClientBytesMax = 255;  // Linux gives its node name, of 64 at most

// fcntl(2): a length of 0 reaches to the end, wherever that will be. The types below hold 63 bits.
bool set_range(FileLock& lock, uint64_t start, uint64_t length) {
  if (start > FileLocks::kLastByte) return false;
  lock.first = start;
  lock.last = FileLocks::kLastByte;
  if (length == 0) return true;
  if (length - 1 > FileLocks::kLastByte - start) return false;
  lock.last = start + length - 1;
  return true;
}

}  // namespace

NinePError NinePServer::lock(const NinePValues& in, NinePWriter& out) {
  const uint32_t number = in.u32(0), type = in.u32(1);
  NinePFid* fid = find_fid(number);
  if (fid == nullptr) return kUnknownFid;
  if (!fid->open) return kBadUseOfFid;
  if (in.at[6].bytes.size() > kClientBytesMax) return {EINVAL};
  FileLock lock;
  lock.owner = {.conversation = conversation_, .process = in.u32(5), .client = std::string(in.text(6))};
  lock.fid = number;
  lock.exclusive = type == kWriteLock;
  if (type > kUnlock || !set_range(lock, in.u64(3), in.u64(4))) return {EINVAL};
  if (type == kUnlock) {
    if (!tree_.release_lock(fid->file, lock.owner, lock.first, lock.last)) return {ENOLCK};
  } else {
    if (tree_.locks(fid->file).conflict(lock) != nullptr) {
      out.u8(kBlocked);
      return {};
    }
    if (!tree_.take_lock(fid->file, lock)) return {ENOLCK};
    fid->locked = true;
  }
  out.u8(kSuccess);
  return {};
}

NinePError NinePServer::getlock(const NinePValues& in, NinePWriter& out) {
  const NinePFid* fid = find_fid(in.u32(0));
  const uint32_t type = in.u32(1);
  if (fid == nullptr) return kUnknownFid;
  if (!fid->open) return kBadUseOfFid;
  if (in.at[5].bytes.size() > kClientBytesMax) return {EINVAL};
  FileLock wanted;
  wanted.owner = {.conversation = conversation_, .process = in.u32(4), .client = std::string(in.text(5))};
  wanted.exclusive = type == kWriteLock;
  if (type > kWriteLock || !set_range(wanted, in.u64(2), in.u64(3))) return {EINVAL};
  const FileLock* other = tree_.locks(fid->file).conflict(wanted);
  if (other == nullptr) {
    out.u8(static_cast<uint8_t>(kUnlock));
    out.u64(in.u64(2));
    out.u64(in.u64(3));
    out.u32(wanted.owner.process);
    out.text(wanted.owner.client);
    return {};
  }
  out.u8(static_cast<uint8_t>(other->exclusive ? kWriteLock : kReadLock));
  out.u64(other->first);
  out.u64(other->last == FileLocks::kLastByte ? 0 : other->last - other->first + 1);
  out.u32(other->owner.process);
  out.text(other->owner.client);
  return {};
}

}  // namespace ringside

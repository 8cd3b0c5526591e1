// Preparing a fid for I/O: open and create of 9P2000 (open(5)), lopen and lcreate of 9P2000.L (open(2)).
#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

// The mode of Topen.
constexpr uint32_t kRead = 0, kWrite = 1, kReadWrite = 2, kTruncate = 0x10, kRemoveOnClose = 0x40;
// The flags of Tlopen: Linux's, on every host.
namespace linux_open {
constexpr uint32_t access_mask = 3, exclusive = 0200, truncate = 01000, append = 02000, directory = 0200000;
}
// Tcreate's perm.
constexpr uint32_t kDmDirectory = 0x80000000, kDmAppend = 0x40000000, kDmExclusive = 0x20000000;
constexpr uint32_t kDmTemporary = 0x04000000;

constexpr uint32_t access_of(uint32_t mode) {
  switch (mode) {
    case kRead: return kMayRead;
    case kWrite: return kMayWrite;
    case kReadWrite: return kMayRead | kMayWrite;
    default: return kMayExecute;
  }
}

}  // namespace

// What every open of a file that exists asks, truncation counted as writing.
NinePError NinePServer::check_open(const NinePFid& fid, uint32_t access_bits) {
  if (fid.kind != NinePFid::Kind::file) return kBadUseOfFid;
  if (fid.open) return kFileOpen;
  const FileStatus status = tree_.status(fid.file);
  const bool writes = (access_bits & kMayWrite) != 0;
  if (status.is_directory() && writes) return {EISDIR};
  if (!status.is_directory() && !status.is_regular()) {
    if (dialect_ == NinePDialect::base) return {EPERM, "no access to special file"};
    return {status.is_symlink() ? ELOOP : ENXIO};
  }
  if (writes && tree_.read_only()) return {EROFS};
  if (!may(fid, status, access_bits)) return {EACCES};
  if (status.exclusive_use && tree_.open_count(fid.file) != 0) {
    return {EAGAIN, "exclusive use file already open"};
  }
  return {};
}

void NinePServer::set_open(NinePFid& fid, uint32_t access_bits) {
  fid.open = true;
  fid.readable = (access_bits & (kMayRead | kMayExecute)) != 0;
  fid.writable = (access_bits & kMayWrite) != 0;
  ++tree_.open_count(fid.file);
}

NinePError NinePServer::open(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const uint32_t mode = in.u32(1);
  if (fid == nullptr) return kUnknownFid;
  if ((mode & ~(3u | kTruncate | kRemoveOnClose)) != 0) return kIllegalMode;
  const FileStatus status = tree_.status(fid->file);
  if (status.is_directory() && mode != kRead) return {EISDIR};
  const bool truncates = (mode & kTruncate) != 0;
  const uint32_t access = access_of(mode & 3);
  NinePError error = check_open(*fid, access | (truncates ? uint32_t{kMayWrite} : 0));
  if (error) return error;
  if ((mode & kRemoveOnClose) != 0) {
    const FileTree::Place place = place_of(*fid);
    if (!place.directory) return {ENOENT};
    error = check_remove(*fid, place.directory, place.name);
    if (error) return error;
  }
  if (truncates && !status.append_only) {
    const FileResult<> cut = tree_.change(fid->file, {.size = 0});
    if (!cut) return {cut.error()};
  }
  set_open(*fid, access);
  fid->remove_on_clunk = (mode & kRemoveOnClose) != 0;
  write_qid(out, fid->file);
  out.u32(iounit());
  return {};
}

NinePError NinePServer::create(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const std::string_view name = in.text(1);
  const uint32_t perm = in.u32(2), mode = in.u32(3);
  if (fid == nullptr) return kUnknownFid;
  if (fid->open) return kBadUseOfFid;
  if ((mode & ~(3u | kTruncate | kRemoveOnClose)) != 0) return kIllegalMode;
  // Bits of 9P2000.u (symlinks, devices, pipes) and of authentication are not 9P2000's.
  if ((perm & ~(kDmDirectory | kDmAppend | kDmExclusive | kDmTemporary | 0777)) != 0) {
    return {EINVAL, "illegal mode"};
  }
  const bool directory = (perm & kDmDirectory) != 0;
  if (directory && mode != kRead) return {EISDIR};
  const NinePError error = check_create(*fid, name);
  if (error) return error;

  const FileStatus parent = tree_.status(fid->file);
  NewFile file;
  const uint32_t limited = directory ? 0777 : 0666;
  file.mode = (directory ? file_mode::directory : file_mode::regular) |
              (perm & 0777 & (~limited | (parent.mode & limited)));
  file.uid = fid->user->uid;
  file.gid = parent.gid;
  file.append_only = (perm & kDmAppend) != 0;
  file.exclusive_use = (perm & kDmExclusive) != 0;
  file.temporary = (perm & kDmTemporary) != 0;
  FileResult<FileRef> made = tree_.create(fid->file, name, file);
  if (!made) return {made.error()};
  fid->directory = std::exchange(fid->file, std::move(*made));
  fid->name = name;
  set_open(*fid, access_of(mode & 3));  // not checked against perm
  fid->remove_on_clunk = (mode & kRemoveOnClose) != 0;
  write_qid(out, fid->file);
  out.u32(iounit());
  return {};
}

NinePError NinePServer::lopen(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const uint32_t flags = in.u32(1);
  if (fid == nullptr) return kUnknownFid;
  if ((flags & linux_open::access_mask) == 3) return {EINVAL};
  const bool truncates = (flags & linux_open::truncate) != 0;
  const uint32_t access = access_of(flags & linux_open::access_mask);
  const NinePError error = check_open(*fid, access | (truncates ? uint32_t{kMayWrite} : 0));
  if (error) return error;
  const FileStatus status = tree_.status(fid->file);
  if ((flags & linux_open::directory) != 0 && !status.is_directory()) return {ENOTDIR};
  if (truncates && !status.append_only) {
    const FileResult<> cut = tree_.change(fid->file, {.size = 0});
    if (!cut) return {cut.error()};
  }
  set_open(*fid, access);
  fid->append = (flags & linux_open::append) != 0;
  write_qid(out, fid->file);
  out.u32(iounit());
  return {};
}

// open(2) with O_CREAT: a file that exists is opened, unless O_EXCL forbids it.
NinePError NinePServer::lcreate(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const std::string_view name = in.text(1);
  const uint32_t flags = in.u32(2), mode = in.u32(3), gid = in.u32(4);
  if (fid == nullptr) return kUnknownFid;
  if (fid->open) return kFileOpen;
  if ((flags & linux_open::access_mask) == 3) return {EINVAL};
  NinePError error = check_create(*fid, name);
  if (error) return error;
  const uint32_t access = access_of(flags & linux_open::access_mask);

  NinePFid opened = *fid;
  opened.directory = fid->file;
  opened.name = name;
  FileResult<FileRef> file = tree_.look_up(fid->file, name);
  if (file) {
    if ((flags & linux_open::exclusive) != 0) return {EEXIST};
    const bool truncates = (flags & linux_open::truncate) != 0;
    opened.file = *file;
    error = check_open(opened, access | (truncates ? uint32_t{kMayWrite} : 0));
    if (error) return error;
    if (tree_.status(*file).is_directory()) return {EISDIR};
    if (truncates) tree_.change(*file, {.size = 0});
  } else {
    const FileStatus parent = tree_.status(fid->file);
    NewFile wanted;
    wanted.mode = file_mode::regular | (mode & file_mode::permissions);
    wanted.uid = fid->user->uid;
    wanted.gid = (parent.mode & file_mode::set_gid) != 0 ? parent.gid : gid;
    file = tree_.create(fid->file, name, wanted);
    if (!file) return {file.error()};
    opened.file = *file;
  }
  *fid = std::move(opened);
  set_open(*fid, access);
  fid->append = (flags & linux_open::append) != 0;
  write_qid(out, fid->file);
  out.u32(iounit());
  return {};
}

}  // namespace ringside

// Making, removing and renaming files; who may.
#include <algorithm>

#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

NinePError error_of(const FileResult<>& result) { return result ? NinePError() : NinePError(result.error()); }

constexpr uint32_t kRemoveDirectory = 0x200;  // AT_REMOVEDIR

}  // namespace

bool NinePServer::may(const NinePFid& fid, const FileStatus& file, uint32_t access_bits) const {
  return allowed(file, *fid.user, access_bits, *dialect_);
}

// The name under which the fid's file is removed or renamed: the one that it was walked by, or, if another
// client has renamed it, the first that it has now.
FileTree::Place NinePServer::place_of(const NinePFid& fid) const {
  if (fid.directory) {
    const FileResult<FileRef> there = tree_.look_up(fid.directory, fid.name);
    if (there && *there == fid.file) return {.directory = fid.directory, .name = fid.name};
  }
  return tree_.place_of(fid.file);
}

// In the kernel's order: no directory, no way into it, the name is taken, a read-only file system, no right
// to write. The tree says the middle ones.
NinePError NinePServer::check_create(const NinePFid& directory, std::string_view name) const {
  if (directory.kind != NinePFid::Kind::file) return kBadUseOfFid;
  const FileStatus status = tree_.status(directory.file);
  if (!status.is_directory()) return {ENOTDIR};
  if (!may(directory, status, kMayExecute)) return {EACCES};
  if (tree_.read_only() || tree_.look_up(directory.file, name)) return {};
  return may(directory, status, kMayWrite) ? NinePError() : NinePError(EACCES);
}

NinePError NinePServer::check_remove(const NinePFid& who, const FileRef& directory,
                                     std::string_view name) const {
  const FileStatus status = tree_.status(directory);
  if (!status.is_directory()) return {ENOTDIR};
  if (!may(who, status, kMayExecute)) return {EACCES};
  const FileResult<FileRef> file = tree_.look_up(directory, name);
  if (!file) return {file.error()};
  if (tree_.read_only()) return {EROFS};
  if (!may(who, status, kMayWrite)) return {EACCES};
  return sticky_forbids(status, tree_.status(*file), *who.user) ? NinePError(EPERM) : NinePError();
}

// The common part of what makes a file of 9P2000.L: fid of the directory and name come first.
NinePError NinePServer::make(const NinePValues& in, NinePWriter& out, NewFile file) {
  NinePFid* directory = find_fid(in.u32(0));
  if (directory == nullptr) return kUnknownFid;
  const std::string_view name = in.text(1);
  const NinePError error = check_create(*directory, name);
  if (error) return error;
  file.uid = directory->user->uid;
  const FileStatus parent = tree_.status(directory->file);
  if ((parent.mode & file_mode::set_gid) != 0) {
    file.gid = parent.gid;
    if ((file.mode & file_mode::type_mask) == file_mode::directory) file.mode |= file_mode::set_gid;
  }
  const FileResult<FileRef> made = tree_.create(directory->file, name, file);
  if (!made) return {made.error()};
  write_qid(out, *made);
  return {};
}

NinePError NinePServer::symlink(const NinePValues& in, NinePWriter& out) {
  NewFile file;
  file.mode = file_mode::symlink | 0777;
  file.target = in.text(2);
  file.gid = in.u32(3);
  return make(in, out, std::move(file));
}

NinePError NinePServer::mkdir(const NinePValues& in, NinePWriter& out) {
  NewFile file;
  file.mode = file_mode::directory | (in.u32(2) & (0777 | file_mode::sticky));
  file.gid = in.u32(3);
  return make(in, out, std::move(file));
}

// mknod(2): a device wants the superuser. The node is a name only, nothing of the host is behind it.
NinePError NinePServer::mknod(const NinePValues& in, NinePWriter& out) {
  const NinePFid* directory = find_fid(in.u32(0));
  if (directory == nullptr) return kUnknownFid;
  NewFile file;
  uint32_t type = in.u32(2) & file_mode::type_mask;
  if (type == 0) type = file_mode::regular;
  file.mode = type | (in.u32(2) & file_mode::permissions);
  file.gid = in.u32(5);
  switch (type) {
    case file_mode::regular:
    case file_mode::fifo:
    case file_mode::socket: break;
    case file_mode::block_device:
    case file_mode::character_device:
      if (!directory->user->is_root()) return {EPERM};
      file.device = device_number(in.u32(3), in.u32(4));
      break;
    case file_mode::directory: return {EPERM};
    default: return {EINVAL};
  }
  return make(in, out, std::move(file));
}

NinePError NinePServer::link(const NinePValues& in, NinePWriter&) {
  const NinePFid* directory = find_fid(in.u32(0));
  const NinePFid* file = find_fid(in.u32(1));
  if (directory == nullptr || file == nullptr) return kUnknownFid;
  if (file->kind != NinePFid::Kind::file) return kBadUseOfFid;
  const NinePError error = check_create(*directory, in.text(2));
  if (error) return error;
  return error_of(tree_.link(directory->file, in.text(2), file->file));
}

// remove(5): the fid goes, whatever comes of the rest.
NinePError NinePServer::remove(const NinePValues& in, NinePWriter&) {
  const auto fid = fids_.find(in.u32(0));
  if (fid == fids_.end()) return kUnknownFid;
  NinePFid gone = std::move(fid->second);
  fids_.erase(fid);
  if (gone.kind != NinePFid::Kind::file) {
    release(gone, in.u32(0));
    return kBadUseOfFid;
  }
  gone.remove_on_clunk = false;
  const FileTree::Place place = place_of(gone);
  NinePError error;
  if (!place.directory) {
    error = gone.file == tree_.root() ? NinePError(EPERM, "cannot remove root") : NinePError(ENOENT);
  } else {
    error = check_remove(gone, place.directory, place.name);
    if (!error) error = error_of(tree_.remove(place.directory, place.name, FileTree::Removal::any));
  }
  release(gone, in.u32(0));
  return error;
}

NinePError NinePServer::unlinkat(const NinePValues& in, NinePWriter&) {
  const NinePFid* directory = find_fid(in.u32(0));
  if (directory == nullptr) return kUnknownFid;
  if (directory->kind != NinePFid::Kind::file) return kBadUseOfFid;
  if ((in.u32(2) & ~kRemoveDirectory) != 0) return {EINVAL};
  const NinePError error = check_remove(*directory, directory->file, in.text(1));
  if (error) return error;
  const bool wants_directory = (in.u32(2) & kRemoveDirectory) != 0;
  return error_of(tree_.remove(directory->file, in.text(1),
                               wants_directory ? FileTree::Removal::directory : FileTree::Removal::file));
}

// rename(2): both directories are written to, and so is a directory that gets another parent.
NinePError NinePServer::check_rename(const NinePFid& who, const FileTree::Place& from, const NinePFid& to,
                                     std::string_view new_name) const {
  NinePError error = check_remove(who, from.directory, from.name);
  if (error) return error;
  if (to.kind != NinePFid::Kind::file) return kBadUseOfFid;
  const FileStatus moved = tree_.status(*tree_.look_up(from.directory, from.name));
  if (moved.is_directory() && from.directory != to.file && !may(who, moved, kMayWrite)) return {EACCES};
  error = check_create(to, new_name);
  if (error || !tree_.look_up(to.file, new_name)) return error;
  return check_remove(to, to.file, new_name);
}

NinePError NinePServer::rename(const NinePValues& in, NinePWriter&) {
  NinePFid* fid = find_fid(in.u32(0));
  const NinePFid* directory = find_fid(in.u32(1));
  const std::string_view new_name = in.text(2);
  if (fid == nullptr || directory == nullptr) return kUnknownFid;
  if (fid->kind != NinePFid::Kind::file) return kBadUseOfFid;
  const FileTree::Place place = place_of(*fid);
  if (!place.directory) return {fid->file == tree_.root() ? EBUSY : ENOENT};
  const NinePError error = check_rename(*fid, place, *directory, new_name);
  if (error) return error;
  const FileResult<> done = tree_.rename(place.directory, place.name, directory->file, new_name);
  if (!done) return {done.error()};
  fid->directory = directory->file;
  fid->name = new_name;
  return {};
}

NinePError NinePServer::renameat(const NinePValues& in, NinePWriter&) {
  const NinePFid* from = find_fid(in.u32(0));
  const NinePFid* to = find_fid(in.u32(2));
  if (from == nullptr || to == nullptr) return kUnknownFid;
  if (from->kind != NinePFid::Kind::file) return kBadUseOfFid;
  const FileTree::Place place = {.directory = from->file, .name = in.text(1)};
  const NinePError error = check_rename(*from, place, *to, in.text(3));
  if (error) return error;
  return error_of(tree_.rename(from->file, place.name, to->file, in.text(3)));
}

}  // namespace ringside

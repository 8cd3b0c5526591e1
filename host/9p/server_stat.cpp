// Directory entries of 9P2000, stat(5): Tstat, Twstat.
#include <algorithm>

#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

constexpr uint32_t kDmDirectory = 0x80000000, kDmAppend = 0x40000000, kDmExclusive = 0x20000000;
constexpr uint32_t kDmTemporary = 0x04000000;
constexpr uint32_t kUntouched = 0xffffffff;
constexpr uint64_t kUntouched64 = 0xffffffffffffffff;

// The fields of an entry, by their place in ninep_stat_fields().
enum : size_t { kSize, kType, kDev, kQid, kMode, kAtime, kMtime, kLength, kName, kUid, kGid, kMuid };

uint32_t plan9_mode(const FileStatus& status) {
  return (status.mode & 0777) | (status.is_directory() ? kDmDirectory : 0) |
         (status.append_only ? kDmAppend : 0) | (status.exclusive_use ? kDmExclusive : 0) |
         (status.temporary ? kDmTemporary : 0);
}

NinePError prohibited() { return {EPERM, "wstat prohibited"}; }

}  // namespace

// DEVIATES: stat(5) - muid is the owner's name: the tree does not keep who wrote last.
void NinePServer::write_stat(NinePWriter& out, const FileRef& file, std::string_view name) const {
  const FileStatus status = tree_.status(file);
  const size_t start = out.size();
  out.u16(0);
  out.u16(0);  // type and dev: for kernel use
  out.u32(0);
  write_qid(out, file);
  out.u32(plan9_mode(status));
  out.u32(static_cast<uint32_t>(status.accessed.seconds));
  out.u32(static_cast<uint32_t>(status.modified.seconds));
  out.u64(status.is_directory() ? 0 : status.size);
  out.text(name);
  const std::string owner = user_name(status.uid);
  out.text(owner);
  out.text(user_name(status.gid));
  out.text(owner);
  out.set_u16(start, out.size() - start - 2);
}

NinePError NinePServer::stat(const NinePValues& in, NinePWriter& out) {
  const NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  const FileTree::Place place = place_of(*fid);
  out.u16(0);
  const size_t start = out.size();
  write_stat(out, fid->file, fid->file == tree_.root() ? "/" : place.name);
  out.set_u16(ninep::header_bytes, out.size() - start);
  return {};
}

// What may never be changed: it must be said not to be touched, or be what it is.
NinePError NinePServer::check_wstat_fixed(const NinePFid& fid, const NinePValues& stat) const {
  const FileStatus status = tree_.status(fid.file);
  const auto type = stat.u64(kType), dev = stat.u64(kDev);
  if ((type != 0xffff && type != 0) || (dev != kUntouched && dev != 0)) return prohibited();
  const std::span<const uint8_t> qid = stat.at[kQid].bytes;
  const bool untouched = std::all_of(qid.begin(), qid.end(), [](uint8_t byte) { return byte == 0xff; });
  if (!untouched) {
    NinePWriter current(0, 0);
    write_qid(current, fid.file);
    const std::vector<uint8_t> bytes = current.finish();
    if (!std::equal(qid.begin(), qid.end(), bytes.begin() + ninep::header_bytes)) return prohibited();
  }
  const std::string owner = user_name(status.uid);
  for (const size_t field : {kUid, kMuid}) {
    if (!stat.text(field).empty() && stat.text(field) != owner) return prohibited();
  }
  return {};
}

// The changes that are asked for, if the user may make them all.
// DEVIATES: stat(5) - atime may be set, by whom mtime may: u9fs allows it, and Linux's client asks for both.
// DEVIATES: stat(5) - groups have no leaders.
NinePError NinePServer::check_wstat(const NinePFid& fid, const NinePValues& stat,
                                    AttributeChanges& changes) const {
  const FileStatus status = tree_.status(fid.file);
  const bool owner = fid.user->is_root() || fid.user->uid == status.uid;
  if (const uint32_t mode = stat.u32(kMode); mode != kUntouched) {
    if (((mode & kDmDirectory) != 0) != status.is_directory()) {
      return {EPERM, "wstat can't convert between files and directories"};
    }
    if ((mode & ~(kDmDirectory | kDmAppend | kDmExclusive | kDmTemporary | 0777)) != 0) return kIllegalMode;
    if (!owner) return {EACCES, "not owner"};
    changes.mode = mode & 0777;
    changes.append_only = (mode & kDmAppend) != 0;
    changes.exclusive_use = (mode & kDmExclusive) != 0;
    changes.temporary = (mode & kDmTemporary) != 0;
  }
  for (const size_t field : {kAtime, kMtime}) {
    if (stat.u32(field) == kUntouched) continue;
    if (!owner) return {EACCES, "not owner"};
    (field == kAtime ? changes.accessed : changes.modified) = FileTime{stat.u32(field), 0};
  }
  if (const uint64_t length = stat.u64(kLength); length != kUntouched64) {
    if (status.is_directory() && length != 0) return {EISDIR};
    if (!may(fid, status, kMayWrite)) return {EACCES};
    if (!status.is_directory()) changes.size = length;
  }
  if (!stat.text(kGid).empty()) {
    const std::optional<uint32_t> group = user_number(stat.text(kGid));
    if (!group) return {EINVAL, "unknown group"};
    if (!owner) return {EACCES, "only owner can change group in wstat"};
    if (!fid.user->is_root() && !fid.user->in_group(*group)) return {EPERM, "not a member of proposed group"};
    changes.gid = group;
  }
  return {};
}

NinePError NinePServer::wstat(const NinePValues& in, NinePWriter&) {
  NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  const std::span<const uint8_t> bytes = in.at[1].bytes;
  const NinePValues stat = ninep_values(ninep_stat_fields(), NinePDialect::base, bytes, 0);
  if (!stat.problem.empty() || stat.u64(kSize) + 2 != bytes.size()) return {EPROTO, "bogus wstat buffer"};

  AttributeChanges changes;
  NinePError error = check_wstat_fixed(*fid, stat);
  if (!error) error = check_wstat(*fid, stat, changes);
  if (error) return error;
  const bool changes_something =
      changes.mode || changes.accessed || changes.modified || changes.size || changes.gid;
  const FileTree::Place place = place_of(*fid);
  const std::string_view name = stat.text(kName);
  const bool renames = !name.empty() && name != place.name && !(fid->file == tree_.root() && name == "/");
  if (!renames && !changes_something) return {};  // a request to make it stable, which it is
  if (tree_.read_only()) return {EROFS};
  if (renames) {
    if (!place.directory) return prohibited();
    // Any name that is taken is refused, so what follows cannot be half done: a rename within a directory to
    // a good name that is free has no other way to fail.
    if (!may(*fid, tree_.status(place.directory), kMayWrite)) return {EACCES};
    if (tree_.look_up(place.directory, name)) return {EEXIST, "file already exists"};
    if (name.find('/') != name.npos || name.size() > FileTree::kNameBytesMax)
      return {ENAMETOOLONG, "illegal name"};
  }
  if (changes_something) {
    const FileResult<> changed = tree_.change(fid->file, changes);
    if (!changed) return {changed.error()};
  }
  if (!renames) return {};
  const FileResult<> renamed = tree_.rename(place.directory, place.name, place.directory, name);
  if (!renamed) return {renamed.error()};
  fid->directory = place.directory;
  fid->name = name;
  return {};
}

}  // namespace ringside

// Attributes in 9P2000.L: getattr, setattr, statfs, readlink, extended attributes.
#include <algorithm>

#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

// The bits of Rgetattr that we fill: P9_GETATTR_BASIC, BTIME and DATA_VERSION.
constexpr uint64_t kGetattrKnown = 0x7ff | 0x800 | 0x2000;
// Tsetattr.
constexpr uint32_t kSetMode = 0x1, kSetUid = 0x2, kSetGid = 0x4, kSetSize = 0x8, kSetAtime = 0x10;
constexpr uint32_t kSetMtime = 0x20, kSetCtime = 0x40, kAtimeGiven = 0x80, kMtimeGiven = 0x100;
constexpr uint32_t kFileSystemType = 0x01021997;  // V9FS_MAGIC
constexpr uint32_t kBlockBytes = 4096;
// Txattrcreate: setxattr(2).
constexpr uint32_t kXattrCreate = 1, kXattrReplace = 2;

void write_time(NinePWriter& out, const FileTime& time) {
  out.u64(static_cast<uint64_t>(time.seconds));
  out.u64(time.nanoseconds);
}

}  // namespace

NinePError NinePServer::getattr(const NinePValues& in, NinePWriter& out) {
  const NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  const FileStatus status = tree_.status(fid->file);
  out.u64(in.u64(1) & kGetattrKnown);
  write_qid(out, fid->file);
  out.u32(status.mode);
  out.u32(status.uid);
  out.u32(status.gid);
  out.u64(status.links);
  out.u64(status.device);
  out.u64(status.size);
  out.u64(kBlockBytes);
  out.u64(status.blocks);
  for (const FileTime& time : {status.accessed, status.modified, status.changed, status.created}) {
    write_time(out, time);
  }
  out.u64(0);  // gen
  out.u64(status.version);
  return {};
}

// The kernel's rules for chmod(2), chown(2), truncate(2) and utimensat(2). Nothing is changed where one
// forbids.
NinePError NinePServer::setattr(const NinePValues& in, NinePWriter&) {
  const NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  if (fid->kind != NinePFid::Kind::file) return kBadUseOfFid;
  if (tree_.read_only()) return {EROFS};
  const uint32_t valid = in.u32(1), mode = in.u32(2), uid = in.u32(3), gid = in.u32(4);
  const FileStatus status = tree_.status(fid->file);
  const Credentials& user = *fid->user;
  const bool owner = user.is_root() || user.uid == status.uid;
  AttributeChanges changes;
  if ((valid & kSetMode) != 0) {
    if (!owner) return {EPERM};
    changes.mode = mode & file_mode::permissions;
    if (!user.is_root() && !user.in_group(status.gid)) *changes.mode &= ~file_mode::set_gid;
  }
  if ((valid & kSetUid) != 0) {
    if (!user.is_root() && (!owner || uid != status.uid)) return {EPERM};
    changes.uid = uid;
  }
  if ((valid & kSetGid) != 0) {
    if (!user.is_root() && (!owner || (gid != status.gid && !user.in_group(gid)))) return {EPERM};
    changes.gid = gid;
  }
  if ((valid & kSetSize) != 0) {
    if (!fid->writable && !may(*fid, status, kMayWrite)) return {EACCES};
    if (status.append_only) return {EPERM};
    changes.size = in.u64(5);
  }
  for (const bool access : {true, false}) {
    if ((valid & (access ? kSetAtime : kSetMtime)) == 0) continue;
    if ((valid & (access ? kAtimeGiven : kMtimeGiven)) == 0) {
      if (!owner && !fid->writable && !may(*fid, status, kMayWrite)) return {EACCES};
      (access ? changes.accessed_now : changes.modified_now) = true;
      continue;
    }
    if (!owner) return {EPERM};
    const size_t field = access ? 6 : 8;
    if (in.u64(field + 1) > 999'999'999) return {EINVAL};
    (access ? changes.accessed : changes.modified) =
        FileTime{static_cast<int64_t>(in.u64(field)), static_cast<uint32_t>(in.u64(field + 1))};
  }
  // A file that changes hands or contents lends nobody its owner's rights any more.
  const bool changes_hands = (valid & (kSetUid | kSetGid)) != 0;
  const bool cut_by_another = changes.size && !user.is_root();
  if (!changes.mode && status.is_regular() && (changes_hands || cut_by_another)) {
    uint32_t kept = status.mode & ~file_mode::set_uid;
    if ((status.mode & 0010) != 0) kept &= ~file_mode::set_gid;
    if (kept != status.mode) changes.mode = kept & file_mode::permissions;
  }
  if ((valid & (kSetMode | kSetUid | kSetGid | kSetSize | kSetAtime | kSetMtime | kSetCtime)) == 0) return {};
  const FileResult<> done = tree_.change(fid->file, changes);
  return done ? NinePError() : NinePError(done.error());
}

NinePError NinePServer::statfs(const NinePValues& in, NinePWriter& out) {
  if (find_fid(in.u32(0)) == nullptr) return kUnknownFid;
  const FileTreeUsage usage = tree_.usage();
  const uint64_t free_blocks = (usage.bytes_max - std::min(usage.bytes_max, usage.bytes_used)) / kBlockBytes;
  out.u32(kFileSystemType);
  out.u32(kBlockBytes);
  out.u64(usage.bytes_max / kBlockBytes);
  out.u64(free_blocks);
  out.u64(free_blocks);
  out.u64(usage.files_max);
  out.u64(usage.files_max - std::min(usage.files_max, usage.files_used));
  out.u64(0);  // fsid
  out.u32(FileTree::kNameBytesMax);
  return {};
}

NinePError NinePServer::readlink(const NinePValues& in, NinePWriter& out) {
  const NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  const FileResult<std::string_view> target = tree_.target(fid->file);
  if (!target) return {target.error()};
  out.text(*target);
  return {};
}

// The value is taken when the fid is made, so that a reader sees one value whatever is set meanwhile.
NinePError NinePServer::xattrwalk(const NinePValues& in, NinePWriter& out) {
  const NinePFid* fid = find_fid(in.u32(0));
  const std::string_view name = in.text(2);
  if (fid == nullptr) return kUnknownFid;
  if (fid->kind != NinePFid::Kind::file) return kBadUseOfFid;
  NinePFid attribute;
  attribute.kind = NinePFid::Kind::attribute_read;
  attribute.user = fid->user;
  attribute.file = fid->file;
  if (name.empty()) {
    FileResult<std::vector<uint8_t>> names = tree_.attribute_names(fid->file);
    if (!names) return {names.error()};
    attribute.value = std::move(*names);
  } else {
    const bool for_user = name.starts_with("user.");
    if (for_user && !may(*fid, tree_.status(fid->file), kMayRead)) return {EACCES};
    if (name.starts_with("trusted.") && !fid->user->is_root()) return {ENODATA};
    const FileResult<std::span<const uint8_t>> value = tree_.attribute(fid->file, name);
    if (!value) return {value.error()};
    attribute.value.assign(value->begin(), value->end());
  }
  const size_t size = attribute.value.size();
  if (value_bytes_ + size > config_.value_bytes_max) return {ENOMEM};
  const NinePError error = add_fid(in.u32(1), std::move(attribute));
  if (error) return error;
  value_bytes_ += size;
  out.u64(size);
  return {};
}

// xattr(7): who may set an attribute of each of the four classes.
NinePError NinePServer::check_attribute_write(const NinePFid& fid, std::string_view name) const {
  const FileStatus status = tree_.status(fid.file);
  if (tree_.read_only()) return {EROFS};
  if (name.starts_with("user.")) {
    if (!status.is_regular() && !status.is_directory()) return {EPERM};
    return may(fid, status, kMayWrite) ? NinePError() : NinePError(EACCES);
  }
  if (name.starts_with("trusted.") || name.starts_with("security.")) {
    return fid.user->is_root() ? NinePError() : NinePError(EPERM);
  }
  if (name.starts_with("system.posix_acl_")) {
    const bool owner = fid.user->is_root() || fid.user->uid == status.uid;
    return owner ? NinePError() : NinePError(EPERM);
  }
  return {EOPNOTSUPP};
}

NinePError NinePServer::xattrcreate(const NinePValues& in, NinePWriter&) {
  NinePFid* fid = find_fid(in.u32(0));
  const std::string_view name = in.text(1);
  const uint64_t size = in.u64(2);
  const uint32_t flags = in.u32(3);
  if (fid == nullptr) return kUnknownFid;
  if (fid->kind != NinePFid::Kind::file || fid->open) return kBadUseOfFid;
  if (name.empty() || name.size() > FileTree::kNameBytesMax) return {ERANGE};
  if (flags > kXattrReplace) return {EINVAL};
  if (size > tree_.attribute_bytes_max()) return {E2BIG};
  const NinePError error = check_attribute_write(*fid, name);
  if (error) return error;
  fid->kind = NinePFid::Kind::attribute_write;
  fid->attribute = name;
  fid->attribute_write = flags == kXattrCreate    ? FileTree::AttributeWrite::create
                         : flags == kXattrReplace ? FileTree::AttributeWrite::replace
                                                  : FileTree::AttributeWrite::any;
  fid->value_size = size;
  return {};
}

NinePError NinePServer::write_attribute(NinePFid& fid, uint64_t offset, std::span<const uint8_t> data,
                                        NinePWriter& out) {
  // In order, or over what has come; a gap would set bytes that nobody gave.
  if (offset > fid.value.size() || data.size() > fid.value_size - std::min(fid.value_size, offset))
    return {ENOSPC};
  const size_t before = fid.value.size();
  const size_t after = std::max(before, static_cast<size_t>(offset) + data.size());
  if (value_bytes_ + after - before > config_.value_bytes_max) return {ENOMEM};
  value_bytes_ += after - before;
  fid.value.resize(after);
  std::copy(data.begin(), data.end(), fid.value.begin() + static_cast<ptrdiff_t>(offset));
  out.u32(data.size());
  return {};
}

// At the clunk. Linux's client has no other way to remove an attribute than to replace it with nothing.
NinePError NinePServer::commit_attribute(NinePFid& fid) {
  if (fid.value.size() != fid.value_size) return {EINVAL};
  const bool removes = fid.value_size == 0 && fid.attribute_write == FileTree::AttributeWrite::replace;
  const FileResult<> done =
      removes ? tree_.remove_attribute(fid.file, fid.attribute)
              : tree_.set_attribute(fid.file, fid.attribute, fid.value, fid.attribute_write);
  return done ? NinePError() : NinePError(done.error());
}

}  // namespace ringside

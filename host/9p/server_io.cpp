// Reading and writing: files, directories of both dialects, extended attributes.
#include <algorithm>

#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

// What stands before the data of Rread and Rreaddir: the header and count[4].
constexpr uint32_t kReadHeaderBytes = ninep::header_bytes + 4;
// Before the name of an entry of Rreaddir: qid[13] offset[8] type[1] and the name's length.
constexpr size_t kEntryHeaderBytes = ninep::qid_bytes + 8 + 1 + 2;
constexpr uint64_t kDotCookie = 1, kDotDotCookie = 2;
static_assert(kDotDotCookie + 1 == FileTree::kFirstCookie);

}  // namespace

// read(5), in one copy: the file's bytes go straight into the answer.
NinePError NinePServer::read(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const uint64_t offset = in.u64(1);
  const uint32_t count = std::min(in.u32(2), msize_ - kReadHeaderBytes);
  if (fid == nullptr) return kUnknownFid;
  if (fid->kind == NinePFid::Kind::attribute_read) return read_attribute(*fid, offset, count, out);
  if (!fid->open || !fid->readable) return kBadUseOfFid;
  const FileStatus status = tree_.status(fid->file);
  if (status.is_directory()) {
    return dialect_ == NinePDialect::base ? read_directory(*fid, offset, count, out) : NinePError(EISDIR);
  }
  const uint64_t there = status.size - std::min(status.size, offset);
  out.u32(0);
  const std::span<uint8_t> into = out.grow(static_cast<size_t>(std::min<uint64_t>(count, there)));
  const FileResult<size_t> got = tree_.read(fid->file, offset, into);
  if (!got) return {got.error()};
  out.cut_to(kReadHeaderBytes + *got);
  out.set_u32(ninep::header_bytes, *got);
  return {};
}

NinePError NinePServer::read_attribute(const NinePFid& fid, uint64_t offset, uint32_t count,
                                       NinePWriter& out) {
  const std::span<const uint8_t> value = fid.value;
  const auto rest = value.subspan(static_cast<size_t>(std::min<uint64_t>(offset, value.size())));
  const auto part = rest.first(std::min<size_t>(rest.size(), count));
  out.u32(part.size());
  std::copy(part.begin(), part.end(), out.grow(part.size()).begin());
  return {};
}

// Whole directory entries, from the beginning or from where the last read ended.
NinePError NinePServer::read_directory(NinePFid& fid, uint64_t offset, uint32_t count, NinePWriter& out) {
  if (offset != 0 && offset != fid.read_offset) return {ESPIPE, "bad offset in directory read"};
  uint64_t cookie = offset == 0 ? 0 : fid.read_cookie;
  out.u32(0);
  const size_t end = out.size() + count;
  bool full = false;
  const FileResult<> listed = tree_.list(fid.file, cookie, [&](const FileTree::Entry& entry) {
    const size_t before = out.size();
    write_stat(out, entry.file, entry.name);
    if (out.size() > end) {
      out.cut_to(before);
      full = true;
      return false;
    }
    cookie = entry.cookie;
    return true;
  });
  if (!listed) return {listed.error()};
  const size_t got = out.size() - kReadHeaderBytes;
  if (got == 0 && full) return {EINVAL, "directory entry too long for the count"};
  fid.read_offset = offset + got;
  fid.read_cookie = cookie;
  out.set_u32(ninep::header_bytes, got);
  return {};
}

NinePError NinePServer::readdir(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  const uint64_t after = in.u64(1);
  const uint32_t count = std::min(in.u32(2), msize_ - kReadHeaderBytes);
  if (fid == nullptr) return kUnknownFid;
  if (!fid->open || !fid->readable) return kBadUseOfFid;
  if (!tree_.status(fid->file).is_directory()) return {ENOTDIR};
  out.u32(0);
  const size_t end = out.size() + count;
  bool full = false;
  const auto add = [&](const FileRef& file, uint64_t cookie, std::string_view name) {
    full = full || end - out.size() < kEntryHeaderBytes + name.size();
    if (full) return false;
    write_qid(out, file);
    out.u64(cookie);
    out.u8(
        static_cast<uint8_t>((tree_.status(file).mode & file_mode::type_mask) >> 12));  // DT_ of readdir(3)
    out.text(name);
    return true;
  };
  // A directory that was removed is empty, even of these two.
  const FileRef parent = tree_.parent(fid->file);
  if (parent && after < kDotCookie) add(fid->file, kDotCookie, ".");
  if (parent && after < kDotDotCookie && !full) add(parent, kDotDotCookie, "..");
  if (!full) {
    const FileResult<> listed =
        tree_.list(fid->file, std::max(after, kDotDotCookie),
                   [&](const FileTree::Entry& entry) { return add(entry.file, entry.cookie, entry.name); });
    if (!listed) return {listed.error()};
  }
  const size_t got = out.size() - kReadHeaderBytes;
  if (got == 0 && full) return {EINVAL};
  out.set_u32(ninep::header_bytes, got);
  return {};
}

// A write by somebody else than the superuser takes the bits from a file that would lend its owner's rights.
void NinePServer::drop_set_id_bits(const NinePFid& fid) {
  const uint32_t mode = tree_.status(fid.file).mode;
  uint32_t drop = mode & file_mode::set_uid;
  if ((mode & 0010) != 0) drop |= mode & file_mode::set_gid;
  if (drop != 0 && !fid.user->is_root()) tree_.change(fid.file, {.mode = mode & ~drop});
}

NinePError NinePServer::write(const NinePValues& in, NinePWriter& out) {
  NinePFid* fid = find_fid(in.u32(0));
  uint64_t offset = in.u64(1);
  const std::span<const uint8_t> data = in.at[2].bytes;
  if (fid == nullptr) return kUnknownFid;
  if (fid->kind == NinePFid::Kind::attribute_write) return write_attribute(*fid, offset, data, out);
  if (!fid->open || !fid->writable) return kBadUseOfFid;
  const FileStatus status = tree_.status(fid->file);
  if (fid->append || status.append_only) offset = status.size;
  const FileResult<size_t> done = tree_.write(fid->file, offset, data);
  if (!done) return {done.error()};
  if ((status.mode & (file_mode::set_uid | file_mode::set_gid)) != 0) drop_set_id_bits(*fid);
  out.u32(*done);
  return {};
}

// What is written is in memory at once, so there is nothing to wait for.
NinePError NinePServer::fsync(const NinePValues& in, NinePWriter&) {
  const NinePFid* fid = find_fid(in.u32(0));
  if (fid == nullptr) return kUnknownFid;
  return fid->open ? NinePError() : kBadUseOfFid;
}

}  // namespace ringside

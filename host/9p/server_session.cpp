// Who talks, and from where: version, auth, attach, walk, clunk; the table of fids.
#include <algorithm>
#include <charconv>

#include "host/9p/server.h"
#include "host/9p/server_errors.h"

namespace ringside {

namespace {

constexpr uint32_t kNobody = 65'534;

// The type of a qid (intro(5)); a symlink's bit is 9P2000.u's.
uint8_t qid_type(const FileStatus& file) {
  return static_cast<uint8_t>((file.is_directory() ? 0x80 : 0) | (file.append_only ? 0x40 : 0) |
                              (file.exclusive_use ? 0x20 : 0) | (file.temporary ? 0x04 : 0) |
                              (file.is_symlink() ? 0x02 : 0));
}

}  // namespace

void NinePServer::write_qid(NinePWriter& out, const FileRef& file) const {
  const FileStatus status = tree_.status(file);
  out.qid(qid_type(status), status.version, status.path);
}

// version(5): the answer is a version that the server speaks and no larger msize than the client's.
NinePError NinePServer::version(const NinePValues& in, NinePWriter& out) {
  const uint32_t wanted = in.u32(0);
  const std::optional<NinePDialect> dialect = ninep_dialect(in.text(1));
  const uint32_t largest = std::max(config_.msize_max, kMsizeMin);
  if (!dialect) {
    complain(NoticeKind::unusual, "Tversion of a version that is unknown here");
    out.u32(std::min(wanted, largest));
    out.text("unknown");
    return {};
  }
  if (wanted < kMsizeMin) {
    complain(NoticeKind::unusual, "Tversion with an msize of " + std::to_string(wanted) + ", less than 4096");
    write_error(out, *dialect, {EMSGSIZE, "msize too small"});
    return {};
  }
  dialect_ = dialect;
  msize_ = std::min(wanted, largest);
  out.u32(msize_);
  out.text(*dialect == NinePDialect::dotl ? "9P2000.L" : "9P2000");
  return {};
}

NinePError NinePServer::auth(const NinePValues&, NinePWriter&) {
  return {EOPNOTSUPP, "authentication not required"};
}

std::optional<uint32_t> NinePServer::user_number(std::string_view name) const {
  for (const NinePUser& user : config_.users) {
    if (user.name == name) return user.uid;
  }
  if (name == "root") return 0;
  if (name == "nobody") return kNobody;
  uint32_t number = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, number);
  if (name.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::string NinePServer::user_name(uint32_t number) const {
  for (const NinePUser& user : config_.users) {
    if (user.uid == number) return user.name;
  }
  if (number == 0) return "root";
  if (number == kNobody) return "nobody";
  return std::to_string(number);
}

std::shared_ptr<const Credentials> NinePServer::user_of(std::string_view name, uint32_t number) const {
  if (number == ninep::nonuname) {
    const std::optional<uint32_t> by_name = user_number(name);
    if (!by_name) return nullptr;
    number = *by_name;
  }
  for (const NinePUser& user : config_.users) {
    if (user.uid == number) {
      return std::make_shared<Credentials>(
          Credentials{.uid = number, .gid = user.gid, .groups = user.groups});
    }
  }
  return std::make_shared<Credentials>(Credentials{.uid = number, .gid = number, .groups = {}});
}

NinePError NinePServer::attach(const NinePValues& in, NinePWriter& out) {
  const uint32_t number = in.u32(0), afid = in.u32(1);
  const std::string_view aname = in.text(3);
  if (afid != ninep::nofid) return kUnknownFid;  // Tauth never gives one
  if (!aname.empty() && aname != "/" && aname != config_.name) return {ENOENT};
  NinePFid fid;
  fid.user = user_of(in.text(2), in.count > 4 ? in.u32(4) : ninep::nonuname);
  if (fid.user == nullptr) return {EINVAL, "unknown user"};
  fid.file = tree_.root();
  const NinePError error = add_fid(number, std::move(fid));
  if (error) return error;
  write_qid(out, tree_.root());
  return {};
}

NinePFid* NinePServer::find_fid(uint32_t number) {
  const auto place = fids_.find(number);
  return place == fids_.end() ? nullptr : &place->second;
}

NinePError NinePServer::add_fid(uint32_t number, NinePFid fid) {
  if (number == ninep::nofid) return kUnknownFid;
  if (fids_.contains(number)) return kFidInUse;
  if (fids_.size() >= config_.fids_max) {
    complain(NoticeKind::unusual, std::to_string(fids_.size()) + " fids are in use");
    return {ENFILE};
  }
  fids_.emplace(number, std::move(fid));
  return {};
}

// walk(5). DEVIATES: walk(5) - in 9P2000.L an open fid may be walked from, though not moved, as QEMU's server
// allows.
NinePError NinePServer::walk(const NinePValues& in, NinePWriter& out) {
  NinePFid* from = find_fid(in.u32(0));
  const uint32_t new_number = in.u32(1);
  const uint64_t names = in.u64(2);
  std::span<const uint8_t> names_left = in.at[2].bytes;
  if (from == nullptr) return kUnknownFid;
  const bool moves = new_number == in.u32(0);
  if (from->kind != NinePFid::Kind::file) return kBadUseOfFid;
  if (from->open && (moves || dialect_ == NinePDialect::base)) return kBadUseOfFid;
  if (!moves && fids_.contains(new_number)) return kFidInUse;

  NinePFid to;
  to.user = from->user;
  to.file = from->file;
  to.directory = from->directory;
  to.name = from->name;
  out.u16(0);
  uint64_t walked = 0;
  for (; walked < names; ++walked) {
    const std::string_view name = ninep_next_name(names_left);
    const FileStatus at = tree_.status(to.file);
    NinePError error;
    if (!at.is_directory()) {
      error = {ENOTDIR};
    } else if (!may(to, at, kMayExecute)) {
      error = {EACCES};
    } else if (FileResult<FileRef> next = tree_.look_up(to.file, name); !next) {
      error = {next.error()};
    } else if (name == "." || name == "..") {
      to.file = std::move(*next);
      to.directory = nullptr;
      to.name.clear();
    } else {
      to.directory = std::exchange(to.file, std::move(*next));
      to.name = name;
    }
    if (error && walked == 0) return error;
    if (error) break;
    write_qid(out, to.file);
  }
  out.set_u16(ninep::header_bytes, walked);
  if (walked < names) return {};
  if (!moves) return add_fid(new_number, std::move(to));
  *from = std::move(to);
  return {};
}

// What a clunk does besides forgetting the fid; the error is that of an extended attribute that was being
// set.
NinePError NinePServer::release(NinePFid& fid, uint32_t number) {
  value_bytes_ -= fid.value.size();
  if (fid.kind == NinePFid::Kind::attribute_write) return commit_attribute(fid);
  if (fid.locked) tree_.release_locks(fid.file, conversation_, number);
  if (!fid.open) return {};
  --tree_.open_count(fid.file);
  // Allowed when it was opened (open(5)).
  const FileTree::Place place = place_of(fid);
  if (fid.remove_on_clunk && place.directory) {
    tree_.remove(place.directory, place.name, FileTree::Removal::file);
  }
  return {};
}

NinePError NinePServer::clunk(const NinePValues& in, NinePWriter&) {
  const auto place = fids_.find(in.u32(0));
  if (place == fids_.end()) return kUnknownFid;
  const NinePError error = release(place->second, place->first);
  fids_.erase(place);
  return error;
}

void NinePServer::clunk_all() {
  for (auto& [number, fid] : fids_) release(fid, number);
  fids_.clear();
}

}  // namespace ringside

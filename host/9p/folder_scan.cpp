// The manifest of a folder: one pass over all of it, in the order of the names.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <map>

#include "host/9p/folder_reader.h"

namespace ringside {

namespace {

// Each notice is told once; a folder full of them is not told in full.
constexpr size_t kRemarksMax = 20;

}  // namespace

struct FolderReader::Scan {
  FolderReader& reader;
  const std::string& share;
  const std::string& path;
  const FolderLimits& limits;
  std::map<std::pair<dev_t, ino_t>, uint32_t> linked;  // first places of files with several names
  size_t remarks = 0;

  Result<> run();
  Result<> directory(uint32_t place);
  FileResult<Descriptor> open(uint32_t place);
  Result<std::vector<std::string>> names(const Descriptor& folder, uint32_t place);
  void add(const Descriptor& folder, uint32_t place, std::string name);
  FolderEntry entry_of(const struct stat& status, uint32_t directory, std::string name);
  void remark(uint32_t place, std::string_view what);
  Result<> check_depth(uint32_t place) const;
};

void FolderReader::Scan::remark(uint32_t place, std::string_view what) {
  std::vector<std::string>& kept = reader.manifest_.remarks;
  if (++remarks <= kRemarksMax) {
    kept.push_back(fmt::format("'{}' {}", reader.path_of(place), what));
  } else if (remarks == kRemarksMax + 1) {
    kept.emplace_back("and there are more such places");
  }
}

FolderEntry FolderReader::Scan::entry_of(const struct stat& status, uint32_t directory, std::string name) {
  FolderEntry entry;
  entry.directory = directory;
  entry.mode = status.st_mode;
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  if (S_ISREG(status.st_mode)) entry.size = static_cast<uint64_t>(status.st_size);
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
    entry.device = device_number(major(status.st_rdev), minor(status.st_rdev));
  entry.modified = {status.st_mtim.tv_sec, static_cast<uint32_t>(status.st_mtim.tv_nsec)};
  entry.name = std::move(name);
  return entry;
}

Result<> FolderReader::Scan::check_depth(uint32_t place) const {
  uint32_t depth = 0;
  for (uint32_t at = place; at != 0; at = reader.manifest_.entries[at].directory) ++depth;
  const std::string at = reader.path_of(place);
  if (depth <= limits.depth_max && at.size() + NAME_MAX < PATH_MAX) return {};
  return fail(
      fmt::format("share \"{}\": folder {}: '{}...' is too deep: {} directories are allowed, and {} "
                  "bytes of path; share a folder below it, or raise 'depth_max'",
                  share, path, at.substr(0, 60), limits.depth_max, PATH_MAX));
}

// Nothing where the directory cannot be used: the remark says why.
FileResult<Descriptor> FolderReader::Scan::open(uint32_t place) {
  auto folder = reader.open_beneath(reader.path_of(place), O_RDONLY | O_DIRECTORY | O_NONBLOCK);
  if (!folder) {
    remark(place, folder.error() == EXDEV ? "is a mount point: what is mounted there is not shared"
                                          : fmt::format("cannot be listed: {}; it is empty for the guest",
                                                        std::strerror(folder.error())));
    return folder;
  }
  struct stat status {};
  if (fstat(folder->get(), &status) == 0 &&
      reader.identities_[place] == Identity{status.st_dev, status.st_ino}) {
    return folder;
  }
  remark(place, "was replaced while the folder was listed; it is empty for the guest");
  return file_error(EIO);
}

Result<std::vector<std::string>> FolderReader::Scan::names(const Descriptor& folder, uint32_t place) {
  std::vector<std::string> found;
  DIR* const stream = fdopendir(fcntl(folder.get(), F_DUPFD_CLOEXEC, 0));
  if (stream == nullptr)
    return fail(fmt::format("share \"{}\": folder {}: {}", share, path, std::strerror(errno)));
  bool too_many = false;
  errno = 0;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") found.emplace_back(name);
    too_many = reader.manifest_.entries.size() + found.size() > limits.entries_max;
    if (too_many) break;
    errno = 0;
  }
  if (errno != 0) remark(place, fmt::format("could not be listed to its end: {}", std::strerror(errno)));
  closedir(stream);
  if (too_many) {
    return fail(fmt::format(
        "share \"{}\": folder {} has more than {} files and directories; share a folder below it, or raise "
        "'entries_max'",
        share, path, limits.entries_max));
  }
  std::sort(found.begin(), found.end());
  return found;
}

// A name that is gone by now was never there.
void FolderReader::Scan::add(const Descriptor& folder, uint32_t place, std::string name) {
  struct stat status {};
  if (fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) != 0) return;
  FolderManifest& manifest = reader.manifest_;
  const auto here = static_cast<uint32_t>(manifest.entries.size());
  FolderEntry entry = entry_of(status, place, std::move(name));
  if (S_ISLNK(status.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = readlinkat(folder.get(), entry.name.c_str(), target, sizeof target);
    if (size <= 0) return;
    entry.target.assign(target, static_cast<size_t>(size));
  }
  if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
    const auto [first, is_first] = linked.emplace(std::pair(status.st_dev, status.st_ino), here);
    if (!is_first) {
      // Between two looks it may have changed; then they are two files.
      FolderEntry same = manifest.entries[first->second];
      same.directory = entry.directory;
      same.name = entry.name;
      if (same == entry) entry.same_as = first->second;
    }
  }
  manifest.entries.push_back(std::move(entry));
  reader.identities_.push_back({status.st_dev, status.st_ino});
}

Result<> FolderReader::Scan::directory(uint32_t place) {
  SIM_TRY(check_depth(place));
  const auto folder = open(place);
  if (!folder) return {};
  auto listed = names(*folder, place);
  if (!listed) return tl::unexpected(listed.error());
  for (std::string& name : *listed) add(*folder, place, std::move(name));
  return {};
}

Result<> FolderReader::Scan::run() {
  struct stat status {};
  if (fstat(reader.root_.get(), &status) != 0)
    return fail(fmt::format("share \"{}\": folder {}: {}", share, path, std::strerror(errno)));
  reader.manifest_.entries.push_back(entry_of(status, 0, ""));
  reader.identities_.push_back({status.st_dev, status.st_ino});
  for (uint32_t place = 0; place < reader.manifest_.entries.size(); ++place) {
    if (S_ISDIR(reader.manifest_.entries[place].mode)) SIM_TRY(directory(place));
  }
  return {};
}

Result<FolderReader> FolderReader::open(const std::string& share, const std::string& path,
                                        const FolderLimits& limits, Resolve resolve) {
  FolderReader reader;
  reader.root_ = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK));
  if (!reader.root_) {
    const int error = errno;
    const char* what = error == ENOTDIR  ? "is no folder; a share exports a whole one"
                       : error == ENOENT ? "is not there; make it, or correct 'folder' in the scenario"
                                         : std::strerror(error);
    return fail(fmt::format("share \"{}\": folder {} {}", share, path, what));
  }
  reader.by_name_ = resolve == Resolve::by_name;
  if (!reader.by_name_) {
    const auto tried = reader.open_beneath(".", O_PATH | O_DIRECTORY);
    reader.by_name_ = !tried && (tried.error() == ENOSYS || tried.error() == EPERM);
  }
  SIM_TRY((Scan{reader, share, path, limits, {}, 0}.run()));
  return reader;
}

}  // namespace ringside

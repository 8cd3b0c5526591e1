// Resolving and reading; the manifest is made in folder_scan.cpp.
#include "host/9p/folder_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ringside {

namespace {

// Somebody may rename directories all the time; openat2 cannot tell then and says EAGAIN.
constexpr int kResolveAttempts = 100;

FileResult<Descriptor> as_descriptor(long number) {
  if (number < 0) return file_error(errno);
  return Descriptor(static_cast<int>(number));
}

FileResult<Descriptor> resolve_beneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
  for (int attempt = 0;; ++attempt) {
    const long number = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    const bool again = number < 0 && (errno == EAGAIN || errno == EINTR);
    if (!again || attempt == kResolveAttempts) return as_descriptor(number);
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this == &other) return *this;
  if (number_ >= 0) ::close(number_);
  number_ = other.release();
  return *this;
}

int Descriptor::release() {
  const int number = number_;
  number_ = -1;
  return number;
}

FileResult<Descriptor> FolderReader::open_beneath(const std::string& path, int flags) const {
  const int all = flags | O_NOFOLLOW | O_CLOEXEC;
  return by_name_ ? open_by_name(path, all) : resolve_beneath(root_.get(), path, all);
}

// Each directory on the way is opened itself, so that none is a symlink and none is left behind by "..",
// which no path of ours has. What is mounted on the way has another device.
FileResult<Descriptor> FolderReader::open_by_name(const std::string& path, int flags) const {
  Descriptor directory;
  size_t begin = 0;
  for (;;) {
    const size_t end = path.find('/', begin);
    const std::string name = path.substr(begin, end == path.npos ? path.npos : end - begin);
    const bool last = end == path.npos;
    const int how = last ? flags : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    auto next = as_descriptor(openat(directory ? directory.get() : root_.get(), name.c_str(), how));
    if (!next || (last && (flags & O_DIRECTORY) == 0)) return next;
    struct stat status {};
    if (fstat(next->get(), &status) != 0) return file_error(errno);
    if (status.st_dev != identities_.front().device) return file_error(EXDEV);
    if (last) return next;
    directory = std::move(*next);
    begin = end + 1;
  }
}

std::string FolderReader::path_of(uint32_t entry) const {
  if (entry == 0) return ".";
  std::vector<const std::string*> names;
  for (uint32_t at = entry; at != 0; at = manifest_.entries[at].directory)
    names.push_back(&manifest_.entries[at].name);
  std::string path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    if (!path.empty()) path += '/';
    path += **name;
  }
  return path;
}

std::string FolderReader::difference(uint32_t place, const struct stat& now) const {
  const FolderEntry& entry = manifest_.entries[place];
  if (!S_ISREG(now.st_mode)) return "it is no file any more";
  if (identities_[place] != Identity{now.st_dev, now.st_ino}) return "another file has taken its place";
  const auto size = static_cast<uint64_t>(now.st_size);
  if (size != entry.size) return fmt::format("it had {} bytes and has {} now", entry.size, size);
  const FileTime modified{now.st_mtim.tv_sec, static_cast<uint32_t>(now.st_mtim.tv_nsec)};
  return modified == entry.modified ? "" : "somebody has written to it";
}

FileResult<Descriptor> FolderReader::open_file(uint32_t entry, std::string& explanation) const {
  const auto failed = [&](int error) {
    explanation = std::strerror(error);
    return file_error(error);
  };
  const auto found = open_beneath(path_of(entry), O_PATH);
  if (!found) return failed(found.error());
  struct stat status {};
  if (fstat(found->get(), &status) != 0) return failed(errno);
  explanation = difference(entry, status);
  if (!explanation.empty()) return file_error(EIO);
  // The very file that was looked at, not what may have its name by now.
  const std::string same = fmt::format("/proc/self/fd/{}", found->get());
  auto file = as_descriptor(::open(same.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  // Where /proc is not mounted.
  if (!file && file.error() == ENOENT) file = open_beneath(path_of(entry), O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!file) return failed(file.error());
  return file;
}

FolderBlock FolderReader::read(uint32_t entry, uint32_t block) const {
  FolderBlock answer{entry, block, 0, {}, {}};
  const auto fails = [&](int error, std::string what) {
    answer.error = error;
    answer.explanation = std::move(what);
    answer.contents.clear();
    return answer;
  };
  std::string explanation;
  const auto file = open_file(entry, explanation);
  if (!file) return fails(file.error() == EACCES ? EACCES : EIO, explanation);
  answer.contents.resize(folder_block_size(manifest_.entries[entry].size, block));
  const uint64_t begin = uint64_t{block} * kFolderBlockBytes;
  for (size_t done = 0; done < answer.contents.size();) {
    const ssize_t count = pread(file->get(), &answer.contents[done], answer.contents.size() - done,
                                static_cast<off_t>(begin + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fails(EIO, std::strerror(errno));
    if (count == 0) return fails(EIO, "it became shorter while it was read");
    done += static_cast<size_t>(count);
  }
  struct stat behind {};
  if (fstat(file->get(), &behind) != 0) return fails(EIO, std::strerror(errno));
  explanation = difference(entry, behind);
  if (!explanation.empty()) return fails(EIO, explanation);
  return answer;
}

}  // namespace ringside

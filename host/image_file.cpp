#include "host/image_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "sim/hash.h"

namespace ringside {

namespace {

constexpr uint64_t kSectorBytes = 512;

std::string about(const std::string& disk, const std::string& path) {
  return fmt::format("disk \"{}\": image {}", disk, path);
}

std::string open_failure(const std::string& disk, const std::string& path, bool writable, int error) {
  const std::string what = fmt::format("{} cannot be opened: {}", about(disk, path), std::strerror(error));
  if (error == ENOENT) {
    return what + "; make it, or correct `image` in the scenario (relative to the scenario's folder)";
  }
  if (writable && (error == EACCES || error == EROFS || error == EPERM)) {
    return what + "; make it writable, or leave out `write = true` to keep the guest's writes in memory";
  }
  return what;
}

// The size of a regular file or block device.
Result<uint64_t> checked_size(int descriptor, const std::string& disk, const std::string& path) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0) {
    return fail(fmt::format("{} cannot be examined: {}", about(disk, path), std::strerror(errno)));
  }
  uint64_t size = 0;
  if (S_ISREG(status.st_mode)) {
    size = static_cast<uint64_t>(status.st_size);
  } else if (S_ISBLK(status.st_mode)) {
    if (ioctl(descriptor, BLKGETSIZE64, &size) != 0) {
      return fail(fmt::format("{}: its size cannot be read: {}", about(disk, path), std::strerror(errno)));
    }
  } else {
    const char* kind = S_ISDIR(status.st_mode) ? "a folder" : "neither a file nor a block device";
    return fail(fmt::format("{} is {}; name a raw image file", about(disk, path), kind));
  }
  if (size == 0) return fail(about(disk, path) + " is empty; a disk needs at least one sector of 512 bytes");
  if (size % kSectorBytes != 0) {
    return fail(
        fmt::format("{} has {} bytes, which is not a multiple of the sector size 512; if it is a raw image, "
                    "pad it: truncate -s %512 {}",
                    about(disk, path), size, path));
  }
  return size;
}

bool all_zero(std::span<const uint8_t> bytes) {
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

Result<ImageFile> ImageFile::open(const std::string& disk, const std::string& path, bool writable) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer for ever.
  const int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK;
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor < 0) {
    struct stat status {};
    if (errno == EISDIR || (stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))) {
      return fail(about(disk, path) + " is a folder; name a raw image file");
    }
    return fail(open_failure(disk, path, writable, errno));
  }
  const Result<uint64_t> size = checked_size(descriptor, disk, path);
  if (!size) {
    close(descriptor);
    return tl::unexpected(size.error());
  }
  return ImageFile(descriptor, path, *size);
}

ImageFile::ImageFile(ImageFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)), size_(other.size_) {}

ImageFile::~ImageFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

int ImageFile::read(uint64_t offset, std::span<uint8_t> into) const {
  while (!into.empty()) {
    const ssize_t got = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return EIO;
    offset += static_cast<uint64_t>(got);
    into = into.subspan(static_cast<size_t>(got));
  }
  return 0;
}

int ImageFile::write(uint64_t offset, std::span<const uint8_t> from) const {
  while (!from.empty()) {
    const ssize_t put = pwrite(descriptor_, from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    offset += static_cast<uint64_t>(put);
    from = from.subspan(static_cast<size_t>(put));
  }
  return 0;
}

int ImageFile::sync() const { return fdatasync(descriptor_) == 0 ? 0 : errno; }

int ImageFile::punch(uint64_t offset, uint64_t bytes) const {
  if (bytes == 0) return 0;
  const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  return fallocate(descriptor_, mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)) == 0 ? 0 : errno;
}

int ImageFile::resize(uint64_t bytes) {
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) return errno;
  size_ = bytes;
  return 0;
}

uint64_t ImageFile::next_data(uint64_t offset) const {
  const off_t found = lseek(descriptor_, static_cast<off_t>(offset), SEEK_DATA);
  if (found >= 0) return static_cast<uint64_t>(found);
  // ENXIO: only a hole is left. Anything else: the file system does not know, so all may be data.
  return errno == ENXIO ? size_ : offset;
}

Result<uint64_t> ImageFile::content_hash() const {
  struct stat status {};
  if (fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode) &&
      static_cast<uint64_t>(status.st_size) < size_) {
    return fail(fmt::format("image {} has become shorter since it was opened: {} bytes of {}", path_,
                            status.st_size, size_));
  }
  std::vector<uint8_t> chunk(kFileHashChunkBytes);
  const uint64_t zero_hash = hash64(std::span<const uint8_t>(chunk));
  uint64_t running = hash_mix(0, size_);
  uint64_t data_from = 0;  // no data between `offset` and here
  for (uint64_t offset = 0; offset < size_; offset += kFileHashChunkBytes) {
    const uint64_t length = std::min(kFileHashChunkBytes, size_ - offset);
    if (data_from < offset + length && data_from <= offset) data_from = next_data(offset);
    if (length == kFileHashChunkBytes && data_from >= offset + length) {
      running = hash_mix(running, zero_hash);
      continue;
    }
    const std::span<uint8_t> part(chunk.data(), length);
    if (const int error = read(offset, part); error != 0) {
      return fail(fmt::format("image {} cannot be read at byte {}: {}", path_, offset, std::strerror(error)));
    }
    running = hash_mix(running, length == kFileHashChunkBytes && all_zero(part) ? zero_hash : hash64(part));
  }
  return running;
}

}  // namespace ringside

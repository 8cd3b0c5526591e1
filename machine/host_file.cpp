#include "machine/host_file.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace ringside {

Result<std::vector<uint8_t>> read_whole_file(const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (file == nullptr) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
  std::vector<uint8_t> contents;
  constexpr size_t kChunk = 1 << 20;
  constexpr size_t kLargest = size_t{1} << 30;
  for (;;) {
    const size_t have = contents.size();
    contents.resize(have + kChunk);
    errno = 0;
    const size_t got = std::fread(contents.data() + have, 1, kChunk, file.get());
    contents.resize(have + got);
    if (std::ferror(file.get()) != 0) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
    if (got < kChunk) return contents;
    if (contents.size() > kLargest) return fail(fmt::format("{}: larger than 1 GiB", path));
  }
}

// A packed file becomes an anonymous one of this process: images are opened by path.
Result<std::string> path_of_contents(const std::string& name, const std::vector<uint8_t>& contents) {
  const int descriptor = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (descriptor < 0) return fail(fmt::format("cannot unpack '{}': {}", name, std::strerror(errno)));
  size_t written = 0;
  while (written < contents.size()) {
    const ssize_t n = ::write(descriptor, contents.data() + written, contents.size() - written);
    if (n <= 0) {
      close(descriptor);
      return fail(fmt::format("cannot unpack '{}': {}", name, std::strerror(errno)));
    }
    written += static_cast<size_t>(n);
  }
  return fmt::format("/proc/self/fd/{}", descriptor);
}

Result<std::string> path_of_zeros(const std::string& name, uint64_t bytes) {
  const int descriptor = memfd_create(name.c_str(), MFD_CLOEXEC);
  if (descriptor < 0 || bytes > INT64_MAX || ftruncate(descriptor, static_cast<off_t>(bytes)) != 0) {
    const int error = errno;
    if (descriptor >= 0) close(descriptor);
    return fail(fmt::format("no anonymous file of {} bytes for '{}': {}", bytes, name, std::strerror(error)));
  }
  return fmt::format("/proc/self/fd/{}", descriptor);
}

}  // namespace ringside

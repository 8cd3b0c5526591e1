#include "testkit/recording.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "ringside/error.h"

namespace ringside::test {

namespace {

void copy_bytes(int from, int to, const std::string& where) {
  std::vector<char> buffer(1u << 18);
  for (off_t at = 0;;) {
    const ssize_t size = pread(from, buffer.data(), buffer.size(), at);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    for (ssize_t done = 0; done < size;) {
      const ssize_t written = pwrite(to, buffer.data() + done, static_cast<size_t>(size - done), at + done);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0)
        throw Error(fmt::format("cannot write the session '{}': {}", where, std::strerror(errno)));
      done += written;
    }
    at += size;
  }
}

}  // namespace

Recording::Recording() : descriptor_(memfd_create("ringside session", MFD_CLOEXEC)) {
  if (descriptor_ < 0)
    throw Error(
        fmt::format("this host gives no more files or memory for a session: {}", std::strerror(errno)));
}

Recording::~Recording() { close(descriptor_); }

std::string Recording::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

void Recording::copy_from(const Recording& other) { copy_bytes(other.descriptor_, descriptor_, path()); }

void copy_to(int descriptor, const std::string& path) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) {
    throw Error(fmt::format("cannot write the session '{}': {}; RINGSIDE_OUT names the folder for sessions",
                            path, std::strerror(errno)));
  }
  try {
    copy_bytes(descriptor, file, path);
  } catch (...) {
    close(file);
    throw;
  }
  close(file);
}

}  // namespace ringside::test

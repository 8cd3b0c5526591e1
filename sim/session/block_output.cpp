#include "sim/session/block_output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace ringside {

namespace {
constexpr size_t kBufferBytes = 1u << 20;
}

BlockOutput::~BlockOutput() {
  if (file_ >= 0) ::close(file_);
}

Result<> BlockOutput::open(const std::string& path) {
  path_ = path;
  owner_ = getpid();
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file_ < 0) {
    return tl::unexpected(
        Error{ExitCode::bad_input, fmt::format("cannot create the session '{}': {}; choose another file",
                                               path, std::generic_category().message(errno))});
  }
  buffer_.reserve(kBufferBytes + (kBufferBytes >> 1));
  return {};
}

std::span<uint8_t> BlockOutput::append(size_t size) {
  if (buffer_.size() >= kBufferBytes) write_buffer();
  const size_t at = buffer_.size();
  buffer_.resize(at + size);
  return {&buffer_[at], size};
}

void BlockOutput::flush(uint64_t epochs) {
  write_buffer();
  if (!status_) return;
  kept_ = written_;
  kept_epochs_ = epochs;
}

Result<> BlockOutput::close() {
  write_buffer();
  if (file_ >= 0) {
    const int failed = ::close(file_);
    file_ = -1;
    if (failed != 0 && status_) fail(errno);
  }
  return status_;
}

void BlockOutput::take_over() { owner_ = getpid(); }

Result<> BlockOutput::continue_in(const std::string& copy) {
  const int file = ::open(copy.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0) {
    return tl::unexpected(
        Error{ExitCode::bad_input, fmt::format("cannot continue the session in '{}': {}", copy,
                                               std::generic_category().message(errno))});
  }
  if (file_ >= 0) ::close(file_);
  file_ = file;
  path_ = copy;
  take_over();
  return {};
}

void BlockOutput::refuse(std::string message) {
  if (status_) status_ = tl::unexpected(Error{ExitCode::bad_input, std::move(message)});
}

void BlockOutput::write_buffer() {
  size_t done = 0;
  while (status_ && file_ >= 0 && getpid() == owner_ && done < buffer_.size()) {
    const ssize_t count = ::write(file_, &buffer_[done], buffer_.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      fail(count < 0 ? errno : ENOSPC);
      break;
    }
    done += static_cast<size_t>(count);
    written_ += static_cast<uint64_t>(count);
  }
  buffer_.clear();
}

void BlockOutput::fail(int error) {
  const uint64_t at = written_;
  // When even this fails, the reader takes the rest for what it is: a cut.
  if (file_ >= 0 && ftruncate(file_, static_cast<off_t>(kept_)) == 0) written_ = kept_;
  const std::string kept = kept_epochs_ == 0
                               ? "no complete epoch was written, so nothing of it replays"
                               : fmt::format("the session up to epoch {} is kept and replays", kept_epochs_);
  refuse(fmt::format("cannot write the session '{}' at byte {}: {}; free space or choose another -o; {}",
                     path_, at, std::generic_category().message(error), kept));
}

}  // namespace ringside

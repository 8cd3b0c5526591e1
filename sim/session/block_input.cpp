#include "sim/session/block_input.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "sim/session/pcapng.h"

namespace ringside {

namespace {
constexpr size_t kWindowBytes = 256u << 10;
}

BlockInput::~BlockInput() {
  if (file_ >= 0) ::close(file_);
}

Error BlockInput::error(std::string_view what) const {
  return {ExitCode::bad_input, fmt::format("session '{}' {}", path_, what)};
}

Error BlockInput::damage(uint64_t offset, std::string_view kind, std::string_view why) const {
  return error(fmt::format("is damaged at byte {} ({}): {}; get an intact copy", offset, kind, why));
}

Result<> BlockInput::open(const std::string& path) {
  path_ = path;
  // Not to hang on a pipe that somebody named as a session.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) return tl::unexpected(error("cannot be opened: " + std::generic_category().message(errno)));
  struct stat info {};
  if (fstat(file_, &info) != 0 || !S_ISREG(info.st_mode))
    return tl::unexpected(error("is not a regular file"));
  size_ = static_cast<uint64_t>(info.st_size);
  return {};
}

Result<> BlockInput::look_again() {
  struct stat info {
  }, named{};
  if (fstat(file_, &info) != 0)
    return tl::unexpected(error("cannot be read: " + std::generic_category().message(errno)));
  const bool same =
      stat(path_.c_str(), &named) == 0 && named.st_dev == info.st_dev && named.st_ino == info.st_ino;
  if (!same)
    return tl::unexpected(error("is not there any more, or another one has its name; open it again"));
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < size_)
    return tl::unexpected(error("has become shorter: it was recorded anew, or cut; open it again"));
  size_ = size;
  return {};
}

Result<std::span<uint8_t>> BlockInput::view(uint64_t offset, size_t count) {
  count = static_cast<size_t>(std::min<uint64_t>(count, offset < size_ ? size_ - offset : 0));
  const bool inside = offset >= window_offset_ && offset + count <= window_offset_ + window_.size();
  if (!inside) {
    window_offset_ = sound_from_ = sound_to_ = offset;
    window_.resize(static_cast<size_t>(std::min<uint64_t>(std::max(count, kWindowBytes), size_ - offset)));
    size_t done = 0;
    while (done < window_.size()) {
      const ssize_t got =
          pread(file_, &window_[done], window_.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        const std::string why = got < 0 ? std::generic_category().message(errno) : "it became shorter";
        window_.clear();
        return tl::unexpected(error(fmt::format("cannot be read at byte {}: {}", offset + done, why)));
      }
      done += static_cast<size_t>(got);
    }
  }
  return std::span<uint8_t>(window_).subspan(static_cast<size_t>(offset - window_offset_), count);
}

Result<std::optional<BlockInput::Block>> BlockInput::next() {
  auto visible = view(position_, 8);
  if (!visible) return tl::unexpected(visible.error());
  if (visible->empty()) return std::nullopt;
  if (!pcapng::starts_a_block(*visible)) {
    return tl::unexpected(damage(position_, "unknown block", "no block of a session begins there"));
  }
  if (visible->size() < 8) return std::nullopt;

  const auto type = pcapng::load<uint32_t>(visible->data());
  const auto length = pcapng::load<uint32_t>(visible->data() + 4);
  visible = view(position_, std::min<size_t>(length, pcapng::kBlockSizeMax));
  if (!visible) return tl::unexpected(visible.error());
  if (visible->size() < 8)
    return tl::unexpected(damage(position_, pcapng::block_kind(type), "its length is impossible"));
  const bool whole = visible->size() == length;
  if (!whole || position_ < sound_from_ || position_ + length > sound_to_) {
    const auto why = whole ? pcapng::unsound(*visible) : pcapng::not_a_prefix(*visible);
    if (why) return tl::unexpected(damage(position_, pcapng::block_kind(type), *why));
  }
  if (!whole) return std::nullopt;
  if (position_ == sound_to_) sound_to_ += length;
  const Block block{position_, type, *visible};
  position_ += length;
  return block;
}

std::optional<BlockInput::Block> BlockInput::last(uint32_t size_max) {
  if (size_ < 12) return std::nullopt;
  const auto trailer = view(size_ - 4, 4);
  if (!trailer) return std::nullopt;
  const auto length = pcapng::load<uint32_t>(trailer->data());
  if (length < 12 || length > size_max || length > size_) return std::nullopt;
  auto bytes = view(size_ - length, length);
  if (!bytes || pcapng::load<uint32_t>(bytes->data() + 4) != length || pcapng::unsound(*bytes))
    return std::nullopt;
  return Block{size_ - length, pcapng::load<uint32_t>(bytes->data()), *bytes};
}

}  // namespace ringside

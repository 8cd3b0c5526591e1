#include "host/network/pcap_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace ringside {

namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr uint32_t kNanosecondMagic = 0xa1b23c4d;
constexpr uint16_t kVersionMajor = 2, kVersionMinor = 4;
constexpr uint32_t kSnapLength = 262'144;  // tcpdump's: every frame is whole
constexpr uint32_t kEthernet = 1;

template <class Number>
void put(std::vector<uint8_t>& buffer, Number value) {
  for (size_t i = 0; i < sizeof value; ++i) buffer.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

}  // namespace

Result<std::unique_ptr<PcapWriter>> PcapWriter::create(const std::string& path, SwitchPort& port,
                                                       const Clock& clock) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) {
    return fail(
        fmt::format("cannot create the capture '{}': {}; choose another file", path, std::strerror(errno)));
  }
  return std::unique_ptr<PcapWriter>(new PcapWriter(path, file, port, clock));
}

PcapWriter::PcapWriter(std::string path, int file, SwitchPort& port, const Clock& clock)
    : path_(std::move(path)), file_(file), owner_(getpid()), port_(port), clock_(clock) {
  buffer_.reserve(kBufferBytes + EthernetSwitch::kFrameBytesMax + 16);
  put(buffer_, kNanosecondMagic);
  put(buffer_, kVersionMajor);
  put(buffer_, kVersionMinor);
  put(buffer_, uint64_t{0});  // reserved
  put(buffer_, kSnapLength);
  put(buffer_, kEthernet);
  port_.set_monitor(true);
  port_.set_receiver([this](std::span<const uint8_t> frame) { write(frame); });
}

PcapWriter::~PcapWriter() {
  port_.set_receiver({});
  port_.set_monitor(false);
  (void)close();
}

void PcapWriter::write(std::span<const uint8_t> frame) {
  constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
  ++frames_;
  if (file_ < 0 || !status_ || getpid() != owner_) return;
  const uint64_t stamp = clock_.now.nanoseconds();
  put(buffer_, static_cast<uint32_t>(stamp / kNanosecondsPerSecond));
  put(buffer_, static_cast<uint32_t>(stamp % kNanosecondsPerSecond));
  put(buffer_, static_cast<uint32_t>(frame.size()));
  put(buffer_, static_cast<uint32_t>(frame.size()));
  buffer_.insert(buffer_.end(), frame.begin(), frame.end());
  if (buffer_.size() >= kBufferBytes) flush();
}

void PcapWriter::flush() {
  size_t done = 0;
  while (status_ && file_ >= 0 && getpid() == owner_ && done < buffer_.size()) {
    const ssize_t count = ::write(file_, &buffer_[done], buffer_.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      status_ =
          fail(fmt::format("cannot write the capture '{}' at byte {}: {}; free space or choose another file",
                           path_, written_, std::strerror(count < 0 ? errno : ENOSPC)));
      break;
    }
    done += static_cast<size_t>(count);
    written_ += static_cast<uint64_t>(count);
  }
  buffer_.clear();
}

Result<> PcapWriter::close() {
  flush();
  if (file_ >= 0) {
    const int failed = ::close(file_);
    file_ = -1;
    if (failed != 0 && status_ && getpid() == owner_) {
      status_ = fail(fmt::format("cannot complete the capture '{}': {}", path_, std::strerror(errno)));
    }
  }
  return status_;
}

}  // namespace ringside

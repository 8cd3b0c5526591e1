#include "devices/disk/write_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ringside {

namespace {
constexpr uint64_t kSector = DiskImage::kSectorSize;
}

void WriteCache::accept(uint64_t lba, Buffer buffer, size_t bytes, Done taken) {
  Write write{lba, std::move(buffer), bytes};
  if (!pending_.empty() && bytes > bytes_max_ - std::min(bytes_, bytes_max_)) {
    waiting_ = Waiting{std::move(write), std::move(taken)};
    return;
  }
  enter(std::move(write));
  taken();
}

void WriteCache::enter(Write write) {
  if (write.bytes == 0) return;
  bytes_ += write.bytes;
  pending_.push_back(std::move(write));
  if (pending_.size() == 1) write_out();
}

void WriteCache::write_out() {
  const Write& write = pending_.front();
  const std::span<const uint8_t> data = std::span(*write.buffer).first(write.bytes);
  image_.write(write.lba, data,
               [this, alive = std::weak_ptr<int>(alive_), buffer = write.buffer](DiskImage::Status status) {
                 if (!alive.expired()) written(status);
               });
}

void WriteCache::written(DiskImage::Status status) {
  if (status != DiskImage::Status::ok && !failure_) failure_ = pending_.front().lba;
  bytes_ -= pending_.front().bytes;
  pending_.pop_front();
  if (!pending_.empty()) write_out();
  if (waiting_ && (pending_.empty() || waiting_->write.bytes <= bytes_max_ - std::min(bytes_, bytes_max_))) {
    Waiting now = std::move(*waiting_);
    waiting_.reset();
    enter(std::move(now.write));
    now.taken();
  }
  if (pending_.empty() && clean_) std::exchange(clean_, nullptr)();
}

void WriteCache::drain(Done clean) {
  if (pending_.empty()) return clean();
  clean_ = std::move(clean);
}

std::optional<uint64_t> WriteCache::take_failure() { return std::exchange(failure_, std::nullopt); }

std::vector<WriteCache::Write> WriteCache::pending(uint64_t lba, uint64_t sectors) const {
  std::vector<Write> found;
  for (const Write& write : pending_) {
    if (write.lba < lba + sectors && lba < write.end()) found.push_back(write);
  }
  return found;
}

void WriteCache::overlay(std::span<const Write> writes, uint64_t lba, std::span<uint8_t> data) {
  for (const Write& write : writes) {
    const uint64_t first = std::max(lba, write.lba),
                   last = std::min(lba + data.size() / kSector, write.end());
    if (first >= last) continue;
    std::memcpy(data.data() + (first - lba) * kSector, write.buffer->data() + (first - write.lba) * kSector,
                (last - first) * kSector);
  }
}

void WriteCache::forget_waiting() {
  waiting_.reset();
  clean_ = nullptr;
}

void WriteCache::visit_state(StateVisitor& visitor) const {
  visitor.number("cache_writes", pending_.size());
  visitor.number("cache_bytes", bytes_);
  visitor.number("cache_contents", digest(pending_));
  visitor.number("cache_waits", waiting_.has_value());
  visitor.number("cache_flushing", clean_ != nullptr);
  visitor.number("cache_failure", failure_ ? *failure_ + 1 : 0);
}

}  // namespace ringside

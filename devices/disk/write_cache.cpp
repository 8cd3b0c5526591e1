#include "devices/disk/write_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "sim/hash.h"

namespace ringside {

namespace {
constexpr uint64_t kSector = DiskImage::kSectorSize;
}

void WriteCache::accept(uint64_t lba, Buffer buffer, size_t bytes, Done taken) {
  Entry entry{lba, std::move(buffer), bytes};
  if (!pending_.empty() && bytes > bytes_max_ - std::min(bytes_, bytes_max_)) {
    waiting_ = Waiting{std::move(entry), std::move(taken)};
    return;
  }
  enter(std::move(entry));
  taken();
}

void WriteCache::enter(Entry entry) {
  if (entry.bytes == 0) return;
  bytes_ += entry.bytes;
  pending_.push_back(std::move(entry));
  if (pending_.size() == 1) write_out();
}

void WriteCache::write_out() {
  const Entry& entry = pending_.front();
  const std::span<const uint8_t> data = std::span(*entry.buffer).first(entry.bytes);
  image_.write(entry.lba, data,
               [this, alive = std::weak_ptr<int>(alive_), buffer = entry.buffer](DiskImage::Status status) {
                 if (!alive.expired()) written(status);
               });
}

void WriteCache::written(DiskImage::Status status) {
  if (status != DiskImage::Status::ok && !failure_) failure_ = pending_.front().lba;
  bytes_ -= pending_.front().bytes;
  pending_.pop_front();
  if (!pending_.empty()) write_out();
  if (waiting_ && (pending_.empty() || waiting_->entry.bytes <= bytes_max_ - std::min(bytes_, bytes_max_))) {
    Waiting now = std::move(*waiting_);
    waiting_.reset();
    enter(std::move(now.entry));
    now.taken();
  }
  if (pending_.empty() && clean_) std::exchange(clean_, nullptr)();
}

void WriteCache::drain(Done clean) {
  if (pending_.empty()) return clean();
  clean_ = std::move(clean);
}

std::optional<uint64_t> WriteCache::take_failure() { return std::exchange(failure_, std::nullopt); }

void WriteCache::patch(uint64_t lba, std::span<uint8_t> data) const {
  const uint64_t end = lba + data.size() / kSector;
  for (const Entry& entry : pending_) {
    const uint64_t first = std::max(lba, entry.lba);
    const uint64_t last = std::min(end, entry.lba + entry.bytes / kSector);
    if (first >= last) continue;
    std::memcpy(data.data() + (first - lba) * kSector, entry.buffer->data() + (first - entry.lba) * kSector,
                (last - first) * kSector);
  }
}

void WriteCache::forget_waiting() {
  waiting_.reset();
  clean_ = nullptr;
}

void WriteCache::visit_state(StateVisitor& visitor) const {
  uint64_t contents = 0;
  for (const Entry& entry : pending_) {
    contents = hash_mix(contents, entry.lba);
    contents = hash_mix(contents, hash64(std::span(*entry.buffer).first(entry.bytes)));
  }
  visitor.number("cache_writes", pending_.size());
  visitor.number("cache_bytes", bytes_);
  visitor.number("cache_contents", contents);
  visitor.number("cache_waits", waiting_.has_value());
  visitor.number("cache_flushing", clean_ != nullptr);
  visitor.number("cache_failure", failure_ ? *failure_ + 1 : 0);
}

}  // namespace ringside

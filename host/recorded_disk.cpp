#include "host/recorded_disk.h"

#include <fmt/format.h>

#include <cstring>

namespace ringside {

namespace {
constexpr uint64_t kSector = DiskImage::kSectorSize;
constexpr uint64_t kSectorsMax = UINT64_MAX / kSector / 2;
}  // namespace

bool DiskRecording::learn(std::span<const uint8_t> payload) {
  ImageDataRecord record;
  if (payload.size() < sizeof record) return false;
  std::memcpy(&record, payload.data(), sizeof record);
  const auto data = payload.subspan(sizeof record);
  if (record.sector > kSectorsMax || record.count > kSectorsMax || record.disk_sectors > kSectorsMax)
    return false;
  if (sectors == 0) sectors = record.disk_sectors;
  const auto status = static_cast<DiskImage::Status>(record.status);
  const bool ok = status == DiskImage::Status::ok;
  const uint64_t offset = record.sector * kSector, bytes = record.count * kSector;
  // The image itself says so.
  if (status == DiskImage::Status::out_of_range) return true;
  switch (static_cast<ImageOperation>(record.operation)) {
    case ImageOperation::read:
      if (!ok) {
        content.learn_failed_read(offset, bytes);
      } else if (data.size() == bytes) {
        content.learn_read(offset, data);
      }
      return true;
    case ImageOperation::write:
      if (!ok) {
        content.learn_failed_write(offset, bytes);
      } else if (data.size() == bytes) {
        content.learn_write(offset, data);
      }
      return true;
    case ImageOperation::discard:
      if (ok) content.learn_discard(offset, bytes);
      return true;
    case ImageOperation::flush: flushes.learn(ok, 0); return true;
  }
  return false;
}

RecordedDisk::RecordedDisk(std::string name, std::string source, DiskRecording recording,
                           UnansweredRequests& unanswered, Wiring& wiring)
    : name_(std::move(name)),
      source_(std::move(source)),
      recording_(std::move(recording)),
      unanswered_(unanswered),
      notices_(wiring, "host") {}

DiskImage::Status RecordedDisk::cannot_answer(const std::string& request, const std::string& why) {
  unanswered_.add(name_, request, why);
  notices_.emit(NoticeKind::unhandled, name_,
                fmt::format("{} cannot answer {}: {}; the guest gets an I/O error", source_, request, why));
  return DiskImage::Status::io_error;
}

DiskImage::Status RecordedDisk::judge(const char* operation, uint64_t offset, uint64_t bytes,
                                      const RecordedContent::Answer& answer) {
  const auto request = [&] {
    return fmt::format("{} of {} sectors at {}", operation, bytes / kSector, offset / kSector);
  };
  switch (answer.outcome) {
    case RecordedContent::Outcome::as_recorded: return DiskImage::Status::ok;
    case RecordedContent::Outcome::failed: return DiskImage::Status::io_error;
    case RecordedContent::Outcome::unknown:
      return cannot_answer(request(), fmt::format("the recording has no such {} of sector {}", operation,
                                                  answer.at / kSector));
    case RecordedContent::Outcome::differs:
      return cannot_answer(request(),
                           fmt::format("sector {} was written with other data", answer.at / kSector));
  }
  return DiskImage::Status::io_error;
}

DiskImage::Status RecordedDisk::read(uint64_t offset, std::span<uint8_t> into) {
  return judge("read", offset, into.size(), recording_.content.read(offset, into));
}

DiskImage::Status RecordedDisk::write(uint64_t offset, std::span<const uint8_t> from) {
  return judge("write", offset, from.size(), recording_.content.write(offset, from));
}

DiskImage::Status RecordedDisk::discard(uint64_t offset, uint64_t bytes) {
  return judge("discard", offset, bytes, recording_.content.discard(offset, bytes));
}

// A flush moves no data: the nth is answered as the nth was, and further ones as the last.
DiskImage::Status RecordedDisk::flush() {
  ++flushed_;
  const bool* ok = recording_.flushes.ask([](uint32_t, uint32_t) { return RecordedChanges::none; });
  if (ok == nullptr) return cannot_answer("flush", "nobody has flushed");
  return *ok ? DiskImage::Status::ok : DiskImage::Status::io_error;
}

void RecordedDisk::visit_state(StateVisitor& visitor) const {
  visitor.number("recorded", recording_.content.history_hash());
  visitor.number("flushed", flushed_);
}

}  // namespace ringside

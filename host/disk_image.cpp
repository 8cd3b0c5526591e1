#include "host/disk_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "host/block_overlay.h"
#include "host/disk_source.h"
#include "host/image_file.h"
#include "host/payloads.h"
#include "sim/hash.h"
#include "sim/notice.h"

namespace ringside {

namespace {

constexpr uint64_t kBlock = BlockOverlay::kBlockBytes;
// 8 GiB of written blocks: more than a scenario needs, less than what brings a host down.
constexpr uint64_t kOverlayBlocksMax = (uint64_t{8} << 30) / kBlock;

}  // namespace

struct DiskImage::Impl {
  Impl(const DiskImageConfig& the_config, ImageFile the_file, Clock& the_clock, EventQueue& the_events,
       Wiring& wiring)
      : config(the_config),
        file(std::move(the_file)),
        clock(the_clock),
        events(the_events),
        wire(wiring.add("image/" + the_config.name, WireKind::message, kImagePayload)),
        data_wire(the_config.record_data ? &wiring.add("image/" + the_config.name + "/data",
                                                       WireKind::sampled, kImageDataPayload)
                                         : nullptr),
        notices(wiring, "host"),
        size(file.size()),
        queue(the_config.latency, file.size() / kSectorSize, the_clock, the_events),
        overlay(kOverlayBlocksMax) {}
  struct Operation {
    ImageOperation kind;
    uint64_t sector = 0, count = 0;
    std::span<uint8_t> into;
    std::span<const uint8_t> from;
    Buffer* buffer = nullptr;  // instead of the spans
    Done done;
    Tick asked_at;
  };

  bool in_range(uint64_t sector, uint64_t count) const {
    const uint64_t sectors = size / kSectorSize;
    return count <= sectors && sector <= sectors - count;
  }

  void submit(Operation operation, uint64_t transfer_bytes);
  void complete(Operation& operation);
  void show_data(const Operation& operation, Status status, std::span<const uint8_t> data);
  // What the taps leave of the operation's end: they may change its place, its length and its status.
  Verdict show(Operation& operation, Status& status, uint64_t digest);
  void deliver(const Operation& operation, Status status, const Verdict& verdict);
  // `data` becomes what was read, or what is to be written.
  Status prepare(const Operation& operation, std::span<const uint8_t>& data);
  // Changes the contents, where the operation does.
  Status perform(const Operation& operation, std::span<const uint8_t> data);
  Status read_file(uint64_t offset, std::span<uint8_t> into);
  Status read_bytes(uint64_t offset, std::span<uint8_t> into);
  Status write_bytes(uint64_t offset, std::span<const uint8_t> from);
  Status zero_bytes(uint64_t offset, uint64_t bytes);
  // The part of a block that a copy-on-write image shows now.
  Status read_block(uint64_t block, uint64_t within, std::span<uint8_t> into);
  // The block's own copy, made when there is none.
  BlockOverlay::Block* own_block(uint64_t block, Status& status);
  Status host_failure(const char* what, uint64_t offset, int error);

  const DiskImageConfig config;
  ImageFile file;
  Clock& clock;
  EventQueue& events;
  Wire& wire;
  Wire* data_wire;  // null: data is not recorded
  Notices notices;
  uint64_t size;  // of the disk: the file's, until it is resized
  DiskQueue queue;
  BlockOverlay overlay;
  std::vector<uint8_t> scratch;  // data on its way between the file and a Buffer
  std::vector<uint8_t> payload;  // of the crossing that is being shown
  uint64_t writes_hash = 0;      // over all that changed the contents, in order
  uint64_t operations = 0;
  // How many answers a fault delays. They are for nobody once this has gone.
  std::shared_ptr<uint64_t> late = std::make_shared<uint64_t>(0);
};

DiskImage::Status DiskImage::Impl::host_failure(const char* what, uint64_t offset, int error) {
  notices.emit(
      NoticeKind::unusual, "image",
      fmt::format("disk \"{}\": {} image {} at byte {} failed on the host: {}; the guest gets an I/O error",
                  config.name, what, file.path(), offset,
                  error == EIO ? "I/O error, or the file is shorter than it was" : std::strerror(error)));
  return Status::io_error;
}

DiskImage::Status DiskImage::Impl::read_block(uint64_t block, uint64_t within, std::span<uint8_t> into) {
  if (const BlockOverlay::Block* own = overlay.find(block)) {
    std::memcpy(into.data(), own->data() + within, into.size());
    return Status::ok;
  }
  if (overlay.discarded(block)) {
    std::memset(into.data(), 0, into.size());
    return Status::ok;
  }
  return read_file(block * kBlock + within, into);
}

// What lies behind the file's end reads as zero: a disk may have grown.
DiskImage::Status DiskImage::Impl::read_file(uint64_t offset, std::span<uint8_t> into) {
  const uint64_t held = offset < file.size() ? std::min<uint64_t>(into.size(), file.size() - offset) : 0;
  if (held != into.size()) std::memset(into.data() + held, 0, into.size() - held);
  if (held == 0) return Status::ok;
  const int error = file.read(offset, into.first(static_cast<size_t>(held)));
  return error == 0 ? Status::ok : host_failure("reading", offset, error);
}

DiskImage::Status DiskImage::Impl::read_bytes(uint64_t offset, std::span<uint8_t> into) {
  if (config.writable_file || overlay.untouched()) return read_file(offset, into);
  while (!into.empty()) {
    const uint64_t within = offset % kBlock;
    const size_t length = std::min<uint64_t>(into.size(), kBlock - within);
    const Status status = read_block(offset / kBlock, within, into.first(length));
    if (status != Status::ok) return status;
    offset += length;
    into = into.subspan(length);
  }
  return Status::ok;
}

BlockOverlay::Block* DiskImage::Impl::own_block(uint64_t block, Status& status) {
  if (overlay.find(block) != nullptr) return overlay.find_or_add(block);
  BlockOverlay::Block before{};
  // The last block of an image may be cut short.
  const size_t held = std::min<uint64_t>(kBlock, size - block * kBlock);
  status = read_block(block, 0, std::span(before).first(held));
  if (status != Status::ok) return nullptr;
  BlockOverlay::Block* own = overlay.find_or_add(block);
  if (own == nullptr) {
    notices.emit(
        NoticeKind::unimplemented, "image",
        fmt::format("disk \"{}\": the guest has written {} GiB, the most that is kept in memory; it gets an "
                    "I/O error (use `write = true` to write to the file)",
                    config.name, kOverlayBlocksMax * kBlock >> 30));
    status = Status::io_error;
    return nullptr;
  }
  *own = before;
  return own;
}

DiskImage::Status DiskImage::Impl::write_bytes(uint64_t offset, std::span<const uint8_t> from) {
  if (config.writable_file) {
    const int error = file.write(offset, from);
    return error == 0 ? Status::ok : host_failure("writing", offset, error);
  }
  while (!from.empty()) {
    const uint64_t within = offset % kBlock;
    const size_t length = std::min<uint64_t>(from.size(), kBlock - within);
    Status status = Status::ok;
    BlockOverlay::Block* own = own_block(offset / kBlock, status);
    if (own == nullptr) return status;
    std::memcpy(own->data() + within, from.data(), length);
    offset += length;
    from = from.subspan(length);
  }
  return Status::ok;
}

DiskImage::Status DiskImage::Impl::zero_bytes(uint64_t offset, uint64_t bytes) {
  if (config.writable_file) {
    const int error = file.punch(offset, bytes);
    if (error == EOPNOTSUPP) return Status::not_supported;
    return error == 0 ? Status::ok : host_failure("discarding", offset, error);
  }
  static constexpr std::array<uint8_t, 2 * kBlock>
      zeros{};  // a range without a whole block spans at most two
  const uint64_t end = offset + bytes;
  // Whole blocks are dropped; the parts of blocks at both ends are written. The last block of an image counts
  // as whole when it is discarded to its end.
  const uint64_t first = (offset + kBlock - 1) / kBlock;
  const uint64_t last = end == size ? (end + kBlock - 1) / kBlock : end / kBlock;
  if (first >= last) return write_bytes(offset, std::span(zeros).first(static_cast<size_t>(bytes)));
  const size_t before = static_cast<size_t>(first * kBlock - offset);
  Status status = write_bytes(offset, std::span(zeros).first(before));
  if (status == Status::ok && last * kBlock < end) {
    status = write_bytes(last * kBlock, std::span(zeros).first(static_cast<size_t>(end - last * kBlock)));
  }
  if (status == Status::ok) overlay.discard(first, last);
  return status;
}

DiskImage::Status DiskImage::Impl::prepare(const Operation& operation, std::span<const uint8_t>& data) {
  if (!in_range(operation.sector, operation.count)) return Status::out_of_range;
  const uint64_t offset = operation.sector * kSectorSize;
  const size_t bytes = static_cast<size_t>(operation.count * kSectorSize);
  if (operation.buffer != nullptr && scratch.size() < bytes) scratch.resize(bytes);
  DiskSource* source = config.source.get();
  switch (operation.kind) {
    case ImageOperation::read: {
      const auto into = operation.buffer != nullptr ? std::span(scratch).first(bytes) : operation.into;
      data = into;
      return source != nullptr ? source->read(offset, into) : read_bytes(offset, into);
    }
    case ImageOperation::write: {
      data = operation.from;
      if (operation.buffer != nullptr) {
        const auto loaded = std::span(scratch).first(bytes);
        if (!operation.buffer->load(loaded)) return Status::io_error;
        data = loaded;
      }
      return Status::ok;
    }
    case ImageOperation::flush:
    case ImageOperation::discard: return Status::ok;
  }
  return Status::not_supported;
}

DiskImage::Status DiskImage::Impl::perform(const Operation& operation, std::span<const uint8_t> data) {
  if (!in_range(operation.sector, operation.count)) return Status::out_of_range;
  const uint64_t offset = operation.sector * kSectorSize;
  DiskSource* source = config.source.get();
  switch (operation.kind) {
    case ImageOperation::read: return Status::ok;
    case ImageOperation::write: {
      const auto kept = data.first(static_cast<size_t>(operation.count * kSectorSize));
      return source != nullptr ? source->write(offset, kept) : write_bytes(offset, kept);
    }
    case ImageOperation::flush: {
      if (source != nullptr) return source->flush();
      const int error = config.writable_file ? file.sync() : 0;
      return error == 0 ? Status::ok : host_failure("flushing", 0, error);
    }
    case ImageOperation::discard: {
      const uint64_t range = operation.count * kSectorSize;
      return source != nullptr ? source->discard(offset, range) : zero_bytes(offset, range);
    }
  }
  return Status::not_supported;
}

void DiskImage::Impl::submit(Operation operation, uint64_t transfer_bytes) {
  operation.asked_at = clock.now;
  const bool is_flush = operation.kind == ImageOperation::flush;
  const uint64_t sector = operation.sector;
  auto finished = [this, held = std::move(operation)]() mutable { complete(held); };
  if (is_flush) {
    queue.submit_flush(std::move(finished));
  } else {
    queue.submit(sector, transfer_bytes, std::move(finished));
  }
}

// What changes the contents is shown first, so that a fault may tear or misdirect it: on a host that works it
// ends well. A stand-in says how it ends, so that it is asked first.
void DiskImage::Impl::complete(Operation& operation) {
  ++operations;
  std::span<const uint8_t> data;
  Status status = prepare(operation, data);
  const bool changes = operation.kind == ImageOperation::write || operation.kind == ImageOperation::discard;
  const bool shown_first = changes && config.source == nullptr;
  if (status == Status::ok && !shown_first) status = perform(operation, data);
  uint64_t digest = 0;
  if (status == Status::ok && !data.empty() && (changes || wire.tapped())) digest = hash64(data);
  const uint64_t sector = operation.sector;
  const Verdict verdict = wire.tapped() ? show(operation, status, digest) : Verdict{};
  const bool misread = operation.kind == ImageOperation::read && operation.sector != sector;
  if (misread && status == Status::ok) status = prepare(operation, data);
  if (verdict.fail != 0) status = Status::io_error;
  if (shown_first && status == Status::ok) status = perform(operation, data);
  if (changes) {
    for (const uint64_t value : {static_cast<uint64_t>(operation.kind), operation.sector, operation.count,
                                 digest, static_cast<uint64_t>(status)}) {
      writes_hash = hash_mix(writes_hash, value);
    }
  }
  if (data_wire != nullptr && data_wire->tapped()) show_data(operation, status, data);
  const bool gives = operation.buffer != nullptr && operation.kind == ImageOperation::read;
  if (gives && status == Status::ok && verdict.copies != 0 && !operation.buffer->store(data))
    status = Status::io_error;
  // A second answer to one operation cannot happen on a real bus: duplicates are given once.
  if (verdict.copies != 0) deliver(operation, status, verdict);
}

Verdict DiskImage::Impl::show(Operation& operation, Status& status, uint64_t digest) {
  ImageRecord record{.operation = static_cast<uint8_t>(operation.kind),
                     .status = static_cast<uint8_t>(status),
                     .reserved = {},
                     .sector = operation.sector,
                     .count = operation.count,
                     .latency = (clock.now - operation.asked_at).ps,
                     .digest = digest};
  payload.resize(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = wire.pass(Direction::in, payload);
  if (payload.size() != sizeof record) return verdict;
  std::memcpy(&record, payload.data(), sizeof record);
  if (operation.kind == ImageOperation::write || operation.kind == ImageOperation::discard)
    operation.count = std::min(operation.count, record.count);
  if (status == Status::ok && record.status <= static_cast<uint8_t>(Status::not_supported))
    status = static_cast<Status>(record.status);
  operation.sector = record.sector;
  return verdict;
}

// In pieces that a session holds whole. They are no part of what happens: not canonical.
void DiskImage::Impl::show_data(const Operation& operation, Status status, std::span<const uint8_t> data) {
  constexpr uint64_t kPieceSectors = 256;
  const bool moves = status == Status::ok && !data.empty();
  std::vector<uint8_t> shown;
  for (uint64_t done = 0; done == 0 || done < operation.count;) {
    const uint64_t count = moves ? std::min(operation.count - done, kPieceSectors) : operation.count;
    const ImageDataRecord record{.operation = static_cast<uint8_t>(operation.kind),
                                 .status = static_cast<uint8_t>(status),
                                 .reserved = {},
                                 .sector = operation.sector + done,
                                 .count = count,
                                 .disk_sectors = size / kSectorSize};
    const auto* head = reinterpret_cast<const uint8_t*>(&record);
    shown.assign(head, head + sizeof record);
    if (moves) {
      const auto piece =
          data.subspan(static_cast<size_t>(done * kSectorSize), static_cast<size_t>(count * kSectorSize));
      shown.insert(shown.end(), piece.begin(), piece.end());
    }
    const Direction direction = operation.kind == ImageOperation::read ? Direction::in : Direction::out;
    (void)data_wire->pass(direction, shown, 0);
    done += std::max<uint64_t>(count, 1);
  }
}

void DiskImage::Impl::deliver(const Operation& operation, Status status, const Verdict& verdict) {
  if (verdict.punctual()) return operation.done(status);
  ++*late;
  wire.release(verdict, "image/delayed", [left = std::weak_ptr(late), status, done = operation.done] {
    const auto count = left.lock();
    if (!count) return;
    --*count;
    done(status);
  });
}

DiskImage::DiskImage(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DiskImage::~DiskImage() = default;

Result<std::unique_ptr<DiskImage>> DiskImage::open(const DiskImageConfig& config, Clock& clock,
                                                   EventQueue& events, Wiring& wiring) {
  Result<ImageFile> file = ImageFile::open(config.name, config.path, config.writable_file);
  if (!file) return tl::unexpected(std::move(file.error()));
  auto impl = std::make_unique<Impl>(config, std::move(*file), clock, events, wiring);
  return std::unique_ptr<DiskImage>(new DiskImage(std::move(impl)));
}

uint64_t DiskImage::sectors() const { return impl_->size / kSectorSize; }
uint64_t DiskImage::size_bytes() const { return impl_->size; }

Result<> DiskImage::resize(uint64_t bytes) {
  Impl& impl = *impl_;
  if (bytes == 0 || bytes % kSectorSize != 0) {
    return fail(fmt::format("disk \"{}\": {} bytes are no whole number of {}-byte sectors", impl.config.name,
                            bytes, kSectorSize));
  }
  if (impl.config.writable_file) {
    if (const int error = impl.file.resize(bytes); error != 0) {
      return fail(fmt::format("disk \"{}\": image {} cannot be made {} bytes long: {}", impl.config.name,
                              impl.file.path(), bytes, std::strerror(error)));
    }
  } else if (bytes < impl.size) {
    // What is cut off must read as zero when the disk grows again.
    (void)impl.zero_bytes(bytes, impl.size - bytes);
  }
  impl.size = bytes;
  impl.queue.resize(bytes / kSectorSize);
  return {};
}

Result<uint64_t> DiskImage::content_hash() const { return impl_->file.content_hash(); }

void DiskImage::read(uint64_t sector, std::span<uint8_t> into, Done done) {
  impl_->submit({.kind = ImageOperation::read,
                 .sector = sector,
                 .count = into.size() / kSectorSize,
                 .into = into,
                 .from = {},
                 .buffer = nullptr,
                 .done = std::move(done),
                 .asked_at = {}},
                impl_->in_range(sector, into.size() / kSectorSize) ? into.size() : 0);
}

void DiskImage::write(uint64_t sector, std::span<const uint8_t> from, Done done) {
  impl_->submit({.kind = ImageOperation::write,
                 .sector = sector,
                 .count = from.size() / kSectorSize,
                 .into = {},
                 .from = from,
                 .buffer = nullptr,
                 .done = std::move(done),
                 .asked_at = {}},
                impl_->in_range(sector, from.size() / kSectorSize) ? from.size() : 0);
}

void DiskImage::read(uint64_t sector, uint64_t count, Buffer& into, Done done) {
  impl_->submit({.kind = ImageOperation::read,
                 .sector = sector,
                 .count = count,
                 .into = {},
                 .from = {},
                 .buffer = &into,
                 .done = std::move(done),
                 .asked_at = {}},
                impl_->in_range(sector, count) ? count * kSectorSize : 0);
}

void DiskImage::write(uint64_t sector, uint64_t count, Buffer& from, Done done) {
  impl_->submit({.kind = ImageOperation::write,
                 .sector = sector,
                 .count = count,
                 .into = {},
                 .from = {},
                 .buffer = &from,
                 .done = std::move(done),
                 .asked_at = {}},
                impl_->in_range(sector, count) ? count * kSectorSize : 0);
}

void DiskImage::flush(Done done) {
  impl_->submit({.kind = ImageOperation::flush,
                 .into = {},
                 .from = {},
                 .buffer = nullptr,
                 .done = std::move(done),
                 .asked_at = {}},
                0);
}

void DiskImage::discard(uint64_t sector, uint64_t count, Done done) {
  impl_->submit({.kind = ImageOperation::discard,
                 .sector = sector,
                 .count = count,
                 .into = {},
                 .from = {},
                 .buffer = nullptr,
                 .done = std::move(done),
                 .asked_at = {}},
                0);
}

DiskImage::Status DiskImage::read_now(uint64_t sector, std::span<uint8_t> into) {
  if (!impl_->in_range(sector, into.size() / kSectorSize)) return Status::out_of_range;
  const uint64_t offset = sector * kSectorSize;
  return impl_->config.source ? impl_->config.source->read(offset, into) : impl_->read_bytes(offset, into);
}

DiskImage::Status DiskImage::write_now(uint64_t sector, std::span<const uint8_t> from) {
  if (!impl_->in_range(sector, from.size() / kSectorSize)) return Status::out_of_range;
  const uint64_t offset = sector * kSectorSize;
  impl_->writes_hash = hash_mix(hash_mix(impl_->writes_hash, sector), hash64(from));
  return impl_->config.source ? impl_->config.source->write(offset, from) : impl_->write_bytes(offset, from);
}

void DiskImage::visit_state(StateVisitor& visitor) const {
  visitor.number("sectors", sectors());
  visitor.number("operations", impl_->operations);
  visitor.number("writes_hash", impl_->writes_hash);
  visitor.number("late_answers", *impl_->late);
  impl_->queue.visit_state(visitor);
  if (impl_->config.source) impl_->config.source->visit_state(visitor);
}

}  // namespace ringside

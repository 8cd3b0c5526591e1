#include "sim/session/recorder.h"

#include <algorithm>
#include <vector>

#include "sim/session/crossing_hash.h"
#include "sim/session/encoding.h"
#include "sim/session/writer.h"

namespace ringside {

struct Recorder::Impl {
  static constexpr uint32_t kNotWritten = UINT32_MAX;

  // What of a wire's crossings goes into the file, decided when its interface is written.
  struct RecordedWire {
    uint32_t position = kNotWritten;  // among the file's wires
    uint32_t bytes_max = 0;
    bool none = false;
  };

  // Interfaces are written just before the first record behind them, so that a wire's capture policy may
  // still be set after the wire was made.
  void write_new_wires() {
    for (const Wire* wire : new_wires) {
      RecordedWire& recorded = wires[wire->index()];
      const CapturePolicy capture = wire->capture();
      recorded.position =
          writer->add_wire({wire->name(), wire->kind(), wire->payload_type().id, capture}) - 1;
      recorded.bytes_max = capture.mode == CaptureMode::full ? UINT32_MAX : capture.bytes;
      // The file holds the record in another form, so there is no part of it.
      if (wire->payload_type().framing != nullptr)
        recorded.bytes_max = std::max<uint32_t>(recorded.bytes_max, wire->payload_type().size);
      recorded.none = capture.mode == CaptureMode::none;
    }
    new_wires.clear();
  }

  std::unique_ptr<SessionWriter> writer;
  CrossingHash hash;
  std::vector<RecordedWire> wires;  // by Wire::index()
  std::vector<const Wire*> new_wires;
};

Recorder::Recorder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Recorder::~Recorder() = default;

Result<std::unique_ptr<Recorder>> Recorder::create(const std::string& path, const SessionHeader& header) {
  auto impl = std::make_unique<Impl>();
  auto writer = SessionWriter::create(path, header);
  if (!writer) return tl::unexpected(writer.error());
  impl->writer = std::move(*writer);
  return std::unique_ptr<Recorder>(new Recorder(std::move(impl)));
}

void Recorder::on_wire_added(const Wire& wire) {
  if (impl_->wires.size() <= wire.index()) impl_->wires.resize(wire.index() + 1);
  impl_->hash.add_wire(wire);
  impl_->new_wires.push_back(&wire);
}

void Recorder::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  impl_->hash.add(wire, crossing, verdict);
  if (!impl_->new_wires.empty()) impl_->write_new_wires();
  const Impl::RecordedWire& recorded = impl_->wires[wire.index()];
  if (recorded.none) return;
  const auto bytes = crossing.bytes();
  impl_->writer->write(CrossingView{crossing.at, crossing.sequence, recorded.position, crossing.direction,
                                    crossing.flags, static_cast<uint32_t>(bytes.size()),
                                    bytes.first(std::min<size_t>(bytes.size(), recorded.bytes_max))});
}

void Recorder::record_input(const InputRecord& input) {
  impl_->write_new_wires();
  impl_->writer->write(input);
}

void Recorder::end_epoch(EpochDigest digest) {
  impl_->write_new_wires();
  digest.crossings = impl_->hash.count();
  digest.crossings_hash = impl_->hash.value();
  impl_->writer->write(digest);
  impl_->writer->flush();
}

Result<> Recorder::finish(const RunOutcome& outcome) {
  impl_->write_new_wires();
  impl_->writer->write(outcome);
  return impl_->writer->close();
}

void Recorder::take_over() { impl_->writer->take_over(); }
Result<> Recorder::continue_in(const std::string& copy) { return impl_->writer->continue_in(copy); }
void Recorder::flush() {
  impl_->write_new_wires();
  impl_->writer->flush();
}

const Result<>& Recorder::status() const { return impl_->writer->status(); }

}  // namespace ringside

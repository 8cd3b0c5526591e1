#include "sim/session/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/assert.h"
#include "sim/session/encoding.h"

namespace ringside {

struct SessionWriter::Impl {
  struct Interface {
    uint16_t payload_type;
    uint16_t link_type;
    const PayloadType* framed;
  };

  // False, with the status set, when text of this size has no place in the format.
  bool fits(size_t size, size_t size_max, std::string_view what) {
    if (size <= size_max) return true;
    output.refuse(fmt::format("cannot record {}: it has {} bytes, and a session holds at most {}", what, size,
                              size_max));
    return false;
  }

  BlockOutput output;
  std::vector<Interface> wires;
  uint64_t epochs = 0;
};

SessionWriter::SessionWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionWriter::~SessionWriter() = default;

Result<std::unique_ptr<SessionWriter>> SessionWriter::create(const std::string& path,
                                                             const SessionHeader& header) {
  const Result<std::string> json = header_to_json(header);
  if (!json) return tl::unexpected(json.error());
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->output.open(path); !opened) return tl::unexpected(opened.error());
  encode_section(impl->output);
  encode_custom(impl->output, CustomKind::header,
                {reinterpret_cast<const uint8_t*>(json->data()), json->size()});
  if (auto packed = encode_contents(impl->output, header); !packed) return tl::unexpected(packed.error());
  encode_input_interface(impl->output);
  impl->output.flush(0);
  if (!impl->output.status()) return tl::unexpected(impl->output.status().error());
  return std::unique_ptr<SessionWriter>(new SessionWriter(std::move(impl)));
}

uint32_t SessionWriter::add_wire(const SessionWire& wire) {
  const auto number = static_cast<uint32_t>(impl_->wires.size()) + 1;
  const uint16_t link_type = link_type_of(wire.payload_type);
  impl_->wires.push_back({wire.payload_type, link_type, framed_type(wire.payload_type)});
  if (impl_->fits(wire.name.size(), kNameBytesMax, "a wire's name"))
    encode_interface(impl_->output, wire, link_type);
  return number;
}

void SessionWriter::write(const CrossingView& crossing) {
  SIM_ASSERT(crossing.wire < impl_->wires.size());
  const Impl::Interface& wire = impl_->wires[crossing.wire];
  CrossingView kept = crossing;
  const size_t room = kPayloadBytesMax - (wire.framed != nullptr ? wire.framed->framing->size : 0);
  kept.payload = crossing.payload.first(std::min(crossing.payload.size(), room));
  encode_crossing(impl_->output, kept, wire.payload_type, wire.link_type, wire.framed);
}

void SessionWriter::write(const SessionCrossing& crossing) {
  write(CrossingView{crossing.at, crossing.sequence, crossing.wire, crossing.direction, crossing.flags,
                     crossing.full_size, crossing.payload});
}

void SessionWriter::write(const InputRecord& input) {
  if (!impl_->fits(input.wire.size(), kNameBytesMax, "the name of an input's wire")) return;
  if (!impl_->fits(input.bytes.size(), kInputBytesMax, "an input")) return;
  encode_input(impl_->output, input);
}

void SessionWriter::write(const EpochDigest& digest) {
  if (!impl_->fits(digest.components.size(), kComponentsMax, "the digests of so many components")) return;
  for (const auto& [name, hash] : digest.components) {
    if (!impl_->fits(name.size(), kNameBytesMax, "the name of a component")) return;
  }
  encode_digest(impl_->output, digest);
  impl_->epochs = digest.number;
}

void SessionWriter::write(const RunOutcome& outcome) {
  if (!impl_->fits(outcome.reason.size(), kReasonBytesMax, "why the run ended")) return;
  encode_outcome(impl_->output, outcome);
}

void SessionWriter::flush() { impl_->output.flush(impl_->epochs); }

Result<> SessionWriter::close() { return impl_->output.close(); }
void SessionWriter::take_over() { impl_->output.take_over(); }
Result<> SessionWriter::continue_in(const std::string& copy) { return impl_->output.continue_in(copy); }

const Result<>& SessionWriter::status() const { return impl_->output.status(); }

}  // namespace ringside

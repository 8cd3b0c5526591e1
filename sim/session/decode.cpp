#include <fmt/format.h>

#include "sim/session/encoding.h"
#include "sim/session/pcapng.h"

namespace ringside {

using namespace pcapng;

namespace {

tl::unexpected<std::string> wrong(std::string why) { return tl::unexpected(std::move(why)); }

// Takes numbers and names from the front; false once anything does not fit.
class Fields {
 public:
  explicit Fields(std::span<const uint8_t> bytes) : rest_(bytes) {}

  template <class Number>
  bool number(Number& into) {
    if (rest_.size() < sizeof(Number)) return false;
    into = load<Number>(rest_.data());
    rest_ = rest_.subspan(sizeof(Number));
    return true;
  }
  bool name(std::string& into) {
    uint16_t size = 0;
    if (!number(size) || size > kNameBytesMax || rest_.size() < size) return false;
    into.assign(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return true;
  }
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  std::span<const uint8_t> rest_;
};

struct CrossingHeader {
  uint8_t version, direction;
  uint16_t payload_type, flags, picoseconds;
  uint64_t sequence;
  uint32_t full_size;
};

bool take_crossing_header(Fields& fields, CrossingHeader& header) {
  return fields.number(header.version) && fields.number(header.direction) &&
         fields.number(header.payload_type) && fields.number(header.flags) &&
         fields.number(header.picoseconds) && fields.number(header.sequence) &&
         fields.number(header.full_size);
}

std::optional<std::string> judge(const CrossingHeader& header, uint16_t payload_type, size_t captured) {
  if (header.version != kSessionFormat) return fmt::format("its header has version {}", header.version);
  if (header.direction > 1) return fmt::format("its direction is {}", header.direction);
  if (header.flags > 0xff) return "its flags are unknown";
  if (header.picoseconds > 999) return "its time has more than 999 picoseconds";
  if (header.payload_type != payload_type) {
    return fmt::format("its payload type is {} where the wire's is {}", header.payload_type, payload_type);
  }
  if (header.full_size < captured) return "it holds more than its full size";
  return std::nullopt;
}

// The stamp and what the header adds to it; nothing when that is behind the end of time.
std::optional<Tick> packet_tick(std::span<const uint8_t> block, const CrossingHeader& header) {
  const uint64_t stamp = uint64_t{load<uint32_t>(&block[12])} << 32 | load<uint32_t>(&block[16]);
  if (stamp > (Tick::never().ps - 999) / 1000) return std::nullopt;
  return Tick{stamp * 1000 + header.picoseconds};
}

std::span<const uint8_t> packet_data(std::span<const uint8_t> block) {
  return block.subspan(kPacketData, load<uint32_t>(&block[20]));
}

// Undoes what PacketFraming did. A payload that is shorter than its record was filled up with zeros.
bool undo_framing(std::span<const uint8_t> packet, const PayloadType& framed, uint32_t full_size,
                  std::vector<uint8_t>& payload) {
  const uint16_t prefix = framed.framing->size;
  if (packet.size() < prefix) return false;
  payload.assign(framed.size, 0);
  if (!framed.framing->read(packet.first(prefix), payload)) return false;
  payload.insert(payload.end(), packet.begin() + prefix, packet.end());
  if (payload.size() == framed.size && full_size < payload.size()) payload.resize(full_size);
  return true;
}

}  // namespace

CustomBody custom_body(const BlockInput::Block& block) {
  return {static_cast<CustomKind>(load<uint16_t>(&block.bytes[kCustomKind])),
          load<uint16_t>(&block.bytes[kCustomVersion]),
          block.bytes.subspan(kCustomBody, load<uint32_t>(&block.bytes[kCustomBodySize]))};
}

Decoded<DecodedInterface> decode_interface(std::span<const uint8_t> block) {
  DecodedInterface result;
  result.link_type = load<uint16_t>(&block[8]);
  if (result.link_type != link_type::user0 && result.link_type != link_type::ethernet &&
      result.link_type != link_type::exported_pdu) {
    return wrong(fmt::format("its link type {} is unknown", result.link_type));
  }
  Fields options(block.subspan(kInterfaceOptions, block.size() - kInterfaceOptions - 4));
  bool has_wire = false, has_resolution = false;
  for (;;) {
    uint16_t code = 0, length = 0;
    if (!options.number(code) || !options.number(length)) return wrong("its options do not end");
    if (code == end_of_options) break;
    if (options.rest().size() < padded(length)) return wrong("an option is longer than the block");
    const auto value = options.rest().first(length);
    options = Fields(options.rest().subspan(padded(length)));
    if (code == interface_name) {
      if (length > kNameBytesMax) return wrong("its name is too long");
      result.wire.name.assign(reinterpret_cast<const char*>(value.data()), length);
    } else if (code == stamp_resolution) {
      has_resolution = length == 1 && value[0] == 9;
    } else if (code == custom_binary && length == kSealOptionSize - 4 + 8) {
      const auto wire = value.subspan(kSealOptionSize - 4);
      if (wire[0] > static_cast<uint8_t>(WireKind::sampled))
        return wrong(fmt::format("its wire kind is {}", wire[0]));
      if (wire[1] > static_cast<uint8_t>(CaptureMode::none))
        return wrong(fmt::format("its capture is {}", wire[1]));
      result.wire.kind = static_cast<WireKind>(wire[0]);
      result.wire.capture.mode = static_cast<CaptureMode>(wire[1]);
      result.wire.payload_type = load<uint16_t>(&wire[2]);
      result.wire.capture.bytes = load<uint32_t>(&wire[4]);
      has_wire = true;
    }
  }
  if (!has_wire || !has_resolution || result.wire.name.empty()) return wrong("it does not describe a wire");
  result.framed = framed_type(result.wire.payload_type);
  return result;
}

uint32_t packet_interface(std::span<const uint8_t> block) { return load<uint32_t>(&block[8]); }

Decoded<CrossingView> decode_crossing(std::span<const uint8_t> block, const DecodedInterface& interface,
                                      std::vector<uint8_t>& unframed) {
  const auto data = packet_data(block);
  const bool in_packet = interface.link_type == link_type::user0;
  const size_t option_value = kPacketData + padded(static_cast<uint32_t>(data.size())) + kSealOptionSize;
  Fields fields(in_packet ? data : block.subspan(option_value));
  CrossingHeader header{};
  if (!take_crossing_header(fields, header)) return wrong("it has no crossing header");
  CrossingView crossing;
  crossing.payload = in_packet ? fields.rest() : data;
  if (interface.framed != nullptr) {
    if (!undo_framing(crossing.payload, *interface.framed, header.full_size, unframed))
      return wrong("it does not begin as its payload type's packets do");
    crossing.payload = unframed;
  }
  if (auto why = judge(header, interface.wire.payload_type, crossing.payload.size())) return wrong(*why);
  const auto at = packet_tick(block, header);
  if (!at) return wrong("its time is impossible");
  crossing.at = *at;
  crossing.sequence = header.sequence;
  crossing.direction = static_cast<Direction>(header.direction);
  crossing.flags = static_cast<uint8_t>(header.flags);
  crossing.full_size = header.full_size;
  return crossing;
}

Decoded<InputRecord> decode_input(std::span<const uint8_t> block) {
  Fields fields(packet_data(block));
  CrossingHeader header{};
  if (!take_crossing_header(fields, header)) return wrong("it has no header");
  const bool is_answer = header.payload_type == kAnswerPayload;
  if (auto why = judge(header, is_answer ? kAnswerPayload : kInputPayload, fields.rest().size()))
    return wrong(*why);
  if (header.full_size != fields.rest().size()) return wrong("an input is not whole");
  const auto at = packet_tick(block, header);
  if (!at) return wrong("its time is impossible");
  InputRecord input;
  input.number = header.sequence;
  input.is_answer = is_answer;
  input.continued = is_answer && (header.flags & kAnswerContinued) != 0;
  input.at = *at;
  if (!fields.number(input.instructions) || !fields.name(input.wire)) return wrong("an input is not whole");
  input.bytes.assign(fields.rest().begin(), fields.rest().end());
  return input;
}

Decoded<EpochDigest> decode_digest(std::span<const uint8_t> body) {
  Fields fields(body);
  EpochDigest digest;
  uint64_t memory = 0;
  uint32_t has_memory = 0, components = 0;
  if (!fields.number(digest.number) || !fields.number(digest.at.ps) || !fields.number(digest.instructions) ||
      !fields.number(digest.crossings) || !fields.number(digest.crossings_hash) || !fields.number(memory) ||
      !fields.number(has_memory) || !fields.number(components)) {
    return wrong("a digest is not whole");
  }
  if (has_memory > 1) return wrong("its flags are unknown");
  if (has_memory == 1) digest.memory = memory;
  for (uint32_t i = 0; i < components; ++i) {
    auto& [name, hash] = digest.components.emplace_back();
    if (!fields.name(name) || !fields.number(hash)) return wrong("a digest is not whole");
  }
  if (!fields.rest().empty()) return wrong("a digest has bytes behind its end");
  return digest;
}

Decoded<RunOutcome> decode_outcome(std::span<const uint8_t> body) {
  Fields fields(body);
  RunOutcome outcome;
  int32_t exit_code = 0;
  if (!fields.number(outcome.at.ps) || !fields.number(outcome.instructions) || !fields.number(exit_code)) {
    return wrong("an outcome is not whole");
  }
  outcome.exit_code = exit_code;
  outcome.reason.assign(reinterpret_cast<const char*>(fields.rest().data()), fields.rest().size());
  return outcome;
}

}  // namespace ringside

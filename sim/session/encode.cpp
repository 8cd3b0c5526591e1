#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sim/session/encoding.h"
#include "sim/session/pcapng.h"

namespace ringside {

using namespace pcapng;

namespace {

constexpr std::string_view kApplication = "Ringside 0.1.0";
// if_tsresol: ten to the power of -9. Wireshark 4.0 computes the fraction of a second in 64 bits, which
// picoseconds overflow, so what a stamp of nanoseconds leaves stands in the crossing header.
constexpr uint8_t kNanoseconds = 9;
constexpr uint16_t kWireOptionExtra = 8;  // kind, capture mode, payload type, capture bytes

uint32_t option_size(size_t length) { return 4 + padded(static_cast<uint32_t>(length)); }

// Writes one option and moves past it.
uint8_t* put_option(uint8_t* to, OptionCode code, std::string_view text) {
  store<uint16_t>(to, code);
  store<uint16_t>(to + 2, static_cast<uint16_t>(text.size()));
  std::memcpy(to + 4, text.data(), text.size());
  return to + option_size(text.size());
}

uint8_t* put_name(uint8_t* to, std::string_view name) {
  store<uint16_t>(to, static_cast<uint16_t>(name.size()));
  std::memcpy(to + 2, name.data(), name.size());
  return to + 2 + name.size();
}

void put_crossing_header(uint8_t* to, uint16_t payload_type, Direction direction, uint8_t flags, Tick at,
                         uint64_t sequence, uint32_t full_size) {
  to[0] = kSessionFormat;
  to[1] = static_cast<uint8_t>(direction);
  store<uint16_t>(to + 2, payload_type);
  store<uint16_t>(to + 4, flags);
  store<uint16_t>(to + 6, static_cast<uint16_t>(at.ps % 1000));
  store<uint64_t>(to + 8, sequence);
  store<uint32_t>(to + 16, full_size);
}

struct Packet {
  std::span<uint8_t> block;
  uint8_t* data;
  uint32_t seal_option;
};

// A packet block with room for `captured` bytes of packet and `extra` bytes in the seal's option.
Packet begin_packet(BlockOutput& output, uint32_t interface, Tick at, uint32_t captured, uint32_t original,
                    uint32_t extra) {
  const uint32_t seal_at = kPacketData + padded(captured);
  const auto block = output.append(seal_at + kSealOptionSize + extra + 8);
  frame_block(block, enhanced_packet);
  store<uint32_t>(&block[8], interface);
  store<uint32_t>(&block[12], static_cast<uint32_t>(at.nanoseconds() >> 32));
  store<uint32_t>(&block[16], static_cast<uint32_t>(at.nanoseconds()));
  store<uint32_t>(&block[20], captured);
  store<uint32_t>(&block[24], original);
  place_seal(block, seal_at, static_cast<uint16_t>(extra));
  return {block, &block[kPacketData], seal_at};
}

struct CustomPlace {
  std::span<uint8_t> block;
  uint8_t* body;
};

CustomPlace begin_custom(BlockOutput& output, CustomKind kind, uint32_t size) {
  const auto block = output.append(kCustomBody + padded(size) + 4);
  frame_block(block, custom);
  store<uint32_t>(&block[8], kEnterprise);
  store<uint16_t>(&block[kCustomKind], static_cast<uint16_t>(kind));
  store<uint16_t>(&block[kCustomVersion], kSessionFormat);
  store<uint32_t>(&block[kCustomBodySize], size);
  return {block, &block[kCustomBody]};
}

void put_interface(BlockOutput& output, std::string_view name, std::string_view text, uint16_t link,
                   const uint8_t (&wire)[kWireOptionExtra]) {
  const auto size = kInterfaceOptions + kSealOptionSize + kWireOptionExtra + option_size(name.size()) +
                    option_size(text.size()) + option_size(1) + 8;
  const auto block = output.append(size);
  frame_block(block, interface_description);
  store<uint16_t>(&block[8], link);
  place_seal(block, kInterfaceOptions, kWireOptionExtra);
  std::memcpy(&block[kInterfaceOptions + kSealOptionSize], wire, sizeof wire);
  uint8_t* at = &block[kInterfaceOptions + kSealOptionSize + kWireOptionExtra];
  at = put_option(at, interface_name, name);
  at = put_option(at, interface_text, text);
  const char resolution = kNanoseconds;
  put_option(at, stamp_resolution, {&resolution, 1});
  seal(block, kInterfaceOptions + 8);
}

}  // namespace

uint16_t link_type_of(uint16_t payload_type) {
  const PayloadType* type = PayloadRegistry::instance().find(payload_type);
  return type != nullptr ? type->link_type : link_type::user0;
}

const PayloadType* framed_type(uint16_t payload_type) {
  const PayloadType* type = PayloadRegistry::instance().find(payload_type);
  return type != nullptr && type->framing != nullptr ? type : nullptr;
}

void encode_section(BlockOutput& output) {
  const auto block = output.append(kSectionOptions + kSealOptionSize + option_size(kApplication.size()) + 8);
  frame_block(block, section_header);
  store<uint32_t>(&block[8], kByteOrderMagic);
  store<uint16_t>(&block[12], 1);  // the pcapng format's own version: 1.0
  store<int64_t>(&block[16], -1);  // the section's length is not stated: it is still being written
  place_seal(block, kSectionOptions, 0);
  put_option(&block[kSectionOptions + kSealOptionSize], user_application, kApplication);
  seal(block, kSectionOptions + 8);
}

void encode_interface(BlockOutput& output, const SessionWire& wire, uint16_t link) {
  const PayloadType* type = PayloadRegistry::instance().find(wire.payload_type);
  const std::string text = fmt::format("{} wire of {} (payload type {})", to_string(wire.kind),
                                       type != nullptr ? type->name : "unknown payload", wire.payload_type);
  uint8_t extra[kWireOptionExtra] = {static_cast<uint8_t>(wire.kind),
                                     static_cast<uint8_t>(wire.capture.mode)};
  store<uint16_t>(extra + 2, wire.payload_type);
  store<uint32_t>(extra + 4, wire.capture.bytes);
  put_interface(output, wire.name, text, link, extra);
}

void encode_input_interface(BlockOutput& output) {
  const uint8_t extra[kWireOptionExtra] = {};
  put_interface(output, "input", "what came from outside the machine", link_type::user0, extra);
}

void encode_crossing(BlockOutput& output, const CrossingView& crossing, uint16_t payload_type, uint16_t link,
                     const PayloadType* framed) {
  const bool in_packet = link == link_type::user0;
  // What stands before the payload in the packet, and how much of the payload that replaces.
  const uint32_t before = framed != nullptr ? framed->framing->size : in_packet ? kCrossingHeaderSize : 0;
  const uint32_t replaced = framed != nullptr ? framed->size : 0;
  const auto record = crossing.payload.first(std::min<size_t>(crossing.payload.size(), replaced));
  const auto rest = crossing.payload.subspan(record.size());
  const uint32_t original = before + std::max(crossing.full_size, replaced) - replaced;
  const Packet packet =
      begin_packet(output, crossing.wire + 1, crossing.at, before + static_cast<uint32_t>(rest.size()),
                   original, in_packet ? 0 : kCrossingHeaderSize);
  uint8_t* const header_at = in_packet ? packet.data : &packet.block[packet.seal_option + kSealOptionSize];
  put_crossing_header(header_at, payload_type, crossing.direction, crossing.flags, crossing.at,
                      crossing.sequence, crossing.full_size);
  if (framed != nullptr) {
    std::vector<uint8_t> whole(record.begin(), record.end());
    whole.resize(replaced);
    framed->framing->write(whole, {packet.data, before});
  }
  std::copy(rest.begin(), rest.end(), packet.data + before);
  seal(packet.block, packet.seal_option + 8);
}

void encode_input(BlockOutput& output, const InputRecord& input) {
  const auto size = static_cast<uint32_t>(8 + 2 + input.wire.size() + input.bytes.size());
  const uint32_t captured = kCrossingHeaderSize + size;
  const Packet packet = begin_packet(output, 0, input.at, captured, captured, 0);
  put_crossing_header(packet.data, input.is_answer ? kAnswerPayload : kInputPayload, Direction::in,
                      input.continued ? kAnswerContinued : 0, input.at, input.number, size);
  uint8_t* const body = packet.data + kCrossingHeaderSize;
  store<uint64_t>(body, input.instructions);
  uint8_t* const bytes = put_name(body + 8, input.wire);
  std::copy(input.bytes.begin(), input.bytes.end(), bytes);
  seal(packet.block, packet.seal_option + 8);
}

void encode_custom(BlockOutput& output, CustomKind kind, std::span<const uint8_t> body) {
  const CustomPlace place = begin_custom(output, kind, static_cast<uint32_t>(body.size()));
  std::copy(body.begin(), body.end(), place.body);
  seal(place.block, kCustomChecksum);
}

void encode_digest(BlockOutput& output, const EpochDigest& digest) {
  uint32_t size = 56;
  for (const auto& [name, hash] : digest.components) size += static_cast<uint32_t>(10 + name.size());
  const CustomPlace place = begin_custom(output, CustomKind::digest, size);
  store<uint64_t>(place.body, digest.number);
  store<uint64_t>(place.body + 8, digest.at.ps);
  store<uint64_t>(place.body + 16, digest.instructions);
  store<uint64_t>(place.body + 24, digest.crossings);
  store<uint64_t>(place.body + 32, digest.crossings_hash);
  store<uint64_t>(place.body + 40, digest.memory.value_or(0));
  store<uint32_t>(place.body + 48, digest.memory ? 1 : 0);
  store<uint32_t>(place.body + 52, static_cast<uint32_t>(digest.components.size()));
  uint8_t* at = place.body + 56;
  for (const auto& [name, hash] : digest.components) {
    at = put_name(at, name);
    store<uint64_t>(at, hash);
    at += 8;
  }
  seal(place.block, kCustomChecksum);
}

void encode_outcome(BlockOutput& output, const RunOutcome& outcome) {
  const auto size = static_cast<uint32_t>(20 + outcome.reason.size());
  const CustomPlace place = begin_custom(output, CustomKind::outcome, size);
  store<uint64_t>(place.body, outcome.at.ps);
  store<uint64_t>(place.body + 8, outcome.instructions);
  store<int32_t>(place.body + 16, outcome.exit_code);
  std::copy(outcome.reason.begin(), outcome.reason.end(), place.body + 20);
  seal(place.block, kCustomChecksum);
}

}  // namespace ringside

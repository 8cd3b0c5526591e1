// Records of a session as blocks, and back: docs/session-format.md. Encoders append one block to the output;
// decoders get a sound block and say what is wrong with what it claims.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/result.h"
#include "sim/session/block_input.h"
#include "sim/session/block_output.h"
#include "sim/session/reader.h"
#include "sim/session/session.h"

namespace ringside {

inline constexpr uint16_t kSessionFormat = 1;    // the version of the whole format
inline constexpr uint16_t kInputPayload = 0;     // the payload type id of an input that was delivered
inline constexpr uint16_t kAnswerPayload = 2;    // and of one that was asked for
inline constexpr uint16_t kAnswerContinued = 4;  // flag of an answer: the next input has more of it
inline constexpr uint32_t kCrossingHeaderSize = 20;
inline constexpr uint32_t kPayloadBytesMax = 262144 - kCrossingHeaderSize;
inline constexpr uint32_t kNameBytesMax = 1024;            // of a wire, a file or a component
inline constexpr uint32_t kHeaderBytesMax = 4u << 20;      // the session header's JSON
inline constexpr uint32_t kContentsChunk = 4u << 20;       // packed contents come in pieces of this size
inline constexpr uint64_t kContentsBytesMax = 1ull << 30;  // of all packed files together
inline constexpr uint32_t kInputBytesMax = InputRecord::bytes_max;  // an input is one packet, always whole
inline constexpr uint32_t kComponentsMax = 4096;                    // of an epoch's digest
inline constexpr uint32_t kReasonBytesMax = 32u << 10;              // why the run ended
inline constexpr uint32_t kOutcomeBlockMax = 64u << 10;

enum class CustomKind : uint16_t { header = 1, contents = 2, digest = 3, outcome = 4 };

template <class T>
using Decoded = tl::expected<T, std::string>;  // the error is the reason alone

// Which link type the packets of a wire have: USER0 with our crossing header before the payload, or one that
// Wireshark dissects by itself, with our header in an option.
uint16_t link_type_of(uint16_t payload_type);
// What stands before the tail in the packets of a payload type; null for most.
const PayloadType* framed_type(uint16_t payload_type);

void encode_section(BlockOutput& output);
void encode_interface(BlockOutput& output, const SessionWire& wire, uint16_t link);
void encode_input_interface(BlockOutput& output);
// `framed` is framed_type(payload_type).
void encode_crossing(BlockOutput& output, const CrossingView& crossing, uint16_t payload_type, uint16_t link,
                     const PayloadType* framed = nullptr);
void encode_input(BlockOutput& output, const InputRecord& input);
void encode_custom(BlockOutput& output, CustomKind kind, std::span<const uint8_t> body);
void encode_digest(BlockOutput& output, const EpochDigest& digest);
void encode_outcome(BlockOutput& output, const RunOutcome& outcome);

// The header as JSON with a fixed order of fields. Fails where text is not UTF-8.
Result<std::string> header_to_json(const SessionHeader& header);
// `packed[i]` says whether the contents of files[i] follow.
Result<SessionHeader> header_from_json(std::string_view json, std::vector<bool>& packed);

// The contents of all files that have them.
Result<> encode_contents(BlockOutput& output, const SessionHeader& header);
struct ContentsChunk {
  uint32_t file = 0;
  uint32_t chunk = 0;
  uint32_t size = 0;  // bytes when unpacked
  std::span<const uint8_t> compressed;
};
Decoded<ContentsChunk> decode_contents(std::span<const uint8_t> body);
// Unpacks to the end of `into`.
Decoded<void> unpack(const ContentsChunk& chunk, std::vector<uint8_t>& into);

struct CustomBody {
  CustomKind kind;
  uint16_t version;
  std::span<const uint8_t> body;
};
CustomBody custom_body(const BlockInput::Block& block);

struct DecodedInterface {
  SessionWire wire;
  uint16_t link_type = 0;
  const PayloadType* framed = nullptr;  // framed_type() of the payload type
};
Decoded<DecodedInterface> decode_interface(std::span<const uint8_t> block);
// The interface's number, which says how to read the rest.
uint32_t packet_interface(std::span<const uint8_t> block);
// `wire` is left to the caller. The payload lies in the block, or, where the packet's framing was undone, in
// `unframed`.
Decoded<CrossingView> decode_crossing(std::span<const uint8_t> block, const DecodedInterface& interface,
                                      std::vector<uint8_t>& unframed);
Decoded<InputRecord> decode_input(std::span<const uint8_t> block);
Decoded<EpochDigest> decode_digest(std::span<const uint8_t> body);
Decoded<RunOutcome> decode_outcome(std::span<const uint8_t> body);

}  // namespace ringside

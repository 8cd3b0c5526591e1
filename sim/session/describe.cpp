#include "sim/session/describe.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/message_renderer.h"

namespace ringside {

namespace {

constexpr size_t kShownBytes = 64;

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (const uint8_t byte : bytes.first(std::min(bytes.size(), kShownBytes)))
    text += fmt::format("{:02x}", byte);
  if (bytes.size() > kShownBytes) text += fmt::format("... ({} bytes)", bytes.size());
  return text;
}

std::string digest_text(uint64_t hash) { return fmt::format("{:016x}", hash); }

std::string memory_text(const std::optional<uint64_t>& memory) {
  return memory ? digest_text(*memory) : "none";
}

}  // namespace

std::string describe_crossing(std::string_view wire, uint16_t payload_type, Direction direction, Tick at,
                              uint64_t full_size, std::span<const uint8_t> payload) {
  const PayloadType* type = PayloadRegistry::instance().find(payload_type);
  std::string text =
      type != nullptr ? to_line(SessionDecoder().decode(*type, wire, payload, full_size)) : hex(payload);
  return fmt::format("{} on {} at {}, {} bytes: {}", direction == Direction::out ? "out" : "in", wire,
                     to_string(at), full_size, text);
}

std::string describe(const SessionCrossing& crossing, const SessionWire& wire) {
  return describe_crossing(wire.name, wire.payload_type, crossing.direction, crossing.at, crossing.full_size,
                           crossing.payload);
}

std::string describe(const InputRecord& input) {
  return fmt::format("{} {} on {} at {}, instruction {}, {} bytes: {}{}",
                     input.is_answer ? "answer" : "input", input.number, input.wire, to_string(input.at),
                     input.instructions, input.bytes.size(), hex(input.bytes),
                     input.continued ? ", and more" : "");
}

std::string describe(const EpochDigest& digest) {
  return fmt::format("the end of epoch {} at {}, instruction {}", digest.number, to_string(digest.at),
                     digest.instructions);
}

std::string describe(const RunOutcome& outcome) {
  return fmt::format("the end of the run ({}, exit code {}) at {}, instruction {}", outcome.reason,
                     outcome.exit_code, to_string(outcome.at), outcome.instructions);
}

std::string describe(const SessionWire& wire) {
  const PayloadType* type = PayloadRegistry::instance().find(wire.payload_type);
  const std::string payload =
      type != nullptr ? std::string(type->name) : fmt::format("type {}", wire.payload_type);
  std::string capture = "whole";
  if (wire.capture.mode == CaptureMode::first_bytes)
    capture = fmt::format("first {} bytes", wire.capture.bytes);
  if (wire.capture.mode == CaptureMode::none) capture = "not recorded";
  return fmt::format("{} wire {} of {}, {}", to_string(wire.kind), wire.name, payload, capture);
}

DigestDifference first_difference(const EpochDigest& first, const EpochDigest& second) {
  if (first.number != second.number || first.instructions != second.instructions || first.at != second.at) {
    return {"where the epoch ends differs", describe(first), describe(second)};
  }
  if (first.crossings != second.crossings) {
    return {"the count of crossings differs", fmt::format("{} crossings", first.crossings),
            fmt::format("{} crossings", second.crossings), true};
  }
  if (first.crossings_hash != second.crossings_hash) {
    return {"the hash over all crossings differs", digest_text(first.crossings_hash),
            digest_text(second.crossings_hash), true};
  }
  for (size_t i = 0; i < std::max(first.components.size(), second.components.size()); ++i) {
    const auto text = [&](const EpochDigest& digest) {
      if (i >= digest.components.size()) return std::string("no such component");
      return fmt::format("{} {}", digest.components[i].first, digest_text(digest.components[i].second));
    };
    const std::string a = text(first), b = text(second);
    if (a == b) continue;
    const EpochDigest& named = i < first.components.size() ? first : second;
    return {fmt::format("the digest of {} differs", named.components[i].first), a, b};
  }
  if (first.memory != second.memory) {
    return {"the digest of memory differs", memory_text(first.memory), memory_text(second.memory)};
  }
  return {};
}

}  // namespace ringside

// What the bytes of a payload mean. A payload is a packed little-endian record, optionally followed by one
// tail: text, bytes, or an array of smaller records. The table is the one truth about it: `ringside show`,
// the Wireshark dissector (generated), the viewer, filters and fault specifications all read it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringside {

enum class FieldFormat : uint8_t {
  decimal,
  signed_decimal,
  hex,
  enumeration,  // names by value, `FieldTable` prints the number where there is none
  flags,        // names by single bit
  duration,     // picoseconds
  text,         // fixed-size, NUL padded
};

struct FieldName {
  uint64_t value;
  std::string_view name;
};

struct Field {
  std::string_view name;  // the field's standard term: "sector_number", "ring_ref"
  uint16_t offset;        // bytes from the start of the record
  uint16_t size;          // 1, 2, 4 or 8; any for text
  FieldFormat format = FieldFormat::decimal;
  std::span<const FieldName> names = {};
};

enum class TailKind : uint8_t { none, text, bytes, records };

// What the packets of a payload type are in a session file: our own, or something that Wireshark dissects by
// itself (the numbers are LINKTYPE_ values of tcpdump.org).
namespace link_type {
inline constexpr uint16_t ethernet = 1;
inline constexpr uint16_t user0 = 147;
inline constexpr uint16_t exported_pdu = 252;
}  // namespace link_type

// How the packets of a payload type that Wireshark dissects by itself begin in a session file: a prefix of
// one size stands in the place of the payload's record and says the same in Wireshark's terms; the tail
// follows.
struct PacketFraming {
  uint16_t size;
  void (*write)(std::span<const uint8_t> record, std::span<uint8_t> prefix);
  bool (*read)(std::span<const uint8_t> prefix, std::span<uint8_t> record);  // false: it is no such prefix
};

class MessageRenderer;

// A fault of a device's own, by the name that its datasheet or interface gives it: what it does to a crossing
// of this payload type, written in the grammar of faults (sim/fault/fault_spec.h).
struct NamedFault {
  std::string_view name;    // "parity"
  std::string_view title;   // "a character with a parity error"
  std::string_view action;  // "corrupt(errors,4)"
};

struct PayloadType {
  uint16_t id;             // stands in session files: never reuse one (registry: docs/session-format.md)
  std::string_view name;   // "blkif_request": also the Wireshark name, "ringside.blkif_request"
  std::string_view title;  // one line for people
  uint16_t size;           // bytes of the fixed record
  std::span<const Field> fields;
  TailKind tail = TailKind::none;
  std::string_view tail_name = {};  // "segments"
  uint16_t tail_record_size = 0;    // records only
  std::span<const Field> tail_fields = {};
  // Fields that `show` prints first and alone tell the story; empty means all.
  std::string_view group = {};  // Wireshark filter group: "blkif"
  uint16_t link_type = link_type::user0;
  const PacketFraming* framing = nullptr;  // link types other than user0 only
  // Where messages mean something only after those before them (sim/message_renderer.h).
  std::unique_ptr<MessageRenderer> (*make_renderer)() = nullptr;
  // Faults that have a name here, beside those that the wire's kind takes.
  std::span<const NamedFault> faults = {};
  // A message that answers a request, so that a fault may make it an error: fail(CODE). One that has a field
  // "status" is such a message without saying so.
  bool is_answer = false;
  // Of a wire that is only observed: a moment at which what stands behind the wire may fail (`crash`), so
  // that a campaign that is told to strike this wire does.
  bool is_moment = false;
};

struct DecodedField {
  std::string name;
  std::string text;     // formatted
  uint64_t number = 0;  // raw; 0 for text
  size_t offset = 0;    // in the payload
  size_t size = 0;
  bool is_number = true;
  std::vector<DecodedField> children;  // a tail record's fields
};

// Decodes as much as there is: a payload cut short (by policy or by fault) yields the fields that are whole.
std::vector<DecodedField> decode(const PayloadType& type, std::span<const uint8_t> payload);

// "op=read sector=2048 segments=[{gref=9 first_sect=0 last_sect=7}]"
std::string to_line(const std::vector<DecodedField>& fields);

// All payload types of the house, in order of their id. A type registers itself with
// `static const PayloadRegistration registration(kBlkifRequest);` in the .cpp that defines it, and the
// folder's function payload_types() keeps the linker from dropping it.
class PayloadRegistry {
 public:
  static PayloadRegistry& instance();
  // The same id with another name is our own fault (SIM_ASSERT).
  void add(const PayloadType& type);
  const PayloadType* find(uint16_t id) const;
  std::vector<const PayloadType*> all() const;

 private:
  std::vector<const PayloadType*> types_;
};

}  // namespace ringside

// A field of a payload by its name, as faults write it: "status" of the record, "segments[2].gref" of the
// tail's third record, "data", "data+12" or "data[12]" of a tail of text or bytes. Found once for each wire,
// so that a crossing only loads it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/fault/fault_spec.h"
#include "sim/field_table.h"
#include "sim/result.h"

namespace ringside {

struct PayloadField {
  size_t offset = 0;
  size_t size = 0;  // 0: to the payload's end (a tail of text or bytes)
  FieldFormat format = FieldFormat::hex;
  std::span<const FieldName> names = {};
  bool is_text() const { return format == FieldFormat::text; }
};

// The error lists the fields that there are.
Result<PayloadField> find_payload_field(const PayloadType& type, std::string_view path);

// A value as it is written for this field: a number, a name of the enumeration, "sync|flush" of flags, a
// time, a text. Little-endian, as many bytes as the field has (a tail's: as many as the text).
Result<std::vector<uint8_t>> read_field_value(const PayloadField& field, std::string_view path,
                                              std::string_view value);

// A condition that has been found on a payload type.
class FieldCondition {
 public:
  static Result<FieldCondition> create(const PayloadType& type, const FaultCondition& condition);
  // A payload too short for the field does not match.
  bool matches(std::span<const uint8_t> payload) const {
    return field_.is_text() ? matches_text(payload) : matches_number(payload);
  }

 private:
  bool matches_number(std::span<const uint8_t> payload) const;
  bool matches_text(std::span<const uint8_t> payload) const;

  PayloadField field_;
  FaultOperator op_ = FaultOperator::equal;
  uint64_t number_ = 0;  // of a signed field: with the sign's bit inverted, so that order is kept
  uint64_t sign_bit_ = 0;
  uint64_t mask_ = UINT64_MAX;  // of the field's bytes
  std::string text_;
};

}  // namespace ringside

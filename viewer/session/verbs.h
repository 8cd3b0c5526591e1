// What a crossing does, in one or two words: "READ", "map", "Twalk", "deliver", "READ ERROR". Mostly the
// first enumeration of the payload's table says it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "sim/field_table.h"

namespace ringside::viewer {

class Verbs {
 public:
  // The word lives as long as this object. Empty where the payload was not recorded, or its type is not known
  // (null).
  std::string_view verb(const PayloadType* type, std::span<const uint8_t> payload);

 private:
  // How a payload type's verb is found.
  struct Rule {
    const Field* field = nullptr;
    std::span<const FieldName> names = {};  // of `field`
    const Field* status = nullptr;          // follows, where it is not 0
    bool always_status = false;             // follows in any case
    std::string_view word = {};             // where no field says it
  };
  static Rule make_rule(const PayloadType& type);
  std::string_view keep(std::string text);

  std::unordered_map<const PayloadType*, Rule> rules_;
  std::unordered_set<std::string> kept_;
};

}  // namespace ringside::viewer

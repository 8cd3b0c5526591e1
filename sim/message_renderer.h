// Decoding of payloads whose meaning hangs on those before them: a 9P message names a file by a number that
// an earlier message gave to it. A payload type names the maker of its renderer; types with the same maker
// share one, which sees the crossings of all their wires in the session's order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/field_table.h"

namespace ringside {

class MessageRenderer {
 public:
  virtual ~MessageRenderer() = default;
  // `payload` may be less than the `full_size` that crossed: it was cut by the recording's policy.
  virtual std::vector<DecodedField> render(const PayloadType& type, std::string_view wire,
                                           std::span<const uint8_t> payload, size_t full_size) = 0;
};

// Decodes the crossings of one session: give it each, in order, also those that nobody looks at.
class SessionDecoder {
 public:
  std::vector<DecodedField> decode(const PayloadType& type, std::string_view wire,
                                   std::span<const uint8_t> payload, size_t full_size) {
    if (type.make_renderer == nullptr) return ringside::decode(type, payload);
    for (const auto& [maker, renderer] : renderers_) {
      if (maker == type.make_renderer) return renderer->render(type, wire, payload, full_size);
    }
    renderers_.emplace_back(type.make_renderer, type.make_renderer());
    return renderers_.back().second->render(type, wire, payload, full_size);
  }

 private:
  std::vector<std::pair<std::unique_ptr<MessageRenderer> (*)(), std::unique_ptr<MessageRenderer>>> renderers_;
};

}  // namespace ringside

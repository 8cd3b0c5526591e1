#include "host/9p/message_renderer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "host/9p/fid_paths.h"

namespace ringside {

namespace {

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      result += c;
    } else {
      result += fmt::format("\\x{:02x}", byte);
    }
  }
  return result + '"';
}

DecodedField text_field(std::string name, std::string text, size_t offset) {
  DecodedField field;
  field.name = std::move(name);
  field.text = std::move(text);
  field.offset = offset;
  field.is_number = false;
  return field;
}

bool is_fid(const DecodedField& field, const NinePMessageType& row) {
  if (!field.is_number || field.name == "n_uname") return false;
  return std::any_of(row.fields.begin(), row.fields.end(), [&](const NinePField& candidate) {
    return candidate.format == NinePFormat::fid && candidate.name == field.name;
  });
}

class NinePRenderer final : public MessageRenderer {
 public:
  std::vector<DecodedField> render(const PayloadType& type, std::string_view wire,
                                   std::span<const uint8_t> payload, size_t full_size) override {
    std::vector<DecodedField> fields = decode_head(type, payload);
    if (payload.size() <= type.size) return fields;
    const auto message = payload.subspan(type.size);
    FidPaths& paths = conversations_[std::string(wire.substr(0, wire.rfind('/')))];
    const NinePDecoded decoded = decode_message(message, paths.dialect());
    fields.push_back(text_field("message", std::string(decoded.name), type.size));
    if (message.size() >= ninep::header_bytes) {
      DecodedField tag = text_field("tag", fmt::format("{}", decoded.tag), type.size + 5);
      tag.number = decoded.tag;
      tag.size = 2;
      tag.is_number = decoded.tag != ninep::notag;
      if (!tag.is_number) tag.text = "NOTAG";
      fields.push_back(std::move(tag));
    }
    if (decoded.type % 2 != 0) add_path(fields, "path", paths.path_of_request(decoded.tag), type.size);
    const NinePMessageType* row = ninep_message_type(decoded.type);
    for (const DecodedField& field : decoded.fields) {
      fields.push_back(field);
      fields.back().offset += type.size;
      if (row != nullptr && is_fid(field, *row)) {
        add_path(fields, field.name + "_path", paths.path_of(static_cast<uint32_t>(field.number)),
                 field.offset + type.size);
      }
    }
    if (!decoded.problem.empty() && payload.size() >= full_size)
      fields.push_back(text_field("problem", quoted(decoded.problem), type.size));
    paths.take(message);
    return fields;
  }

 private:
  static std::vector<DecodedField> decode_head(const PayloadType& type, std::span<const uint8_t> payload) {
    return decode(type, payload.first(std::min<size_t>(payload.size(), type.size)));
  }
  static void add_path(std::vector<DecodedField>& fields, std::string name, const std::string* path,
                       size_t offset) {
    if (path != nullptr) fields.push_back(text_field(std::move(name), quoted(*path), offset));
  }

  std::map<std::string, FidPaths, std::less<>> conversations_;
};

}  // namespace

std::unique_ptr<MessageRenderer> make_ninep_renderer() { return std::make_unique<NinePRenderer>(); }

}  // namespace ringside

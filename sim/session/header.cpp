// The session's header: JSON, so that people and scripts can read it in any hex viewer, and the contents of
// packed files behind it.
#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "sim/session/encoding.h"
#include "sim/session/pcapng.h"

namespace ringside {

namespace {

using Json = nlohmann::ordered_json;
using Pairs = std::vector<std::pair<std::string, std::string>>;

constexpr int kCompressionLevel = 3;

Json pairs_to_json(const Pairs& pairs) {
  Json list = Json::array();
  for (const auto& [name, value] : pairs) list.push_back(Json::array({name, value}));
  return list;
}

// Takes fields from an object; remembers the first one that is not what it should be.
class ObjectReader {
 public:
  explicit ObjectReader(const Json& object) : object_(object) {}

  void text(const char* name, std::string& into) {
    if (const Json* value = find(name, &Json::is_string)) into = value->get_ref<const std::string&>();
  }
  void optional_text(const char* name, std::string& into) {
    if (object_.is_object() && object_.contains(name)) text(name, into);
  }
  void number(const char* name, uint64_t& into) {
    if (const Json* value = find(name, &Json::is_number_unsigned)) into = value->get<uint64_t>();
  }
  bool boolean(const char* name) {
    const Json* value = find(name, &Json::is_boolean);
    return value != nullptr && value->get<bool>();
  }
  void hash(const char* name, uint64_t& into) {
    std::string digits;
    text(name, digits);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), into, 16);
    if (digits.size() != 16 || result.ec != std::errc() || result.ptr != digits.data() + digits.size())
      note(name);
  }
  void pairs(const char* name, Pairs& into) {
    const Json* list = find(name, &Json::is_array);
    if (list == nullptr) return;
    for (const Json& pair : *list) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string())
        return note(name);
      into.emplace_back(pair[0].get_ref<const std::string&>(), pair[1].get_ref<const std::string&>());
    }
  }
  const Json* list(const char* name) { return find(name, &Json::is_array); }
  void note(const char* name) {
    if (wrong_.empty()) wrong_ = name;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  const Json* find(const char* name, bool (Json::*is_right)() const noexcept) {
    if (object_.is_object()) {
      const auto place = object_.find(name);
      if (place != object_.end() && ((*place).*is_right)()) return &*place;
    }
    note(name);
    return nullptr;
  }

  const Json& object_;
  std::string wrong_;
};

tl::unexpected<Error> wrong(std::string message) {
  return tl::unexpected(Error{ExitCode::bad_input, std::move(message)});
}

}  // namespace

Result<std::string> header_to_json(const SessionHeader& header) {
  Json json;
  json["scenario_name"] = header.scenario_name;
  json["scenario_text"] = header.scenario_text;
  json["overrides"] = pairs_to_json(header.overrides);
  json["seed"] = header.seed;
  json["epoch_instructions"] = header.epoch_instructions;
  json["memory_digest_epochs"] = header.memory_digest_epochs;
  json["files"] = Json::array();
  for (const SessionFile& file : header.files) {
    Json entry;
    entry["name"] = file.name;
    entry["size"] = file.size;
    entry["hash"] = fmt::format("{:016x}", file.hash);
    entry["packed"] = file.contents.has_value();
    json["files"].push_back(std::move(entry));
  }
  json["versions"] = pairs_to_json(header.versions);
  if (!header.program.empty()) json["program"] = header.program;
  if (!header.test.empty()) json["test"] = header.test;
  if (!header.notes.empty()) json["notes"] = header.notes;
  try {
    std::string text = json.dump();
    if (text.size() <= kHeaderBytesMax) return text;
  } catch (const Json::type_error&) {  // the library's way to report text that is not UTF-8
    return wrong(
        "the session's header has text that is not UTF-8; mend the scenario, its notes, an override or a "
        "file's name");
  }
  return wrong(fmt::format("the session's header is larger than {} bytes; shorten the scenario or its notes",
                           kHeaderBytesMax));
}

Result<SessionHeader> header_from_json(std::string_view text, std::vector<bool>& packed) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return wrong("it is not JSON");
  SessionHeader header;
  ObjectReader reader(json);
  reader.text("scenario_name", header.scenario_name);
  reader.text("scenario_text", header.scenario_text);
  reader.pairs("overrides", header.overrides);
  reader.number("seed", header.seed);
  reader.number("epoch_instructions", header.epoch_instructions);
  reader.number("memory_digest_epochs", header.memory_digest_epochs);
  reader.pairs("versions", header.versions);
  reader.optional_text("program", header.program);
  reader.optional_text("test", header.test);
  reader.optional_text("notes", header.notes);
  if (const Json* files = reader.list("files")) {
    for (const Json& entry : *files) {
      ObjectReader file_reader(entry);
      SessionFile& file = header.files.emplace_back();
      file_reader.text("name", file.name);
      file_reader.number("size", file.size);
      file_reader.hash("hash", file.hash);
      packed.push_back(file_reader.boolean("packed"));
      if (!file_reader.wrong().empty()) reader.note("files");
    }
  }
  if (!reader.wrong().empty())
    return wrong(fmt::format("its field '{}' is not as it should be", reader.wrong()));
  return header;
}

Result<> encode_contents(BlockOutput& output, const SessionHeader& header) {
  std::vector<uint8_t> body(12 + ZSTD_compressBound(kContentsChunk));
  uint64_t total = 0;
  for (size_t i = 0; i < header.files.size(); ++i) {
    if (!header.files[i].contents) continue;
    const std::vector<uint8_t>& contents = *header.files[i].contents;
    total += contents.size();
    if (total > kContentsBytesMax) {
      return wrong(fmt::format("'{}' does not fit: a session holds at most {} bytes of files",
                               header.files[i].name, kContentsBytesMax));
    }
    for (size_t at = 0, chunk = 0; at < contents.size(); at += kContentsChunk, ++chunk) {
      const size_t size = std::min<size_t>(kContentsChunk, contents.size() - at);
      const size_t packed =
          ZSTD_compress(&body[12], body.size() - 12, &contents[at], size, kCompressionLevel);
      if (ZSTD_isError(packed))
        return wrong(
            fmt::format("'{}' cannot be packed: {}", header.files[i].name, ZSTD_getErrorName(packed)));
      pcapng::store<uint32_t>(&body[0], static_cast<uint32_t>(i));
      pcapng::store<uint32_t>(&body[4], static_cast<uint32_t>(chunk));
      pcapng::store<uint32_t>(&body[8], static_cast<uint32_t>(size));
      encode_custom(output, CustomKind::contents, std::span(body).first(12 + packed));
    }
  }
  return {};
}

Decoded<ContentsChunk> decode_contents(std::span<const uint8_t> body) {
  if (body.size() < 12) return tl::unexpected<std::string>("a piece of a file is not whole");
  return ContentsChunk{pcapng::load<uint32_t>(&body[0]), pcapng::load<uint32_t>(&body[4]),
                       pcapng::load<uint32_t>(&body[8]), body.subspan(12)};
}

Decoded<void> unpack(const ContentsChunk& chunk, std::vector<uint8_t>& into) {
  const size_t at = into.size();
  const unsigned long long declared =
      ZSTD_getFrameContentSize(chunk.compressed.data(), chunk.compressed.size());
  if (chunk.size > kContentsChunk || declared != chunk.size) {
    return tl::unexpected<std::string>("a piece of a file has another size than it says");
  }
  into.resize(at + chunk.size);
  const size_t got = ZSTD_decompress(&into[at], chunk.size, chunk.compressed.data(), chunk.compressed.size());
  if (ZSTD_isError(got) || got != chunk.size)
    return tl::unexpected<std::string>("a piece of a file does not unpack");
  return {};
}

}  // namespace ringside

#include "host/9p/request_meaning.h"

#include <fmt/format.h>

namespace ringside {

std::string ninep_parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

std::string ninep_join(const std::string& directory, std::string_view name) {
  std::string path = directory == "/" ? directory : directory + "/";
  return path.append(name);
}

namespace {

using namespace std::string_view_literals;

// Numbers that the client chooses as it likes, beside its fids.
bool is_own_number(uint8_t type, const NinePField& field) {
  if (field.name == "newfid"sv || field.name == "afid"sv) return true;
  if ((type == ninep::Tattach || type == ninep::Tauth) && field.name == "fid"sv) return true;
  // Linux gives its process and its host's name.
  return (type == ninep::Tlock || type == ninep::Tgetlock) &&
         (field.name == "proc_id"sv || field.name == "client_id"sv);
}

bool is_fid(const NinePField& field) { return field.format == NinePFormat::fid && field.name != "n_uname"sv; }

// Flags of an open that say nothing to a server: O_NOCTTY, O_NONBLOCK, O_LARGEFILE, O_CLOEXEC.
constexpr uint64_t kClientsOpenFlags = 0400 | 04000 | 0100000 | 02000000;

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    result += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return result;
}

class Reading {
 public:
  Reading(std::span<const uint8_t> message, const FidPaths& paths, NinePMeaning& into)
      : message_(message), paths_(paths), meaning_(into) {}

  void read_fields() {
    meaning_.key = meaning_.text = std::string(meaning_.row->name);
    size_t index = 0;
    for (const NinePField& field : meaning_.row->fields) {
      if (field.dotl_only && paths_.dialect() != NinePDialect::dotl) continue;
      const NinePValue& value = meaning_.values.at[index++];
      if (is_own_number(meaning_.type, field)) continue;
      if (is_fid(field)) {
        read_fid(static_cast<uint32_t>(value.number));
      } else {
        read_value(field, value);
      }
    }
  }

  // The path of the fid in the field with that number, and a name below it.
  std::string at(size_t field) const {
    const std::string* path = paths_.path_of(meaning_.values.u32(field));
    return path != nullptr ? *path : "?";
  }
  std::string below(size_t field, size_t name) const {
    return ninep_join(at(field), meaning_.values.text(name));
  }

  void find_changes();

 private:
  void read_fid(uint32_t fid) {
    const std::string* path = paths_.path_of(fid);
    if (path == nullptr && !meaning_.unknown_fid) meaning_.unknown_fid = fid;
    const std::string shown = path != nullptr ? *path : fmt::format("(unknown fid {})", fid);
    if (meaning_.path.empty() && path != nullptr) meaning_.path = *path;
    meaning_.key += '\0' + shown;
    meaning_.text += ' ' + printable(shown);
  }

  void read_value(const NinePField& field, const NinePValue& value) {
    uint64_t number = value.number;
    if (meaning_.type == ninep::Tlopen && field.name == "flags"sv) number &= ~kClientsOpenFlags;
    meaning_.key += fmt::format("{}{}{}", '\0', number, '\0');
    meaning_.key.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    switch (field.kind) {
      case NinePFieldKind::text:
        meaning_.text += fmt::format(" {}=\"{}\"", field.name, printable(value.text().substr(0, 200)));
        break;
      case NinePFieldKind::names: {
        std::span<const uint8_t> names = value.bytes;
        std::string shown;
        for (uint64_t i = 0; i < value.number; ++i)
          shown += (i == 0 ? "" : "/") + printable(ninep_next_name(names).substr(0, 200));
        meaning_.text += fmt::format(" {}=\"{}\"", field.name, shown);
        break;
      }
      case NinePFieldKind::data:
      case NinePFieldKind::stat: meaning_.text += fmt::format(" {} bytes", value.number); break;
      default:
        meaning_.text += field.format == NinePFormat::decimal ? fmt::format(" {}={}", field.name, number)
                                                              : fmt::format(" {}={:#x}", field.name, number);
    }
  }

  std::span<const uint8_t> message_;
  const FidPaths& paths_;
  NinePMeaning& meaning_;
};

void Reading::find_changes() {
  std::vector<std::string>& changes = meaning_.changes;
  const NinePValues& values = meaning_.values;
  switch (meaning_.type) {
    case ninep::Tlcreate:
    case ninep::Tcreate:
    case ninep::Tsymlink:
    case ninep::Tmknod:
    case ninep::Tmkdir:
    case ninep::Tunlinkat: changes = {below(0, 1), at(0)}; break;
    case ninep::Tlink: changes = {below(0, 2), at(0), at(1)}; break;
    case ninep::Trename: changes = {at(0), ninep_parent(at(0)), below(1, 2), at(1)}; break;
    case ninep::Trenameat: changes = {below(0, 1), at(0), below(2, 3), at(2)}; break;
    case ninep::Tremove: changes = {at(0), ninep_parent(at(0))}; break;
    case ninep::Twstat: changes = {at(0), ninep_parent(at(0))}; break;
    case ninep::Tsetattr:
    case ninep::Twrite:
    case ninep::Txattrcreate: changes = {at(0)}; break;
    case ninep::Tlopen:
      if ((values.u32(1) & ninep::open_truncate) != 0) changes = {at(0)};
      break;
    case ninep::Topen:
      if ((values.u32(1) & ninep::open_truncate_base) != 0) changes = {at(0)};
      break;
    default: break;
  }
}

}  // namespace

NinePMeaning ninep_meaning(std::span<const uint8_t> message, const FidPaths& paths) {
  NinePMeaning meaning;
  if (message.size() < ninep::header_bytes) return meaning;
  meaning.type = message[4];
  meaning.tag = static_cast<uint16_t>(message[5] | message[6] << 8);
  const NinePMessageType* row = ninep_message_type(meaning.type);
  const bool spoken = row != nullptr && (paths.dialect() == NinePDialect::dotl ? row->in_dotl : row->in_base);
  meaning.text = row != nullptr ? std::string(row->name) : fmt::format("type {}", meaning.type);
  if (!spoken || meaning.type % 2 != 0) return meaning;
  meaning.row = row;
  meaning.values = ninep_values(row->fields, paths.dialect(), message, ninep::header_bytes);
  if (!meaning.values.problem.empty()) return meaning;
  Reading reading(message, paths, meaning);
  reading.read_fields();
  reading.find_changes();
  return meaning;
}

}  // namespace ringside

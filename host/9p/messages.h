// The messages of 9P2000 (Plan 9 manual, section 5) and of 9P2000.L (diod's protocol.md) as a table: one row
// a type, with its fields in their order. The server decodes and checks requests by it, `ringside show`
// renders both directions by it, and nothing here reads behind the end of what it was given.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/field_table.h"

namespace ringside {

// 9P2000 as it is, and with Linux's messages ("dotl", as Linux calls it).
enum class NinePDialect : uint8_t { base, dotl };

namespace ninep {
enum Type : uint8_t {
  Tlerror = 6,
  Rlerror,
  Tstatfs,
  Rstatfs,
  Tlopen = 12,
  Rlopen,
  Tlcreate,
  Rlcreate,
  Tsymlink,
  Rsymlink,
  Tmknod,
  Rmknod,
  Trename,
  Rrename,
  Treadlink,
  Rreadlink,
  Tgetattr,
  Rgetattr,
  Tsetattr,
  Rsetattr,
  Txattrwalk = 30,
  Rxattrwalk,
  Txattrcreate,
  Rxattrcreate,
  Treaddir = 40,
  Rreaddir,
  Tfsync = 50,
  Rfsync,
  Tlock,
  Rlock,
  Tgetlock,
  Rgetlock,
  Tlink = 70,
  Rlink,
  Tmkdir,
  Rmkdir,
  Trenameat,
  Rrenameat,
  Tunlinkat,
  Runlinkat,
  Tversion = 100,
  Rversion,
  Tauth,
  Rauth,
  Tattach,
  Rattach,
  Terror,
  Rerror,
  Tflush,
  Rflush,
  Twalk,
  Rwalk,
  Topen,
  Ropen,
  Tcreate,
  Rcreate,
  Tread,
  Rread,
  Twrite,
  Rwrite,
  Tclunk,
  Rclunk,
  Tremove,
  Rremove,
  Tstat,
  Rstat,
  Twstat,
  Rwstat,
};
inline constexpr uint16_t notag = 0xffff;
inline constexpr uint32_t nofid = 0xffffffff;
inline constexpr uint32_t nonuname = 0xffffffff;
inline constexpr size_t header_bytes = 7;                      // size[4] type[1] tag[2]
inline constexpr size_t qid_bytes = 13;                        // type[1] version[4] path[8]
inline constexpr size_t walk_names_max = 16;                   // MAXWELEM
inline constexpr std::string_view cut_short = "is cut short";  // a problem of NinePValues
}  // namespace ninep

enum class NinePFieldKind : uint8_t {
  u8,
  u16,
  u32,
  u64,
  text,     // length[2] text
  qid,      // type[1] version[4] path[8]
  data,     // count[4] bytes: of a file
  entries,  // count[4] bytes: qid[13] offset[8] type[1] name[s] each, Rreaddir
  names,    // count[2] text each
  qids,     // count[2] qid each
  stat,     // length[2] bytes: one directory entry of stat(5)
};
enum class NinePFormat : uint8_t { decimal, hex, octal, fid, errno_name, names, flags };

struct NinePField {
  std::string_view name;
  NinePFieldKind kind;
  NinePFormat format = NinePFormat::decimal;
  std::span<const FieldName> values = {};  // formats names and flags
  bool dotl_only = false;                  // n_uname, which 9P2000 does not have
};

struct NinePMessageType {
  uint8_t type;
  std::string_view name;  // "Tread"
  std::span<const NinePField> fields;
  bool in_base, in_dotl;  // the dialects that have it
};

// Null for a number that neither dialect uses.
const NinePMessageType* ninep_message_type(uint8_t type);
// The directory entry of stat(5).
std::span<const NinePField> ninep_stat_fields();

// One field's value: a number (a count, for kinds with one) and the bytes behind it. Of a qid: its 13 bytes.
struct NinePValue {
  uint64_t number;
  std::span<const uint8_t> bytes;
  size_t offset, size;  // in the message, counts included

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
};

inline constexpr size_t kNinePFieldsMax = 20;
struct NinePValues {
  std::array<NinePValue, kNinePFieldsMax> at;  // by their place in the row, `count` of them
  size_t count = 0;
  std::string_view problem = {};   // of the first field that could not be read, or of what follows the last
  std::string_view problem_field;  // its name

  uint64_t u64(size_t field) const { return at[field].number; }
  uint32_t u32(size_t field) const { return static_cast<uint32_t>(at[field].number); }
  std::string_view text(size_t field) const { return at[field].text(); }
};

// Reads the fields behind `at`; `whole` is the message from its first byte. A problem is: cut short, a NUL in
// a text, more names than a walk may have, bytes behind the last field.
NinePValues ninep_values(std::span<const NinePField> fields, NinePDialect dialect,
                         std::span<const uint8_t> whole, size_t at);

// Takes the next text of a `names` field off `bytes`, which ninep_values() has checked.
std::string_view ninep_next_name(std::span<const uint8_t>& bytes);

// What is wrong with a whole message, if anything: its size, its type, a field. For a transport that breaks
// its connection then, as QEMU's does.
std::optional<std::string> ninep_message_problem(std::span<const uint8_t> message, NinePDialect dialect);

// For people. As much as there is: a message that the recording's policy has cut gives the fields that are
// whole.
struct NinePDecoded {
  std::string_view name;  // "Tread", "type 42" as unknown
  uint8_t type = 0;
  uint16_t tag = 0;
  uint32_t size = 0;  // as the message says
  std::vector<DecodedField> fields;
  std::string problem;  // empty where all is well
};
NinePDecoded decode_message(std::span<const uint8_t> message, NinePDialect dialect = NinePDialect::dotl);

// The dialect that an Rversion's (or Tversion's) text stands for; nothing for "unknown".
std::optional<NinePDialect> ninep_dialect(std::string_view version);

}  // namespace ringside

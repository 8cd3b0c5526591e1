// What a T message asks, whatever numbers its client has chosen: the fids in it become paths, its tag and new
// fids are left out. Two clients that ask the same have requests of the same meaning.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/fid_paths.h"
#include "host/9p/messages.h"

namespace ringside {

namespace ninep {
inline constexpr uint32_t open_truncate = 01000;      // Tlopen's O_TRUNC
inline constexpr uint32_t open_truncate_base = 0x10;  // Topen's OTRUNC
inline constexpr uint32_t setattr_size = 0x8;         // Tsetattr's valid
inline constexpr uint64_t getattr_size = 0x200;       // Rgetattr's valid
inline constexpr uint8_t qid_directory = 0x80;
}  // namespace ninep

struct NinePMeaning {
  uint8_t type = 0;
  uint16_t tag = 0;
  const NinePMessageType* row = nullptr;  // null: no message of the dialect
  NinePValues values;                     // into the message; values.problem where it is malformed
  std::optional<uint32_t> unknown_fid;    // one that stands for nothing
  std::string path;                       // of the file that it is about; empty: none
  std::string key;                        // equal for requests that ask the same
  std::string text;                       // for people: "Tread /hello.txt offset=0 count=4096"
  std::vector<std::string> changes;       // paths that are no longer what they were when it has succeeded

  bool sound() const { return row != nullptr && values.problem.empty(); }
};

// `paths` is what is known before the message.
NinePMeaning ninep_meaning(std::span<const uint8_t> message, const FidPaths& paths);

// "/" for names directly below the root, and for the root.
std::string ninep_parent(const std::string& path);
std::string ninep_join(const std::string& directory, std::string_view name);

}  // namespace ringside

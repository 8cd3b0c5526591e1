// Paths of XenStore nodes (docs/misc/xenstore.txt, "Store" and tools/xenstore/xenstored_core.c).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringside::xenstore {

// An absolute path of allowed characters, without "//", without a trailing "/" (but "/" itself), and whose
// part behind "/local/domain/<id>/" is at most `length_max` long.
bool is_valid_path(std::string_view path, uint32_t length_max);

// "/a/b" gives "/a", "/a" gives "/". The path must be absolute.
std::string parent_of(std::string_view path);

// "/a/b" gives "b". The path must be absolute, and not "/".
std::string_view base_name(std::string_view path);

// "/" and "a" give "/a".
std::string join(std::string_view parent, std::string_view child);

// True for the node itself, too.
bool is_at_or_below(std::string_view path, std::string_view ancestor);

}  // namespace ringside::xenstore

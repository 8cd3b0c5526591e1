#include "hv-model/xenstore/path.h"

#include "sim/assert.h"

namespace ringside::xenstore {

namespace {

constexpr std::string_view kAllowed =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "abcdefghijklmnopqrstuvwxyz"
    "0123456789-/_@";
constexpr std::string_view kDomainHome = "/local/domain/";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The length of "/local/domain/<id>/" at the start, with an id of at most five characters; 0 when it is not
// there. xenstored reads the id by sscanf's %5u, which takes a sign as well.
size_t home_length(std::string_view path) {
  if (!path.starts_with(kDomainHome)) return 0;
  size_t at = kDomainHome.size();
  const size_t width_end = at + 5;
  if (at < path.size() && path[at] == '-') ++at;
  const size_t digits = at;
  while (at < path.size() && at < width_end && is_digit(path[at])) ++at;
  if (at == digits || at >= path.size() || path[at] != '/') return 0;
  return at + 1;
}

}  // namespace

bool is_valid_path(std::string_view path, uint32_t length_max) {
  if (path.empty() || path[0] != '/') return false;
  if (path.size() > 1 && path.back() == '/') return false;
  if (path.find("//") != std::string_view::npos) return false;
  if (path.size() > home_length(path) + length_max) return false;
  return path.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string parent_of(std::string_view path) {
  const size_t slash = path.rfind('/');
  SIM_ASSERT(slash != std::string_view::npos);
  return slash == 0 ? std::string("/") : std::string(path.substr(0, slash));
}

std::string_view base_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  SIM_ASSERT(slash != std::string_view::npos);
  return path.substr(slash + 1);
}

std::string join(std::string_view parent, std::string_view child) {
  std::string path(parent);
  if (path != "/") path += '/';
  path += child;
  return path;
}

bool is_at_or_below(std::string_view path, std::string_view ancestor) {
  if (ancestor == "/") return true;
  if (!path.starts_with(ancestor)) return false;
  return path.size() == ancestor.size() || path[ancestor.size()] == '/';
}

}  // namespace ringside::xenstore

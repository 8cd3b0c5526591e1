// XenStore's messages (public/io/xs_wire.h) as their crossings hold them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "hv-model/xen_abi.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

struct StoreMessage {
  uint32_t type = 0, request = 0, transaction = 0;
  std::string_view body;
};

inline std::optional<StoreMessage> store_message(std::span<const uint8_t> payload) {
  xsd_sockmsg head{};
  if (payload.size() < sizeof head || !read_record(payload, head)) return std::nullopt;
  const std::span<const uint8_t> body = payload.subspan(sizeof head);
  return StoreMessage{
      head.type, head.req_id, head.tx_id, {reinterpret_cast<const char*>(body.data()), body.size()}};
}

// Takes the text up to the next NUL (or the end) off `body`.
inline std::string_view next_text(std::string_view& body) {
  const size_t end = body.find('\0');
  const std::string_view text = body.substr(0, end);
  body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
  return text;
}

// As the domain means it: what does not begin with a slash lies in its own folder.
inline std::string absolute_store_path(uint16_t domain, std::string_view path) {
  if (path.starts_with('/') || path.starts_with('@')) return std::string(path);
  return "/local/domain/" + std::to_string(domain) + "/" + std::string(path);
}

}  // namespace ringside::viewer

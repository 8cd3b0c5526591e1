#include "control/ninep_conversations.h"

#include <fmt/format.h>

#include "control/crossing_text.h"
#include "hv-model/backends/9pfs/p9_payloads.h"

namespace ringside {

void NinePConversations::take(const Wire& wire, const Crossing& crossing,
                              const std::vector<DecodedField>& fields) {
  const uint16_t type = wire.payload_type().id;
  const bool request = type == kP9RequestPayload.id;
  if (!request && type != kP9ResponsePayload.id) return;
  // The record, and a message: size[4] type[1] tag[2].
  constexpr size_t kTagAt = sizeof(P9MessageRecord) + 5;
  const auto bytes = crossing.bytes();
  if (bytes.size() < kTagAt + 2) return;
  Conversation& conversation = conversations_[wire.name().substr(0, wire.name().rfind('/'))];
  conversation.fids.take(bytes.subspan(sizeof(P9MessageRecord)));
  const auto tag = static_cast<uint16_t>(bytes[kTagAt] | bytes[kTagAt + 1] << 8);
  if (request) {
    conversation.in_flight[tag] = {crossing.at.ps, to_line(fields)};
  } else {
    conversation.in_flight.erase(tag);
  }
}

Json NinePConversations::view(const std::string& share) const {
  Json views = Json::array();
  for (const auto& [name, conversation] : conversations_) {
    if (!share.empty() && !wire_matches("9p/" + share, name) && name != share) continue;
    Json view{{"title", fmt::format("{}: {} fids, {} requests in flight", name,
                                    conversation.fids.paths().size(), conversation.in_flight.size())}};
    view["columns"] = {"fid", "path"};
    view["rows"] = Json::array();
    for (const auto& [fid, path] : conversation.fids.paths())
      view["rows"].push_back({fmt::format("{}", fid), path.empty() ? "/" : path});
    for (const auto& [tag, request] : conversation.in_flight)
      view["lines"].push_back(
          fmt::format("tag {} since {}: {}", tag, short_time(request.at_ps), request.text));
    views.push_back(std::move(view));
  }
  if (views.empty()) {
    return {{"error", share.empty() ? "no 9P message has crossed yet"
                                    : fmt::format("no 9P message of a share '{}' has crossed yet", share)}};
  }
  return {{"views", views}};
}

}  // namespace ringside

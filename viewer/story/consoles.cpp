#include "viewer/story/consoles.h"

#include <algorithm>

#include "devices/platform/payloads.h"
#include "devices/uart/payloads.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

constexpr size_t kTextMax = 64 << 10;

std::span<const uint8_t> printed_by(const CrossingTable& table, Row row) {
  if (is_dropped(table, row)) return {};
  const auto payload = table.payload(row);
  const uint16_t type = table.wire_of(row).payload_type;
  if (type == kUartPayload.id) return payload.first(std::min<size_t>(payload.size(), 1));
  if (type == kDebugTextPayload.id) return payload.subspan(std::min(payload.size(), sizeof(DebugTextRecord)));
  return payload;
}

// A line of a debug console stands without its end.
bool is_line(const CrossingTable& table, Row row) {
  return table.wire_of(row).payload_type == kDebugTextPayload.id;
}

}  // namespace

std::string console_text(const StoryParts& parts, const std::string& name, Row end) {
  const std::vector<std::string>& names = parts.wires.console_names();
  const auto known = std::find(names.begin(), names.end(), name);
  if (known == names.end()) return {};
  const CrossingTable& table = parts.table;
  const uint32_t wire = parts.wires.console_wires()[static_cast<size_t>(known - names.begin())];
  const std::vector<Row>& rows = table.wires()[wire].rows;
  const auto behind = std::lower_bound(rows.begin(), rows.end(), end);
  auto first = behind;
  // Rows without text count as well, so that this has an end.
  for (size_t bytes = 0; first != rows.begin() && bytes < kTextMax;)
    bytes += std::max<size_t>(printed_by(table, *--first).size(), 1);
  std::string text;
  for (; first != behind; ++first) {
    const auto bytes = printed_by(table, *first);
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (is_line(table, *first)) text += '\n';
  }
  if (text.size() > kTextMax) text.erase(0, text.size() - kTextMax);
  return text;
}

}  // namespace ringside::viewer

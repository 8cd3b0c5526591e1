#include "viewer/panels/details_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/fault/fault_actions.h"

namespace ringside::viewer {

namespace {

constexpr size_t kLinesMax = 4096;

}  // namespace

void DetailsPanel::collect(const std::vector<DecodedField>& fields, int depth) {
  for (const DecodedField& field : fields) {
    if (lines_.size() >= kLinesMax) return;
    lines_.push_back({field.name, field.children.empty() ? field.text : "", field.offset, field.size, depth,
                      !field.children.empty()});
    collect(field.children, depth + 1);
  }
}

void DetailsPanel::draw(Frame& frame) {
  ViewState& view = frame.view;
  const CrossingTable& table = view.table();
  const Row row = view.cursor().row;
  if (row == kNoRow || row >= table.size()) {
    row_ = kNoRow;
    frame.say_empty("Choose a crossing: its fields and bytes are shown here.");
    return;
  }
  if (row != row_ || history_ != table.history()) {
    row_ = row;
    history_ = table.history();
    scroll_ = bytes_scroll_ = 0;
    lines_.clear();
    collect(view.text().fields(row), 0);
  }
  const Theme& theme = frame.theme;
  Rect area = frame.area.inset(theme.text_size * 0.6F, theme.text_size * 0.2F);
  const ViewedWire& wire = table.wire_of(row);
  const float line = theme.row_height();
  const bool is_out = table.direction(row) == Direction::out;
  frame.canvas.text_in(area.take_top(line),
                       fmt::format("{}  {} {}", row_name(row), is_out ? "\u2192" : "\u2190", wire.name),
                       theme.of(wire.kind), theme.bold());
  frame.canvas.text_in(
      area.take_top(line),
      fmt::format("{}   sequence {}   {}, {}", time_text(table.at(row)), table.sequence(row),
                  wire.type != nullptr ? wire.type->title : fmt::format("payload type {}", wire.payload_type),
                  is_out ? "leaves the guest" : "reaches the guest"),
      theme.dim, theme.small());
  std::string marks;
  for (const std::string_view mark : fault_marks(table.flags(row)))
    marks += (marks.empty() ? "fault: " : ", ") + std::string(mark);
  if ((table.flags(row) & Crossing::kCanonical) == 0)
    marks += (marks.empty() ? "" : "; ") + std::string("not in digests");
  if (table.payload(row).size() < table.full_size(row))
    marks += fmt::format("{}{} of {} bytes are in the session", marks.empty() ? "" : "; ",
                         table.payload(row).size(), table.full_size(row));
  if (!marks.empty())
    frame.canvas.text_in(area.take_top(line), marks, marks.starts_with("fault") ? theme.fault : theme.notice,
                         theme.bold());
  if (const Span* span = view.story().span_of(row)) {
    const bool is_answer = row == span->end;
    const Row other = is_answer ? span->begin : span->end;
    Rect place = area.take_top(line);
    std::string text = "not answered";
    if (other != kNoRow) {
      const Tick length{table.at(span->end).ps - table.at(is_answer ? span->begin : row).ps};
      text = fmt::format("{} {} {} {}", is_answer ? "answers" : "answered by", row_name(other),
                         is_answer ? "after" : "in", duration_text(length));
    }
    const Hit on = frame.hit(place, "other");
    frame.canvas.text_in(place, text,
                         other == kNoRow ? theme.violation
                         : on.hovered    ? theme.text
                                         : theme.accent,
                         theme.font());
    if (on.clicked && other != kNoRow) {
      view.go_to_row(other);
      view.show_cursor();
    }
  }
  area.take_top(theme.gap());

  // The bytes get what they need, up to a half.
  const size_t bytes = table.payload(row).size();
  const auto byte_lines = static_cast<float>(std::max<size_t>(1, (bytes + 15) / 16));
  const float wanted = std::min(byte_lines * theme.text_size * 1.35F + line * 1.2F, area.h * 0.5F);
  const Rect below = area.take_bottom(bytes == 0 ? 0 : wanted);
  marked_offset_ = view.hovered_offset;
  marked_size_ = view.hovered_size;
  view.hovered_size = 0;
  draw_fields(frame, area);
  if (bytes != 0) draw_bytes(frame, below);
}

void DetailsPanel::draw_fields(Frame& frame, Rect area) {
  const Theme& theme = frame.theme;
  ViewState& view = frame.view;
  const float height = theme.row_height() * 0.95F;
  const float all = height * static_cast<float>(lines_.size());
  const Pointer& pointer = frame.pointer();
  if (area.contains(pointer.at)) scroll_ -= pointer.wheel * height * 2;
  scroll_ = std::clamp(scroll_, 0.0F, std::max(0.0F, all - area.h));
  if (lines_.empty()) {
    frame.canvas.text_in(area.take_top(height), "no payload in the session", theme.dim, theme.font());
    return;
  }
  float widest = 0;
  for (const Line& line : lines_)
    widest = std::max(widest, frame.canvas.text_width(line.name, theme.font()) +
                                  static_cast<float>(line.depth) * theme.text_size);
  const float names = std::min(widest + theme.text_size, area.w * 0.45F);
  const Clip clip(frame.canvas, area);
  for (size_t i = 0; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    const Rect place{area.x, area.y + height * static_cast<float>(i) - scroll_, area.w, height};
    if (place.bottom() < area.y || place.y > area.bottom()) continue;
    const Hit on = frame.hit({place.x, std::max(place.y, area.y), place.w,
                              std::min(place.bottom(), area.bottom()) - std::max(place.y, area.y)},
                             fmt::format("field/{}", line.name));
    if (on.hovered) {
      frame.canvas.fill(place, theme.hover, 2);
      view.hovered_offset = line.offset;
      view.hovered_size = line.size;
    }
    const float indent = static_cast<float>(line.depth) * theme.text_size;
    frame.canvas.text_in({place.x + indent, place.y, names - indent, height}, line.name,
                         line.is_group ? theme.text : theme.dim, line.is_group ? theme.bold() : theme.font());
    frame.canvas.text_in({place.x + names, place.y, place.w - names, height}, line.value, theme.text,
                         theme.mono());
    if (on.hovered && frame.canvas.text_width(line.value, theme.mono()) > place.w - names)
      frame.tooltip(line.value);
  }
}

void DetailsPanel::draw_bytes(Frame& frame, Rect area) {
  const Theme& theme = frame.theme;
  ViewState& view = frame.view;
  const auto payload = view.table().payload(row_);
  frame.canvas.line({area.x, area.y}, {area.right(), area.y}, theme.border);
  area.take_top(theme.gap());
  const Font font = theme.mono();
  const float letter = frame.canvas.text_width("0", font), height = theme.text_size * 1.35F;
  // As many to a line as fit: 16, 8 or 4.
  size_t per_line = 16;
  while (per_line > 4 && letter * static_cast<float>(6 + per_line * 4) > area.w) per_line /= 2;
  const auto lines = (payload.size() + per_line - 1) / per_line;
  const Pointer& pointer = frame.pointer();
  if (area.contains(pointer.at)) bytes_scroll_ -= pointer.wheel * height * 2;
  bytes_scroll_ =
      std::clamp(bytes_scroll_, 0.0F, std::max(0.0F, height * static_cast<float>(lines) - area.h));
  const Clip clip(frame.canvas, area);
  const float hex_x = area.x + letter * 6, text_x = hex_x + letter * (static_cast<float>(per_line) * 3 + 1);
  const auto first = static_cast<size_t>(bytes_scroll_ / height);
  for (size_t line = first; line < lines; ++line) {
    const float y = area.y + height * static_cast<float>(line) - bytes_scroll_;
    if (y > area.bottom()) break;
    frame.canvas.text({area.x, y}, fmt::format("{:04x}", line * per_line), theme.dim, font);
    for (size_t i = 0; i < per_line && line * per_line + i < payload.size(); ++i) {
      const size_t offset = line * per_line + i;
      const uint8_t byte = payload[offset];
      const Rect cell{hex_x + letter * 3 * static_cast<float>(i), y, letter * 2.6F, height};
      const Rect text_cell{text_x + letter * static_cast<float>(i), y, letter, height};
      const bool is_marked =
          marked_size_ != 0 && offset >= marked_offset_ && offset - marked_offset_ < marked_size_;
      if (is_marked) {
        frame.canvas.fill(cell, theme.accent.with_alpha(120), 2);
        frame.canvas.fill(text_cell, theme.accent.with_alpha(120), 2);
      }
      if ((cell.contains(pointer.at) || text_cell.contains(pointer.at)) && area.contains(pointer.at)) {
        view.hovered_offset = offset;
        view.hovered_size = 1;
        // The innermost field that has this byte.
        for (const Line& field : lines_) {
          if (field.size == 0 || field.is_group || offset < field.offset ||
              offset - field.offset >= field.size)
            continue;
          view.hovered_offset = field.offset;
          view.hovered_size = field.size;
          frame.tooltip(fmt::format("{} = {}", field.name, field.value));
        }
      }
      frame.canvas.text({cell.x, y}, fmt::format("{:02x}", byte),
                        byte == 0 && !is_marked ? theme.dim : theme.text, font);
      const char shown = byte >= 0x20 && byte < 0x7f ? static_cast<char>(byte) : '.';
      if (text_cell.right() > area.right() + 1) continue;
      frame.canvas.text({text_cell.x, y}, std::string_view(&shown, 1), shown == '.' ? theme.dim : theme.text,
                        font);
    }
  }
}

std::vector<std::pair<std::string, std::string>> DetailsPanel::facts(ViewState&) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Line& line : lines_) {
    if (line.depth == 0 && !line.is_group) all.emplace_back("field." + line.name, line.value);
  }
  all.emplace_back("marked", marked_size_ == 0 ? "" : fmt::format("{}+{}", marked_offset_, marked_size_));
  return all;
}

}  // namespace ringside::viewer

#include "viewer/panels/memory_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "viewer/panels/machine_here.h"

namespace ringside::viewer {

namespace {

constexpr uint64_t kLine = 16, kBytesMax = 4096;

std::string without_blanks(const std::string& text) {
  std::string left;
  for (const char c : text) {
    if (c != ' ' && c != '\t' && c != '_' && c != '`')
      left += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return left;
}

std::optional<uint64_t> hex_in(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string> register_value(ViewState& view, std::string_view name) {
  std::string error;
  const Json* shown = first_view(view.machine_view("registers", {{"domain", machine_domain(view)}}), error);
  if (shown == nullptr || !shown->contains("facts") || !(*shown)["facts"].is_array()) return std::nullopt;
  for (const Json& fact : (*shown)["facts"]) {
    if (fact.is_array() && fact.size() == 2 && fact[0] == name && fact[1].is_string())
      return fact[1].get<std::string>();
  }
  return "";
}

}  // namespace

std::optional<uint64_t> MemoryPanel::address(ViewState& view, std::string& error) const {
  const std::string text = without_blanks(text_);
  const size_t sign = text.find_first_of("+-");
  const std::string base = text.substr(0, std::min(sign, text.size()));
  std::optional<uint64_t> at = hex_in(base);
  if (!at) {
    const auto value = register_value(view, base);
    if (!value) return std::nullopt;
    at = hex_in(std::string_view(*value).substr(0, std::min<size_t>(value->size(), 16)));
  }
  const std::optional<uint64_t> more = sign == std::string::npos ? 0 : hex_in(text.substr(sign + 1));
  if (!at || !more) {
    error = fmt::format("'{}' is no address: write ffff8000, rsp, rsp+40", text_);
    return std::nullopt;
  }
  const bool is_minus = sign != std::string::npos && text[sign] == '-';
  return (is_minus ? *at - *more : *at + *more) + static_cast<uint64_t>(offset_);
}

void MemoryPanel::scroll(int64_t bytes) {
  offset_ = std::clamp<int64_t>(offset_ + bytes, -(1LL << 40), 1LL << 40);
}

bool MemoryPanel::on_key(std::string_view key, ViewState&) {
  if (key != "PageUp" && key != "PageDown") return false;
  const auto page = static_cast<int64_t>(std::max(kLine, in_sight_));
  scroll(key == "PageUp" ? -page : page);
  return true;
}

void MemoryPanel::draw(Frame& frame) {
  if (!machine_is_here(frame, "memory")) return;
  const Theme& theme = frame.theme;
  ViewState& view = frame.view;
  Rect area = frame.area.inset(theme.gap());
  Rect head = area.take_top(theme.row_height() * 1.2F);
  const std::string domain = machine_domain(frame, head);
  const float width = frame.canvas.text_width("physical", theme.font()) + theme.text_size;
  if (frame.button(head.take_right(width), "physical", "physical", is_physical_))
    is_physical_ = !is_physical_;
  head.take_right(theme.gap());
  const std::string before = text_;
  frame.input(head, "address", text_, "address: ffff8000, rsp, rsp+40");
  if (text_ != before) offset_ = 0;
  area.take_top(theme.gap());

  std::string error;
  const std::optional<uint64_t> at = address(view, error);
  const auto say = [&](const std::string& text, Color color) {
    frame.canvas.text_in(area.take_top(theme.row_height()), text, color, theme.font());
  };
  if (!error.empty()) return say(error, theme.bad);
  if (!at) return frame.animate();
  const float row = theme.row_height() * 0.92F;
  const Pointer& pointer = frame.pointer();
  if (area.contains(pointer.at) && pointer.wheel != 0)
    scroll(-static_cast<int64_t>(std::lround(pointer.wheel)) * 3 * static_cast<int64_t>(kLine));
  const auto lines = static_cast<uint64_t>(std::max(1.0F, std::floor(area.h / row)));
  in_sight_ = std::min(lines * kLine, kBytesMax);
  const Json* shown = first_view(
      view.machine_view(
          "memory",
          {{"domain", domain}, {"address", *at}, {"length", in_sight_}, {"physical", is_physical_}}),
      error);
  if (!error.empty()) return say(error, theme.bad);
  if (shown == nullptr) return frame.animate();
  const Clip clip(frame.canvas, area);
  // Rather smaller letters than a line that is cut.
  Font font = theme.mono();
  size_t longest = 1;
  for (const std::string& line : view_lines(*shown)) longest = std::max(longest, line.size());
  const float wanted = frame.canvas.text_width("0", font) * static_cast<float>(longest + 1);
  font.size *= std::clamp(area.w / wanted, 0.7F, 1.0F);
  const float letter = frame.canvas.text_width("0", font);
  for (const std::string& line : view_lines(*shown)) {
    Rect place = area.take_top(row);
    if (place.h < row) break;
    // "0000000000001000  00 01 ... 0f  letters", or that nothing is there.
    const size_t end = std::min(line.find(' '), line.size());
    frame.canvas.text_in(place.take_left(letter * static_cast<float>(end + 2)), line.substr(0, end),
                         theme.dim, font);
    if (end + 2 < line.size()) frame.canvas.text_in(place, line.substr(end + 2), theme.text, font);
  }
}

std::vector<std::pair<std::string, std::string>> MemoryPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("text", text_);
  facts.emplace_back("physical", is_physical_ ? "true" : "false");
  if (!view.machine_is_here()) return facts;
  std::string error;
  const auto at = address(view, error);
  if (at) facts.emplace_back("address", fmt::format("{:016x}", *at));
  if (!error.empty()) facts.emplace_back("error", error);
  return facts;
}

}  // namespace ringside::viewer

#include "viewer/panels/console_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "control/terminal_escapes.h"

namespace ringside::viewer {

namespace {

constexpr size_t kLinesMax = 20'000;

// Where a live machine takes what is typed at a console: the domain's own, or a further one by its name.
std::string input_wire(const std::string& console) {
  return console.find('/') == std::string::npos ? console + "/console/in" : console + "/in";
}

// So many bytes are one character of UTF-8; a byte that begins none stands for itself.
size_t character_size(std::string_view text, size_t at) {
  const auto first = static_cast<uint8_t>(text[at]);
  const size_t size = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return std::min(size, text.size() - at);
}

}  // namespace

std::string plain_console_text(std::string_view printed) {
  std::string plain;
  TerminalEscapes escapes;
  size_t line = 0;       // where the last line begins
  bool returns = false;  // a carriage return, which the next character would write over it
  for (const char c : printed) {
    if (escapes.takes(c)) continue;
    if (c == '\r') {
      returns = true;
    } else if (c == '\n') {
      plain += '\n';
      line = plain.size();
      returns = false;
    } else if (c == '\b') {
      if (plain.size() > line) plain.pop_back();
    } else if (c == '\t') {
      plain.append(8 - (plain.size() - line) % 8, ' ');
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      if (std::exchange(returns, false)) plain.resize(line);
      plain += c;
    }
  }
  return plain;
}

const std::string* ConsolePanel::shown_console(ViewState& view) const {
  const std::vector<std::string>& names = view.story().consoles();
  for (const std::string& wanted : {chosen_, view.selected_domain}) {
    const auto found = std::find(names.begin(), names.end(), wanted);
    if (found != names.end()) return &*found;
  }
  return names.empty() ? nullptr : &names.front();
}

void ConsolePanel::break_lines(Frame& frame, float width) {
  lines_.clear();
  width_ = width;
  const float letter = std::max(1.0F, frame.canvas.text_width("0", frame.theme.mono()));
  const auto columns = static_cast<size_t>(std::max(8.0F, std::floor(width / letter)));
  std::string_view rest = text_;
  while (!rest.empty() && lines_.size() < kLinesMax) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    size_t begin = 0, count = 0;
    for (size_t at = 0; at < line.size(); at += character_size(line, at)) {
      if (count++ < columns) continue;
      lines_.emplace_back(line.substr(begin, at - begin));
      begin = at;
      count = 1;
    }
    lines_.emplace_back(line.substr(begin));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void ConsolePanel::draw(Frame& frame) {
  ViewState& view = frame.view;
  const Theme& theme = frame.theme;
  const std::string* found = shown_console(view);
  const bool takes_text = view.is_live && view.live() != nullptr &&
                          view.live()->state() != LiveMachine::State::failed &&
                          view.live()->state() != LiveMachine::State::none;
  if (found == nullptr && !takes_text) return frame.say_empty("No guest has printed anything.");
  const std::string console = found != nullptr ? *found : "dom1";
  Rect area = frame.area.inset(theme.gap());
  if (view.story().consoles().size() > 1) {
    const std::vector<std::string>& names = view.story().consoles();
    const auto number = static_cast<int>(std::find(names.begin(), names.end(), console) - names.begin());
    const int clicked = frame.tabs(area.take_top(theme.row_height()), "console", names, number);
    if (clicked >= 0) chosen_ = names[static_cast<size_t>(clicked)];
    area.take_top(theme.gap());
  }
  if (takes_text && area.h > theme.row_height() * 3) {
    Rect line = area.take_bottom(theme.row_height() * 1.2F);
    area.take_bottom(theme.gap());
    if (frame.input(line, "type", typed_, fmt::format("type into {}: Enter sends it", console)))
      type(frame, console);
  }
  std::string text = plain_console_text(view.story().console(console, view.cursor().row));
  if (text.empty()) {
    frame.canvas.text_in(area.take_top(theme.row_height()),
                         fmt::format("{} has printed nothing by the cursor.", console), theme.dim,
                         theme.font());
    return;
  }
  const float width = area.w - theme.text_size * 1.2F;
  if (text != text_ || width != width_) {
    text_ = std::move(text);
    break_lines(frame, width);
    // What was printed last is what the cursor is about.
    if (!lines_.empty()) rows_.show(lines_.size() - 1);
  }
  const float row = frame.canvas.line_height(theme.mono());
  rows_.draw(frame, area, "line", lines_.size(), row,
             [&](size_t i, Rect place) { frame.canvas.text_in(place, lines_[i], theme.text, theme.mono()); });
}

void ConsolePanel::type(Frame& frame, const std::string& console) {
  ViewState& view = frame.view;
  view.live()->type(input_wire(console), typed_ + "\r");
  typed_.clear();
  if (view.live()->state() == LiveMachine::State::paused)
    view.say("typed: the machine takes it when it goes on");
}

std::vector<std::pair<std::string, std::string>> ConsolePanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const std::string* console = shown_console(view);
  facts.emplace_back("console", console != nullptr ? *console : "");
  if (console == nullptr) return facts;
  const std::string text = plain_console_text(view.story().console(*console, view.cursor().row));
  facts.emplace_back("bytes", fmt::format("{}", text.size()));
  const std::string_view whole = std::string_view(text).substr(0, text.find_last_not_of('\n') + 1);
  const size_t line = whole.find_last_of('\n');
  facts.emplace_back("last", std::string(line == std::string_view::npos ? whole : whole.substr(line + 1)));
  return facts;
}

}  // namespace ringside::viewer

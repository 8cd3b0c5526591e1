#include "viewer/panels/cpu_panel.h"

#include <fmt/format.h>

#include <algorithm>

#include "viewer/panels/machine_here.h"
#include "viewer/panels/state_words.h"
#include "viewer/session/grouped_number.h"

namespace ringside::viewer {

namespace {

// Instructions ahead of the one that comes next, and from it on.
constexpr unsigned kBefore = 12, kFrom = 40;

std::string value_of(const std::vector<std::pair<std::string, std::string>>& facts, std::string_view name) {
  for (const auto& [known, value] : facts) {
    if (known == name) return value;
  }
  return {};
}

// "0xffffffff80001234  mov eax, 1": where the address ends.
size_t address_end(const std::string& line) { return std::min(line.find(' '), line.size()); }

}  // namespace

CpuPanel::Facts CpuPanel::registers_of(ViewState& view, const std::string& domain, std::string& error) {
  Facts facts;
  const Json* shown = first_view(view.machine_view("registers", {{"domain", domain}}), error);
  if (shown == nullptr || !shown->contains("facts") || !(*shown)["facts"].is_array()) return facts;
  for (const Json& fact : (*shown)["facts"]) {
    if (fact.is_array() && fact.size() == 2 && fact[0].is_string() && fact[1].is_string())
      facts.emplace_back(fact[0].get<std::string>(), fact[1].get<std::string>());
  }
  return facts;
}

void CpuPanel::draw(Frame& frame) {
  if (!machine_is_here(frame, "registers and code")) return;
  const Theme& theme = frame.theme;
  ViewState& view = frame.view;
  Rect area = frame.area.inset(theme.gap());
  Rect head = area.take_top(theme.row_height());
  const std::string domain = machine_domain(frame, head);
  const StepPlace& place = view.live()->place();
  frame.canvas.text_in(
      head, fmt::format("{} instructions, {}", grouped(place.instructions), time_text(Tick{place.at_ps})),
      theme.dim, theme.font());
  area.take_top(theme.gap());
  std::string error;
  Facts registers = registers_of(view, domain, error);
  if (!error.empty())
    return frame.canvas.text_in(area.take_top(theme.row_height()), error, theme.bad, theme.font());
  // What has been asked for comes in a later frame; until then the last ones would be of another place.
  if (registers.empty()) return frame.animate();
  if (registers != shown_) {
    before_ = std::move(shown_);
    shown_ = registers;
  }
  const float letter = frame.canvas.text_width("0", theme.mono());
  const std::string rip = value_of(registers, "rip");
  const bool beside = area.w > letter * 72;
  Rect left = beside ? area.take_left(std::max(letter * 27, area.w * 0.36F))
                     : area.take_top(std::min(area.h * 0.42F,
                                              theme.row_height() * static_cast<float>(registers.size())));
  draw_registers(frame, left, registers);
  if (beside) area.take_left(theme.gap() * 2);
  if (!beside) area.take_top(theme.gap());
  if (area.h > theme.row_height() * 12) draw_stack(frame, area.take_bottom(area.h * 0.3F), domain);
  draw_code(frame, area, domain, rip);
}

// In as many columns as there is room for; what has changed since the place before is bright.
void CpuPanel::draw_registers(Frame& frame, Rect area, const Facts& registers) {
  const Theme& theme = frame.theme;
  const float letter = frame.canvas.text_width("0", theme.mono());
  const float row = theme.row_height() * 0.92F;
  float names = 0;
  for (const auto& [name, value] : registers)
    names = std::max(names, frame.canvas.text_width(name, theme.mono()));
  names = std::min(names, letter * 7) + letter;
  const float column = names + letter * 18;
  // Those with a long value stand below, alone in their line.
  std::vector<const std::pair<std::string, std::string>*> narrow, wide;
  for (const auto& fact : registers) {
    const bool fits = fact.second.size() <= 17 && fact.first.size() <= 7;
    (fits ? narrow : wide).push_back(&fact);
  }
  const auto columns = static_cast<size_t>(std::clamp(area.w / column, 1.0F, 4.0F));
  const size_t lines = (narrow.size() + columns - 1) / columns;
  const auto one = [&](Rect place, const std::pair<std::string, std::string>& fact) {
    const float own = std::max(names, frame.canvas.text_width(fact.first, theme.mono()) + letter);
    frame.canvas.text_in(place.take_left(own), fact.first, theme.dim, theme.mono());
    const std::string before = value_of(before_, fact.first);
    const bool changed = !before.empty() && before != fact.second;
    frame.canvas.text_in(place, fact.second, changed ? theme.accent : theme.text, theme.mono());
  };
  registers_rows_.draw(frame, area, "registers", lines + wide.size(), row, [&](size_t line, Rect place) {
    if (line >= lines) return one(place, *wide[line - lines]);
    for (size_t i = 0; i < columns; ++i) {
      const size_t number = line + i * lines;
      if (number < narrow.size())
        one(place.take_left(place.w / static_cast<float>(columns - i)), *narrow[number]);
    }
  });
}

void CpuPanel::draw_code(Frame& frame, Rect area, const std::string& domain, const std::string& rip) {
  const Theme& theme = frame.theme;
  draw_heading(frame, area, "Code");
  std::string error;
  const Json* code = first_view(
      frame.view.machine_view("disassembly", {{"domain", domain}, {"count", kFrom}, {"before", kBefore}}),
      error);
  if (!error.empty())
    return frame.canvas.text_in(area.take_top(theme.row_height()), error, theme.bad, theme.font());
  if (code == nullptr) return frame.animate();
  const std::vector<std::string> lines = view_lines(*code);
  const std::string here = "0x" + rip;
  if (rip != shown_rip_ || area.h != code_height_) {
    shown_rip_ = rip;
    code_height_ = area.h;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].starts_with(here)) code_rows_.show(i);
    }
  }
  const float letter = frame.canvas.text_width("0", theme.mono());
  code_rows_.draw(frame, area, "code", lines.size(), theme.row_height() * 0.92F, [&](size_t i, Rect place) {
    const std::string& line = lines[i];
    const bool is_next = line.starts_with(here);
    if (is_next) frame.canvas.fill(place, theme.cursor.with_alpha(50), 2);
    frame.canvas.text_in(place.take_left(letter * 2), is_next ? ">" : "", theme.cursor, theme.mono());
    const size_t end = address_end(line);
    frame.canvas.text_in(place.take_left(letter * static_cast<float>(end + 2)), line.substr(0, end),
                         theme.dim, theme.mono());
    const size_t text = line.find_first_not_of(' ', end);
    if (text != std::string::npos)
      frame.canvas.text_in(place, line.substr(text), is_next ? theme.text : mix(theme.dim, theme.text, 0.7F),
                           theme.mono());
  });
}

void CpuPanel::draw_stack(Frame& frame, Rect area, const std::string& domain) {
  const Theme& theme = frame.theme;
  area.take_top(theme.gap());
  draw_heading(frame, area, "Called from");
  std::string error;
  const Json* stack = first_view(frame.view.machine_view("backtrace", {{"domain", domain}}), error);
  if (!error.empty())
    return frame.canvas.text_in(area.take_top(theme.row_height()), error, theme.bad, theme.font());
  if (stack == nullptr) return frame.animate();
  const std::vector<std::string> lines = view_lines(*stack);
  stack_rows_.draw(frame, area, "stack", lines.size(), theme.row_height() * 0.92F, [&](size_t i, Rect place) {
    frame.canvas.text_in(place, lines[i], i == 0 ? theme.text : mix(theme.dim, theme.text, 0.7F),
                         theme.mono());
  });
}

std::vector<std::pair<std::string, std::string>> CpuPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const bool is_here = view.machine_is_here();
  facts.emplace_back("here", is_here ? "true" : "false");
  if (!is_here) return facts;
  facts.emplace_back("instructions", fmt::format("{}", view.live()->place().instructions));
  std::string error;
  for (auto& fact : registers_of(view, machine_domain(view), error)) facts.push_back(std::move(fact));
  if (!error.empty()) facts.emplace_back("error", error);
  return facts;
}

}  // namespace ringside::viewer

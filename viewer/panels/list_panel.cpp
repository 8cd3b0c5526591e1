#include "viewer/panels/list_panel.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringside::viewer {

void ListPanel::draw(Frame& frame) {
  ViewState& view = frame.view;
  const CrossingTable& table = view.table();
  const bool is_filtered = view.is_filtered();
  rows_ = is_filtered ? view.found().size() : table.size();
  if (rows_ == 0) {
    frame.say_empty(is_filtered && view.filter_done() ? "No crossing matches the filter."
                    : table.empty()                   ? "No crossings yet."
                                                      : "Looking ...");
    return;
  }
  const auto row_of = [&](size_t i) { return is_filtered ? view.found()[i] : static_cast<Row>(i); };
  TableView::Source source;
  source.rows = rows_;
  if (view.cursor().row != kNoRow) {
    if (is_filtered) {
      const auto at = std::lower_bound(view.found().begin(), view.found().end(), view.cursor().row);
      if (at != view.found().end() && *at == view.cursor().row)
        source.selected = static_cast<size_t>(at - view.found().begin());
    } else {
      source.selected = view.cursor().row;
    }
  }
  if (!(shown_ == view.cursor())) {
    shown_ = view.cursor();
    if (source.selected) table_.show(*source.selected);
    if (view.cursor().row == kNoRow) table_.show(0);
  }
  const Theme& theme = frame.theme;
  source.background = [&](size_t i) -> std::optional<Color> {
    const Row row = row_of(i);
    if (row == view.hovered) return theme.hover;
    if ((table.flags(row) & Crossing::kInjected) != 0) return theme.fault.with_alpha(60);
    if (table.wire_of(row).name.ends_with("/notice")) return theme.notice.with_alpha(40);
    return std::nullopt;
  };
  source.cell = [&](size_t i, size_t column) -> TableView::Cell {
    const Row row = row_of(i);
    switch (column) {
      case 0: return {row_name(row), theme.dim};
      case 1: return {time_text(table.at(row)), theme.dim};
      case 2: return {table.wire_of(row).name, theme.of(table.wire_of(row).kind)};
      case 3: return {table.direction(row) == Direction::out ? "\u2192" : "\u2190", theme.dim};
      default: return {view.text().line(row), std::nullopt};
    }
  };
  const size_t digits = row_name(static_cast<Row>(table.size())).size();
  const bool is_narrow = frame.area.w < theme.text_size * 45;
  std::vector<TableView::Column> columns = {{"No.", static_cast<float>(digits), true, Canvas::Align::right},
                                            {"Time", 15, true},
                                            {"Wire", is_narrow ? 14.0F : 24.0F, false},
                                            {"", 2, false, Canvas::Align::centre},
                                            {"What", 0, true}};
  const auto result = table_.draw(frame, frame.area, "row", columns, source);
  if (result.clicked) {
    const Row row = row_of(*result.clicked);
    view.go_to_row(row);
    view.show_cursor();
    shown_ = view.cursor();
    if (result.double_clicked) view.select_wire(table.wire(row));
  }
  if (result.hovered) view.hovered = row_of(*result.hovered);
  if (result.right_clicked) open_row_menu(frame, row_of(*result.right_clicked));
}

void ListPanel::open_row_menu(Frame& frame, Row row) {
  ViewState& view = frame.view;
  const std::string wire = view.table().wire_of(row).name;
  const auto filter = [&view](const std::string& text) {
    view.filter_text = view.filter_text.empty() ? text : "(" + view.filter_text + ") && " + text;
    view.apply_filter();
  };
  frame.open_menu({{row_name(row) + " " + wire, nullptr},
                   {"Only this wire", [=] { filter(fmt::format("wire == \"{}\"", wire)); }},
                   {"Not this wire", [=] { filter(fmt::format("wire != \"{}\"", wire)); }},
                   {"Choose this wire", [&view, at = view.table().wire(row)] { view.select_wire(at); }},
                   {"Mark A here", [&view, at = view.table().at(row)] { view.mark_a = at; }},
                   {"Mark B here", [&view, at = view.table().at(row)] { view.mark_b = at; }},
                   {"Machine to here", [&view, row] {
                      view.go_to_row(row);
                      view.bring_machine_here();
                    }}});
}

bool ListPanel::on_key(std::string_view key, ViewState& view) {
  // What the filter hides is not stepped to, as long as the list is the chosen pane.
  const auto page = static_cast<int>(std::max<size_t>(1, table_.rows_in_sight() - 1));
  const auto step = [&view](int by) { view.is_filtered() ? view.step_found(by) : view.step(by); };
  if (key == "Down") return step(1), true;
  if (key == "Up") return step(-1), true;
  if (key == "PageDown") return step(page), true;
  if (key == "PageUp") return step(-page), true;
  return false;
}

std::vector<std::pair<std::string, std::string>> ListPanel::facts(ViewState&) {
  return {{"rows", fmt::format("{}", rows_)}};
}

}  // namespace ringside::viewer

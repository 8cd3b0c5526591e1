#include "viewer/panels/grants_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

constexpr uint32_t kSquaresMax = 4096;

std::string access_text(const GrantUse& use) {
  if (use.mapped) return use.writable ? "writable" : "read-only";
  return use.failed ? "failed" : "no";
}

// A square tells by its shape, too: full (writable), half (read-only), a dot (used before), a cross (failed).
void draw_square(Frame& frame, Rect square, const GrantUse* use) {
  const Theme& theme = frame.theme;
  frame.canvas.fill(square, theme.slot_empty);
  if (use == nullptr) return;
  if (use->mapped) {
    const Rect part = use->writable ? square : Rect{square.x, square.centre().y, square.w, square.h / 2};
    frame.canvas.fill(part, use->writable ? theme.slot_taken : theme.slot_published);
  } else if (use->failed) {
    const float width = std::max(1.5F, square.w * 0.14F);
    frame.canvas.line({square.x, square.y}, {square.right(), square.bottom()}, theme.bad, width);
    frame.canvas.line({square.right(), square.y}, {square.x, square.bottom()}, theme.bad, width);
  } else {
    frame.canvas.fill_circle(square.centre(), square.w * 0.28F, theme.slot_answered);
  }
}

enum class What : uint8_t { ref, frame, by, use, access, since, length, uses };
struct Column {
  What what;
  TableView::Column column;
};

std::vector<Column> columns_for(Frame& frame, float wide) {
  using Align = Canvas::Align;
  std::vector<Column> columns = {{What::ref, {"ref", 6, true, Align::right}},
                                 {What::frame, {"frame", 11, true, Align::right}},
                                 {What::by, {"given to", 8, false, Align::left}},
                                 {What::use, {"for", 10, false, Align::left}},
                                 {What::access, {"mapped", 10, false, Align::left}},
                                 {What::since, {"since", 13, false, Align::right}},
                                 {What::length, {"for how long", 12, false, Align::right}},
                                 {What::uses, {"uses", 6, false, Align::right}}};
  const float letter = frame.canvas.text_width("0", frame.theme.mono()), pads = frame.theme.text_size * 0.8F;
  wide -= frame.theme.text_size;
  for (const What least : {What::since, What::frame, What::uses, What::length, What::use, What::by}) {
    float all = 0;
    for (const Column& column : columns) all += column.column.width * letter + pads;
    if (all <= wide) break;
    std::erase_if(columns, [least](const Column& column) { return column.what == least; });
  }
  return columns;
}

TableView::Cell cell_of(ViewState& view, const Theme& theme, const GrantUse& use, What what) {
  switch (what) {
    case What::ref: return {fmt::format("{}", use.ref), {}};
    case What::frame: return {fmt::format("{:#x}", use.frame), {}};
    case What::by: return {fmt::format("dom{}", use.by), {}};
    case What::use: return {use.use, {}};
    case What::access: {
      const std::optional<Color> color =
          use.mapped ? std::nullopt : std::optional(use.failed ? theme.bad : theme.dim);
      return {access_text(use), color};
    }
    case What::since: return {use.mapped ? when_text(view.table(), use.since) : "", {}};
    case What::length: return {use.mapped ? age_text(view, use.since) : "", {}};
    case What::uses: break;
  }
  return {fmt::format("{}", use.uses), {}};
}

}  // namespace

const DomainGrants* GrantsPanel::shown_domain(ViewState& view, const std::vector<DomainGrants>& all) {
  for (const DomainGrants& grants : all)
    if (grants.domain == view.selected_domain) return &grants;
  return all.empty() ? nullptr : &all.front();
}

void GrantsPanel::draw(Frame& frame) {
  const std::vector<DomainGrants>& all = frame.view.story().grants(frame.view.cursor().row);
  const DomainGrants* grants = shown_domain(frame.view, all);
  if (grants == nullptr || grants->refs.empty())
    return frame.say_empty("No grant yet: nobody has mapped or copied another domain's page by the cursor.");
  const Theme& theme = frame.theme;
  Rect area = frame.area.inset(theme.gap());
  draw_head(frame, area.take_top(theme.row_height()), all, *grants);
  area.take_top(theme.gap());
  if (area.h > theme.row_height() * 8) draw_map(frame, area, *grants);
  draw_table(frame, area, *grants);
}

void GrantsPanel::draw_head(Frame& frame, Rect area, const std::vector<DomainGrants>& all,
                            const DomainGrants& grants) {
  const Theme& theme = frame.theme;
  const auto mapped =
      std::count_if(grants.refs.begin(), grants.refs.end(), [](const GrantUse& use) { return use.mapped; });
  const float wide = frame.canvas.text_width("mapped now", theme.font()) + theme.text_size;
  if (frame.button(area.take_right(wide), "mapped_now", "mapped now", mapped_only_))
    mapped_only_ = !mapped_only_;
  area.take_right(theme.gap());
  const std::string count = fmt::format("{} of {} used references mapped", mapped, grants.refs.size());
  if (all.size() > 1) {
    std::vector<std::string> names;
    int chosen = 0;
    for (const DomainGrants& other : all) {
      if (other.domain == grants.domain) chosen = static_cast<int>(names.size());
      names.push_back(other.domain);
    }
    const int clicked = frame.tabs(area.take_left(area.w * 0.5F), "domain", names, chosen);
    if (clicked >= 0) frame.view.selected_domain = names[static_cast<size_t>(clicked)];
    area.take_left(theme.gap());
    return frame.canvas.text_in(area, count, theme.dim, theme.font());
  }
  frame.canvas.text_in(area, fmt::format("{} grants: {}", grants.domain, count), theme.text, theme.font());
}

void GrantsPanel::draw_map(Frame& frame, Rect& area, const DomainGrants& grants) {
  const Theme& theme = frame.theme;
  const std::vector<LegendEntry> legend = {{theme.slot_taken, "", "mapped, writable"},
                                           {theme.slot_published, "", "mapped, read-only", 0, 0.5F},
                                           {theme.slot_answered, "", "used before", 0.3F, 0.7F},
                                           {theme.bad, "x", "failed"},
                                           {theme.slot_empty, "", "never used"}};
  const uint32_t last = grants.refs.back().ref;
  const uint32_t count = std::min(last < kSquaresMax ? (last / 32 + 1) * 32 : kSquaresMax, kSquaresMax);
  const float budget = area.h * 0.3F;
  const float side = std::clamp(std::floor(std::sqrt(area.w * budget / static_cast<float>(count))), 5.0F,
                                theme.text_size * 1.3F);
  const auto columns = static_cast<uint32_t>(std::max(1.0F, std::floor(area.w / side)));
  const auto lines = static_cast<uint32_t>(std::floor(budget / side));
  std::map<uint32_t, const GrantUse*> by_ref;
  for (const GrantUse& use : grants.refs) by_ref.emplace(use.ref, &use);
  const uint32_t shown = std::min(count, columns * std::max(lines, 1U));
  const Rect map{area.x, area.y, area.w, side * static_cast<float>((shown + columns - 1) / columns)};
  const float apart = side > 8 ? 2 : 1;
  for (uint32_t ref = 0; ref < shown; ++ref) {
    const Rect square{map.x + side * static_cast<float>(ref % columns),
                      map.y + side * static_cast<float>(ref / columns), side - apart, side - apart};
    const auto found = by_ref.find(ref);
    const GrantUse* use = found == by_ref.end() ? nullptr : found->second;
    draw_square(frame, square, use);
    if (use == nullptr) continue;
    const Hit on_ref = frame.hit(square, fmt::format("ref/{}", ref));
    if (use->last == frame.view.cursor().row && use->last != kNoRow)
      frame.canvas.outline(square, theme.cursor, std::max(2.0F, side * 0.12F));
    if (on_ref.hovered) {
      frame.view.hovered = use->last;
      frame.tooltip(
          fmt::format("ref {}, to dom{} {}\nmapped: {}", ref, use->by, use->use, access_text(*use)));
    }
    if (on_ref.clicked) visit(frame.view, use->last);
  }
  area.take_top(map.h + theme.gap() / 2);
  const float high = draw_legend(frame, area, legend, false);
  if (area.h - high > theme.row_height() * 5) {
    draw_legend(frame, area.take_top(high), legend, true);
    area.take_top(theme.gap() / 2);
  }
}

void GrantsPanel::draw_table(Frame& frame, Rect area, const DomainGrants& grants) {
  ViewState& view = frame.view;
  if (area.h < frame.theme.row_height() * 2) return;
  std::vector<const GrantUse*> uses;
  for (const GrantUse& use : grants.refs)
    if (use.mapped || !mapped_only_) uses.push_back(&use);
  if (uses.empty())
    return frame.canvas.text_in(area, "No reference is mapped here.", frame.theme.dim, frame.theme.font(),
                                Canvas::Align::centre);
  const std::vector<Column> columns = columns_for(frame, area.w);
  std::vector<TableView::Column> shown;
  for (const Column& column : columns) shown.push_back(column.column);
  const Row cursor = view.cursor().row;
  if (cursor != shown_row_) {
    shown_row_ = cursor;
    for (size_t i = 0; i < uses.size(); ++i)
      if (cursor != kNoRow && uses[i]->last == cursor) table_.show(i);
  }
  TableView::Source source;
  source.rows = uses.size();
  source.cell = [&](size_t row, size_t column) {
    return cell_of(view, frame.theme, *uses[row], columns[column].what);
  };
  source.background = [&](size_t row) -> std::optional<Color> {
    const float fresh = freshness(uses[row]->last, cursor);
    if (fresh <= 0) return std::nullopt;
    return frame.theme.cursor.with_alpha(static_cast<uint8_t>(80 * fresh));
  };
  const auto result = table_.draw(frame, area, "grants", shown, source);
  if (result.clicked) visit(view, uses[*result.clicked]->last);
  if (result.hovered) view.hovered = uses[*result.hovered]->last;
}

std::vector<std::pair<std::string, std::string>> GrantsPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  const DomainGrants* grants = shown_domain(view, view.story().grants(view.cursor().row));
  if (grants == nullptr) return facts;
  facts.emplace_back("domain", grants->domain);
  size_t mapped = 0;
  for (const GrantUse& use : grants->refs) {
    mapped += use.mapped ? 1 : 0;
    facts.emplace_back(fmt::format("ref.{}", use.ref),
                       fmt::format("{} by=dom{} frame={:#x} for={} uses={}", access_text(use), use.by,
                                   use.frame, use.use, use.uses));
  }
  facts.emplace_back("mapped", fmt::format("{}", mapped));
  facts.emplace_back("mapped_only", mapped_only_ ? "true" : "false");
  return facts;
}

}  // namespace ringside::viewer

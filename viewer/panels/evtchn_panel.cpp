#include "viewer/panels/evtchn_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "viewer/panels/state_words.h"

namespace ringside::viewer {

namespace {

constexpr std::string_view kind_word(PortState::Kind kind) {
  switch (kind) {
    case PortState::Kind::closed: return "closed";
    case PortState::Kind::unbound: return "unbound";
    case PortState::Kind::interdomain: return "interdomain";
    case PortState::Kind::virq: return "VIRQ";
    case PortState::Kind::pirq: return "PIRQ";
    case PortState::Kind::ipi: break;
  }
  return "IPI";
}

struct PortRow {
  const DomainPorts* domain;
  const PortState* port;
};

// The columns, by what is left out last; widths in letters.
enum class What : uint8_t { port, use, far_end, pending, masked, sent, delivered, kind, last };
struct Column {
  What what;
  std::string_view title;
  float letters;
};
constexpr std::array kColumns = {
    Column{What::port, "port", 9},       Column{What::use, "for", 10},
    Column{What::kind, "kind", 13},      Column{What::far_end, "other end", 13},
    Column{What::pending, "pending", 8}, Column{What::masked, "masked", 8},
    Column{What::sent, "sent", 7},       Column{What::delivered, "delivered", 11},
    Column{What::last, "last", 14},
};

std::vector<Column> columns_for(float letters) {
  std::vector<Column> columns(kColumns.begin(), kColumns.end());
  // From the least needed on, until what is left has room.
  for (const What least : {What::last, What::kind, What::use, What::delivered, What::sent, What::far_end}) {
    float all = 0;
    for (const Column& column : columns) all += column.letters;
    if (all <= letters) break;
    std::erase_if(columns, [least](const Column& column) { return column.what == least; });
  }
  return columns;
}

std::string cell_text(Frame& frame, const PortRow& row, What what) {
  const PortState& port = *row.port;
  switch (what) {
    case What::port: return fmt::format("{}:{}", row.domain->domain, port.port);
    case What::use: return port.use;
    case What::kind: return std::string(kind_word(port.kind));
    case What::far_end: return far_end(port);
    case What::sent: return fmt::format("{}", port.sent);
    case What::delivered: return fmt::format("{}", port.delivered);
    case What::last: return when_text(frame.view.table(), last_row_of(port));
    default: return "";
  }
}

void draw_row(Frame& frame, Rect strip, const PortRow& row, const std::vector<Column>& columns,
              float letter) {
  const Theme& theme = frame.theme;
  const PortState& port = *row.port;
  const Row last = last_row_of(port);
  const Hit on = frame.hit(strip, fmt::format("{}/{}", row.domain->domain, port.port));
  const float fresh = freshness(last, frame.view.cursor().row);
  if (fresh > 0) frame.canvas.fill(strip, theme.cursor.with_alpha(static_cast<uint8_t>(80 * fresh)), 3);
  if (on.hovered) {
    frame.canvas.fill(strip, theme.hover.with_alpha(140), 3);
    frame.view.hovered = last;
  }
  if (on.clicked) visit(frame.view, last);
  if (fresh == 1) frame.canvas.fill({strip.x, strip.y, theme.text_size * 0.25F, strip.h}, theme.cursor);
  float x = strip.x + theme.gap();
  for (const Column& column : columns) {
    const Rect cell{x, strip.y, std::min(column.letters * letter, strip.right() - x), strip.h};
    x += column.letters * letter;
    if (cell.w < column.letters * letter * 0.6F) break;
    if (column.what == What::pending || column.what == What::masked) {
      const bool is_pending = column.what == What::pending;
      draw_lamp(frame, {cell.x + theme.text_size, cell.centre().y}, theme.text_size * 0.55F,
                is_pending ? port.pending : port.masked, is_pending ? theme.signal : theme.sampled,
                is_pending ? "P" : "M");
      continue;
    }
    const bool is_closed = port.kind == PortState::Kind::closed;
    const bool is_number = column.what == What::sent || column.what == What::delivered;
    frame.canvas.text_in({cell.x, cell.y, cell.w - letter * (is_number ? 2 : 1), cell.h},
                         cell_text(frame, row, column.what), is_closed ? theme.dim : theme.text,
                         column.what == What::port ? theme.bold() : theme.font(),
                         is_number ? Canvas::Align::right : Canvas::Align::left);
  }
}

}  // namespace

std::string far_end(const PortState& port) {
  switch (port.kind) {
    case PortState::Kind::interdomain:
      return fmt::format("dom{} port {}", port.remote_domain, port.remote_port);
    case PortState::Kind::unbound: return fmt::format("waits for dom{}", port.remote_domain);
    case PortState::Kind::virq: return fmt::format("VIRQ {}", port.remote_port);
    case PortState::Kind::pirq: return fmt::format("PIRQ {}", port.remote_port);
    default: return "";
  }
}

Row last_row_of(const PortState& port) {
  Row last = kNoRow;
  for (const Row row : {port.bound, port.last_send, port.last_delivery})
    if (row != kNoRow && (last == kNoRow || row > last)) last = row;
  return last;
}

void EvtchnPanel::draw(Frame& frame) {
  const std::vector<DomainPorts>& domains = frame.view.story().ports(frame.view.cursor().row);
  std::vector<PortRow> rows;
  for (const DomainPorts& domain : domains)
    for (const PortState& port : domain.ports) rows.push_back({&domain, &port});
  if (rows.empty())
    return frame.say_empty("No event channel yet: no domain has opened a port by the cursor.");
  const Theme& theme = frame.theme;
  const float letter = frame.canvas.text_width("0", theme.font());
  float all = 0;
  for (const Column& column : kColumns) all += column.letters;
  Rect area = frame.area.inset(theme.gap());
  const float table_wide = all * letter + theme.text_size * 2;
  const bool is_beside = area.w > table_wide + theme.text_size * 22 && area.h > theme.text_size * 10;
  if (is_beside) {
    Rect map = area.take_right(area.w - table_wide);
    map.take_left(theme.gap() * 2);
    draw_channel_map(frame, map, domains);
  }
  const std::vector<Column> columns = columns_for((area.w - theme.text_size * 1.7F) / letter);
  Rect head = area.take_top(theme.row_height());
  frame.canvas.fill(head, theme.raised);
  float x = head.x + theme.gap();
  for (const Column& column : columns) {
    const bool is_number = column.what == What::sent || column.what == What::delivered;
    const float wide = (column.letters - (is_number ? 2 : 1)) * letter;
    frame.canvas.text_in({x, head.y, std::min(wide, head.right() - x), head.h}, column.title, theme.dim,
                         theme.small(), is_number ? Canvas::Align::right : Canvas::Align::left);
    x += column.letters * letter;
  }
  // Where there is no room beside the table, there may be some below it.
  const float least = theme.row_height() * 1.2F * static_cast<float>(rows.size());
  if (!is_beside && area.h > least + theme.row_height() * static_cast<float>(rows.size() + 3) &&
      area.w > theme.text_size * 24) {
    Rect map = area.take_bottom(area.h - least);
    map.take_top(theme.gap());
    map.w = std::min(map.w, theme.text_size * 50);
    draw_channel_map(frame, map, domains);
  }
  // Few ports are shown large.
  const float high =
      std::clamp(area.h / static_cast<float>(rows.size()), theme.row_height(), theme.row_height() * 1.5F);
  rows_.draw(frame, area, "ports", rows.size(), high,
             [&](size_t i, Rect strip) { draw_row(frame, strip, rows[i], columns, letter); });
}

std::vector<std::pair<std::string, std::string>> EvtchnPanel::facts(ViewState& view) {
  std::vector<std::pair<std::string, std::string>> facts;
  for (const DomainPorts& domain : view.story().ports(view.cursor().row)) {
    for (const PortState& port : domain.ports)
      facts.emplace_back(
          fmt::format("{}/{}", domain.domain, port.port),
          fmt::format("{} use={} end={} pending={} masked={} sent={} delivered={}", kind_word(port.kind),
                      port.use, far_end(port), port.pending, port.masked, port.sent, port.delivered));
  }
  return facts;
}

}  // namespace ringside::viewer

#include "viewer/window/options.h"

#include <fmt/format.h>

#include <charconv>

#include "sim/near_names.h"

namespace ringside::viewer {

namespace {

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

Result<std::pair<int, int>> parse_size(const std::string& text) {
  int width = 0, height = 0;
  const size_t x = text.find('x');
  if (x == std::string::npos || !read_number(std::string_view(text).substr(0, x), width) ||
      !read_number(std::string_view(text).substr(x + 1), height) || width < 320 || height < 200 ||
      width > 8192 || height > 8192)
    return fail(
        fmt::format("--size {}: write WIDTHxHEIGHT, such as 1280x720, from 320x200 to 8192x8192", text));
  return std::pair{width, height};
}

Result<Cursor> parse_place(const std::string& text, const CrossingTable& table) {
  const auto at_row = [&table](Row row) { return Cursor{table.at(row), row}; };
  if (text == "end") return table.empty() ? Cursor{} : at_row(table.size() - 1);
  uint64_t number = 0;
  if (text.starts_with('#')) {
    if (!read_number(std::string_view(text).substr(1), number) || number == 0 || number > table.size())
      return fail(fmt::format("--at {}: there are crossings #1 to #{}", text, table.size()));
    return at_row(static_cast<Row>(number - 1));
  }
  const size_t sign = text.rfind('@');
  const bool is_wire = sign != std::string::npos || text.find('/') != std::string::npos;
  if (!is_wire) {
    const auto at = parse_tick(text);
    if (!at) return fail(fmt::format("--at {}: write a time (1.5ms), #12, WIRE@3 or end", text));
    return Cursor{*at, table.last_row_at(*at)};
  }
  const std::string glob = text.substr(0, sign);
  number = 1;
  if (sign != std::string::npos &&
      (!read_number(std::string_view(text).substr(sign + 1), number) || number == 0))
    return fail(fmt::format("--at {}: behind the @ stands which one: 1 is the first", text));
  std::vector<std::string> names;
  std::vector<const std::vector<Row>*> rows;
  for (const ViewedWire& wire : table.wires()) {
    names.push_back(wire.name);
    if (wire_matches(glob, wire.name)) rows.push_back(&wire.rows);
  }
  if (rows.empty())
    return fail(fmt::format("--at {}: no wire matches; {}", text, did_you_mean(near_names(glob, names, 3))));
  // The nth of all of them: one step at a time in whichever comes next.
  std::vector<size_t> next(rows.size());
  Row row = kNoRow;
  for (uint64_t i = 0; i < number; ++i) {
    size_t first = rows.size();
    for (size_t k = 0; k < rows.size(); ++k) {
      if (next[k] < rows[k]->size() &&
          (first == rows.size() || (*rows[k])[next[k]] < (*rows[first])[next[first]]))
        first = k;
    }
    if (first == rows.size()) return fail(fmt::format("--at {}: there are only {}", text, i));
    row = (*rows[first])[next[first]++];
  }
  return at_row(row);
}

Result<> show_given_range(const std::string& text, ViewState& view) {
  const auto wrong = [&] {
    return fail(fmt::format("--range {}: write 2ms..3ms, 2ms+500us, or 500us round the cursor", text));
  };
  for (const std::string_view between : {"..", "+"}) {
    const size_t at = text.find(between);
    if (at == std::string::npos) continue;
    const auto from = parse_tick(std::string_view(text).substr(0, at));
    const auto to = parse_tick(std::string_view(text).substr(at + between.size()));
    if (!from || !to) return wrong();
    const auto begin = static_cast<double>(from->ps), second = static_cast<double>(to->ps);
    view.show_range(begin, between == "+" ? begin + second : second);
    return {};
  }
  const auto length = parse_tick(text);
  if (!length) return wrong();
  const auto middle = static_cast<double>(view.cursor().at.ps), half = static_cast<double>(length->ps) / 2;
  view.show_range(middle - half, middle + half);
  return {};
}

}  // namespace ringside::viewer

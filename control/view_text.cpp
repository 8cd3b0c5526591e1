#include "control/view_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/crossing_text.h"

namespace ringside {

namespace {

constexpr size_t kColumns = 80;

void add_folded(std::vector<std::string>& lines, const std::string& line) {
  const std::string whole = folded(line, kColumns);
  for (size_t at = 0; at <= whole.size();) {
    const size_t end = std::min(whole.find('\n', at), whole.size());
    lines.push_back(whole.substr(at, end - at));
    at = end + 1;
  }
}

// Facts stand side by side where they are short.
void add_facts(std::vector<std::string>& lines, const Json& facts) {
  size_t widest = 0;
  for (const Json& fact : facts) widest = std::max(widest, fact[0].get<std::string>().size());
  std::string line;
  for (const Json& fact : facts) {
    std::string text =
        fmt::format("{:<{}} {}", fact[0].get<std::string>(), widest, fact[1].get<std::string>());
    constexpr size_t kHalf = 40;
    if (!line.empty() && line.size() <= kHalf && text.size() < kHalf) {
      line.resize(kHalf, ' ');
      lines.push_back(line + text);
      line.clear();
      continue;
    }
    if (!line.empty()) add_folded(lines, line);
    line = text;
    if (line.size() >= kHalf) {
      add_folded(lines, line);
      line.clear();
    }
  }
  if (!line.empty()) add_folded(lines, line);
}

void add_table(std::vector<std::string>& lines, const Json& columns, const Json& rows) {
  std::vector<size_t> widths;
  for (const Json& column : columns) widths.push_back(column.get<std::string>().size());
  for (const Json& row : rows) {
    for (size_t i = 0; i < widths.size() && i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].get<std::string>().size());
  }
  const auto add = [&](const Json& cells) {
    std::string line;
    for (size_t i = 0; i < widths.size() && i < cells.size(); ++i) {
      const std::string cell = cells[i].get<std::string>();
      line += i + 1 == widths.size() ? cell : fmt::format("{:<{}} ", cell, widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    add_folded(lines, line);
  };
  add(columns);
  for (const Json& row : rows) add(row);
}

}  // namespace

std::vector<std::string> view_lines(const Json& view) {
  std::vector<std::string> lines;
  if (view.contains("title")) add_folded(lines, view["title"].get<std::string>());
  if (view.contains("facts")) add_facts(lines, view["facts"]);
  if (view.contains("columns")) add_table(lines, view["columns"], view.value("rows", Json::array()));
  if (view.contains("lines")) {
    for (const Json& line : view["lines"]) add_folded(lines, line.get<std::string>());
  }
  return lines;
}

}  // namespace ringside

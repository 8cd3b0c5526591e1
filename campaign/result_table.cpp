#include "campaign/result_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "campaign/site_filter.h"

namespace ringside {

namespace {

size_t index_of(std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  names.push_back(name);
  return names.size() - 1;
}

// "12", "12 28h", "(40h)": who survived, who failed, and in brackets who failed rightly.
std::string cell_text(const Cell* cell) {
  if (cell == nullptr) return "-";
  std::string text;
  const auto add = [&](const std::string& piece) { text += (text.empty() ? "" : " ") + piece; };
  const uint64_t survived = cell->verdicts[0];
  if (survived != 0) add(fmt::format("{}", survived));
  for (const RunVerdict verdict : kAllRunVerdicts) {
    const size_t i = static_cast<size_t>(verdict);
    const uint64_t wrong = cell->verdicts[i] - cell->right[i];
    if (verdict != RunVerdict::survived && wrong != 0) add(fmt::format("{}{}", wrong, letter_of(verdict)));
  }
  for (const RunVerdict verdict : kAllRunVerdicts) {
    const uint64_t right = cell->right[static_cast<size_t>(verdict)];
    if (right != 0) add(fmt::format("({}{})", right, letter_of(verdict)));
  }
  return text;
}

// A name that is too long for its column shows its end, which tells it from others.
std::string fitted(const std::string& name, size_t width) {
  return name.size() <= width ? name : "~" + name.substr(name.size() - width + 1);
}

}  // namespace

uint64_t Cell::runs() const { return std::accumulate(verdicts.begin(), verdicts.end(), uint64_t{0}); }

uint64_t Cell::findings() const {
  uint64_t count = 0;
  for (size_t i = 1; i < kRunVerdicts; ++i) count += verdicts[i] - right[i];
  return count;
}

const Cell* ResultTable::cell(size_t kind, size_t action) const {
  const auto found = cells.find({kind, action});
  return found == cells.end() ? nullptr : &found->second;
}

ResultTable table_of(const std::vector<RunResult>& results, bool pairs) {
  ResultTable table;
  for (const RunResult& result : results) {
    if (result.second.has_value() != pairs) continue;
    const CampaignFault& fault = pairs ? result.second_fault : result.fault;
    const size_t kind = index_of(table.kinds, fault.kind);
    const size_t action = index_of(table.actions, action_word(fault.action));
    Cell& cell = table.cells[{kind, action}];
    ++cell.verdicts[static_cast<size_t>(result.judgement.verdict)];
    if (result.right) ++cell.right[static_cast<size_t>(result.judgement.verdict)];
  }
  return table;
}

std::string to_text(const ResultTable& table, size_t width) {
  constexpr size_t kKindMax = 28;
  size_t kind_width = 9;
  for (const std::string& kind : table.kinds) kind_width = std::max(kind_width, kind.size());
  kind_width = std::min(kind_width, kKindMax);
  std::vector<size_t> widths;
  for (size_t action = 0; action < table.actions.size(); ++action) {
    size_t column = table.actions[action].size();
    for (size_t kind = 0; kind < table.kinds.size(); ++kind)
      column = std::max(column, cell_text(table.cell(kind, action)).size());
    widths.push_back(column);
  }
  std::string text;
  for (size_t begin = 0; begin < table.actions.size();) {
    size_t end = begin, used = kind_width;
    while (end < table.actions.size() && (end == begin || used + 2 + widths[end] <= width))
      used += 2 + widths[end++];
    if (begin != 0) text += '\n';
    text += fmt::format("{:<{}}", "site kind", kind_width);
    for (size_t action = begin; action < end; ++action)
      text += fmt::format("  {:>{}}", table.actions[action], widths[action]);
    text += '\n';
    for (size_t kind = 0; kind < table.kinds.size(); ++kind) {
      bool any = false;
      std::string line = fmt::format("{:<{}}", fitted(table.kinds[kind], kind_width), kind_width);
      for (size_t action = begin; action < end; ++action) {
        const Cell* cell = table.cell(kind, action);
        any = any || cell != nullptr;
        line += fmt::format("  {:>{}}", cell_text(cell), widths[action]);
      }
      if (any) text += line + '\n';
    }
    begin = end;
  }
  return text;
}

std::string legend_of(const std::vector<RunResult>& results) {
  Cell sum;
  for (const RunResult& result : results) {
    ++sum.verdicts[static_cast<size_t>(result.judgement.verdict)];
    if (result.right) ++sum.right[static_cast<size_t>(result.judgement.verdict)];
  }
  std::string text = "Numbers alone survived";
  for (const RunVerdict verdict : kAllRunVerdicts) {
    if (verdict != RunVerdict::survived && sum.verdicts[static_cast<size_t>(verdict)] != 0)
      text += fmt::format("; {} {}", letter_of(verdict), to_string(verdict));
  }
  const bool any_right = std::any_of(sum.right.begin(), sum.right.end(), [](uint64_t n) { return n != 0; });
  return text + (any_right ? ";\nin brackets: what the scenario's [campaign] expects.\n" : ".\n");
}

}  // namespace ringside

// The results of a campaign, counted: a row for each kind of site, a column for each action.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "campaign/run_result.h"

namespace ringside {

struct Cell {
  std::array<uint64_t, kRunVerdicts> verdicts{};  // by RunVerdict
  std::array<uint64_t, kRunVerdicts> right{};     // of those, what [campaign] lists
  uint64_t runs() const;
  uint64_t findings() const;
};

struct ResultTable {
  std::vector<std::string> kinds, actions;  // as they come; actions without arguments
  std::map<std::pair<size_t, size_t>, Cell> cells;
  const Cell* cell(size_t kind, size_t action) const;
};

// Of runs with one fault, or of those with two: then the table is that of the second.
ResultTable table_of(const std::vector<RunResult>& results, bool pairs);

// For people, at most so wide; columns that do not fit follow in another block.
std::string to_text(const ResultTable& table, size_t width);
// What the letters of its cells mean, of those that there are.
std::string legend_of(const std::vector<RunResult>& results);

}  // namespace ringside

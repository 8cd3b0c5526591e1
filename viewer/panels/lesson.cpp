#include "viewer/panels/lesson.h"

#include "viewer/session/filter.h"

namespace ringside::viewer {

namespace {

// In a frame: a filter takes less than a microsecond a row.
constexpr size_t kRowsMax = 10'000;

}  // namespace

Lesson::Lesson(const std::string& text) : is_there_(!text.empty()) {
  if (!is_there_) return;
  auto notes = parse_notes(text);
  if (notes) {
    notes_ = std::move(*notes);
  } else {
    problem_ = notes.error().message;
  }
}

bool Lesson::update(const CrossingTable& table, RowText& text, bool is_whole) {
  if (notes_.steps.empty()) return false;
  if (table.history() != history_ || table.size() != placed_to_) is_done_ = false;
  if (is_done_) return false;
  history_ = table.history();
  placed_to_ = table.size();
  const NoteMatcher matcher = [&](const std::string& expression) -> Result<RowMatcher> {
    auto filter = Filter::parse(expression);
    if (!filter) return tl::unexpected(filter.error());
    const auto kept = std::make_shared<Filter>(std::move(*filter));
    return RowMatcher([&, kept](Row row) { return kept->matches(table, text, row); });
  };
  const bool is_looked = place_notes(notes_, table, matcher, is_whole, kRowsMax);
  // A table that will grow no more is to be told to the steps that still wait, once.
  is_done_ = is_looked && is_whole;
  return !is_looked;
}

}  // namespace ringside::viewer

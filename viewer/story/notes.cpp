#include "viewer/story/notes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "sim/near_names.h"
#include "viewer/story/note_text.h"

namespace ringside::viewer {

namespace {

// Far beyond any lesson: what a hostile session may have, must not take long.
constexpr size_t kTextMax = 1 << 20;
constexpr size_t kStepsMax = 500;
constexpr size_t kErrorsMax = 10;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

const std::vector<std::string>& settings() {
  static const std::vector<std::string> names{"at", "nth", "layout", "select", "range"};
  return names;
}

// "at: ..." gives "at"; empty where the line is none of that form.
std::string_view name_in(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return {};
  const std::string_view name = line.substr(0, colon);
  const bool is_word = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_-") == name.npos;
  return is_word && (colon + 1 == line.size() || line[colon + 1] == ' ') ? name : std::string_view();
}

class Parser {
 public:
  Result<Notes> parse(std::string_view text) {
    if (text.size() > kTextMax) return fail(fmt::format("the notes are larger than {} bytes", kTextMax));
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      take(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (notes_.steps.size() > kStepsMax) {
        complain(fmt::format("there are more than {} steps", kStepsMax));
        break;
      }
    }
    finish_text();
    if (in_code_) {
      line_ = code_line_;
      complain("the code that begins here has no end (```)");
    }
    if (!errors_.empty()) return fail(fmt::format("{}", fmt::join(errors_, "\n")));
    return std::move(notes_);
  }

 private:
  // Where in a step: its title has just been, its settings stand here, or its text.
  enum class Part { title, settings, text };

  void complain(const std::string& what) {
    if (errors_.size() < kErrorsMax) errors_.push_back(fmt::format("line {}: {}", line_, what));
  }

  void take(std::string_view line) {
    if (is_note_fence(line)) {
      in_code_ = !in_code_;
      code_line_ = line_;
    }
    if (!in_code_ && line.starts_with("##") && !line.starts_with("###"))
      return begin_step(trimmed(line.substr(2)));
    if (!in_code_ && notes_.steps.empty() && line.starts_with("# ")) {
      if (!notes_.title.empty()) complain("the notes have a title already; a step's begins with ##");
      notes_.title = trimmed(line.substr(2));
      return;
    }
    if (part_ != Part::text && take_setting(trimmed(line))) return;
    part_ = Part::text;
    text_ += line;
    text_ += '\n';
  }

  void begin_step(std::string_view title) {
    finish_text();
    if (title.empty()) complain("the step has no title");
    NoteStep& step = notes_.steps.emplace_back();
    step.title = title;
    step.line = line_;
    part_ = Part::title;
    has_gap_ = false;
    seen_.clear();
  }

  void finish_text() {
    const std::string text(trimmed_lines(text_));
    text_.clear();
    if (notes_.steps.empty()) {
      notes_.introduction = note_blocks(text);
    } else {
      notes_.steps.back().blocks = note_blocks(text);
      notes_.steps.back().text = text;
    }
  }

  static std::string_view trimmed_lines(std::string_view text) {
    const size_t first = text.find_first_not_of("\r\n");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  }

  // False: the text begins. Settings end with an empty line, but for one below the title.
  bool take_setting(std::string_view line) {
    if (notes_.steps.empty()) return false;
    if (line.empty()) {
      if (part_ == Part::settings) return false;
      return has_gap_ = true;
    }
    const std::string name(name_in(line));
    if (name.empty()) return false;
    if (std::find(settings().begin(), settings().end(), name) == settings().end()) {
      // Behind an empty line it is a sentence.
      if (has_gap_ && part_ == Part::title) return false;
      complain(fmt::format("there is no setting '{}': they are {}, and an empty line ends them{}", name,
                           fmt::join(settings(), ", "), did_you_mean(near_names(name, settings(), 1))));
      return true;
    }
    part_ = Part::settings;
    set(name, trimmed(line.substr(name.size() + 1)));
    return true;
  }

  void set(const std::string& name, std::string_view value) {
    NoteStep& step = notes_.steps.back();
    if (value.empty()) return complain(fmt::format("'{}' says nothing", name));
    if (std::find(seen_.begin(), seen_.end(), name) != seen_.end())
      return complain(fmt::format("'{}' stands here twice", name));
    seen_.push_back(name);
    if (name == "at") step.filter = value;
    if (name == "layout") step.layout = value;
    if (name == "select") step.select = value;
    if (name == "nth") {
      const auto read = std::from_chars(value.data(), value.data() + value.size(), step.nth);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size() || step.nth == 0)
        complain(fmt::format("nth is '{}', and should be a number from 1", value));
    }
    if (name == "range") {
      const auto range = parse_tick(value);
      if (!range || range->ps == 0)
        return complain(fmt::format("range is '{}', and should be a time like 200us", value));
      step.range = *range;
    }
  }

  Notes notes_;
  std::vector<std::string> errors_, seen_;
  std::string text_;
  unsigned line_ = 0, code_line_ = 0;
  Part part_ = Part::text;
  bool in_code_ = false, has_gap_ = false;
};

void unplace(Notes& notes) {
  for (NoteStep& step : notes.steps) {
    step.row = kNoRow;
    step.problem.clear();
    step.looked_to = 0;
    step.matches = 0;
    step.is_placed = false;
  }
}

std::string not_there(const NoteStep& step) {
  if (step.matches == 0) return fmt::format("no crossing from there on matches {}", step.filter);
  return fmt::format("only {} of {} crossings from there on match {}", step.matches, step.nth, step.filter);
}

// One step, whose row is behind `last`. Counts the rows that it looks at down.
void place(NoteStep& step, Row last, const CrossingTable& table, const NoteMatcher& matcher, bool is_whole,
           size_t& rows_left) {
  if (step.filter.empty()) {
    step.row = last;
    step.is_placed = true;
    return;
  }
  const auto matches = matcher(step.filter);
  if (!matches) {
    step.problem = matches.error().message;
    step.is_placed = true;
    return;
  }
  const Row first = last == kNoRow ? 0 : last + 1;
  step.looked_to = std::max(step.looked_to, first);
  for (; step.looked_to < table.size() && rows_left != 0; --rows_left) {
    const Row row = step.looked_to++;
    if (!(*matches)(row) || ++step.matches < step.nth) continue;
    step.row = row;
    step.is_placed = true;
    return;
  }
  if (step.looked_to < table.size() || !is_whole) return;
  step.problem = not_there(step);
  step.is_placed = true;
}

}  // namespace

Result<Notes> parse_notes(std::string_view text) { return Parser().parse(text); }

bool place_notes(Notes& notes, const CrossingTable& table, const NoteMatcher& matcher, bool is_whole,
                 size_t rows_max) {
  if (notes.history != table.history()) unplace(notes);
  notes.history = table.history();
  Row last = kNoRow;
  for (NoteStep& step : notes.steps) {
    if (!step.is_placed) {
      place(step, last, table, matcher, is_whole, rows_max);
      if (!step.is_placed) return step.looked_to >= table.size();
    }
    if (step.row != kNoRow) last = step.row;
  }
  return true;
}

}  // namespace ringside::viewer

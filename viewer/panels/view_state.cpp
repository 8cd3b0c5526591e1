#include "viewer/panels/view_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace ringside::viewer {

namespace {

// Of a frame's 16 ms.
constexpr auto kReadBudget = std::chrono::milliseconds(10);
constexpr Row kFilterRows = 200'000;
constexpr size_t kStoryRows = 400'000;
constexpr double kStatusSeconds = 6;

}  // namespace

ViewState::ViewState(std::unique_ptr<ViewedSession> session, LiveMachine* live)
    : session_(std::move(session)),
      live_(live),
      story_(session_->table()),
      text_(session_->table()),
      lesson_(session_->header().notes) {}

ViewState::~ViewState() = default;

bool ViewState::update(double seconds) {
  clock += seconds;
  bool changed = session_->read_for(kReadBudget);
  if (live_ != nullptr && live_->poll()) changed = true;
  if (live_ != nullptr) {
    if (std::string message = live_->take_message(); !message.empty()) say(std::move(message));
  }
  if (table().history() != history_) {
    history_ = table().history();
    found_.clear();
    filtered_to_ = 0;
    if (cursor_.row != kNoRow && cursor_.row >= table().size())
      go_to_row(table().empty() ? kNoRow : table().size() - 1);
    changed = true;
  }
  if (changed) story_done_ = false;
  if (!story_done_) {
    story_done_ = story_.update(kStoryRows);
    changed = true;
  }
  if (lesson_.update(table(), text_, !is_live && session_->is_read() && !session_->is_growing()))
    changed = true;
  if (filter_ && filtered_to_ < table().size()) {
    const Row end = std::min(table().size(), filtered_to_ + kFilterRows);
    filter_->find(table(), text_, filtered_to_, end, found_);
    filtered_to_ = end;
    changed = true;
  }
  if (range_is_whole) {
    range_begin = 0;
    range_end = std::max<double>(1000, static_cast<double>(table().end().ps) * 1.02);
  }
  // Wherever the live machine goes, the cursor goes too; it moves alone while the machine stands.
  if (is_live && live_ != nullptr && live_->sequence() != machine_sequence_) {
    machine_sequence_ = live_->sequence();
    go_to_row(table().last_row_of_sequence(machine_sequence_));
    show_cursor();
    changed = true;
  }
  if (is_playing) {
    const double to = static_cast<double>(cursor_.at.ps) + seconds * play_speed * 1e12;
    if (to >= static_cast<double>(table().end().ps)) {
      is_playing = false;
      go_to_time(table().end());
    } else {
      go_to_time({static_cast<uint64_t>(to)});
    }
    show_cursor();
    changed = true;
  }
  if (status_left > 0) {
    status_left -= seconds;
    if (status_left <= 0) {
      status.clear();
      changed = true;
    }
  }
  return changed;
}

// --- The cursor ---

void ViewState::go_to_row(Row row) {
  if (row != kNoRow && row >= table().size()) row = table().empty() ? kNoRow : table().size() - 1;
  cursor_ = {row == kNoRow ? Tick{} : table().at(row), row};
}

void ViewState::go_to_time(Tick at) {
  at = std::min(at, std::max(table().end(), Tick{0}));
  cursor_ = {at, table().last_row_at(at)};
}

void ViewState::step(int by) {
  if (table().empty()) return;
  // kNoRow is -1 here: before the first.
  const int64_t now = cursor_.row == kNoRow ? -1 : static_cast<int64_t>(cursor_.row);
  const int64_t to = std::clamp<int64_t>(now + by, -1, static_cast<int64_t>(table().size()) - 1);
  go_to_row(to < 0 ? kNoRow : static_cast<Row>(to));
  show_cursor();
}

namespace {

// The row of `rows` that is `by` steps from the cursor; kNoRow where there is none.
Row stepped(const std::vector<Row>& rows, Row from, int by) {
  if (rows.empty() || by == 0) return kNoRow;
  if (by > 0) {
    const auto next = from == kNoRow ? rows.begin() : std::upper_bound(rows.begin(), rows.end(), from);
    const auto left = rows.end() - next;
    if (left == 0) return kNoRow;
    return next[std::min<int64_t>(by, left) - 1];
  }
  if (from == kNoRow) return kNoRow;
  const auto here = std::lower_bound(rows.begin(), rows.end(), from);
  const auto before = here - rows.begin();
  if (before == 0) return kNoRow;
  return rows[static_cast<size_t>(before - std::min<int64_t>(-by, before))];
}

}  // namespace

void ViewState::step_on_wire(int by) {
  if (!selected_wire_) return step(by);
  const Row row = stepped(table().wires()[*selected_wire_].rows, cursor_.row, by);
  if (row == kNoRow) return say("no more crossings on " + table().wires()[*selected_wire_].name);
  go_to_row(row);
  show_cursor();
}

void ViewState::step_found(int by) {
  if (!filter_) return step(by);
  const Row row = stepped(found_, cursor_.row, by);
  if (row == kNoRow)
    return say(by > 0 ? "nothing that matches comes later" : "nothing that matches comes before");
  go_to_row(row);
  show_cursor();
}

void ViewState::step_highlight(int by) {
  std::vector<Row> rows;
  for (const Story::Highlight& highlight : story_.highlights()) rows.push_back(highlight.row);
  const Row row = stepped(rows, cursor_.row, by);
  if (row == kNoRow) return say(by > 0 ? "no fault, notice or violation comes later" : "none comes before");
  go_to_row(row);
  show_cursor();
}

void ViewState::select_wire(std::optional<uint32_t> wire) {
  selected_wire_ = wire && *wire < table().wires().size() ? wire : std::nullopt;
}

// --- The filter ---

void ViewState::apply_filter() {
  found_.clear();
  filtered_to_ = 0;
  filter_error_.clear();
  filter_.reset();
  if (filter_text.find_first_not_of(" \t") == std::string::npos) return;
  auto filter = Filter::parse(filter_text);
  if (!filter) {
    filter_error_ = filter.error().message;
    return;
  }
  filter_ = std::move(*filter);
}

// --- The timeline's range ---

void ViewState::show_range(double begin, double end) {
  constexpr double kShortest = 10;  // picoseconds
  const double whole = std::max<double>(1000, static_cast<double>(table().end().ps) * 1.02);
  double length = std::clamp(end - begin, kShortest, whole);
  begin = std::clamp(begin, 0.0, whole - length);
  range_begin = begin;
  range_end = begin + length;
  range_is_whole = length >= whole * 0.999;
}

void ViewState::zoom(double factor, double around_ps) {
  const double before = around_ps - range_begin, behind = range_end - around_ps;
  show_range(around_ps - before * factor, around_ps + behind * factor);
}

void ViewState::show_cursor() {
  const auto at = static_cast<double>(cursor_.at.ps);
  const double length = range_end - range_begin, margin = length * 0.05;
  if (at >= range_begin + margin && at <= range_end - margin) return;
  if (at >= range_begin && at <= range_end && (range_begin <= 0 || range_is_whole)) return;
  show_range(at - length / 2, at + length / 2);
}

// --- The notes ---

void ViewState::go_to_note(int step) {
  if (step < -1 || step >= lesson_.steps()) return;
  lesson_.step = step;
  const NoteStep* note = lesson_.shown();
  if (note == nullptr) return;
  // The notes stay in sight beside what the step shows.
  if (note->layout == "timeline") {
    wanted_layout = "cols(0.36 notes timeline)";
  } else if (!note->layout.empty()) {
    wanted_layout = fmt::format("cols(0.36 notes rows(0.66 {} timeline))", note->layout);
  }
  if (!note->select.empty()) {
    selected_ring = note->select;
    selected_domain = note->select.substr(0, note->select.find('/'));
  }
  if (note->row != kNoRow) go_to_row(note->row);
  if (note->range.ps != 0) {
    const auto at = static_cast<double>(cursor_.at.ps), length = static_cast<double>(note->range.ps);
    show_range(at - length / 2, at + length / 2);
  } else if (note->row != kNoRow) {
    show_cursor();
  }
}

void ViewState::say(std::string text) {
  status = std::move(text);
  status_left = kStatusSeconds;
}

// --- The machine at the cursor ---

bool ViewState::machine_is_here() {
  if (live_ == nullptr || live_->state() == LiveMachine::State::none) return false;
  const LiveMachine::State state = live_->state();
  if (state != LiveMachine::State::paused && state != LiveMachine::State::ended) return false;
  return cursor_.row != kNoRow && live_->sequence() == table().sequence(cursor_.row);
}

void ViewState::bring_machine_here() {
  if (live_ == nullptr) return say("there is no machine: this window was opened without one");
  if (cursor_.row == kNoRow) return say("before the first crossing there is nothing to run to");
  if (live_->state() == LiveMachine::State::none || live_->state() == LiveMachine::State::failed) {
    if (is_live) return say("the machine is gone: " + live_->reason());
    MachineRequest wanted;
    wanted.path = session_->path();
    wanted.is_session = true;
    live_->start(wanted, nullptr);
  }
  live_->go_to(table().sequence(cursor_.row));
}

const Json* ViewState::machine_view(const std::string& name, Json request) {
  if (!machine_is_here()) return nullptr;
  const std::string key = name + request.dump();
  if (const Json* known = live_->view(key)) return known;
  request["do"] = "view";
  request["name"] = name;
  live_->ask_view(key, std::move(request));
  return live_->view(key);
}

}  // namespace ringside::viewer

#include "cli/line_editor.h"

#include <fmt/format.h>
#include <histedit.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace ringside::cli {

namespace {

constexpr int kHistoryLines = 1000;

// Empty where there is no place for it.
std::filesystem::path history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  std::filesystem::path folder;
  if (state != nullptr && *state != '\0') {
    folder = state;
  } else if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    folder = std::filesystem::path(home) / ".local" / "state";
  } else {
    return {};
  }
  folder /= "ringside";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? std::filesystem::path() : folder / "step-history";
}

// The beginning that all have.
std::string common_start(const std::vector<std::string>& words) {
  std::string start = words.front();
  for (const std::string& word : words) {
    const auto [end, unused] = std::mismatch(start.begin(), start.end(), word.begin(), word.end());
    start.erase(end, start.end());
  }
  return start;
}

}  // namespace

struct LineEditor::Impl {
  static char* prompt_of(EditLine* editor) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self)->prompt.data();
  }
  static unsigned char complete_word(EditLine* editor, int) {
    void* self = nullptr;
    el_get(editor, EL_CLIENTDATA, &self);
    return static_cast<Impl*>(self)->complete_line();
  }
  unsigned char complete_line();

  Complete complete;
  std::string prompt;
  std::filesystem::path file;
  EditLine* editor = nullptr;
  History* lines = nullptr;
  HistEvent event{};
};

unsigned char LineEditor::Impl::complete_line() {
  const LineInfo* info = el_line(editor);
  const std::string line(info->buffer, info->cursor);
  const std::vector<std::string> words = complete(line);
  if (words.empty()) return CC_ERROR;
  const size_t begin = line.find_last_of(" \t");
  const std::string last = begin == std::string::npos ? line : line.substr(begin + 1);
  std::string more = common_start(words).substr(std::min(last.size(), common_start(words).size()));
  if (words.size() == 1) more += ' ';
  if (!more.empty()) return el_insertstr(editor, more.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
  constexpr size_t kShown = 40;
  std::string shown = "\n";
  for (size_t i = 0; i < words.size() && i < kShown; ++i) shown += words[i] + "\n";
  if (words.size() > kShown) shown += fmt::format("... and {} more\n", words.size() - kShown);
  std::fputs(shown.c_str(), stdout);
  std::fflush(stdout);
  return CC_REDISPLAY;
}

LineEditor::LineEditor(Complete complete) : impl_(std::make_unique<Impl>()) {
  impl_->complete = std::move(complete);
  impl_->file = history_file();
  impl_->editor = el_init("ringside", stdin, stdout, stderr);
  if (impl_->editor == nullptr) return;
  impl_->lines = history_init();
  history(impl_->lines, &impl_->event, H_SETSIZE, kHistoryLines);
  history(impl_->lines, &impl_->event, H_SETUNIQUE, 1);
  if (!impl_->file.empty()) history(impl_->lines, &impl_->event, H_LOAD, impl_->file.c_str());
  el_set(impl_->editor, EL_CLIENTDATA, impl_.get());
  el_set(impl_->editor, EL_PROMPT, &Impl::prompt_of);
  el_set(impl_->editor, EL_EDITOR, "emacs");
  el_set(impl_->editor, EL_SIGNAL, 1);
  el_set(impl_->editor, EL_HIST, history, impl_->lines);
  el_set(impl_->editor, EL_ADDFN, "ringside-complete", "Complete a word", &Impl::complete_word);
  el_set(impl_->editor, EL_BIND, "^I", "ringside-complete", nullptr);
  el_set(impl_->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
  el_source(impl_->editor, nullptr);
}

LineEditor::~LineEditor() {
  if (impl_->lines != nullptr) {
    if (!impl_->file.empty()) history(impl_->lines, &impl_->event, H_SAVE, impl_->file.c_str());
    history_end(impl_->lines);
  }
  if (impl_->editor != nullptr) el_end(impl_->editor);
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  impl_->prompt = prompt;
  if (impl_->editor == nullptr) return std::nullopt;
  int count = 0;
  const char* text = el_gets(impl_->editor, &count);
  if (text == nullptr) {
    if (count >= 0) return std::nullopt;
    std::fputs("\n", stdout);
    return "";  // a signal
  }
  std::string line(text, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (line.find_first_not_of(" \t") != std::string::npos)
    history(impl_->lines, &impl_->event, H_ENTER, line.c_str());
  return line;
}

}  // namespace ringside::cli

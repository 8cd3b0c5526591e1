#include "control/debugger.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "control/command_words.h"
#include "control/crossing_text.h"
#include "sim/near_names.h"

namespace ringside {

namespace {

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

void Debugger::print(std::string_view line) {
  end_console_line();
  output_(line);
  output_("\n");
}

void Debugger::print_folded(const std::string& line) { print(folded(line)); }

// A guest's lines stand behind its name, so that they are told from ours.
void Debugger::on_console(const std::string& console, const std::string& text) {
  if (console != open_console_) end_console_line();
  open_console_ = console;
  for (const char c : text) {
    if (escapes_.takes(c)) continue;
    if (c == '\n') {
      output_(folded(fmt::format("{}| {}", open_console_, open_line_)) + "\n");
      open_line_.clear();
    } else if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      open_line_ += c;
    } else if (c == '\t') {
      open_line_ += ' ';
    }
  }
}

void Debugger::end_console_line() {
  if (!open_line_.empty()) output_(folded(fmt::format("{}| {}", open_console_, open_line_)) + "\n");
  open_line_.clear();
}

Result<> Debugger::execute(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return {};
  std::vector<std::string> words = words_of(line);
  const Command* found = nullptr;
  std::vector<std::string> names, beginnings;
  for (const Command& command : commands()) {
    names.emplace_back(command.name);
    if (command.name == words[0]) found = &command;
    if (command.name.starts_with(words[0])) beginnings.emplace_back(command.name);
  }
  if (found == nullptr && beginnings.size() == 1) {
    found = &*std::find_if(commands().begin(), commands().end(),
                           [&](const Command& command) { return command.name == beginnings[0]; });
  }
  if (found == nullptr) {
    const std::string meant = beginnings.empty()
                                  ? did_you_mean(near_names(words[0], names, 3))
                                  : fmt::format("; it could be {}", fmt::join(beginnings, ", "));
    return fail(fmt::format("there is no command '{}'{}; `help` lists them", words[0], meant));
  }
  const std::string_view rest = trimmed(line.substr(words[0].size()));
  words.erase(words.begin());
  if (domain_.empty()) domain_ = machine_->ready()["domains"][0].get<std::string>();
  return (this->*found->run)(words, rest);
}

Result<std::vector<std::string>> Debugger::wire_names() { return machine_->wires(); }

Result<> Debugger::check_glob(const std::string& glob) {
  // It is made with the first fault.
  if (glob == "fault") return {};
  auto names = wire_names();
  if (!names) return tl::unexpected(names.error());
  std::vector<std::string> candidates;
  for (const std::string& name : *names) {
    if (wire_matches(glob, name)) return {};
    // Meant is what is written alike, with its domain or without.
    const size_t slash = name.find('/');
    candidates.push_back(name);
    if (slash != std::string::npos) candidates.push_back(name.substr(slash + 1));
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return fail(fmt::format("no wire matches '{}'{}; `wires` lists them", glob,
                          did_you_mean(near_names(glob, candidates, 3))));
}

std::vector<std::string> Debugger::completions(std::string_view line) {
  const std::vector<std::string> words = words_of(line);
  const bool fresh = line.empty() || line.back() == ' ';
  const std::string last = fresh ? "" : words.back();
  const size_t position = words.size() - (fresh ? 0 : 1);
  std::vector<std::string> candidates;
  if (position == 0) {
    for (const Command& command : commands()) candidates.emplace_back(command.name);
  } else {
    char kind = ' ';
    for (const Command& command : commands()) {
      if (command.name == words[0]) kind = command.words;
    }
    if (kind == 'c') {
      for (const Command& command : commands()) candidates.emplace_back(command.name);
    }
    if (kind == 'w' || kind == 'r') {
      if (auto names = wire_names()) {
        for (const std::string& name : *names) {
          const size_t slash = name.find('/');
          const std::string bare = slash == std::string::npos ? name : name.substr(slash + 1);
          if (kind == 'w') candidates.push_back(bare);
          if (kind == 'w') candidates.push_back(name);
          if (kind == 'r' && bare.starts_with("ring/"))
            candidates.push_back(bare.substr(5, bare.find('/', 5) - 5));
        }
      }
    }
    if (words[0] == "break" || words[0] == "tbreak") {
      for (const char* word : {"notify-suppressed", "wakeup-missed", "index-written", "xenbus",
                               "masked-pending", "violation", "notice"})
        candidates.emplace_back(word);
    }
  }
  std::erase_if(candidates, [&](const std::string& candidate) { return !candidate.starts_with(last); });
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  return candidates;
}

}  // namespace ringside

#include "viewer/story/note_text.h"

#include <algorithm>
#include <utility>

namespace ringside::viewer {

namespace {

constexpr uint8_t kLevelsMax = 3;

size_t leading_spaces(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// "- ", "* " or "12. "; empty where there is none.
std::string_view marker_of(std::string_view line) {
  if (line.starts_with("- ") || line.starts_with("* ")) return line.substr(0, 1);
  const size_t digits = line.find_first_not_of("0123456789");
  if (digits == 0 || digits > 3 || digits == line.npos || !line.substr(digits).starts_with(". ")) return {};
  return line.substr(0, digits + 1);
}

void add_plain(std::vector<NoteSpan>& spans, std::string_view text) {
  if (text.empty()) return;
  if (!spans.empty() && spans.back().style == NoteSpan::Style::plain) {
    spans.back().text += text;
  } else {
    spans.push_back({NoteSpan::Style::plain, std::string(text)});
  }
}

// A mark that is never closed is text.
std::vector<NoteSpan> spans_of(std::string_view text) {
  std::vector<NoteSpan> spans;
  bool code_ends = true, bold_ends = true;  // somewhere in the rest: looked for once
  while (!text.empty()) {
    const size_t at = text.find_first_of("`*");
    add_plain(spans, text.substr(0, at));
    if (at == text.npos) break;
    text.remove_prefix(at);
    const bool is_code = text[0] == '`';
    const std::string_view mark = is_code ? "`" : "**";
    bool& ends = is_code ? code_ends : bold_ends;
    const size_t end = ends && text.starts_with(mark) ? text.find(mark, mark.size()) : text.npos;
    if (end == text.npos || end == mark.size()) {
      if (text.starts_with(mark) && end == text.npos) ends = false;
      add_plain(spans, text.substr(0, 1));
      text.remove_prefix(1);
      continue;
    }
    spans.push_back({is_code ? NoteSpan::Style::code : NoteSpan::Style::bold,
                     std::string(text.substr(mark.size(), end - mark.size()))});
    text.remove_prefix(end + mark.size());
  }
  return spans;
}

// Lines that belong together are joined before their marks are looked for.
class BlockReader {
 public:
  std::vector<NoteBlock> read(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      take(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    finish();
    return std::move(blocks_);
  }

 private:
  void take(std::string_view line) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (is_note_fence(line)) {
      finish();
      if (!in_code_) open(NoteBlock::Kind::code);
      in_code_ = !in_code_;
      return;
    }
    if (in_code_) {
      if (!text_.empty()) text_ += '\n';
      text_ += line;
      return;
    }
    const std::string_view words = trimmed(line);
    if (words.empty()) return finish();
    if (words.starts_with("### ")) {
      finish();
      open(NoteBlock::Kind::heading);
      text_ = trimmed(words.substr(4));
      return finish();
    }
    if (const std::string_view marker = marker_of(words); !marker.empty()) {
      finish();
      open(NoteBlock::Kind::item);
      block_.marker = marker == "*" ? "-" : marker;
      block_.level = static_cast<uint8_t>(std::min<size_t>(leading_spaces(line) / 2, kLevelsMax));
      text_ = trimmed(words.substr(marker.size()));
      return;
    }
    if (!is_open_) open(NoteBlock::Kind::paragraph);
    if (!text_.empty()) text_ += ' ';
    text_ += words;
  }

  void open(NoteBlock::Kind kind) {
    block_ = {};
    block_.kind = kind;
    is_open_ = true;
  }

  void finish() {
    if (!std::exchange(is_open_, false)) return;
    if (block_.kind == NoteBlock::Kind::code) {
      block_.spans = {{NoteSpan::Style::code, std::move(text_)}};
    } else {
      block_.spans = spans_of(text_);
    }
    text_.clear();
    blocks_.push_back(std::move(block_));
  }

  std::vector<NoteBlock> blocks_;
  NoteBlock block_;
  std::string text_;
  bool is_open_ = false, in_code_ = false;
};

}  // namespace

bool is_note_fence(std::string_view line) { return trimmed(line).starts_with("```"); }

std::vector<NoteBlock> note_blocks(std::string_view text) { return BlockReader().read(text); }

}  // namespace ringside::viewer

#include "viewer/panels/note_layout.h"

#include <algorithm>
#include <cmath>

namespace ringside::viewer {

namespace {

constexpr float kLine = 1.45F;  // of the letters' size

class Layout {
 public:
  Layout(const Canvas& canvas, const NoteFonts& fonts, float width)
      : canvas_(canvas), fonts_(fonts), width_(width) {}

  void add(const NoteBlock& block) {
    const float gap = fonts_.text.size * (block.kind == NoteBlock::Kind::item ? 0.35F : 0.75F);
    if (block.kind == NoteBlock::Kind::code) return add_code(block, gap);
    begin(block.kind == NoteBlock::Kind::heading, lines.empty() ? 0 : gap);
    indent_ = 0;
    if (block.kind == NoteBlock::Kind::item) {
      const float step = fonts_.text.size * 1.5F;
      x_ = std::min(step * static_cast<float>(std::min<uint8_t>(block.level, 6)), width_ * 0.4F);
      indent_ = std::min(x_ + step, width_ * 0.5F);
      put(block.marker == "-" ? "\xe2\x80\xa2" : block.marker, NoteSpan::Style::bold);
      x_ = std::max(x_, indent_);
      blank_ = false;
    }
    for (const NoteSpan& span : block.spans) {
      ++span_;
      add_words(span);
    }
  }

  std::vector<NoteLine> lines;

 private:
  void begin(bool is_heading, float before) {
    NoteLine line;
    line.is_heading = is_heading;
    line.before = before;
    line.height = (is_heading ? fonts_.heading.size : fonts_.text.size) * kLine;
    lines.push_back(std::move(line));
    x_ = 0;
    blank_ = false;
  }
  void wrap() {
    begin(lines.back().is_heading, 0);
    x_ = indent_;
  }
  float width_of(const std::string& text, NoteSpan::Style style) const {
    return canvas_.text_width(text, fonts_.of(lines.back(), style));
  }
  void put(const std::string& text, NoteSpan::Style style) {
    const float wide = width_of(text, style);
    lines.back().runs.push_back({x_, wide, text, style, span_});
    x_ += wide;
  }

  // Words are parted by blanks; spans that stand without one between them belong together ("`rsp_prod`,").
  void add_words(const NoteSpan& span) {
    size_t at = 0;
    while (at < span.text.size()) {
      if (span.text[at] == ' ' || span.text[at] == '\n') {
        blank_ = x_ > indent_;
        ++at;
        continue;
      }
      const size_t end = std::min(span.text.find_first_of(" \n", at), span.text.size());
      add_word(span.text.substr(at, end - at), span.style);
      at = end;
    }
  }
  void add_word(std::string word, NoteSpan::Style style) {
    const float blank = blank_ ? canvas_.text_width(" ", fonts_.text) + fonts_.text.size * 0.04F : 0;
    if (blank_ && x_ + blank + width_of(word, style) > width_) {
      wrap();
    } else {
      x_ += blank;
    }
    blank_ = false;
    // What is longer than a line is broken anywhere.
    const auto parts = canvas_.wrapped(word, fonts_.of(lines.back(), style), std::max(width_ - x_, 1.0F));
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) wrap();
      put(parts[i], style);
    }
  }

  void add_code(const NoteBlock& block, float gap) {
    std::string text;
    for (const NoteSpan& span : block.spans) text += span.text;
    const float pad = fonts_.text.size * 0.5F;
    const float letter = std::max(canvas_.text_width("0", fonts_.code), 1.0F);
    const auto room = static_cast<size_t>(std::max(4.0F, std::floor((width_ - pad * 2) / letter)));
    float before = lines.empty() ? 0 : gap;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      add_code_line(std::string_view(text).substr(at, end - at), room, pad, before);
      before = 0;
      at = end + 1;
    }
  }

  // What is longer than the pane goes on below, further in; broken at a blank where there is one.
  void add_code_line(std::string_view code, size_t room, float pad, float before) {
    size_t in = 0;
    do {
      const size_t fits = room - std::min(in, room / 2);
      size_t part = std::min(fits, code.size());
      if (part < code.size()) {
        const size_t blank = code.rfind(' ', part);
        if (blank != std::string_view::npos && code.find_first_not_of(' ') < blank) part = blank + 1;
      }
      while (part < code.size() && (static_cast<unsigned char>(code[part]) & 0xc0) == 0x80) ++part;
      NoteLine line;
      line.is_code = true;
      line.before = before;
      line.height = fonts_.code.size * kLine;
      const std::string shown = std::string(in, ' ') + std::string(code.substr(0, part));
      line.runs.push_back({pad, canvas_.text_width(shown, fonts_.code), shown, NoteSpan::Style::code});
      lines.push_back(std::move(line));
      code.remove_prefix(part);
      before = 0;
      in = 4;
    } while (!code.empty());
  }

  const Canvas& canvas_;
  const NoteFonts& fonts_;
  float width_, x_ = 0, indent_ = 0;
  size_t span_ = 0;
  bool blank_ = false;  // one stands before the next word
};

}  // namespace

NoteFonts::NoteFonts(const Theme& theme) {
  const float size = theme.text_size * 1.15F;
  text = {Face::text, size};
  bold = {Face::bold, size};
  code = {Face::mono, size * 0.9F};
  heading = {Face::bold, size * 1.15F};
}

Font NoteFonts::of(const NoteLine& line, NoteSpan::Style style) const {
  if (line.is_heading && style != NoteSpan::Style::code) return heading;
  switch (style) {
    case NoteSpan::Style::plain: return text;
    case NoteSpan::Style::bold: return bold;
    case NoteSpan::Style::code: break;
  }
  return code;
}

std::vector<NoteLine> lay_out(const Canvas& canvas, const NoteFonts& fonts,
                              const std::vector<NoteBlock>& blocks, float width) {
  Layout layout(canvas, fonts, width);
  for (const NoteBlock& block : blocks) layout.add(block);
  return std::move(layout.lines);
}

void draw_note_line(Canvas& canvas, const Theme& theme, const NoteFonts& fonts, Rect area,
                    const NoteLine& line) {
  if (line.is_code) canvas.fill(area, theme.raised);
  for (size_t i = 0; i < line.runs.size(); ++i) {
    const NoteLine::Run& run = line.runs[i];
    const Font font = fonts.of(line, run.style);
    const float top = area.y + (area.h - font.size * 1.2F) / 2;
    if (run.style == NoteSpan::Style::code && !line.is_code) {
      // Code of several words has one ground.
      const bool goes_on = i > 0 && line.runs[i - 1].span == run.span && run.span != 0;
      const float left = goes_on ? line.runs[i - 1].x + line.runs[i - 1].width : run.x - 1;
      canvas.fill({area.x + left, area.y + area.h * 0.08F, run.x + run.width + 2 - left, area.h * 0.84F},
                  theme.raised, 3);
    }
    canvas.text({area.x + run.x, top}, run.text, theme.text, font);
  }
}

}  // namespace ringside::viewer

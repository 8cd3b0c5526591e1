#include "viewer/canvas/theme.h"

namespace ringside::viewer {

namespace {

// Okabe and Ito's eight, black replaced by grey, which dark surfaces show too.
constexpr Color kOrange = rgb(0xe69f00), kSky = rgb(0x56b4e9), kGreen = rgb(0x009e73),
                kYellow = rgb(0xf0e442), kBlue = rgb(0x0072b2), kVermilion = rgb(0xd55e00),
                kPurple = rgb(0xcc79a7), kGrey = rgb(0x999999);

void set_kinds(Theme& theme) {
  theme.message = kSky;
  theme.call = kPurple;
  theme.signal = kOrange;
  theme.sampled = kGrey;
  theme.fault = kVermilion;
  theme.notice = kYellow;
  theme.violation = rgb(0xff4d6d);
  theme.good = kGreen;
  theme.bad = kVermilion;
  theme.slot_published = kSky;
  theme.slot_taken = kOrange;
  theme.slot_answered = kGreen;
}

Theme dark() {
  Theme theme;
  set_kinds(theme);
  theme.window = rgb(0x14171c);
  theme.panel = rgb(0x1b1f26);
  theme.raised = rgb(0x262b34);
  theme.border = rgb(0x363d49);
  theme.text = rgb(0xe6e9ef);
  theme.dim = rgb(0x98a2b3);
  theme.accent = rgb(0x4da3ff);
  theme.on_accent = rgb(0x08111c);
  theme.cursor = rgb(0xff5c7a);
  theme.selection = rgb(0x24466e);
  theme.hover = rgb(0x2d3440);
  theme.slot_empty = rgb(0x2c323c);
  return theme;
}

Theme light() {
  Theme theme;
  set_kinds(theme);
  theme.window = rgb(0xe9ecf1);
  theme.panel = rgb(0xffffff);
  theme.raised = rgb(0xf1f3f7);
  theme.border = rgb(0xb9c0cc);
  theme.text = rgb(0x11151b);
  theme.dim = rgb(0x525c6b);
  theme.accent = rgb(0x0058b0);
  theme.on_accent = rgb(0xffffff);
  theme.cursor = rgb(0xc2003d);
  theme.selection = rgb(0xc9dffa);
  theme.hover = rgb(0xe4e9f1);
  theme.slot_empty = rgb(0xe2e6ec);
  // What is pale on white is darker.
  theme.message = kBlue;
  theme.sampled = rgb(0x707784);
  theme.notice = rgb(0x9a7d00);
  theme.violation = rgb(0xc2003d);
  return theme;
}

}  // namespace

Color Theme::series(size_t number) const {
  constexpr Color kSeries[] = {kSky, kOrange, kGreen, kPurple, kYellow, kVermilion, kBlue, kGrey};
  return kSeries[number % std::size(kSeries)];
}

Color Theme::of(WireKind kind) const {
  switch (kind) {
    case WireKind::message: return message;
    case WireKind::call: return call;
    case WireKind::signal: return signal;
    case WireKind::sampled: break;
  }
  return sampled;
}

// A projector washes out what is dark: presentations are black on white.
Theme make_theme(ThemeName name, float scale) {
  Theme theme = name == ThemeName::dark ? dark() : light();
  if (name == ThemeName::presentation) {
    theme.window = rgb(0xffffff);
    theme.text = rgb(0x000000);
    theme.dim = rgb(0x333a45);
    theme.border = rgb(0x6b7280);
    theme.is_presentation = true;
    theme.text_size = 21;
  }
  theme.text_size *= scale;
  return theme;
}

}  // namespace ringside::viewer

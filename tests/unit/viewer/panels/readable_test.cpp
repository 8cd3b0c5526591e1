// Whatever size a pane has, and wherever the cursor is, every panel can be read: nothing stands outside its
// area, no text is cut by a clip, none stands upon another. Every panel that make_panels() has is held to it.
#include <catch2/catch.hpp>

#include "tests/support/recorded_canvas.h"
#include "tests/unit/viewer/panels/made_session.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

constexpr Rect kAreas[] = {{10, 20, 300, 200}, {0, 0, 420, 700},  {0, 0, 640, 360},  {0, 40, 790, 640},
                           {0, 0, 900, 220},   {0, 0, 1280, 720}, {5, 5, 1600, 900}, {0, 0, 120, 60}};

const char* const kNotes =
    "# A lesson\nWhat there is to learn, in `code` and **bold** and a long sentence that has to be "
    "broken.\n\n"
    "## One\nat: wire == \"dom1/ring/xvda/request\"\nlayout: rings\n\nWords, and\n\n- an item that is long "
    "enough to be "
    "broken into several lines in most of the panes that there are\n- `another`\n\n```c\nif (x) "
    "sleep();\n```\n\n## Two\n"
    "at: wire == \"no/such/wire\"\n\nIt is not there.\n";

void check_all(ViewState& view, ThemeName name, float scale) {
  const Theme theme = make_theme(name, scale);
  for (const auto& panel : make_panels()) {
    for (const Rect area : kAreas) {
      PanelStage stage(view, *panel, theme, area);
      const auto lines = stage.canvas().unreadable(area);
      INFO(panel->id() << " at row " << view.cursor().row << " in " << area.w << " x " << area.h << ", "
                       << lines.size() << " lines, the first: " << (lines.empty() ? "" : lines[0]));
      CHECK(lines.empty());
      CHECK(stage.canvas().is_unclipped());
    }
  }
}

}  // namespace

TEST_CASE("every panel can be read at every size") {
  MadeSession made(kNotes);
  const auto rows = made.add_usual();
  const auto view = made.view();
  const auto name = GENERATE(ThemeName::dark, ThemeName::presentation);
  const std::string place = GENERATE("start", "watch", "publish", "answered", "read", "nic");
  view->go_to_row(place == "start" ? kNoRow : rows.at(place));
  check_all(*view, name, 1);
}

TEST_CASE("every ring can be read") {
  MadeSession made(kNotes);
  made.add_usual();
  const auto view = made.view();
  view->go_to_row(view->table().size() - 1);
  for (const std::string& ring : std::vector<std::string>(view->story().rings())) {
    view->selected_ring = ring;
    check_all(*view, ThemeName::presentation, 1);
    check_all(*view, ThemeName::light, 1.5F);
  }
}

TEST_CASE("every step of the notes can be read, and an empty session as well") {
  MadeSession made(kNotes);
  const bool is_empty = GENERATE(true, false);
  if (!is_empty) made.add_usual();
  const auto view = made.view();
  for (int step = -1; step < view->lesson().steps(); ++step) {
    view->go_to_note(step);
    check_all(*view, ThemeName::presentation, 1);
  }
}

// Going through a lesson takes the cursor, the layout, the ring and the range along.
#include "viewer/panels/notes_panel.h"

#include <catch2/catch.hpp>

#include "tests/support/recorded_canvas.h"
#include "tests/unit/viewer/panels/made_session.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

const char* const kNotes =
    "# The lesson\nAn introduction.\n\n"
    "## The first\nat: wire == \"dom1/ring/xvda/request\"\nlayout: rings\nselect: dom1/ring/xvda\nrange: "
    "10us\n\n"
    "Look at `req_prod`, and **think**.\n\n- an item\n\n"
    "## The second\nat: wire == \"no/such/wire\"\n\nNowhere.\n\n"
    "## The third\nat: wire == \"dom1/ring/xvda/response\"\nlayout: timeline\n\nAn answer.\n";

}  // namespace

TEST_CASE("the notes are gone through step by step") {
  MadeSession made(kNotes);
  const auto rows = made.add_usual();
  const auto view = made.view();
  // A live session may grow: what is not there yet is waited for, and only a whole one is placed to its end.
  NotesPanel panel;
  const Theme theme = make_theme(ThemeName::presentation);
  PanelStage stage(*view, panel, theme, {0, 0, 600, 800});
  CHECK(stage.canvas().has_text("The lesson"));
  CHECK(stage.canvas().has_text("3 steps"));
  REQUIRE(stage.click("previous"));
  CHECK(fact(panel, *view, "step") == "0");

  REQUIRE(stage.click("next"));
  CHECK(fact(panel, *view, "title") == "The first");
  CHECK(view->cursor().row == rows.at("request 0"));
  CHECK(view->wanted_layout.find("rings") != std::string::npos);
  CHECK(view->wanted_layout.find("notes") != std::string::npos);
  CHECK(view->selected_ring == "dom1/ring/xvda");
  CHECK(view->range_end - view->range_begin == Approx(10e6));
  CHECK(stage.canvas().has_text("1 of 3"));
  // Words in their faces.
  bool has_code = false, has_bold = false;
  for (const auto& text : stage.canvas().texts()) {
    has_code |= text.text == "req_prod" && text.font.face == Face::mono;
    has_bold |= text.text == "think" && text.font.face == Face::bold;
  }
  CHECK(has_code);
  CHECK(has_bold);

  view->go_to_row(0);
  stage.draw();
  REQUIRE(stage.click("pin"));
  CHECK(view->cursor().row == rows.at("request 0"));

  REQUIRE(stage.click("next"));
  CHECK(fact(panel, *view, "title") == "The second");
  CHECK(view->cursor().row == rows.at("request 0"));
  REQUIRE(panel.on_key("PageDown", *view));
  CHECK(fact(panel, *view, "title") == "The third");
  REQUIRE(panel.on_key("PageDown", *view));
  CHECK(fact(panel, *view, "step") == "3");
  REQUIRE(panel.on_key("PageUp", *view));
  CHECK(fact(panel, *view, "step") == "2");
}

TEST_CASE("notes that cannot be read say so") {
  MadeSession made("## A step\nlayout: rings\nlayout: rings\nnth: many\n");
  const auto view = made.view();
  NotesPanel panel;
  const Theme theme = make_theme(ThemeName::dark);
  PanelStage stage(*view, panel, theme, {0, 0, 600, 400});
  CHECK_FALSE(view->lesson().problem().empty());
  CHECK(stage.canvas().has_text("The notes cannot be read."));
  CHECK_FALSE(stage.hits().contains("next"));
}

TEST_CASE("text that does not fit is scrolled to its last line, and not beyond") {
  std::string notes = "## Long\n\n";
  for (int i = 0; i < 60; ++i) notes += "Paragraph " + std::to_string(i) + ".\n\n";
  MadeSession made(notes);
  made.add_usual();
  const auto view = made.view();
  view->go_to_note(0);
  NotesPanel panel;
  const Theme theme = make_theme(ThemeName::dark);
  PanelStage stage(*view, panel, theme, {0, 0, 500, 400});
  CHECK(stage.canvas().has_text("0."));
  CHECK_FALSE(stage.canvas().has_text("59."));
  REQUIRE(stage.hits().contains("more"));
  for (int i = 0; i < 60 && stage.hits().contains("more"); ++i) REQUIRE(stage.click("more"));
  CHECK(stage.canvas().has_text("59."));
  CHECK(stage.canvas().unreadable({0, 0, 500, 400}).empty());
}

// The rings panel shows the ring's state behind the cursor's crossing, and a slot that is clicked.
#include "viewer/panels/rings_panel.h"

#include <catch2/catch.hpp>

#include "tests/support/recorded_canvas.h"
#include "tests/unit/viewer/panels/made_session.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

struct Fixture {
  Fixture() {
    rows = made.add_usual();
    view = made.view();
    view->selected_ring = "dom1/ring/xvda";
  }
  MadeSession made;
  std::map<std::string, Row> rows;
  std::unique_ptr<ViewState> view;
  RingsPanel panel;
  const Theme theme = make_theme(ThemeName::dark);
  const Rect area{0, 0, 1280, 720};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "slots have letters by their state, and the middle says how many are in flight") {
  view->go_to_row(rows["answered"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "ring") == "dom1/ring/xvda");
  CHECK(fact(panel, *view, "size") == "32");
  CHECK(fact(panel, *view, "req_prod") == "4");
  CHECK(fact(panel, *view, "rsp_prod") == "1");
  CHECK(fact(panel, *view, "req_cons") == "3");
  CHECK(fact(panel, *view, "in_flight") == "3");
  CHECK(fact(panel, *view, "state.0") == "answered");
  CHECK(fact(panel, *view, "state.1") == "taken");
  CHECK(fact(panel, *view, "state.2") == "taken");
  CHECK(fact(panel, *view, "state.3") == "published");
  CHECK(fact(panel, *view, "state.4").empty());
  CHECK(stage.canvas().has_text("3 of 32"));
  for (const char* label : {"req_prod 4", "rsp_prod 1", "req_cons 3", "req_event 4", "rsp_event 1"})
    CHECK(stage.canvas().has_text(label));
  const auto letters = [&](std::string_view letter) {
    size_t count = 0;
    for (const auto& text : stage.canvas().texts())
      if (text.text == letter && text.font.face == Face::bold) ++count;
    return count;
  };
  // One more of each in the legend.
  CHECK(letters("P") == 2);
  CHECK(letters("T") == 3);
  CHECK(letters("A") == 2);
}

TEST_CASE_METHOD(Fixture, "the sentences tell whether an event will be sent") {
  view->go_to_row(rows["publish"]);
  PanelStage stage(*view, panel, theme, area);
  // req_prod 4 has passed req_event 1; rsp_prod 0 has not come to rsp_event 1.
  CHECK(stage.canvas().has_text("No more events to the backend"));
  CHECK(stage.canvas().has_text("The next event to the frontend"));
}

TEST_CASE_METHOD(Fixture, "the slot of the cursor's crossing stands out") {
  view->go_to_row(rows["taken"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "marked") == "2");
  CHECK(stage.canvas().count(RecordedCanvas::Shape::Kind::path, theme.cursor) == 1);
  view->go_to_row(rows["send"]);
  stage.draw();
  CHECK(fact(panel, *view, "marked").empty());
  CHECK(stage.canvas().count(RecordedCanvas::Shape::Kind::path, theme.cursor) == 0);
}

TEST_CASE_METHOD(Fixture, "a click shows a slot's fields, a double click goes to its crossing") {
  view->go_to_row(rows["answered"]);
  PanelStage stage(*view, panel, theme, area);
  REQUIRE(stage.click("slot/0"));
  CHECK(fact(panel, *view, "slot") == "0");
  CHECK(stage.canvas().has_text("Slot 0: index 0, answered"));
  CHECK(stage.canvas().has_text("sector_number"));
  CHECK(stage.canvas().has_text("2048"));
  CHECK(view->cursor().row == rows["answered"]);
  REQUIRE(stage.click("details/request"));
  CHECK(view->cursor().row == rows["request 0"]);
  view->go_to_row(rows["answered"]);
  stage.draw();
  REQUIRE(stage.click("slot/0", true));
  CHECK(view->cursor().row == rows["response 0"]);
  REQUIRE(stage.click("details/close"));
  CHECK(fact(panel, *view, "slot").empty());
  CHECK(stage.canvas().has_text("slots in use"));
}

TEST_CASE_METHOD(Fixture, "hands glide from one crossing's state to the next, and arrive") {
  view->go_to_row(rows["taken"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK_FALSE(stage.animates());
  view->go_to_row(rows["answered"]);
  stage.draw();
  CHECK(stage.animates());
  view->update(0.05);
  stage.draw();
  CHECK(stage.animates());
  view->update(0.3);
  stage.draw();
  CHECK_FALSE(stage.animates());
  const auto arrived = stage.canvas().shapes();
  RingsPanel other;
  PanelStage fresh(*view, other, theme, area);
  REQUIRE(arrived.size() == fresh.canvas().shapes().size());
  for (size_t i = 0; i < arrived.size(); ++i) {
    CHECK(arrived[i].bounds == fresh.canvas().shapes()[i].bounds);
    CHECK(arrived[i].color == fresh.canvas().shapes()[i].color);
  }
}

TEST_CASE_METHOD(Fixture,
                 "tabs choose the ring; rings of bytes and of descriptors have pictures of their own") {
  view->go_to_row(rows["nic"]);
  view->selected_ring.clear();
  PanelStage stage(*view, panel, theme, area);
  // A device's ring comes before the console's and XenStore's.
  CHECK(fact(panel, *view, "ring").find("xenstore") == std::string::npos);
  view->selected_ring = "dom1";
  CHECK(fact(panel, *view, "ring").find("xenstore") == std::string::npos);
  view->selected_ring = "dom1/nic/eth";
  CHECK(fact(panel, *view, "ring").find("eth0") == std::string::npos);
  view->selected_ring = "dom1/nic/eth0";
  stage.draw();
  CHECK(fact(panel, *view, "head") == "2");
  CHECK(fact(panel, *view, "tail") == "10");
  CHECK(fact(panel, *view, "in_flight") == "8");
  CHECK(stage.canvas().has_text("8 of 64"));
  bool has_share = false;
  for (const auto& [name, place] : stage.hits()) {
    if (name.find("share") == std::string::npos) continue;
    has_share = true;
    REQUIRE(stage.click(name));
    break;
  }
  CHECK(has_share);
  CHECK(fact(panel, *view, "out").starts_with("200/"));
  CHECK(stage.canvas().has_text("200 B"));
}

TEST_CASE("a session's absurd indices do not leave the circle") {
  MadeSession made;
  made.blk_indices(0, 0, 0, 1, 1);
  made.blk_request(0xfffffff0, 1, 2);
  made.blk_indices(0xffffffff, 7, 0x80000000, 0xfffffff0, 0x7fffffff);
  made.nic(0xffffffff, 0xfffffffe, 0xffffffff);
  made.nic(5, 5, 0);
  made.nic(1, 2, 4);
  const auto view = made.view();
  RingsPanel panel;
  const Theme theme = make_theme(GENERATE(ThemeName::light, ThemeName::presentation));
  for (Row row = 0; row < view->table().size(); ++row) {
    view->go_to_row(row);
    for (const std::string& ring : std::vector<std::string>(view->story().rings())) {
      view->selected_ring = ring;
      PanelStage stage(*view, panel, theme, {0, 0, 800, 600});
      CHECK(stage.canvas().unreadable({0, 0, 800, 600}).empty());
      view->update(0.05);
      stage.draw();
      CHECK(stage.canvas().unreadable({0, 0, 800, 600}).empty());
    }
  }
}

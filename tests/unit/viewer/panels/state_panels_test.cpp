// Event channels, grants, XenStore, XenBus and 9P, as the panels show them behind the cursor's crossing.
#include <catch2/catch.hpp>

#include "tests/support/recorded_canvas.h"
#include "tests/unit/viewer/panels/made_session.h"
#include "viewer/panels/evtchn_panel.h"
#include "viewer/panels/grants_panel.h"
#include "viewer/panels/ninep_panel.h"
#include "viewer/panels/xenbus_panel.h"
#include "viewer/panels/xenstore_panel.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

using Kind = RecordedCanvas::Shape::Kind;

struct Fixture {
  Fixture() {
    rows = made.add_usual();
    view = made.view();
  }
  MadeSession made;
  std::map<std::string, Row> rows;
  std::unique_ptr<ViewState> view;
  const Theme theme = make_theme(ThemeName::dark);
  const Rect area{0, 0, 1280, 720};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a port's row says what is at its other end, and a lamp that it is pending") {
  EvtchnPanel panel;
  view->go_to_row(rows["send"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "dom1/4").find("end=dom0 port 7") != std::string::npos);
  CHECK(fact(panel, *view, "dom1/4").find("sent=1 delivered=0") != std::string::npos);
  CHECK(stage.canvas().has_text("dom1:4"));
  CHECK(stage.canvas().has_text("dom0 port 7"));
  const size_t lit = stage.canvas().count(Kind::circle, theme.signal);
  view->go_to_row(rows["deliver"]);
  stage.draw();
  CHECK(fact(panel, *view, "dom1/4").find("delivered=1") != std::string::npos);
  // What has been sent to dom0 is no longer waiting; the row of the port goes to its last crossing.
  CHECK(stage.canvas().count(Kind::circle, theme.signal) <= lit);
  view->go_to_row(rows["nic"]);
  stage.draw();
  REQUIRE(stage.click("dom1/4"));
  CHECK(view->cursor().row == rows["deliver"]);
}

TEST_CASE_METHOD(Fixture,
                 "grants are mapped, used or failed, and can be left out unless they are mapped now") {
  GrantsPanel panel;
  view->go_to_row(rows["nic"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "mapped") == "1");
  CHECK(fact(panel, *view, "ref.8").starts_with("writable"));
  CHECK(fact(panel, *view, "ref.9").starts_with("no "));
  CHECK(fact(panel, *view, "ref.12").starts_with("failed"));
  CHECK(stage.hits().contains("grants/2"));
  CHECK(stage.canvas().has_text("0x1234"));
  // The cross of the one that failed.
  CHECK(stage.canvas().count(Kind::line, theme.bad) == 2);
  REQUIRE(stage.click("mapped_now"));
  CHECK(stage.hits().contains("grants/0"));
  CHECK_FALSE(stage.hits().contains("grants/1"));
  REQUIRE(stage.click("ref/8"));
  CHECK(view->cursor().row == rows["map"]);
}

TEST_CASE_METHOD(Fixture, "XenStore's tree folds, and a node goes to the crossing that changed it") {
  XenstorePanel panel;
  view->go_to_row(rows["nic"]);
  PanelStage stage(*view, panel, theme, area);
  const std::string node = "/local/domain/1/device/vbd/51712/state";
  REQUIRE(stage.hits().contains("node" + node));
  CHECK(stage.canvas().has_text("= 3"));
  CHECK(stage.canvas().has_text("1 watch"));
  REQUIRE(stage.click("fold/local/domain/1/device"));
  CHECK_FALSE(stage.hits().contains("node" + node));
  CHECK(view->cursor().row == rows["nic"]);
  REQUIRE(stage.click("fold/local/domain/1/device"));
  REQUIRE(stage.click("node" + node));
  CHECK(view->cursor().row < rows["watch"]);
  CHECK(fact(panel, *view, "changed") == node + "=3");
}

TEST_CASE_METHOD(Fixture, "both ends' states are lit, and a state goes to where it was entered") {
  XenbusPanel panel;
  view->go_to_row(rows["backend 3"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "dom1/xvda/frontend") == "Initialised");
  CHECK(fact(panel, *view, "dom1/xvda/backend") == "InitWait");
  CHECK(stage.canvas().count(Kind::fill, theme.accent) == 2);
  view->go_to_row(rows["nic"]);
  stage.draw();
  CHECK(fact(panel, *view, "dom1/xvda/backend") == "Connected");
  // InitWait to Connected leaves Initialised out: an arrow beside the boxes, besides those between them.
  CHECK(stage.canvas().count(Kind::path, theme.cursor) + stage.canvas().count(Kind::path, theme.dim) == 1);
  REQUIRE(stage.click("dom1/xvda/backend/Connected"));
  CHECK(view->cursor().row == rows["backend 4"]);
  REQUIRE(stage.click("dom1/xvda/backend/Closed"));
  CHECK(view->cursor().row == rows["backend 4"]);
}

TEST_CASE_METHOD(Fixture, "9P has fids by path, the tags that wait, and how long answers took") {
  NinepPanel panel;
  view->go_to_row(rows["read"]);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, *view, "fid.1").find("etc/motd") != std::string::npos);
  CHECK(fact(panel, *view, "in_flight") == "1");
  CHECK(fact(panel, *view, "tag.5") == "116");
  CHECK(stage.canvas().has_text("etc/motd"));
  CHECK(stage.canvas().has_text("Twalk"));
  CHECK(stage.canvas().has_text("1 tag in flight"));
  REQUIRE(stage.click("fid/1"));
  CHECK(view->cursor().row == rows["walk"]);
  view->go_to_row(rows["read"]);
  stage.draw();
  view->go_to_row(rows["nic"]);
  stage.draw();
  REQUIRE(stage.click("tag/5"));
  CHECK(view->cursor().row == rows["read"]);
}

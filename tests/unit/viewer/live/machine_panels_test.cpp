// The panels of what only a machine knows, of a live one: they show it where it stands at the cursor, and
// offer to bring it there where not. All that is shown can be read.
#include "tests/support/recorded_canvas.h"
#include "tests/unit/viewer/live/live_test.h"
#include "viewer/panels/console_panel.h"
#include "viewer/panels/cpu_panel.h"
#include "viewer/panels/live_bar.h"
#include "viewer/panels/memory_panel.h"

using namespace ringside;
using namespace ringside::viewer;
using State = LiveMachine::State;

namespace {

struct LiveView {
  LiveView() {
    auto made = LiveMachine::prepare();
    REQUIRE(made);
    live = std::move(*made);
    view = std::make_unique<ViewState>(ViewedSession::make_live({}), live.get());
    view->is_live = true;
    MachineRequest wanted;
    wanted.path = scenario_path("blk-read");
    live->start(wanted, &view->session());
    REQUIRE(until([this] { return live->state() == State::paused; }));
    live->step("ring/xvda/request");
    REQUIRE(until([this] { return live->state() == State::paused; }));
    view->go_to_row(view->table().size() - 1);
  }
  template <class Done>
  bool until(const Done& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(120);
    while (std::chrono::steady_clock::now() < end) {
      view->update(0.01);
      if (done()) return true;
      poll(nullptr, 0, 2);
    }
    return false;
  }
  std::string fact(Panel& panel, std::string_view name) {
    for (const auto& [known, value] : panel.facts(*view)) {
      if (known == name) return value;
    }
    return {};
  }

  std::unique_ptr<LiveMachine> live;
  std::unique_ptr<ViewState> view;
  const Theme theme = make_theme(ThemeName::dark);
};

std::string listed(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE_METHOD(LiveView,
                 "registers, code and stack of the place where the machine stands, and of another one") {
  CpuPanel panel;
  for (const Rect area : {Rect{0, 0, 1100, 700}, Rect{0, 0, 480, 640}}) {
    PanelStage stage(*view, panel, theme, area);
    REQUIRE(until([&] {
      stage.draw();
      return stage.canvas().has_text("#0") && stage.canvas().has_text("0x" + fact(panel, "rip"));
    }));
    CHECK(stage.canvas().has_text("Code"));
    CHECK(stage.canvas().has_text("Called from"));
    INFO(listed(stage.canvas().unreadable(area)));
    CHECK(stage.canvas().unreadable(area).empty());
  }
  const Rect area{0, 0, 1100, 700};
  const std::string before = fact(panel, "instructions");
  view->go_to_row(view->cursor().row - 20);
  PanelStage stage(*view, panel, theme, area);
  CHECK(fact(panel, "here") == "false");
  CHECK(stage.canvas().has_text("Bring the machine here"));
  REQUIRE(stage.click("here"));
  REQUIRE(until([&] { return view->machine_is_here(); }));
  REQUIRE(until([&] { return !fact(panel, "rip").empty(); }));
  CHECK(fact(panel, "instructions") != before);
}

TEST_CASE_METHOD(LiveView, "memory at the stack pointer, and lines of the console") {
  MemoryPanel memory;
  const Rect area{0, 0, 900, 400};
  PanelStage stage(*view, memory, theme, area);
  REQUIRE(until([&] {
    stage.draw();
    return !fact(memory, "address").empty() && stage.canvas().has_text(fact(memory, "address"));
  }));
  CHECK(stage.canvas().unreadable(area).empty());
  REQUIRE(stage.click("physical"));
  CHECK(fact(memory, "physical") == "true");
  CHECK(memory.on_key("PageDown", *view));

  ConsolePanel console;
  PanelStage shown(*view, console, theme, area);
  CHECK(fact(console, "console") == "dom1");
  CHECK(shown.canvas().has_text("blk-read: 4096 sectors"));
  CHECK(shown.canvas().unreadable(area).empty());
}

TEST_CASE("a console's text is without what is for a terminal") {
  CHECK(plain_console_text("\x1b[1;31mred\x1b[0m\r\nnext\rover\n") == "red\nover\n");
  CHECK(plain_console_text("ab\bc\tx") == "ac      x");
  CHECK(plain_console_text("\x1b") == "");
}

TEST_CASE_METHOD(LiveView, "the bar steps, goes back, and says where the machine is") {
  LiveBar bar;
  const Rect strip{0, 0, 1100, 40};
  PanelStage stage(*view, bar, theme, strip);
  CHECK(stage.canvas().has_text("Step back"));
  CHECK(stage.canvas().has_text("paused at"));
  CHECK(stage.canvas().unreadable(strip).empty());
  view->select_wire(view->table().find_wire("dom1/ring/xvda/request"));
  const uint64_t here = live->sequence();
  REQUIRE(stage.click("step"));
  REQUIRE(until([this] { return live->state() == State::paused; }));
  CHECK(live->sequence() > here);
  REQUIRE(stage.click("back"));
  REQUIRE(until([this] { return live->state() == State::paused; }));
  CHECK(live->sequence() == here);
  bool has_state = false;
  for (const auto& [name, value] : bar.facts(*view))
    has_state = has_state || (name == "state" && value == "paused");
  CHECK(has_state);
}

// Proves that each step of the lessons that come with Ringside finds its crossing in the scenario's own
// session, with the notes that stand there, and that it is the crossing that its text speaks of. It cannot
// show that the text is good.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <set>

#include "machine/machine.h"
#include "viewer/session/filter.h"
#include "viewer/session/row_text.h"
#include "viewer/session/viewed_session.h"
#include "viewer/story/notes.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

struct Lesson {
  explicit Lesson(const std::string& name) {
    const auto scenario = load_scenario(std::string(RINGSIDE_SCENARIOS) + "/" + name, {});
    REQUIRE(scenario);
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() /
        ("ringside-lesson-" + std::to_string(getpid()) + "-" + name + ".pcapng");
    MachineOptions options;
    options.record_to = path.string();
    {
      auto machine = Machine::create(*scenario, options);
      REQUIRE(machine);
      REQUIRE((*machine)->run());
    }
    auto opened = ViewedSession::open(path.string());
    REQUIRE(opened);
    session = std::move(*opened);
    while (!session->is_read()) (void)session->read_for(std::chrono::milliseconds(100));
    std::filesystem::remove(path);
    text = std::make_unique<RowText>(session->table());
    auto parsed = parse_notes(session->header().notes);
    INFO(name << ": " << (parsed ? "" : parsed.error().message));
    REQUIRE(parsed);
    notes = std::move(*parsed);
    REQUIRE(place_notes(notes, session->table(), matcher(), true));
  }

  NoteMatcher matcher() {
    return [this](const std::string& expression) -> Result<RowMatcher> {
      auto filter = Filter::parse(expression);
      if (!filter) return tl::unexpected(filter.error());
      const auto kept = std::make_shared<Filter>(std::move(*filter));
      return RowMatcher([this, kept](Row row) { return kept->matches(session->table(), *text, row); });
    };
  }

  const NoteStep& step(std::string_view title) const {
    for (const NoteStep& found : notes.steps) {
      if (found.title == title) return found;
    }
    FAIL("there is no step '" << title << "'");
    return notes.steps.front();
  }
  // What is shown of a step's row.
  std::string line(std::string_view title) { return text->line(step(title).row); }
  // How many rows there are from one step's to another's that match.
  size_t count(std::string_view from, std::string_view to, const std::string& expression) {
    auto filter = Filter::parse(expression);
    REQUIRE(filter);
    std::vector<Row> found;
    filter->find(session->table(), *text, step(from).row, step(to).row, found);
    return found.size();
  }

  std::unique_ptr<ViewedSession> session;
  std::unique_ptr<RowText> text;
  Notes notes;
};

// Beside a ring there is not room for more.
size_t longest_line(const std::string& text) {
  size_t longest = 0, begin = 0;
  for (size_t at = 0; at <= text.size(); ++at) {
    if (at != text.size() && text[at] != '\n') continue;
    longest = std::max(longest, at - begin);
    begin = at + 1;
  }
  return longest;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("each step of each lesson finds its crossing") {
  const std::string name = GENERATE("lost-interrupt", "ring-full", "grant-leak", "9p-walk");
  Lesson lesson(name);
  CHECK_FALSE(lesson.notes.title.empty());
  CHECK_FALSE(lesson.notes.introduction.empty());
  CHECK(lesson.notes.steps.size() >= 6);
  CHECK(lesson.notes.steps.size() <= 12);
  static const std::set<std::string> panels{"timeline", "list", "details", "rings",
                                            "grants",   "9p",   "console"};
  Row last = 0;
  std::set<std::string> titles;
  for (const NoteStep& step : lesson.notes.steps) {
    INFO(name << ", line " << step.line << ", " << step.title);
    CHECK(step.problem == "");
    REQUIRE(step.row != kNoRow);
    CHECK(step.row >= last);
    last = step.row;
    CHECK(titles.insert(step.title).second);
    CHECK_FALSE(step.blocks.empty());
    CHECK(panels.count(step.layout) == 1);
    for (const NoteBlock& block : step.blocks) {
      if (block.kind == NoteBlock::Kind::code) CHECK(longest_line(block.spans[0].text) <= 46);
    }
  }
}

TEST_CASE("lost-interrupt says what happens") {
  Lesson lesson("lost-interrupt");
  const std::string lost = "The second answer comes, and no event";
  CHECK(has(lesson.line(lost), "rsp_prod=5 rsp_event=4"));
  CHECK(has(lesson.line("The driver goes to sleep"), "rsp_event is 5 where rsp_prod is 5"));
  const std::string event = "wire == \"dom1/evtchn\" && op == \"deliver\" && port == 3";
  CHECK(lesson.count("Two reads at once", lost, event) == 1);
  CHECK(lesson.count(lost, "Five milliseconds of nothing", event) == 0);
  CHECK(lesson.count("Five milliseconds of nothing", "It looks once more", event) == 1);
  CHECK(has(lesson.line("The mended driver at the same moment"), "rsp_prod=7 rsp_event=6"));
  CHECK(has(lesson.line("It looks once more"), "rsp_prod=7 rsp_event=8"));
  const CrossingTable& table = lesson.session->table();
  const auto between = [&](std::string_view from, std::string_view to) {
    return table.at(lesson.step(to).row) - table.at(lesson.step(from).row);
  };
  CHECK(between("The first answer wakes the driver", lost).ps / 1'000'000 == 6);
  CHECK(between("The first answer wakes the driver", "The driver goes to sleep").ps / 1'000'000 == 37);
  CHECK(between(lost, "The driver goes to sleep").ps / 1'000'000 == 31);
}

TEST_CASE("ring-full says what happens") {
  Lesson lesson("ring-full");
  CHECK(has(lesson.line("The backend takes them all"), "req_prod=32"));
  CHECK(has(lesson.line("The backend takes them all"), "rsp_prod=0"));
  CHECK(lesson.count("One page, 32 places", "No room",
                     "wire == \"dom1/evtchn\" && op == \"send\" && port == 3") == 1);
  CHECK(has(lesson.line("The place is used again"), "slot=0 req_prod=33"));
  CHECK(has(lesson.line("The last request is in"), "rsp_prod=16"));
  CHECK(has(lesson.line("Four milliseconds for one read"), "latency=0.0042"));
  CHECK(has(lesson.line("The disk does one thing at a time"), "latency=0.000131"));
}

TEST_CASE("grant-leak says what happens") {
  Lesson lesson("grant-leak");
  const auto value = [&](std::string_view title, const std::string& name) {
    const std::string line = lesson.line(title);
    const size_t at = line.find(name + "=");
    REQUIRE(at != line.npos);
    return line.substr(at, line.find(' ', at) - at);
  };
  CHECK(value("The next read, the same page", "frame") == value("A page for the first read", "frame"));
  CHECK(value("Nobody notices", "frame") == value("A page for the first read", "frame"));
  CHECK(value("Domain 0 lets go", "flags") == "flags=permit_access");
  CHECK(has(lesson.line("The backend does all right"), "id=2 "));
  CHECK(has(lesson.line("Can you see the difference?"), "id=6 "));
  CHECK(lesson.count("The third read fails", "The driver returns too early",
                     "op == \"unmap\" && ref == 11") == 1);
  CHECK(lesson.count("The careful driver meets the same error", "The checker looks into the table",
                     "op == \"unmap\" && ref == 15") == 1);
  CHECK(has(lesson.line("The checker looks into the table"), "1 grant still permits access: 11"));
}

TEST_CASE("9p-walk says what happens") {
  Lesson lesson("9p-walk");
  CHECK(has(lesson.line("Three names in one message"), "newfid=1 wname=[\"docs\" \"xen\" \"rings.txt\"]"));
  CHECK(has(lesson.line("There"), "tag=100"));
  CHECK(has(lesson.line("A walk that goes nowhere"), "wqid=[]"));
  CHECK(has(lesson.line("Open"), "iounit=8168"));
  CHECK(has(lesson.line("Read, sixteen bytes at a time"), "data=16 bytes"));
  CHECK(has(lesson.line("The end of the file"), "data=0 bytes"));
  CHECK(has(lesson.line("Half a path"), "wqid=[(2 2 'd')]"));
  CHECK(has(lesson.line("Nothing"), "ecode=ENOENT"));
  CHECK(has(lesson.line("Give back what you have named"), "Rclunk tag=8"));
}

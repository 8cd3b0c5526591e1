// Proves that notes are read as they are written, that each wrong line is named, and that steps find their
// rows in order, at once or as the table grows. It cannot show that a lesson is any good.
#include "viewer/story/notes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "sim/random.h"

using namespace ringside;
using namespace ringside::viewer;

namespace {

using Kind = NoteBlock::Kind;
using Style = NoteSpan::Style;

Notes parsed(std::string_view text) {
  auto notes = parse_notes(text);
  INFO((notes ? "" : notes.error().message));
  REQUIRE(notes);
  return std::move(*notes);
}

std::string wrong(std::string_view text) {
  const auto notes = parse_notes(text);
  REQUIRE_FALSE(notes);
  return notes.error().message;
}

std::vector<NoteSpan> spans(std::string_view text) {
  const Notes notes = parsed("## x\n\n" + std::string(text));
  REQUIRE(notes.steps[0].blocks.size() == 1);
  return notes.steps[0].blocks[0].spans;
}

// Rows whose payload is one byte.
void add_rows(CrossingTable& table, std::string_view bytes) {
  const uint32_t wire = table.add_wire("dom1/letters", WireKind::message, 65000, {});
  for (const char byte : bytes) {
    const auto value = static_cast<uint8_t>(byte);
    table.add({table.size() * uint64_t{1000}}, table.size() + 1, wire, Direction::in, 0, 1, {&value, 1});
  }
}

// The filter is a letter, or '!', which is wrong.
NoteMatcher letters(const CrossingTable& table) {
  return [&table](const std::string& filter) -> Result<RowMatcher> {
    if (filter == "!") return fail("character 1: this is no filter");
    return RowMatcher([&table, letter = static_cast<uint8_t>(filter[0])](Row row) {
      return table.payload(row)[0] == letter;
    });
  };
}

}  // namespace

TEST_CASE("notes are steps with settings and text") {
  const Notes notes = parsed(
      "# Rings\n"
      "\n"
      "Two ends of a page.\n"
      "\n"
      "## The first\n"
      "at: wire ~ \"*/request\" && id == 3\n"
      "nth: 2\n"
      "layout: rings\n"
      "select: dom1/ring/xvda\n"
      "range: 200us\n"
      "\n"
      "What to look at:\n"
      "and why.\n"
      "\n"
      "More.\n"
      "## The second\n"
      "\n"
      "layout: grants\n"
      "\n"
      "note: this is text, as is the next line\n"
      "at: nothing\n");
  CHECK(notes.title == "Rings");
  REQUIRE(notes.introduction.size() == 1);
  CHECK(notes.introduction[0].spans == std::vector<NoteSpan>{{Style::plain, "Two ends of a page."}});
  REQUIRE(notes.steps.size() == 2);
  const NoteStep& first = notes.steps[0];
  CHECK(first.title == "The first");
  CHECK(first.line == 5);
  CHECK(first.filter == "wire ~ \"*/request\" && id == 3");
  CHECK(first.nth == 2);
  CHECK(first.layout == "rings");
  CHECK(first.select == "dom1/ring/xvda");
  CHECK(first.range == microseconds(200));
  CHECK(notes.steps[1].layout == "grants");
  CHECK(notes.steps[1].text == "note: this is text, as is the next line\nat: nothing");
  CHECK(first.text == "What to look at:\nand why.\n\nMore.");
  REQUIRE(first.blocks.size() == 2);
  CHECK(first.blocks[0].spans[0].text == "What to look at: and why.");
}

TEST_CASE("a step may do without settings, and its text may begin at once") {
  const Notes notes = parsed("## One\nIt begins: here.\n## Two\n\nwhy: it is a sentence\n## Three\n");
  REQUIRE(notes.steps.size() == 3);
  CHECK(notes.steps[0].text == "It begins: here.");
  CHECK(notes.steps[1].text == "why: it is a sentence");
  CHECK(notes.steps[1].filter.empty());
  CHECK(notes.steps[1].nth == 1);
  CHECK(notes.steps[1].range == Tick{});
  CHECK(notes.steps[2].blocks.empty());
  CHECK(parsed("").steps.empty());
}

TEST_CASE("lines may end as on Windows") {
  const Notes notes = parsed("## One\r\nat: a\r\n\r\nText.\r\nMore.\r\n\r\n- item\r\n");
  CHECK(notes.steps[0].title == "One");
  CHECK(notes.steps[0].filter == "a");
  REQUIRE(notes.steps[0].blocks.size() == 2);
  CHECK(notes.steps[0].blocks[0].spans[0].text == "Text. More.");
  CHECK(notes.steps[0].blocks[1].spans[0].text == "item");
}

TEST_CASE("text is paragraphs, lists, headings and code") {
  const Notes notes = parsed(
      "## x\n\nOne\ntwo.\n\n- first\n  goes on\n  - inner\n12. numbered\n### Inside\nAfter.\n"
      "```c\n## no step\n\n- no `item`\n```\nEnd.\n");
  REQUIRE(notes.steps.size() == 1);
  const auto& blocks = notes.steps[0].blocks;
  REQUIRE(blocks.size() == 8);
  CHECK(blocks[0] == NoteBlock{Kind::paragraph, "", 0, {{Style::plain, "One two."}}});
  CHECK(blocks[1] == NoteBlock{Kind::item, "-", 0, {{Style::plain, "first goes on"}}});
  CHECK(blocks[2] == NoteBlock{Kind::item, "-", 1, {{Style::plain, "inner"}}});
  CHECK(blocks[3] == NoteBlock{Kind::item, "12.", 0, {{Style::plain, "numbered"}}});
  CHECK(blocks[4] == NoteBlock{Kind::heading, "", 0, {{Style::plain, "Inside"}}});
  CHECK(blocks[5].spans[0].text == "After.");
  CHECK(blocks[6] == NoteBlock{Kind::code, "", 0, {{Style::code, "## no step\n\n- no `item`"}}});
  CHECK(blocks[7].spans[0].text == "End.");
}

TEST_CASE("words may be bold or code") {
  CHECK(spans("a **b c** `d**` e") == std::vector<NoteSpan>{{Style::plain, "a "},
                                                            {Style::bold, "b c"},
                                                            {Style::plain, " "},
                                                            {Style::code, "d**"},
                                                            {Style::plain, " e"}});
  CHECK(spans("2 * 3, ** and ` and ****") ==
        std::vector<NoteSpan>{{Style::plain, "2 * 3, "}, {Style::bold, " and ` and "}, {Style::plain, "**"}});
  CHECK(spans("`never closed, **nor this") ==
        std::vector<NoteSpan>{{Style::plain, "`never closed, **nor this"}});
  CHECK(spans("``") == std::vector<NoteSpan>{{Style::plain, "``"}});
  CHECK(spans("`` and `") == std::vector<NoteSpan>{{Style::plain, "`"}, {Style::code, " and "}});
}

TEST_CASE("each wrong line is named") {
  CHECK(wrong("## x\nlayuot: rings\n") ==
        "line 2: there is no setting 'layuot': they are at, nth, layout, select, range, and an empty line "
        "ends them; "
        "did you mean 'layout'?");
  CHECK(wrong("## x\nat: a\nnote: b\n").find("line 3: there is no setting 'note'") == 0);
  CHECK(wrong("## x\nat: a\nat: b\n") == "line 3: 'at' stands here twice");
  CHECK(wrong("## x\nat:\n") == "line 2: 'at' says nothing");
  CHECK(wrong("##\n") == "line 1: the step has no title");
  CHECK(wrong("# a\n# b\n") == "line 2: the notes have a title already; a step's begins with ##");
  for (const char* nth : {"0", "-1", "two", "2x", "99999999999999999999"})
    CHECK(wrong("## x\nnth: " + std::string(nth)).find("line 2: nth is '") == 0);
  for (const char* range : {"0ms", "long", "1 mile"})
    CHECK(wrong("## x\nrange: " + std::string(range)).find("line 2: range is '") == 0);
  CHECK(wrong("## x\n\n```\nnever\n## y\n") == "line 3: the code that begins here has no end (```)");
  const std::string both = wrong("## x\nnth: 0\n## y\nrange: 0\n");
  CHECK(both.find("line 2: ") == 0);
  CHECK(both.find("\nline 4: ") != both.npos);
}

TEST_CASE("steps find their rows behind each other") {
  CrossingTable table;
  add_rows(table, "abcabcab");
  Notes notes = parsed(
      "## 1\nat: a\n## 2\nat: a\n## 3\nno pin\n## 4\nat: b\nnth: 2\n## 5\nat: c\n## 6\nat: !\n## 7\n"
      "at: z\n## 8\nstays\n");
  CHECK(place_notes(notes, table, letters(table), true));
  std::vector<Row> rows;
  for (const NoteStep& step : notes.steps) rows.push_back(step.row);
  CHECK(rows == std::vector<Row>{0, 3, 3, 7, kNoRow, kNoRow, kNoRow, 7});
  CHECK(notes.steps[0].problem.empty());
  CHECK(notes.steps[4].problem == "no crossing from there on matches c");
  CHECK(notes.steps[5].problem == "character 1: this is no filter");
  CHECK(notes.steps[7].problem.empty());
  Notes few = parsed("## 1\nat: c\nnth: 5\n");
  CHECK(place_notes(few, table, letters(table), true));
  CHECK(few.steps[0].problem == "only 2 of 5 crossings from there on match c");
}

TEST_CASE("a step before the first pinned one stands before the first row") {
  CrossingTable table;
  add_rows(table, "ab");
  Notes notes = parsed("## 1\nwelcome\n## 2\nat: a\n");
  CHECK(place_notes(notes, table, letters(table), true));
  CHECK(notes.steps[0].row == kNoRow);
  CHECK(notes.steps[0].problem.empty());
  CHECK(notes.steps[1].row == 0);
}

TEST_CASE("steps wait for a table that grows, and begin anew in another history") {
  CrossingTable table;
  add_rows(table, "ax");
  Notes notes = parsed("## 1\nat: a\n## 2\nat: c\nnth: 2\n## 3\nat: x\n");
  const NoteMatcher matcher = letters(table);
  CHECK(place_notes(notes, table, matcher, false));
  CHECK(notes.steps[0].row == 0);
  CHECK_FALSE(notes.steps[1].is_placed);
  CHECK(notes.steps[1].problem.empty());
  CHECK_FALSE(notes.steps[2].is_placed);
  add_rows(table, "cxc");
  CHECK(place_notes(notes, table, matcher, false));
  CHECK(notes.steps[1].row == 4);
  CHECK_FALSE(notes.steps[2].is_placed);
  add_rows(table, "x");
  CHECK(place_notes(notes, table, matcher, false));
  CHECK(notes.steps[2].row == 5);
  table.truncate(0);
  add_rows(table, "ccax");
  CHECK(place_notes(notes, table, matcher, false));
  CHECK(notes.steps[0].row == 2);
  CHECK_FALSE(notes.steps[1].is_placed);
  CHECK(place_notes(notes, table, matcher, true));
  CHECK(notes.steps[1].problem == "no crossing from there on matches c");
  CHECK(notes.steps[2].row == 3);
}

TEST_CASE("rows are looked at in slices") {
  CrossingTable table;
  add_rows(table, std::string(1000, '.') + "a" + std::string(1000, '.') + "b");
  Notes notes = parsed("## 1\nat: a\n## 2\nat: b\n## 3\nat: c\n");
  int slices = 1;
  while (!place_notes(notes, table, letters(table), true, 100)) ++slices;
  CHECK(slices > 19);
  CHECK(slices < 23);
  CHECK(notes.steps[0].row == 1000);
  CHECK(notes.steps[1].row == 2001);
  CHECK_FALSE(notes.steps[2].problem.empty());
}

TEST_CASE("no text makes trouble") {
  Random random(7);
  const std::string parts[] = {
      "## ",  "# ", "\n", "at: ", "nth: 3", "`",  "**", "- ",   "```", "range: 1ms",
      "\r\n", "x",  " ",  ":",    "### ",   "1.", ". ", "\xff", "*",   std::string(1, '\0')};
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (uint64_t n = random.below(60); n != 0; --n) text += parts[random.below(std::size(parts))];
    const auto notes = parse_notes(text);
    if (!notes) CHECK(notes.error().message.find("line ") == 0);
  }
  CHECK_FALSE(parse_notes(std::string(2 << 20, 'x')));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "## x\n";
  CHECK(wrong(many).find("more than 500 steps") != std::string::npos);
  // In time that grows with the text.
  CHECK(parse_notes("## x\n\n" + std::string(500000, '*') + std::string(500000, '`')));
}

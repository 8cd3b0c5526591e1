// Text for people: 80 columns, whatever there is to say.
#include <catch2/catch.hpp>

#include "control/bytes_text.h"
#include "control/crossing_text.h"
#include "control/view_text.h"

using namespace ringside;

namespace {

size_t widest(const std::vector<std::string>& lines) {
  size_t most = 0;
  for (const std::string& line : lines) most = std::max(most, line.size());
  return most;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("lines are folded between words, and words without room are cut") {
  CHECK(folded("short") == "short");
  std::string words;
  for (int i = 0; i < 60; ++i) words += "field=value ";
  CHECK(widest(split(folded(words))) <= 80);
  const auto cut = split(folded(std::string(300, 'x')));
  CHECK(widest(cut) <= 80);
  CHECK(cut.size() == 4);
}

TEST_CASE("a crossing reads as `ringside show` prints it, with what a fault left of it") {
  Json crossing{{"at_ps", 812'345'678},
                {"wire", "dom1/ring/xvda/request"},
                {"direction", "out"},
                {"text", "operation=READ"}};
  CHECK(crossing_line(crossing) == "0.000812345 dom1/ring/xvda/request -> operation=READ");
  crossing["injected"] = true;
  crossing["verdict"] = {{"copies", 0}};
  CHECK(crossing_line(crossing) ==
        "0.000812345 dom1/ring/xvda/request -> operation=READ [injected] [dropped]");
}

TEST_CASE("a view's facts, table and lines fit 80 columns") {
  Json view{{"title", "a view"}};
  for (int i = 0; i < 5; ++i) view["facts"].push_back({"name", "value"});
  view["facts"].push_back({"long", std::string(100, 'v')});
  view["columns"] = {"slot", "state", "contents"};
  view["rows"].push_back({"1", "published", std::string(200, 'c') + " end"});
  view["lines"].push_back(std::string(90, 'l'));
  const auto lines = view_lines(view);
  CHECK(widest(lines) <= 80);
  CHECK(lines.front() == "a view");
}

TEST_CASE("bytes survive their way through JSON") {
  const std::vector<uint8_t> bytes{0, 1, 0x7f, 0x80, 0xff};
  CHECK(bytes_from_hex(hex_of(bytes)) == bytes);
  CHECK(bytes_from_hex("0102zz03").size() == 2);
}

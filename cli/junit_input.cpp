#include "cli/junit_input.h"

#include <algorithm>
#include <charconv>

namespace ringside::cli {

namespace {

struct Entity {
  std::string_view name, text;
};
constexpr Entity kEntities[] = {{"lt", "<"}, {"gt", ">"}, {"amp", "&"}, {"quot", "\""}, {"apos", "'"}};
constexpr std::string_view kBlanks = " \t\r\n";

// "#10" or "#x0a"; other than ASCII is left out, which no path of ours has.
std::string character_by_number(std::string_view digits) {
  const bool hex = digits.starts_with('x');
  if (hex) digits.remove_prefix(1);
  unsigned value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || value == 0 || value > 0x7f) return "";
  return std::string(1, static_cast<char>(value));
}

std::string unescaped(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const size_t start = text.find('&');
    plain += text.substr(0, start);
    if (start == std::string_view::npos) break;
    text.remove_prefix(start + 1);
    const size_t end = text.find(';');
    if (end == std::string_view::npos) break;
    const std::string_view name = text.substr(0, end);
    if (name.starts_with('#')) plain += character_by_number(name.substr(1));
    for (const Entity& entity : kEntities) {
      if (entity.name == name) plain += entity.text;
    }
    text.remove_prefix(end + 1);
  }
  return plain;
}

// Of a tag's inside: "testcase name=\"a\" time='1'".
std::string attribute(std::string_view tag, std::string_view wanted) {
  for (size_t at = tag.find_first_of(kBlanks); at != std::string_view::npos;) {
    at = tag.find_first_not_of(kBlanks, at);
    const size_t equals = at == std::string_view::npos ? at : tag.find('=', at);
    if (equals == std::string_view::npos || equals + 1 >= tag.size()) break;
    std::string_view name = tag.substr(at, equals - at);
    name = name.substr(0, name.find_first_of(kBlanks));
    const size_t open = tag.find_first_of("\"'", equals);
    const size_t close = open == std::string_view::npos ? open : tag.find(tag[open], open + 1);
    if (close == std::string_view::npos) break;
    if (name == wanted) return unescaped(tag.substr(open + 1, close - open - 1));
    at = close + 1;
  }
  return "";
}

// The end of the tag that begins at `at`: a '>' outside of quotation marks.
size_t end_of_tag(std::string_view xml, size_t at) {
  char quotation = 0;
  for (; at < xml.size(); ++at) {
    if (quotation != 0) {
      if (xml[at] == quotation) quotation = 0;
    } else if (xml[at] == '"' || xml[at] == '\'') {
      quotation = xml[at];
    } else if (xml[at] == '>') {
      return at;
    }
  }
  return std::string_view::npos;
}

struct Scan {
  std::vector<JunitFailure> failures;
  size_t first_of_test = 0;  // of `failures`
  std::string test, output;
  bool inside_failure = false, inside_output = false;

  void text(std::string_view text, bool escaped) {
    if (!inside_failure && !inside_output) return;
    (inside_failure ? failures.back().text : output) += escaped ? unescaped(text) : std::string(text);
  }
  void end_test() {
    for (size_t i = first_of_test; i < failures.size(); ++i) failures[i].output = output;
    first_of_test = failures.size();
    output.clear();
  }
  void tag(std::string_view tag) {
    const bool closing = tag.starts_with('/'), empty = tag.ends_with('/');
    if (closing) tag.remove_prefix(1);
    const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n/"));
    const bool is_failure = name == "failure" || name == "error";
    if (closing) {
      if (is_failure) inside_failure = false;
      if (name == "system-out") inside_output = false;
      if (name == "testcase") end_test();
    } else if (name == "testcase") {
      test = attribute(tag, "name");
    } else if (is_failure) {
      failures.push_back({test, attribute(tag, "message"), "", ""});
      inside_failure = !empty;
    } else if (name == "system-out") {
      inside_output = !empty;
    }
  }
};

}  // namespace

std::vector<JunitFailure> read_junit(std::string_view xml) {
  constexpr std::string_view kData = "<![CDATA[", kDataEnd = "]]>", kComment = "<!--", kCommentEnd = "-->";
  Scan scan;
  for (size_t at = 0; at < xml.size();) {
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with(kData) || rest.starts_with(kComment)) {
      const bool is_data = rest.starts_with(kData);
      const std::string_view closing = is_data ? kDataEnd : kCommentEnd;
      const size_t end = rest.find(closing);
      if (is_data) scan.text(rest.substr(kData.size(), end - std::min(end, kData.size())), false);
      if (end == std::string_view::npos) break;
      at += end + closing.size();
    } else if (rest.front() == '<') {
      const size_t end = end_of_tag(xml, at);
      if (end == std::string_view::npos) break;
      scan.tag(xml.substr(at + 1, end - at - 1));
      at = end + 1;
    } else {
      const size_t end = std::min(rest.find('<'), rest.size());
      scan.text(rest.substr(0, end), true);
      at += end;
    }
  }
  return std::move(scan.failures);
}

std::vector<std::string> sessions_named_in(std::string_view text) {
  constexpr std::string_view kEnding = ".pcapng";
  constexpr std::string_view kAround = " \t\r\n\"'<>=()[],;";
  constexpr size_t kPathMax = 4096;  // a host's own limit; nothing longer is a file's name
  std::vector<std::string> names;
  for (size_t at = text.find(kEnding); at != std::string_view::npos; at = text.find(kEnding, at + 1)) {
    const size_t end = at + kEnding.size();
    if (end < text.size() && kAround.find(text[end]) == std::string_view::npos && text[end] != ':' &&
        text[end] != '.')
      continue;
    const size_t first = end - std::min(end, kPathMax + 1);
    const std::string_view reach = text.substr(first, end - first);
    const size_t before = reach.find_last_of(kAround);
    if (before == std::string_view::npos && reach.size() > kPathMax) continue;
    std::string name(reach.substr(before == std::string_view::npos ? 0 : before + 1));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace ringside::cli

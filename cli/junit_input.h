// What a CI job's JUnit file says of tests that failed. Only as much XML as test frameworks write: elements,
// attributes, text, CDATA, the five entities and characters by number.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ringside::cli {

struct JunitFailure {
  std::string test;     // the test case's name
  std::string message;  // the element's attribute: an assertion's expression
  std::string text;     // its contents
  std::string output;   // what the test printed: <system-out>, where CTest has all that there is
};

// The <failure> and <error> elements, in their order. What is no XML gives what could be read of it.
std::vector<JunitFailure> read_junit(std::string_view xml);

// Words of a text that name sessions ("out/a.pcapng"), each once.
std::vector<std::string> sessions_named_in(std::string_view text);

}  // namespace ringside::cli

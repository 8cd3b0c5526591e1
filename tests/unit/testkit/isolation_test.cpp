// What a program of tests says when its tests fail, crash and loop: the samples beside this file, each run as
// a person would run it. It cannot show what a debugger or CTest makes of them.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace {

namespace fs = std::filesystem;

struct Output {
  std::string text;
  int code = -1;
};

// Catch2 breaks lines: at blanks, and behind hyphens and slashes.
std::string without_breaks(const std::string& text) {
  std::string flat;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\n') {
      flat += text[at];
      continue;
    }
    while (at + 1 < text.size() && text[at + 1] == ' ') ++at;
    if (!flat.empty() && flat.back() != '-' && flat.back() != '/' && flat.back() != ' ') flat += ' ';
  }
  return flat;
}

// In a folder of its own, so that sessions lie there.
class Samples {
 public:
  Samples() {
    std::string name = (fs::temp_directory_path() / "ringside-samples-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~Samples() { fs::remove_all(folder_); }
  Samples(const Samples&) = delete;
  Samples& operator=(const Samples&) = delete;

  Output run(const std::string& arguments, const std::string& environment = "") const {
    Output output = shell(environment + " " RINGSIDE_SAMPLES " " + arguments);
    output.text = without_breaks(output.text);
    return output;
  }
  Output shell(const std::string& command) const {
    Output output;
    const std::string whole = "cd '" + folder_ + "' && XDG_STATE_HOME='" + folder_ + "' " + command + " 2>&1";
    FILE* pipe = popen(whole.c_str(), "r");
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) output.text += buffer;
    output.code = WEXITSTATUS(pclose(pipe));
    return output;
  }
  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
};

// The number of the line in the samples that has these words.
std::string line_with(const std::string& words) {
  const std::string source = fs::path(__FILE__).parent_path() / "samples/samples.cpp";
  std::ifstream stream(source);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    if (line.find(words) != std::string::npos) return "samples.cpp:" + std::to_string(number);
  }
  return "no such line";
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("tests in processes of their own pass, with sections and generators") {
  const Samples samples;
  const Output output = samples.run("[passes]");
  INFO(output.text);
  CHECK(output.code == 0);
  CHECK_THAT(output.text, Contains("All tests passed"));
  // Every pass of the sections and generators counts: 1 + 3, 6, and those of the machines.
  CHECK_THAT(samples.run("'generators pass'").text, Contains("(6 assertions in 1 test case)"));
  CHECK_THAT(samples.run("'sections pass'").text, Contains("(5 assertions in 1 test case)"));
  CHECK(!fs::exists(samples.folder() + "/ringside-sessions"));
}

TEST_CASE("what fails in a child is told as if it had failed here") {
  const Samples samples;
  const Output output = samples.run("'a check fails'");
  INFO(output.text);
  CHECK(output.code == 2);
  CHECK_THAT(output.text,
             Contains("CHECK( 1 + 1 == 3 )") && Contains("2 == 3") && Contains("told beside it"));
  CHECK_THAT(output.text, Contains("REQUIRE( 2 + 2 == 5 )") && !Contains("not reached"));
  CHECK_THAT(samples.run("'an exception'").text, Contains("thrown on purpose"));
  CHECK_THAT(samples.run("-r junit 'a check fails'").text,
             Contains("failures=\"2\"") && Contains("1 + 1 == 3"));
}

TEST_CASE("a crash is told by the line that did it, and the run goes on") {
  const Samples samples;
  const Output output = samples.run("'a null pointer','the last one runs'");
  INFO(output.text);
  CHECK(output.code == 1);
  CHECK_THAT(output.text, Contains(line_with("// crashes here")));
  CHECK_THAT(output.text, Contains("SIGSEGV") && Contains("write_through"));
  CHECK_THAT(output.text, Contains("test cases: 2 | 1 passed | 1 failed"));
  CHECK_THAT(samples.run("'a stack overflow'").text, Contains("SIGSEGV"));
  CHECK_THAT(samples.run("'an abort'").text, Contains("SIGABRT"));
  CHECK_THAT(samples.run("'an exit'").text, Contains("called exit()"));
  const Output section = samples.run("'a crash within a section'");
  INFO(section.text);
  CHECK_THAT(section.text, Contains("assertions: 3 | 2 passed | 1 failed"));
}

TEST_CASE("a loop is told by its line when its time is used up") {
  const Samples samples;
  const Output output = samples.run("[loops]", "RINGSIDE_CPU_LIMIT=0.3");
  INFO(output.text);
  CHECK(output.code == 2);
  CHECK_THAT(output.text, Contains("would not end") && Contains("poll_for_ever"));
  CHECK_THAT(output.text, Contains(line_with("// loops here")));
}

TEST_CASE("a failed test leaves its session, and the command that replays it") {
  const Samples samples;
  const Output output = samples.run("'a matcher fails'");
  INFO(output.text);
  CHECK(output.code == 1);
  CHECK_THAT(output.text, Contains("operation == \"READ\" && sector_number == 987654"));
  CHECK_THAT(output.text, Contains("these come nearest:") && Contains("operation=READ"));
  CHECK_THAT(output.text, Contains("ringside replay ringside-sessions/a_matcher_fails.pcapng"));
  CHECK_THAT(output.text, Contains("seed 1"));
  CHECK(fs::exists(samples.folder() + "/ringside-sessions/a_matcher_fails.pcapng"));
  const Output again =
      samples.run("'a matcher fails'", "RINGSIDE_REPLAY=ringside-sessions/a_matcher_fails.pcapng");
  CHECK_THAT(again.text, Contains("identical"));
  const Output other = samples.run("'a matcher fails'", "RINGSIDE_SEED=7 RINGSIDE_OUT=elsewhere");
  CHECK_THAT(other.text, Contains("seed 7") && Contains("ringside replay elsewhere/a_matcher_fails.pcapng"));
}

// Folded, nobody could copy it.
TEST_CASE("the command that replays a failure stands in a line of its own") {
  const Samples samples;
  const auto line = [](const std::string& command) { return "\nreplay: " + command + "\n"; };
  const std::string driver = "'a driver that keeps what it was given'";
  CHECK_THAT(
      samples.shell(RINGSIDE_SAMPLES " " + driver).text,
      Contains(line(
          "RINGSIDE_REPLAY=ringside-sessions/a_driver_that_keeps_what_it_was_given.pcapng " RINGSIDE_SAMPLES
          " \"a driver that keeps what it was given\"")));
  const Output output = samples.shell("RINGSIDE_OUT='a folder' " RINGSIDE_SAMPLES " endings");
  CHECK_THAT(output.text, Contains(line("ringside replay \"a folder/endings-an_error.pcapng\"")) &&
                              Contains(line("ringside replay \"a folder/endings-a_crash.pcapng\"")));
  CHECK_THAT(output.text, !Contains("endings-as_it_is.pcapng"));
}

TEST_CASE("what a driver does not give back is told by the line that got it, and the run goes on") {
  const Samples samples;
  const Output output = samples.run("'a driver that keeps what it was given','the last one runs'");
  INFO(output.text);
  CHECK(output.code == 3);
  CHECK_THAT(output.text, Contains("driver/pages_leaked") && Contains(line_with("// keeps a page")));
  CHECK_THAT(output.text, Contains("driver/grant_leaked") && Contains(line_with("// keeps a grant")));
  CHECK_THAT(output.text, Contains("driver/port_leaked") && Contains(line_with("// keeps a port")));
  CHECK_THAT(output.text, Contains("test cases: 2 | 1 passed | 1 failed"));
}

TEST_CASE("an ending that leaves in the middle fails its test") {
  const Samples samples;
  const Output output = samples.run("'an ending that leaves'");
  INFO(output.text);
  CHECK(output.code == 1);
  CHECK_THAT(output.text, Contains("in the ending 'out of the back door': it exited with 0 in the middle"));
}

TEST_CASE("what a test asks for and is not there is an error with near names") {
  const Samples samples;
  CHECK_THAT(samples.run("'a wire that is not there'").text,
             Contains("no wire matches 'ring/xvdb/request'") && Contains("ring/xvda/request"));
  CHECK_THAT(samples.run("'a scenario that is not there'").text,
             Contains("there is no scenario 'blk-raed'") && Contains("'blk-read'"));
  CHECK_THAT(samples.run("'a fault that is not there'").text, Contains("flail") && Contains("fail"));
}

TEST_CASE("broken rules and bad ends fail a test that did not ask") {
  const Samples samples;
  CHECK_THAT(samples.run("'a rule that was broken'").text, Contains("grants/used_after_end"));
  CHECK_THAT(samples.run("'a machine that hangs'").text, Contains("hung") && Contains("no end within"));
}

TEST_CASE("each ending is a run of its own") {
  const Samples samples;
  const Output output = samples.run("endings -s");
  INFO(output.text);
  CHECK(output.code == 2);
  CHECK_THAT(output.text, Contains("in the ending 'an error'"));
  CHECK_THAT(output.text, Contains("in the ending 'a crash'") && Contains(line_with("// crashes here")));
  CHECK_THAT(output.text, !Contains("in the ending 'as it is'") && !Contains("in the ending 'much later'"));
  CHECK(fs::exists(samples.folder() + "/ringside-sessions/endings-an_error.pcapng"));
}

TEST_CASE("tests are listed and not run, and run in one process for a debugger") {
  const Samples samples;
  CHECK_THAT(samples.run("--list-test-names-only").text, Contains("an endless loop"));
  const Output output = samples.run("[passes]", "RINGSIDE_NO_FORK=1");
  INFO(output.text);
  CHECK(output.code == 0);
}

// Failures that are equal are one class with the smallest run that shows it; verdicts that a scenario lists
// are right; and the table says all of it within 80 columns.
#include <catch2/catch.hpp>
#include <sstream>

#include "campaign/campaign_report.h"
#include "campaign/result_table.h"
#include "campaign/right_verdicts.h"

namespace ringside {
namespace {

RunResult run(uint64_t point, const std::string& kind, const std::string& action, RunVerdict verdict,
              const std::string& symptom = "") {
  RunResult result;
  result.point = point;
  result.fault = {kind, "dom1/" + kind.substr(0, kind.find(' ')), point + 1, action};
  result.judgement.verdict = verdict;
  result.judgement.symptom = symptom;
  return result;
}

RunResult pair(uint64_t point, uint64_t second, const RunResult& first, const RunResult& then) {
  RunResult result = then;
  result.point = point;
  result.fault = first.fault;
  result.second = second;
  result.second_fault = then.fault;
  return result;
}

TEST_CASE("equal failures are one class, its example the earliest") {
  const std::vector<RunResult> results{
      run(0, "ring/x read", "drop", RunVerdict::survived),
      run(1, "ring/x read", "delay(1ms)", RunVerdict::driver_hung, "hung"),
      run(4, "ring/x read", "delay(2ms)", RunVerdict::driver_hung, "hung"),
      run(5, "ring/x write", "delay(1ms)", RunVerdict::driver_hung, "hung"),
      run(6, "ring/x read", "delay(1ms)", RunVerdict::driver_hung, "otherwise"),
      run(7, "ring/x read", "delay(1ms)", RunVerdict::guest_crashed, "hung"),
  };
  const auto classes = classes_of(results);
  REQUIRE(classes.size() == 4);
  CHECK(classes[0].runs == 2);
  CHECK(classes[0].example.point == 1);
  CHECK(classes[0].action == "delay");
  CHECK(session_name(classes[0]) == "ring-x-read.delay.hung.1.pcapng");
}

TEST_CASE("a pair whose second fault does it alone is no class of its own") {
  const RunResult first = run(0, "ring/x read", "drop", RunVerdict::survived);
  const RunResult alone = run(9, "evtchn", "drop", RunVerdict::driver_hung, "hung");
  const RunResult new_one = run(0, "evtchn", "drop", RunVerdict::guest_crashed, "page fault");
  const auto classes = classes_of({first, pair(0, 3, first, alone), pair(0, 4, first, new_one), alone});
  REQUIRE(classes.size() == 2);
  CHECK(classes[0].second_kind == "evtchn");
  CHECK(classes[0].verdict == RunVerdict::guest_crashed);
  CHECK(classes[0].faults() == std::vector<std::string>{"dom1/ring/x@1 drop", "dom1/evtchn@1 drop"});
  CHECK(classes[1].runs == 2);
  CHECK(!classes[1].example.second);
}

TEST_CASE("what a scenario lists is right, by wire or kind, action and verdict") {
  CampaignScenario campaign;
  campaign.right.push_back({"ring/*", "drop", "driver hung", ""});
  campaign.right.push_back({"evtchn send", "delay*", "expectation failed", ""});
  const auto right = [&](const RunResult& result) { return is_right(campaign, result); };
  CHECK(right(run(0, "ring/x read", "drop", RunVerdict::driver_hung)));
  CHECK(!right(run(0, "ring/x read", "drop", RunVerdict::guest_crashed)));
  CHECK(!right(run(0, "ring/x read", "delay(1ms)", RunVerdict::driver_hung)));
  CHECK(!right(run(0, "grant map", "drop", RunVerdict::driver_hung)));
  CHECK(right(run(0, "evtchn send", "delay(1ms)", RunVerdict::expectation_failed)));
  CHECK(!right(run(0, "evtchn close", "delay(1ms)", RunVerdict::expectation_failed)));
  campaign.right = {{"*", "*", "simulator fault", ""}};
  CHECK(!right(run(0, "ring/x read", "drop", RunVerdict::simulator_fault)));
}

TEST_CASE("the table fits 80 columns, however many actions there are") {
  std::vector<RunResult> results;
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto verdict = static_cast<RunVerdict>(i * 7 % kRunVerdicts);
    results.push_back(run(i, i % 3 == 0 ? "a/kind/with/a/name/that/is/far/too/long op" : "ring/x read",
                          "action" + std::to_string(i % 23), verdict, "x"));
    results.back().right = i % 5 == 0 && verdict != RunVerdict::survived;
  }
  const std::string text = to_text(table_of(results, false), 80);
  std::istringstream lines(text);
  uint64_t sum = 0;
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  const ResultTable table = table_of(results, false);
  for (const auto& [place, cell] : table.cells) sum += cell.runs();
  CHECK(sum == 2000);
  CHECK(text.find("~") != std::string::npos);
}

TEST_CASE("a cell tells survivors, failures and those that are right") {
  std::vector<RunResult> results{
      run(0, "k", "drop", RunVerdict::survived), run(1, "k", "drop", RunVerdict::driver_hung),
      run(2, "k", "drop", RunVerdict::driver_hung), run(3, "k", "drop", RunVerdict::simulator_fault)};
  results[2].right = true;
  CHECK(to_text(table_of(results, false), 80) == "site kind          drop\nk          1 1h 1F (1h)\n");
}

TEST_CASE("JUnit's XML escapes what a guest made up") {
  CampaignReport report;
  report.identity.scenario = "a<b>&\"c\"";
  report.results = {run(0, "k<1>", "drop", RunVerdict::expectation_failed, "]]> \x01 </failure>"),
                    run(1, "k", "drop", RunVerdict::survived)};
  report.classes = classes_of(report.results);
  const std::string xml = to_junit({report});
  CHECK(xml.find("tests=\"2\" failures=\"1\" errors=\"0\"") != std::string::npos);
  CHECK(xml.find("]]>") == std::string::npos);
  CHECK(xml.find('\x01') == std::string::npos);
  CHECK(xml.find("k&lt;1&gt;") != std::string::npos);
}

TEST_CASE("a class without a session says how to run it") {
  CampaignReport report;
  report.identity.argument = "my scenario";
  report.identity.options = " --set 'a=b'";
  report.results = {run(2, "ring/x", "delay(1ms)", RunVerdict::driver_hung)};
  report.classes = classes_of(report.results);
  CHECK(command_of(report, report.classes[0]) ==
        "ringside run 'my scenario' --set 'a=b' --fault 'dom1/ring/x@3 delay(1ms)'");
  report.classes[0].session = Session{2, std::nullopt, "s.pcapng", "", {}};
  report.classes[0].folder = "out";
  CHECK(command_of(report, report.classes[0]) == "ringside replay out/s.pcapng");
}

}  // namespace
}  // namespace ringside

// The report for programs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "campaign/campaign_report.h"
#include "campaign/result_table.h"

namespace ringside {

namespace {

using Json = nlohmann::ordered_json;

Json counts_to_json(const std::array<uint64_t, kRunVerdicts>& counts) {
  Json json = Json::object();
  for (const RunVerdict verdict : kAllRunVerdicts) {
    const uint64_t count = counts[static_cast<size_t>(verdict)];
    if (count != 0) json[std::string(to_string(verdict))] = count;
  }
  return json;
}

Json table_to_json(const ResultTable& table) {
  Json rows = Json::array();
  for (size_t kind = 0; kind < table.kinds.size(); ++kind) {
    for (size_t action = 0; action < table.actions.size(); ++action) {
      const Cell* cell = table.cell(kind, action);
      if (cell == nullptr) continue;
      Json row{{"site", table.kinds[kind]}, {"action", table.actions[action]}, {"runs", cell->runs()}};
      row["verdicts"] = counts_to_json(cell->verdicts);
      const Json right = counts_to_json(cell->right);
      if (!right.empty()) row["right"] = right;
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

Json class_to_json(const CampaignReport& report, const FailureClass& failure) {
  Json json{{"site", failure.kind}, {"action", failure.action}};
  if (!failure.second_action.empty()) {
    json["second_site"] = failure.second_kind;
    json["second_action"] = failure.second_action;
  }
  json["verdict"] = to_string(failure.verdict);
  json["symptom"] = failure.symptom;
  json["right"] = failure.right;
  json["runs"] = failure.runs;
  json["faults"] = failure.faults();
  json["reason"] = failure.example.judgement.reason;
  json["point"] = failure.example.point;
  if (failure.session) json["session"] = failure.folder + "/" + failure.session->file;
  json["command"] = command_of(report, failure);
  return json;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default:
        // What XML 1.0 cannot say, and what is perhaps no UTF-8.
        result += static_cast<unsigned char>(c) < ' ' || static_cast<unsigned char>(c) > '~' ? '?' : c;
    }
  }
  return result;
}

// The classes that stand behind a cell, as the text of its failure.
std::string explain(const CampaignReport& report, const std::string& kind, const std::string& action) {
  std::string text;
  for (const FailureClass& failure : report.classes) {
    const bool last_is_here = failure.second_action.empty()
                                  ? failure.kind == kind && failure.action == action
                                  : failure.second_kind == kind && failure.second_action == action;
    if (failure.right || !last_is_here) continue;
    text += fmt::format("{} ({} runs): {}\n  {}\n", to_string(failure.verdict), failure.runs, failure.symptom,
                        command_of(report, failure));
  }
  return text;
}

std::string test_case(const CampaignReport& report, const std::string& kind, const std::string& action,
                      const Cell& cell) {
  std::string text = fmt::format("  <testcase classname=\"{}\" name=\"{}\"", escaped(kind), escaped(action));
  if (cell.findings() == 0) return text + "/>\n";
  const bool ours = cell.verdicts[static_cast<size_t>(RunVerdict::simulator_fault)] != 0;
  const char* element = ours ? "error" : "failure";
  return text + fmt::format(">\n    <{0} message=\"{1} of {2} runs\">{3}</{0}>\n  </testcase>\n", element,
                            cell.findings(), cell.runs(), escaped(explain(report, kind, action)));
}

Json report_to_json(const CampaignReport& report) {
  const CampaignIdentity& identity = report.identity;
  Json json{{"scenario", identity.scenario}, {"campaign", identity.campaign}};
  json["shard"] = {identity.shard.number, identity.shard.of};
  json["baseline"] = {{"reason", identity.baseline.reason},
                      {"virtual_time_ps", identity.baseline.at.ps},
                      {"instructions", identity.baseline.instructions}};
  json["sites"] = identity.sites;
  json["points"] = identity.points;
  json["chosen"] = identity.chosen;
  json["runs"] = report.results.size();
  json["partial"] = report.why_partial;
  std::array<uint64_t, kRunVerdicts> verdicts{};
  for (const RunResult& result : report.results) ++verdicts[static_cast<size_t>(result.judgement.verdict)];
  json["verdicts"] = counts_to_json(verdicts);
  json["table"] = table_to_json(table_of(report.results, false));
  const Json pairs = table_to_json(table_of(report.results, true));
  if (!pairs.empty()) json["pairs"] = pairs;
  json["classes"] = Json::array();
  for (const FailureClass& failure : report.classes)
    json["classes"].push_back(class_to_json(report, failure));
  json["complaints"] = report.complaints;
  return json;
}

std::string suite_of(const CampaignReport& report) {
  std::string cases;
  uint64_t tests = 0, failures = 0, errors = 0;
  for (const bool pairs : {false, true}) {
    const ResultTable table = table_of(report.results, pairs);
    for (size_t kind = 0; kind < table.kinds.size(); ++kind) {
      for (size_t action = 0; action < table.actions.size(); ++action) {
        const Cell* cell = table.cell(kind, action);
        if (cell == nullptr) continue;
        const bool ours = cell->verdicts[static_cast<size_t>(RunVerdict::simulator_fault)] != 0;
        ++tests;
        errors += ours;
        failures += !ours && cell->findings() != 0;
        cases +=
            test_case(report, (pairs ? "pairs: " : "") + table.kinds[kind], table.actions[action], *cell);
      }
    }
  }
  std::string text =
      fmt::format("<testsuite name=\"ringside campaign {}\" tests=\"{}\" failures=\"{}\" errors=\"{}\">\n",
                  escaped(report.identity.scenario), tests, failures, errors);
  if (!report.why_partial.empty()) {
    text += fmt::format("  <properties><property name=\"partial\" value=\"{}\"/></properties>\n",
                        escaped(report.why_partial));
  }
  return text + cases + "</testsuite>\n";
}

}  // namespace

std::string to_json(const std::vector<CampaignReport>& reports) {
  Json json;
  if (reports.size() == 1) {
    json = report_to_json(reports.front());
  } else {
    json["variants"] = Json::array();
    for (const CampaignReport& report : reports) json["variants"].push_back(report_to_json(report));
  }
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string to_junit(const std::vector<CampaignReport>& reports) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const CampaignReport& report : reports) text += suite_of(report);
  return text + "</testsuites>\n";
}

}  // namespace ringside

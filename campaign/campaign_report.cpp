#include "campaign/campaign_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "campaign/result_table.h"

namespace ringside {

namespace {

std::string counted(uint64_t count, const std::string& what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// For a shell: as it is where that is safe.
std::string quoted(const std::string& text) {
  constexpr const char* kSafe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@+%";
  if (!text.empty() && text.find_first_not_of(kSafe) == std::string::npos) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

std::string head(const CampaignReport& report) {
  const CampaignIdentity& identity = report.identity;
  std::string text = fmt::format("campaign: {}: {} sites, {} of {} points", identity.scenario, identity.sites,
                                 identity.chosen, identity.points);
  if (identity.shard.of != 1)
    text += fmt::format(", shard {} of {}", identity.shard.number, identity.shard.of);
  return text + fmt::format("\nwithout a fault: {} at {} after {} instructions\n\n", identity.baseline.reason,
                            to_string(identity.baseline.at), identity.baseline.instructions);
}

std::string title_of(const FailureClass& failure) {
  std::string what = fmt::format("{}, {}", failure.kind, failure.action);
  if (!failure.second_action.empty())
    what += fmt::format(" and then {}, {}", failure.second_kind, failure.second_action);
  return fmt::format("{}: {} ({})", what, to_string(failure.verdict), counted(failure.runs, "run"));
}

std::string list_of(const CampaignReport& report, size_t width) {
  std::string text;
  size_t number = 0;
  for (const FailureClass& failure : report.classes) {
    if (failure.right) continue;
    text += fmt::format("\n{}. {}\n", ++number, title_of(failure));
    if (!failure.symptom.empty()) text += fmt::format("   {}\n", failure.symptom.substr(0, width - 3));
    text += fmt::format("   first: {}\n", fmt::join(failure.faults(), "; "));
    text += fmt::format("   {}\n", command_of(report, failure));
  }
  return text;
}

std::string last_line(const CampaignReport& report) {
  uint64_t findings = 0, right = 0, classes = 0;
  for (const FailureClass& failure : report.classes) {
    (failure.right ? right : findings) += failure.runs;
    classes += !failure.right;
  }
  std::string text = fmt::format("\n{}: ", counted(report.results.size(), "run"));
  text += findings == 0 ? "nothing found"
                        : fmt::format("{} in {} {}", counted(findings, "finding"), classes,
                                      classes == 1 ? "class" : "classes");
  if (right != 0) text += fmt::format(", and {} as expected", counted(right, "failure"));
  return text + "\n";
}

std::string partial(const CampaignReport& report) {
  if (report.why_partial.empty()) return "";
  const auto singles = static_cast<uint64_t>(std::count_if(
      report.results.begin(), report.results.end(), [](const RunResult& result) { return !result.second; }));
  std::string text =
      fmt::format("PARTIAL: {}; {} of {} points are done", report.why_partial, singles, report.wanted);
  if (!report.folder.empty()) text += "\nThe same command goes on from there";
  return text + ".\n";
}

}  // namespace

std::string command_of(const CampaignReport& report, const FailureClass& failure) {
  if (failure.session && !failure.session->file.empty())
    return fmt::format("ringside replay {}", quoted(failure.folder + "/" + failure.session->file));
  std::string command =
      fmt::format("ringside run {}{}", quoted(report.identity.argument), report.identity.options);
  for (const std::string& fault : failure.faults()) command += fmt::format(" --fault {}", quoted(fault));
  return command;
}

std::string to_text(const CampaignReport& report, size_t width) {
  const ResultTable table = table_of(report.results, false);
  std::string text = head(report) + to_text(table, width);
  const ResultTable pairs = table_of(report.results, true);
  if (!pairs.cells.empty())
    text += "\nSecond faults, behind a first one that was survived:\n" + to_text(pairs, width);
  text += "\n" + legend_of(report.results);
  text += list_of(report, width);
  for (const std::string& complaint : report.complaints)
    text += fmt::format("\nOURS, please report: {}\n", complaint);
  return text + last_line(report) + partial(report);
}

}  // namespace ringside

// Shards of one campaign as the whole.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "campaign/campaign.h"

namespace ringside {

namespace {

// "2 and 3 of 3", of those that are not there.
std::string missing_shards(const std::set<uint64_t>& there, uint64_t of) {
  std::vector<uint64_t> missing;
  for (uint64_t number = 1; number <= of && missing.size() < 20; ++number) {
    if (there.count(number) == 0) missing.push_back(number);
  }
  return missing.empty() ? ""
                         : fmt::format("of {} shards these are missing: {}", of, fmt::join(missing, ", "));
}

}  // namespace

Result<CampaignReport> merge_campaigns(const std::vector<std::string>& folders) {
  CampaignReport report;
  std::set<uint64_t> shards;
  std::vector<std::pair<Session, std::string>> sessions;
  std::vector<std::string> unfinished;
  for (const std::string& folder : folders) {
    auto read = read_results(folder);
    if (!read) return tl::unexpected(read.error());
    const CampaignIdentity& identity = read->identity;
    if (shards.empty()) {
      report.identity = identity;
    } else if (identity.campaign != report.identity.campaign ||
               identity.shard.of != report.identity.shard.of) {
      return fail(fmt::format("{} and {} hold results of different campaigns ({} and {})", folders.front(),
                              folder, report.identity.campaign, identity.campaign));
    }
    if (!shards.insert(identity.shard.number).second)
      return fail(fmt::format("{} holds shard {} once more", folder, identity.shard.number));
    if (!read->finished) unfinished.push_back(folder);
    report.results.insert(report.results.end(), read->results.begin(), read->results.end());
    for (Session& session : read->sessions) sessions.emplace_back(std::move(session), folder);
  }
  report.why_partial = missing_shards(shards, report.identity.shard.of);
  if (report.why_partial.empty() && !unfinished.empty())
    report.why_partial = fmt::format("not finished: {}", fmt::join(unfinished, ", "));
  report.identity.shard = {};
  report.wanted = report.identity.chosen;
  std::sort(report.results.begin(), report.results.end());
  report.classes = classes_of(report.results);
  for (FailureClass& failure : report.classes) {
    for (const auto& [session, folder] : sessions) {
      if (session.point != failure.example.point || session.second != failure.example.second) continue;
      failure.session = session;
      failure.folder = folder;
      if (!session.note.empty())
        report.complaints.push_back(fmt::format("{}/{}: {}", folder, session.file, session.note));
    }
  }
  return report;
}

}  // namespace ringside

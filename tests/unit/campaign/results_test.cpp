// The results file: what was written before a kill or a full disk is there afterwards, and nothing else; the
// results of another campaign are refused.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "campaign/results_file.h"

namespace ringside {
namespace {

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() / ("ringside-results-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  std::string results() const { return path() + "/results"; }

 private:
  std::filesystem::path path_;
};

CampaignIdentity identity() {
  CampaignIdentity identity;
  identity.campaign = "0123456789abcdef";
  identity.scenario = "blk-read";
  identity.argument = "scenarios/blk-read";
  identity.shard = {2, 3};
  identity.sites = 10;
  identity.points = 60;
  identity.chosen = 30;
  identity.baseline = {RunVerdict::survived, 0, 1000, Tick{7}, "", "poweroff"};
  return identity;
}

RunResult result(uint64_t point) {
  RunResult result;
  result.point = point;
  result.fault = {"ring/xvda/request read", "dom1/ring/xvda/request", point + 1, "drop"};
  result.judgement = {RunVerdict::driver_hung, 4, 99, Tick{12345}, "hung: \"#\"\n", "hung: \xff\"42\"\n"};
  result.right = point % 2 == 0;
  return result;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_CASE("a result is read as it was written") {
  RunResult pair = result(3);
  pair.second = 17;
  pair.second_fault = {"evtchn send", "dom1/evtchn", 5, "delay(1ms)"};
  for (const RunResult& given : {result(1), result(2), pair}) {
    auto read = run_result_of(to_text(given));
    REQUIRE(read);
    // What is no UTF-8 is replaced, so only people's text may differ.
    read->judgement.reason = given.judgement.reason;
    CHECK(*read == given);
  }
  CHECK(!run_result_of("{}"));
  CHECK(!run_result_of("[1]"));
  CHECK(!run_result_of("nonsense"));
}

TEST_CASE("a campaign goes on from what was written, wherever it was cut") {
  Folder folder;
  ResultsRead found;
  {
    auto file = ResultsFile::open(folder.path(), identity(), found);
    REQUIRE(file);
    CHECK(found.results.empty());
    REQUIRE((*file)->add(result(5)));
    REQUIRE((*file)->add(result(2)));
    REQUIRE((*file)->add(PairsDone{2, 8}));
    REQUIRE((*file)->add(Session{5, std::nullopt, "a.pcapng", "note", {"dom1/x@1 drop"}}));
  }
  const std::string whole = contents(folder.results());
  const size_t head = whole.find('\n') + 1;
  for (size_t size = head; size <= whole.size(); ++size) {
    std::ofstream(folder.results(), std::ios::trunc) << whole.substr(0, size);
    auto file = ResultsFile::open(folder.path(), identity(), found);
    REQUIRE(file);
    // A line counts as soon as it is whole, its end included or not.
    const auto lines =
        std::count(whole.begin() + static_cast<ptrdiff_t>(head),
                   whole.begin() + static_cast<ptrdiff_t>(std::min(size + 1, whole.size())), '\n');
    CHECK(found.results.size() == static_cast<size_t>(std::min<ptrdiff_t>(lines, 2)));
    CHECK(found.pairs_done.size() == (lines >= 3 ? 1 : 0));
    CHECK(found.sessions.size() == (lines >= 4 ? 1 : 0));
    REQUIRE((*file)->add(result(9)));
    file->reset();
    auto read = read_results(folder.path());
    REQUIRE(read);
    CHECK(read->results.size() == found.results.size() + 1);
    CHECK(read->results.back().point == 9);
    CHECK(std::is_sorted(read->results.begin(), read->results.end()));
  }
}

TEST_CASE("the results of another campaign, and files that are none, are refused") {
  Folder folder;
  ResultsRead found;
  REQUIRE(ResultsFile::open(folder.path(), identity(), found));
  CampaignIdentity other = identity();
  other.campaign = "f";
  const auto refused = ResultsFile::open(folder.path(), other, found);
  REQUIRE(!refused);
  CHECK(refused.error().message.find("another campaign") != std::string::npos);
  other = identity();
  other.shard = {1, 3};
  CHECK(!ResultsFile::open(folder.path(), other, found));
  std::ofstream(folder.results(), std::ios::trunc) << "my notes\n";
  const auto notes = ResultsFile::open(folder.path(), identity(), found);
  REQUIRE(!notes);
  CHECK(contents(folder.results()) == "my notes\n");
  CHECK(!read_results(folder.path() + "/none"));
}

TEST_CASE("two processes do not write the same results") {
  Folder folder;
  ResultsRead found;
  const auto first = ResultsFile::open(folder.path(), identity(), found);
  REQUIRE(first);
  const auto second = ResultsFile::open(folder.path(), identity(), found);
  REQUIRE(!second);
  CHECK(second.error().message.find("another campaign is writing") != std::string::npos);
}

TEST_CASE("a full disk is an error, and what was there stays") {
  Folder folder;
  ResultsRead found;
  {
    auto file = ResultsFile::open(folder.path(), identity(), found);
    REQUIRE(file);
    REQUIRE((*file)->add(result(1)));
  }
  const auto size = std::filesystem::file_size(folder.results());
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{size + 100, size + 100};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto file = ResultsFile::open(folder.path(), identity(), found);
    _exit(file && !(*file)->add(result(2)) ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  auto file = ResultsFile::open(folder.path(), identity(), found);
  REQUIRE(file);
  CHECK(found.results.size() == 1);
}

}  // namespace
}  // namespace ringside

// The results of a campaign, as they come: DIR/results, a line each. The first says which campaign it is; a
// checksum before each line knows one that a kill or a full disk has cut, which counts as never written. So a
// campaign that was stopped goes on from there, and shards are merged.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "campaign/plan.h"
#include "campaign/run_result.h"
#include "sim/result.h"

namespace ringside {

// What is said of a campaign in the first line, and what its summary needs of it.
struct CampaignIdentity {
  std::string campaign;  // a hash over everything that decides its table, the shard left out
  std::string scenario;  // its name
  std::string argument;  // as given: a name, a folder, a file
  std::string options;   // of a run of this scenario: "--set ...", with a blank before each
  bool pairs = false;
  Shard shard;
  uint64_t sites = 0, points = 0, chosen = 0;
  Judgement baseline;
};

// Of a point whose pairs have all been tried: so many.
struct PairsDone {
  uint64_t point = 0, pairs = 0;
};

struct Session {
  uint64_t point = 0;
  std::optional<uint64_t> second;
  std::string file;                 // in the folder of the results; empty: it could not be made
  std::string note;                 // what is to be said of it
  std::vector<std::string> faults;  // what it was made with: of a pair perhaps a half
};

struct ResultsRead {
  CampaignIdentity identity;
  std::vector<RunResult> results;  // in the order of the plan
  std::vector<PairsDone> pairs_done;
  std::vector<Session> sessions;
  bool finished = false;
};

class ResultsFile {
 public:
  // Makes the folder and the file, or goes on with the one that is there, which must be of the same campaign.
  static Result<std::unique_ptr<ResultsFile>> open(const std::string& folder,
                                                   const CampaignIdentity& identity, ResultsRead& found);
  ~ResultsFile();
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;

  // A failure (a full disk) leaves what was written before as it is.
  Result<> add(const RunResult& result);
  Result<> add(const PairsDone& done);
  Result<> add(const Session& session);
  Result<> finish();

 private:
  ResultsFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  Result<> write_line(const std::string& text);

  const int descriptor_;
  const std::string path_;
};

Result<ResultsRead> read_results(const std::string& folder);

}  // namespace ringside

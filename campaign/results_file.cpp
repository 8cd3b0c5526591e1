#include "campaign/results_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/hash.h"

namespace ringside {

namespace {

using Json = nlohmann::ordered_json;
constexpr const char* kFormat = "ringside campaign 1";

std::string checked(const std::string& text) {
  return fmt::format("{:08x} {}\n", static_cast<uint32_t>(hash64(text)), text);
}

// Nothing: it was cut, or is no line of ours.
std::optional<std::string> unchecked(const std::string& line) {
  if (line.size() < 10 || line[8] != ' ') return std::nullopt;
  std::string text = line.substr(9);
  return checked(text) == line + "\n" ? std::optional(std::move(text)) : std::nullopt;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

std::string identity_to_text(const CampaignIdentity& identity) {
  Json json;
  json["format"] = kFormat;
  json["campaign"] = identity.campaign;
  json["scenario"] = identity.scenario;
  json["argument"] = identity.argument;
  json["options"] = identity.options;
  json["pairs"] = identity.pairs;
  json["shard"] = {identity.shard.number, identity.shard.of};
  json["sites"] = identity.sites;
  json["points"] = identity.points;
  json["chosen"] = identity.chosen;
  json["baseline"] = {identity.baseline.instructions, identity.baseline.at.ps, identity.baseline.reason};
  return dump(json);
}

CampaignIdentity identity_of(const Json& json) {
  CampaignIdentity identity;
  identity.campaign = json.at("campaign").get<std::string>();
  identity.scenario = json.at("scenario").get<std::string>();
  identity.argument = json.at("argument").get<std::string>();
  identity.options = json.at("options").get<std::string>();
  identity.pairs = json.at("pairs").get<bool>();
  identity.shard = {json.at("shard").at(0).get<uint64_t>(), json.at("shard").at(1).get<uint64_t>()};
  identity.sites = json.at("sites").get<uint64_t>();
  identity.points = json.at("points").get<uint64_t>();
  identity.chosen = json.at("chosen").get<uint64_t>();
  identity.baseline.instructions = json.at("baseline").at(0).get<uint64_t>();
  identity.baseline.at = Tick{json.at("baseline").at(1).get<uint64_t>()};
  identity.baseline.reason = json.at("baseline").at(2).get<std::string>();
  return identity;
}

Session session_of(const Json& json) {
  Session session;
  session.file = json.at("session").get<std::string>();
  session.point = json.at("point").get<uint64_t>();
  if (json.contains("second")) session.second = json.at("second").get<uint64_t>();
  session.note = json.value("note", "");
  session.faults = json.at("faults").get<std::vector<std::string>>();
  return session;
}

void take_line(const std::string& text, ResultsRead& into) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return;
  try {
    if (json.contains("verdict")) {
      if (auto result = run_result_of(text)) into.results.push_back(std::move(*result));
    } else if (json.contains("pairs_done")) {
      into.pairs_done.push_back({json.at("point").get<uint64_t>(), json.at("pairs_done").get<uint64_t>()});
    } else if (json.contains("session")) {
      into.sessions.push_back(session_of(json));
    } else if (json.contains("finished")) {
      into.finished = true;
    }
  } catch (const Json::exception&) {
    return;  // not a line of ours
  }
}

std::string results_path(const std::string& folder) { return folder + "/results"; }

}  // namespace

Result<ResultsRead> read_results(const std::string& folder) {
  const std::string path = results_path(folder);
  std::ifstream file(path);
  if (!file) return fail(fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
  const auto no_campaign = [&] { return fail(fmt::format("{} holds no results of a campaign", path)); };
  ResultsRead read;
  std::string line;
  if (!std::getline(file, line)) return no_campaign();
  const auto first = unchecked(line);
  const Json json = first ? Json::parse(*first, nullptr, false) : Json();
  if (!json.is_object() || json.value("format", "") != kFormat) return no_campaign();
  try {
    read.identity = identity_of(json);
  } catch (const Json::exception&) {
    return no_campaign();
  }
  while (std::getline(file, line)) {
    // What a kill has cut in the middle, with what another run appended to it, is no line.
    if (const auto text = unchecked(line)) take_line(*text, read);
  }
  std::sort(read.results.begin(), read.results.end());
  const auto same = [](const RunResult& a, const RunResult& b) {
    return a.point == b.point && a.second == b.second;
  };
  read.results.erase(std::unique(read.results.begin(), read.results.end(), same), read.results.end());
  return read;
}

Result<std::unique_ptr<ResultsFile>> ResultsFile::open(const std::string& folder,
                                                       const CampaignIdentity& identity, ResultsRead& found) {
  const std::string path = results_path(folder);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(fmt::format("the folder {} cannot be made: {}", folder, error.message()));
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor < 0) return fail(fmt::format("{} cannot be opened: {}", path, std::strerror(errno)));
  std::unique_ptr<ResultsFile> file(new ResultsFile(descriptor, path));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return fail(fmt::format("another campaign is writing to {}", path));
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || status.st_size == 0) {
    found = {};
    found.identity = identity;
    const Result<> begun = file->write_line(identity_to_text(identity));
    if (begun) return file;
    if (ftruncate(descriptor, 0) != 0) return fail(begun.error().message + ", and not emptied either");
    return tl::unexpected(begun.error());
  }
  auto read = read_results(folder);
  if (!read) return tl::unexpected(read.error());
  if (read->identity.campaign != identity.campaign || !(read->identity.shard == identity.shard)) {
    return fail(fmt::format(
        "{} holds the results of another campaign (other options, another scenario or shard); choose another "
        "folder with --out, or remove this one",
        folder));
  }
  found = std::move(*read);
  // Whatever was cut ends here, so that it does not swallow the line that comes now.
  if (::write(descriptor, "\n", 1) != 1)
    return fail(fmt::format("{} cannot be written: {}", path, std::strerror(errno)));
  return file;
}

ResultsFile::~ResultsFile() { close(descriptor_); }

Result<> ResultsFile::write_line(const std::string& text) {
  const std::string line = checked(text);
  const ssize_t written = ::write(descriptor_, line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return {};
  const std::string why = written < 0 ? std::strerror(errno) : "the disk is full";
  return fail(fmt::format(
      "{} cannot be written: {}; what is there is whole, and the same command goes on from it", path_, why));
}

Result<> ResultsFile::add(const RunResult& result) { return write_line(to_text(result)); }

Result<> ResultsFile::add(const PairsDone& done) {
  return write_line(dump(Json{{"point", done.point}, {"pairs_done", done.pairs}}));
}

Result<> ResultsFile::add(const Session& session) {
  Json json{{"session", session.file}, {"point", session.point}};
  if (session.second) json["second"] = *session.second;
  if (!session.note.empty()) json["note"] = session.note;
  json["faults"] = session.faults;
  return write_line(dump(json));
}

Result<> ResultsFile::finish() { return write_line(dump(Json{{"finished", true}})); }

}  // namespace ringside

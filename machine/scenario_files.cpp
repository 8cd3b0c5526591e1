// Finding scenarios and the files that they name.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "machine/data_folders.h"
#include "machine/host_file.h"
#include "machine/scenario.h"
#include "sim/hash.h"

namespace ringside {

namespace {

namespace fs = std::filesystem;

Result<std::string> read_text(const fs::path& path) {
  constexpr uintmax_t kLargest = 4 << 20;
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (!error && size > kLargest) return fail(fmt::format("{}: too large for a scenario", path.string()));
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return fail(fmt::format("{}: {}", path.string(), std::strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// Beside a scenario.toml lies notes.md, beside another NAME.toml its NAME.notes.md.
fs::path notes_of(const fs::path& scenario) {
  const bool plain = scenario.filename() == "scenario.toml";
  return scenario.parent_path() / (plain ? "notes.md" : scenario.stem().string() + ".notes.md");
}

// As many places as one may keep copies of a scenario in.
constexpr size_t kFoldersRemembered = 16;

std::vector<fs::path> scenario_folders() { return {fs::path(data_folders().scenarios)}; }

}  // namespace

Result<Scenario> load_scenario(const std::string& given, const Overrides& overrides) {
  std::error_code error;
  fs::path path(given);
  if (!fs::exists(path, error) && given.find('/') == std::string::npos) {
    for (const fs::path& folder : scenario_folders()) {
      if (fs::exists(folder / given / "scenario.toml", error)) path = folder / given;
    }
  }
  if (fs::is_directory(path, error)) path /= "scenario.toml";
  if (!fs::exists(path, error)) {
    return fail(
        fmt::format("there is no scenario '{}'; give a folder with a scenario.toml, a TOML file, or one of "
                    "the names that `ringside scenarios` lists",
                    given));
  }
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto scenario = parse_scenario(*text, path.string(), overrides);
  if (!scenario) return scenario;
  scenario->folder = fs::absolute(path, error).parent_path().string();
  if (const fs::path notes = notes_of(path); fs::exists(notes, error)) {
    auto read = read_text(notes);
    if (!read) return tl::unexpected(read.error());
    scenario->notes = std::move(*read);
  }
  return scenario;
}

std::vector<KnownScenario> known_scenarios() {
  std::vector<KnownScenario> known;
  for (const fs::path& folder : scenario_folders()) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (!fs::exists(entry.path() / "scenario.toml", error)) continue;
      const auto scenario = load_scenario(entry.path().string(), {});
      known.push_back({entry.path().filename().string(),
                       scenario ? scenario->description : scenario.error().message, entry.path().string()});
    }
  }
  std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return known;
}

namespace {

fs::path remembered_path(const std::string& scenario_text) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  fs::path base;
  if (state != nullptr && *state == '/') {
    base = state;
  } else if (home != nullptr && *home == '/') {
    base = fs::path(home) / ".local" / "state";
  } else {
    return {};
  }
  return base / "ringside" / "scenarios" / fmt::format("{:016x}", hash64(scenario_text));
}

}  // namespace

std::vector<std::string> recall_folders(const std::string& scenario_text) {
  std::vector<std::string> folders;
  const fs::path path = remembered_path(scenario_text);
  if (path.empty()) return folders;
  std::ifstream stream(path);
  for (std::string folder; folders.size() < kFoldersRemembered && std::getline(stream, folder);) {
    folders.push_back(folder);
  }
  return folders;
}

void remember_folder(const Scenario& scenario) {
  const fs::path path = remembered_path(scenario.text);
  if (path.empty() || scenario.folder.empty()) return;
  std::vector<std::string> folders = recall_folders(scenario.text);
  if (!folders.empty() && folders.front() == scenario.folder) return;
  std::erase(folders, scenario.folder);
  folders.insert(folders.begin(), scenario.folder);
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream stream(path, std::ios::trunc);
  for (const std::string& folder : folders) stream << folder << '\n';
}

namespace {

// Whether this is the file that the session was recorded with; true where nothing is known of it.
bool is_expected(const Scenario& scenario, const std::string& name, const fs::path& path) {
  for (const SessionFile& file : scenario.expected_files) {
    if (file.name != name) continue;
    std::error_code error;
    if (fs::file_size(path, error) != file.size || error) return false;
    const auto contents = read_whole_file(path.string());
    return contents && file_hash(*contents) == file.hash;
  }
  return true;
}

}  // namespace

Result<std::string> locate_file(const Scenario& scenario, const std::string& name, const std::string& what) {
  std::vector<fs::path> tried;
  if (fs::path(name).is_absolute()) {
    tried.emplace_back(name);
  } else {
    if (!scenario.folder.empty()) tried.push_back(fs::path(scenario.folder) / name);
    for (const std::string& folder : scenario.remembered_folders) tried.push_back(fs::path(folder) / name);
    tried.push_back(fs::path(data_folders().built_scenarios) / scenario.name / name);
    const fs::path own = fs::path(data_folders().scenarios) / scenario.name / name;
    if (scenario.folder.empty() && own != tried.back()) tried.push_back(own);
  }
  std::error_code error;
  std::vector<fs::path> found;
  for (const fs::path& path : tried) {
    if (fs::exists(path, error)) found.push_back(path);
  }
  // Of several, the one that the session knows. Of one, or of none that it knows, the first: what is wrong
  // with it will be said.
  for (const fs::path& path : found) {
    if (found.size() > 1 && is_expected(scenario, name, path)) return path.string();
  }
  if (!found.empty()) return found.front().string();
  std::string places;
  for (const fs::path& path : tried) places += fmt::format("\n  tried {}", path.string());
  return fail(fmt::format("{} '{}' is not there{}", what, name, places));
}

}  // namespace ringside

// Finding scenarios and the files that they name.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

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

std::vector<fs::path> scenario_folders() { return {fs::path(RINGSIDE_SOURCE_SCENARIOS)}; }

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
    return fail(fmt::format("there is no scenario '{}'; give a folder with a scenario.toml, a TOML file, or one of "
                            "the names that `ringside scenarios` lists",
                            given));
  }
  const auto text = read_text(path);
  if (!text) return tl::unexpected(text.error());
  auto scenario = parse_scenario(*text, path.string(), overrides);
  if (scenario) scenario->folder = fs::absolute(path, error).parent_path().string();
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

void remember_folder(const Scenario& scenario) {
  const fs::path path = remembered_path(scenario.text);
  if (path.empty() || scenario.folder.empty() || recall_folder(scenario.text) == scenario.folder) return;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream(path, std::ios::trunc) << scenario.folder << '\n';
}

std::string recall_folder(const std::string& scenario_text) {
  std::string folder;
  const fs::path path = remembered_path(scenario_text);
  if (!path.empty()) {
    std::ifstream stream(path);
    std::getline(stream, folder);
  }
  return folder;
}

Result<std::string> locate_file(const Scenario& scenario, const std::string& name, const std::string& what) {
  std::vector<fs::path> tried;
  if (fs::path(name).is_absolute()) {
    tried.emplace_back(name);
  } else {
    if (!scenario.folder.empty()) tried.push_back(fs::path(scenario.folder) / name);
    tried.push_back(fs::path(RINGSIDE_BUILD_SCENARIOS) / scenario.name / name);
    if (scenario.folder.empty()) tried.push_back(fs::path(RINGSIDE_SOURCE_SCENARIOS) / scenario.name / name);
  }
  std::error_code error;
  for (const fs::path& path : tried) {
    if (fs::exists(path, error)) return path.string();
  }
  std::string places;
  for (const fs::path& path : tried) places += fmt::format("\n  tried {}", path.string());
  return fail(fmt::format("{} '{}' is not there{}", what, name, places));
}

}  // namespace ringside

#include "viewer/window/layouts.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace ringside::viewer {

namespace {

namespace fs = std::filesystem;

fs::path settings_file() {
  const char* config = std::getenv("XDG_CONFIG_HOME");
  if (config != nullptr && *config == '/') return fs::path(config) / "ringside" / "view.json";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return fs::path(home) / ".config" / "ringside" / "view.json";
  return {};
}

}  // namespace

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> kLayouts = {
      {"overview", "rows(0.55 timeline cols(0.58 list details))",
       "every wire over time, and the crossings in words"},
      {"rings", "cols(0.62 rings rows(0.5 details timeline))", "the slots and indices of a ring"},
      {"list", "cols(0.62 list details)", "crossings, their fields and bytes"},
      {"events", "rows(0.62 evtchn timeline)", "event channels: bound, pending, masked"},
      {"grants", "rows(0.65 grants timeline)", "who gave which page to whom"},
      {"store", "cols(0.5 xenstore xenbus)", "XenStore's tree, and both ends of XenBus"},
      {"9p", "rows(0.62 9p timeline)", "fids, tags in flight, latencies"},
      {"cpu", "cols(0.55 cpu rows(0.5 memory console))", "registers, code, memory, console"},
      {"lesson", "cols(0.34 notes rows(0.62 rings timeline))", "a scenario's notes, step by step"},
  };
  return kLayouts;
}

const Layout* find_layout(const std::string& name) {
  for (const Layout& layout : layouts()) {
    if (layout.name == name) return &layout;
  }
  return nullptr;
}

Result<Settings> load_settings() {
  const fs::path file = settings_file();
  std::error_code error;
  if (file.empty() || !fs::exists(file, error)) return Settings{};
  std::ifstream in(file);
  const auto json = nlohmann::json::parse(in, nullptr, false);
  if (!json.is_object())
    return fail(fmt::format("{}: it is no JSON object; remove it to begin anew", file.string()));
  Settings settings;
  const auto read = [&](const char* name, auto& value) {
    using Value = std::remove_reference_t<decltype(value)>;
    const auto found = json.find(name);
    if (found == json.end()) return;
    if constexpr (std::is_same_v<Value, bool>) {
      if (found->is_boolean()) value = found->template get<bool>();
    } else if constexpr (std::is_same_v<Value, std::string>) {
      if (found->is_string()) value = found->template get<std::string>();
    } else {
      if (found->is_number()) value = static_cast<Value>(found->template get<double>());
    }
  };
  read("width", settings.width);
  read("height", settings.height);
  read("light", settings.is_light);
  read("zoom", settings.zoom);
  read("layout", settings.layout);
  settings.width = std::clamp(settings.width, 480, 7680);
  settings.height = std::clamp(settings.height, 320, 4320);
  settings.zoom = settings.zoom >= 0.5F && settings.zoom <= 4 ? settings.zoom : 1;
  if (const auto panes = json.find("panes"); panes != json.end() && panes->is_object()) {
    for (const auto& [name, text] : panes->items()) {
      if (text.is_string()) settings.panes[name] = text.get<std::string>();
    }
  }
  return settings;
}

// By a new file that takes the old one's place: two windows may be closed at once.
Result<> save_settings(const Settings& settings) {
  const fs::path file = settings_file();
  if (file.empty()) return {};
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  const nlohmann::json json = {{"width", settings.width},    {"height", settings.height},
                               {"light", settings.is_light}, {"zoom", settings.zoom},
                               {"layout", settings.layout},  {"panes", settings.panes}};
  const fs::path fresh = file.string() + fmt::format(".{}", getpid());
  {
    std::ofstream out(fresh);
    out << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
    if (!out.flush())
      return fail(fmt::format("{} cannot be written: {}", fresh.string(), std::strerror(errno)));
  }
  fs::rename(fresh, file, error);
  if (error) return fail(fmt::format("{} cannot be written: {}", file.string(), error.message()));
  return {};
}

}  // namespace ringside::viewer

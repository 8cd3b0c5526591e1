// `ringside view`: becomes ringside-view, which alone links what a window needs, so that the other commands
// start without it.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/commands.h"

namespace ringside::cli {

namespace {

namespace fs = std::filesystem;

// Beside this program (a build), or where an installation has it.
fs::path find_viewer() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& path :
       {folder / "ringside-view", folder.parent_path() / "libexec/ringside/ringside-view"}) {
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return {};
}

Error become_viewer(std::vector<std::string> arguments) {
  const std::string viewer = find_viewer().string();
  if (viewer.empty())
    return {
        ExitCode::bad_input,
        "ringside-view is not beside this program nor in ../libexec/ringside: it was not built or installed"};
  arguments.insert(arguments.begin(), viewer);
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  execv(viewer.c_str(), words.data());
  return {ExitCode::bad_input, fmt::format("{} cannot be run: {}", viewer, std::strerror(errno))};
}

}  // namespace

void add_view(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("view", "Look at a session, or run a scenario, in a window");
  // The viewer knows its own options.
  command->prefix_command();
  command->set_help_flag();
  command->callback([command, &outcome] { outcome.code = report(become_viewer(command->remaining())); });
}

}  // namespace ringside::cli

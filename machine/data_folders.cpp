#include "machine/data_folders.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

namespace ringside {

namespace {

namespace fs = std::filesystem;

// The file that this code was loaded from. The main program's name may be a relative one of another day; the
// kernel knows better.
fs::path own_file() {
  std::error_code error;
  Dl_info info{};
  link_map* object = nullptr;
  const int found = dladdr1(reinterpret_cast<const void*>(&data_folders), &info,
                            reinterpret_cast<void**>(&object), RTLD_DL_LINKMAP);
  if (found != 0 && object != nullptr && object->l_name != nullptr && *object->l_name != '\0')
    return fs::canonical(object->l_name, error);
  return fs::read_symlink("/proc/self/exe", error);
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const fs::path way = path.lexically_relative(folder);
  return !way.empty() && *way.begin() != "..";
}

DataFolders find() {
  const DataFolders of_build{RINGSIDE_SOURCE_SCENARIOS, RINGSIDE_BUILD_SCENARIOS};
  const fs::path own = own_file();
  std::error_code error;
  if (own.empty() || is_below(own, fs::canonical(RINGSIDE_BUILD_FOLDER, error))) return of_build;
  // PREFIX/bin, PREFIX/lib, or PREFIX/lib/x86_64-linux-gnu.
  const fs::path folder = own.parent_path();
  for (const fs::path& prefix : {folder.parent_path(), folder.parent_path().parent_path()}) {
    const fs::path scenarios = prefix / "share" / "ringside" / "scenarios";
    if (fs::is_directory(scenarios, error)) return {scenarios.string(), scenarios.string()};
  }
  return of_build;
}

}  // namespace

const DataFolders& data_folders() {
  static const DataFolders folders = find();
  return folders;
}

}  // namespace ringside

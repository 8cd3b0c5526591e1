// make_initramfs OUTPUT ENTRY...: an initramfs as the kernel unpacks it (cpio, format "newc"; Linux,
// Documentation/driver-api/early-userspace/buffer-format.rst), with the same bytes on every host: sorted,
// owned by root, times 0. An entry is "PATH=FILE" (a copy of a file of the host), or "PATH=FILE,x"
// (executable), or "PATH/" (a folder). Folders above a file are made.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>

namespace {

struct Entry {
  unsigned mode = 0;
  std::string contents;
};

constexpr unsigned kFolder = 040755, kFile = 0100644, kExecutable = 0100755;

void pad(std::string& archive) { archive.append((4 - archive.size() % 4) % 4, '\0'); }

void append(std::string& archive, const std::string& name, const Entry& entry, unsigned inode) {
  char header[128];
  std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", inode,
                entry.mode, 0u, 0u, 1u, 0u, entry.contents.size(), 0u, 0u, 0u, 0u, name.size() + 1, 0u);
  archive += header;
  archive += name;
  archive += '\0';
  pad(archive);
  archive += entry.contents;
  pad(archive);
}

void add_folders_above(std::map<std::string, Entry>& entries, const std::string& path) {
  for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    entries.try_emplace(path.substr(0, slash), Entry{kFolder, {}});
  }
}

std::optional<std::string> read_file(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

bool add(std::map<std::string, Entry>& entries, const std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) {
    add_folders_above(entries, argument);
    return argument.ends_with('/');
  }
  const std::string path = argument.substr(0, equals);
  std::string file = argument.substr(equals + 1);
  const bool executable = file.ends_with(",x");
  if (executable) file.resize(file.size() - 2);
  const auto contents = read_file(file);
  if (!contents) {
    std::perror(file.c_str());
    return false;
  }
  add_folders_above(entries, path);
  entries[path] = {executable ? kExecutable : kFile, *contents};
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: make_initramfs OUTPUT PATH=FILE[,x]|PATH/...\n");
    return EXIT_FAILURE;
  }
  std::map<std::string, Entry> entries;
  for (int i = 2; i < count; ++i) {
    if (add(entries, arguments[i])) continue;
    std::fprintf(stderr, "make_initramfs: wrong entry '%s'\n", arguments[i]);
    return EXIT_FAILURE;
  }
  std::string archive;
  unsigned inode = 1;
  for (const auto& [name, entry] : entries) append(archive, name, entry, inode++);
  append(archive, "TRAILER!!!", {}, 0);
  archive.append((512 - archive.size() % 512) % 512, '\0');
  std::ofstream stream(arguments[1], std::ios::binary | std::ios::trunc);
  stream << archive;
  stream.close();
  if (!stream) std::perror(arguments[1]);
  return stream ? EXIT_SUCCESS : EXIT_FAILURE;
}

// Names and lines of addresses in this program, by addr2line of binutils, which every compiler brings.
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "testkit/crash_report.h"

namespace ringside::test {

namespace {

struct Module {
  std::string file;
  uint64_t base = 0;  // what its own addresses are counted from
};

// The module of an address, and where in it.
bool find_module(uint64_t address, Module& module) {
  Dl_info information{};
  link_map* map = nullptr;
  void* const place = reinterpret_cast<void*>(address);
  if (dladdr1(place, &information, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) == 0 || map == nullptr)
    return false;
  module.base = map->l_addr;
  module.file = map->l_name != nullptr && *map->l_name != '\0' ? map->l_name : "/proc/self/exe";
  return true;
}

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string output_of(const std::string& command) {
  std::string text;
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  char buffer[4096];
  while (pipe && std::fgets(buffer, sizeof buffer, pipe.get()) != nullptr) text += buffer;
  return text;
}

CodePlace parse_place(std::string function, const std::string& where) {
  CodePlace place;
  place.function = std::move(function);
  const size_t colon = where.rfind(':');
  if (colon == std::string::npos || where.starts_with("??")) return place;
  place.line = static_cast<unsigned>(std::strtoul(where.c_str() + colon + 1, nullptr, 10));
  if (place.line != 0) place.file = where.substr(0, colon);
  return place;
}

}  // namespace

std::vector<CodePlace> find_places(const std::vector<uint64_t>& addresses) {
  const auto is_system = [](const std::string& file) {
    return file.starts_with("/lib") || file.starts_with("/usr/lib");
  };
  // One call for each module; answers are put back by address.
  std::map<std::string, std::string> questions;
  std::vector<std::pair<std::string, uint64_t>> keys;
  char self[4096];
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  const std::string program(self, length > 0 ? static_cast<size_t>(length) : 0);
  for (const uint64_t address : addresses) {
    Module module;
    if (!find_module(address, module)) continue;
    if (module.file == "/proc/self/exe") module.file = program;
    const uint64_t offset = address - module.base;
    questions[module.file] += fmt::format(" {:#x}", offset);
    keys.emplace_back(module.file, offset);
  }
  std::map<std::pair<std::string, uint64_t>, std::vector<CodePlace>> answers;
  for (const auto& [file, offsets] : questions) {
    const std::string text =
        output_of(fmt::format("addr2line -a -f -C -i -e {}{} 2>/dev/null", quoted(file), offsets));
    std::vector<CodePlace>* current = nullptr;
    std::string function;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("0x")) {
        current = &answers[{file, std::strtoull(line.c_str(), nullptr, 16)}];
        current->clear();
        function.clear();
      } else if (function.empty()) {
        function = line;
      } else if (current != nullptr) {
        current->push_back(parse_place(std::move(function), line.substr(0, line.find(" (discriminator"))));
        function.clear();
      }
    }
  }
  std::vector<CodePlace> places;
  for (const auto& key : keys) {
    const auto found = answers.find(key);
    if (found == answers.end()) continue;
    for (CodePlace& place : found->second) {
      place.in_system = is_system(key.first);
      places.push_back(place);
    }
  }
  return places;
}

}  // namespace ringside::test

// The ACPI tables as Intel's own tools read them: iasl takes each apart and finds nothing to complain of. It
// knows every field of every table, which the other tests do not.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "boot/acpi.h"
#include "tests/support/boot_file.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

struct Folder {
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  const std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("ringside-acpi-" + std::to_string(getpid()));
};

std::string read_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("iasl disassembles every table without a complaint") {
  const Folder folder;
  const auto memory = make_memory(2);
  const uint64_t rsdp = AcpiTables(AcpiConfig{}).place(*memory).value;
  const auto number = [&](uint64_t address) { return memory->load<uint32_t>(GuestPhys{address}); };
  const uint64_t rsdt = number(rsdp + 16);
  std::vector<uint64_t> tables = {rsdt, number(rsdp + 24)};
  for (uint64_t entry = 36; entry < number(rsdt + 4); entry += 4) tables.push_back(number(rsdt + entry));
  const uint64_t fadt = number(rsdt + 36);
  tables.push_back(number(fadt + 36));
  tables.push_back(number(fadt + 40));
  REQUIRE(tables.size() == 7);
  for (const uint64_t table : tables) {
    const std::string name(reinterpret_cast<const char*>(memory->at(GuestPhys{table}, 4)), 4);
    const auto file = folder.path / (name + ".dat");
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(memory->at(GuestPhys{table}, number(table + 4))),
               number(table + 4));
    INFO(name);
    const auto said = folder.path / "said";
    const std::string command =
        std::string(RINGSIDE_IASL) + " -d " + file.string() + " >" + said.string() + " 2>&1";
    REQUIRE(std::system(command.c_str()) == 0);
    const std::string text = read_text(folder.path / (name + ".dsl")) + read_text(said);
    CHECK_THAT(text, Contains("DefinitionBlock") || Contains("Table Header") || Contains("Signature :"));
    for (const char* complaint : {"Invalid", "Incorrect", "Unknown", "Error", "Warning", "should be"}) {
      CHECK_THAT(text, !Contains(complaint));
    }
  }
}

#include "machine/pack.h"

#include "machine/host_file.h"
#include "machine/machine.h"
#include "machine/session_output.h"
#include "sim/session/pack.h"
#include "sim/session/reader.h"

namespace ringside {

Result<size_t> pack(const std::string& from, const std::string& to, const std::string& scenario_folder) {
  register_all_payload_types();
  auto reader = SessionReader::open(from);
  if (!reader) return tl::unexpected(reader.error());
  const SessionHeader& header = reader->header();
  const auto scenario = scenario_of_session(header, scenario_folder);
  if (!scenario) return tl::unexpected(scenario.error());
  std::vector<std::vector<uint8_t>> contents;
  for (const SessionFile& file : header.files) {
    if (file.contents) {
      contents.push_back(*file.contents);
      continue;
    }
    const auto path = locate_file(*scenario, file.name, "file");
    if (!path) return tl::unexpected(path.error());
    auto bytes = read_whole_file(*path);
    if (!bytes) return tl::unexpected(bytes.error());
    contents.push_back(std::move(*bytes));
  }
  const size_t count = contents.size();
  SIM_TRY(check_session_output(to));
  SIM_TRY(pack_session(from, to, contents));
  return count;
}

}  // namespace ringside

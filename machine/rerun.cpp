#include "machine/rerun.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>

#include "machine/input.h"
#include "machine/temporary_folder.h"
#include "sim/session/reader.h"

namespace ringside {

namespace {

namespace fs = std::filesystem;

// What people gave, at its time.
class RecordedInput final : public InputSource {
 public:
  explicit RecordedInput(std::deque<InputRecord> inputs) : inputs_(std::move(inputs)) {}
  Tick next_tick() const override { return inputs_.empty() ? Tick::never() : inputs_.front().at; }
  std::optional<PendingInput> take(Tick now, uint64_t) override {
    if (inputs_.empty() || inputs_.front().at > now) return std::nullopt;
    PendingInput input{std::move(inputs_.front().wire), std::move(inputs_.front().bytes)};
    inputs_.pop_front();
    return input;
  }

 private:
  std::deque<InputRecord> inputs_;
};

struct Recorded {
  std::deque<InputRecord> inputs;
  std::optional<RunOutcome> outcome;
};

Result<Recorded> read_recorded(SessionReader& reader) {
  Recorded recorded;
  for (;;) {
    auto record = reader.next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) return recorded;
    auto* input = std::get_if<InputRecord>(&**record);
    if (input != nullptr && !input->is_answer) recorded.inputs.push_back(std::move(*input));
    if (auto* end = std::get_if<RunOutcome>(&**record)) recorded.outcome = std::move(*end);
  }
}

// The scenario's script gives its own inputs again: they are taken out, each once.
void leave_out_scripted(const Scenario& scenario, std::deque<InputRecord>& inputs) {
  for (const InputScenario& scripted : scenario.inputs) {
    const std::string wire = scripted.domain + "/" + scripted.wire + "/in";
    const auto is_it = [&](const InputRecord& input) {
      return input.wire == wire &&
             std::equal(input.bytes.begin(), input.bytes.end(), scripted.send.begin(), scripted.send.end());
    };
    const auto found = std::find_if(inputs.begin(), inputs.end(), is_it);
    if (found != inputs.end()) inputs.erase(found);
  }
}

bool is_kernel(const Scenario& scenario, const std::string& name) {
  return std::any_of(scenario.domains.begin(), scenario.domains.end(), [&](const DomainScenario& domain) {
    return domain.kernel == name || domain.symbols == name;
  });
}

// What the session holds goes into `folder`, under the names that the scenario has for it.
Result<> unpack(const SessionHeader& header, const Scenario& scenario, const fs::path& folder) {
  for (const SessionFile& file : header.files) {
    if (!file.contents || is_kernel(scenario, file.name) || fs::path(file.name).is_absolute()) continue;
    const fs::path path = (folder / file.name).lexically_normal();
    if (path.lexically_relative(folder).empty() || *path.lexically_relative(folder).begin() == "..") continue;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    std::ofstream stream(path, std::ios::binary | std::ios::trunc);
    stream.write(reinterpret_cast<const char*>(file.contents->data()),
                 static_cast<std::streamsize>(file.contents->size()));
    if (!stream.flush()) return fail(fmt::format("{} cannot be written", path.string()));
  }
  return {};
}

std::vector<std::string> changed_files(const SessionHeader& before, const std::string& session) {
  std::vector<std::string> changed;
  const auto reader = SessionReader::open(session);
  if (!reader) return changed;
  for (const SessionFile& file : reader->header().files) {
    for (const SessionFile& old : before.files) {
      if (old.name == file.name && (old.hash != file.hash || old.size != file.size))
        changed.push_back(file.name);
    }
  }
  return changed;
}

}  // namespace

Result<Rerun> rerun_session(const std::string& session, const std::string& scenario_folder) {
  register_all_payload_types();
  auto reader = SessionReader::open(session);
  if (!reader) return tl::unexpected(reader.error());
  auto recorded = read_recorded(*reader);
  if (!recorded) return tl::unexpected(recorded.error());
  const SessionHeader& header = reader->header();
  auto scenario = scenario_of_session(header, scenario_folder);
  if (!scenario) return tl::unexpected(scenario.error());
  const TemporaryFolder temporary("ringside-rerun");
  if (temporary.path().empty()) return fail("no folder can be made for temporary files");
  SIM_TRY(unpack(header, *scenario, temporary.path()));
  scenario->remembered_folders.push_back(temporary.path().string());
  // Of several kernels of that name, the one to run is the tree's, not the one that was recorded.
  std::erase_if(scenario->expected_files,
                [&](const SessionFile& file) { return is_kernel(*scenario, file.name); });
  leave_out_scripted(*scenario, recorded->inputs);

  RecordedInput input(std::move(recorded->inputs));
  MachineOptions options;
  options.live_inputs = {&input};
  const std::string again = (temporary.path() / "again.pcapng").string();
  options.record_to = again;
  if (recorded->outcome && recorded->outcome->reason.starts_with("stopped by the user"))
    options.until = recorded->outcome->at;
  Rerun rerun;
  rerun.recorded = recorded->outcome;
  {
    auto machine = Machine::create(*scenario, options);
    if (!machine) return tl::unexpected(machine.error());
    auto report = (*machine)->run();
    if (!report) return tl::unexpected(report.error());
    rerun.report = std::move(*report);
  }
  rerun.changed = changed_files(header, again);
  auto difference = first_difference_by_wire(session, again);
  // Two sessions too long to be compared have been run all the same.
  if (difference) rerun.difference = std::move(*difference);
  return rerun;
}

}  // namespace ringside

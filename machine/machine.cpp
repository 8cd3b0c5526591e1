#include "machine/machine.h"

#include <fmt/format.h>

#include <algorithm>

#include "machine/machine_impl.h"
#include "machine/versions.h"
#include "machine/views.h"
#include "sim/hash.h"

namespace ringside {

Result<std::unique_ptr<Machine>> Machine::create(const Scenario& scenario, const MachineOptions& options) {
  auto impl = std::make_unique<Impl>(scenario, options);
  impl->sources.push_back(&impl->scripted);
  impl->sources.push_back(&impl->fault_input);
  impl->sources.insert(impl->sources.end(), options.live_inputs.begin(), options.live_inputs.end());
  if (options.disturb_seed != 0) impl->disturbance = std::make_unique<Random>(options.disturb_seed);
  if (options.intrusion.any()) impl->intrusion = std::make_unique<Intrusion>(options.intrusion);
  if (options.replay != nullptr) SIM_TRY(check_versions(options.replay->header()));
  SIM_TRY(impl->build());
  return std::unique_ptr<Machine>(new Machine(std::move(impl)));
}

Machine::Machine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Machine::~Machine() = default;

Wiring& Machine::wiring() { return *impl_->wiring; }
const Clock& Machine::clock() const { return impl_->timeline.clock(); }
Hypervisor& Machine::hypervisor() { return *impl_->xen->hypervisor; }
FaultInjector& Machine::faults() { return *impl_->faults; }

Result<> Machine::inject(const FaultSpec& fault) {
  if (impl_->options.replay != nullptr) return fail("a replay has its faults from the session alone");
  SIM_TRY(impl_->faults->try_on(fault));
  impl_->fault_input.add(fault.text);
  return {};
}

Result<RunReport> Machine::run() {
  const auto over = run_on(Tick::never());
  if (!over) return tl::unexpected(over.error());
  return finish();
}

Result<bool> Machine::run_on(Tick until, const std::function<bool()>& pause_wanted) {
  if (impl_->over) return true;
  impl_->pause_at = until;
  impl_->pause_wanted = pause_wanted;
  const bool ran = impl_->timeline.run_part([this] {
    impl_->over = impl_->run_loop();
    if (impl_->over && impl_->line_trace) impl_->line_trace->catch_up();
    return impl_->over;
  });
  impl_->pause_at = Tick::never();
  impl_->pause_wanted = {};
  if (ran) return impl_->over;
  return fail(fmt::format("a SystemC model ended the run at {}: {}", to_string(impl_->timeline.clock().now),
                          impl_->timeline.failure()));
}

void Machine::end_turn_soon() {
  if (impl_->running != nullptr) impl_->running->end_run_soon();
}

Result<RunReport> Machine::finish() {
  if (!impl_->over) {
    impl_->stopped_by_user = true;
    const auto over = run_on(Tick::never());
    if (!over) return tl::unexpected(over.error());
  }
  if (impl_->line_trace) SIM_TRY(impl_->line_trace->finish());
  SIM_TRY(impl_->networks->finish());
  const bool replaying = impl_->options.replay != nullptr;
  const bool whole = !impl_->host_error && impl_->timeline.clock().now < impl_->options.until;
  const bool cut =
      replaying && impl_->options.replay->exhausted() && !impl_->options.replay->recorded_outcome();
  if (whole && !cut) {
    impl_->checkers->end(impl_->ended_in_order());
    impl_->end_epoch(true);
  }
  RunReport report = impl_->report();
  const RunOutcome outcome{static_cast<int>(report.exit_code), report.reason, report.at, report.instructions};
  if (replaying && whole && !cut) impl_->options.replay->end_run(outcome);
  if (impl_->recorder) {
    if (impl_->host_error) return tl::unexpected(*impl_->host_error);
    SIM_TRY(impl_->recorder->finish(outcome));
  }
  return report;
}

const std::vector<Violation>& Machine::violations() const { return impl_->checkers->violations(); }

MachineDigest Machine::digest() const {
  MachineDigest digest;
  for (const auto& [name, part] : impl_->components)
    digest.state = hash_mix(digest.state, state_digest(*part));
  digest.state = hash_mix(digest.state, impl_->timeline.events().digest());
  digest.memory = impl_->memory_digest();
  return digest;
}

bool Machine::waits_for_input() const {
  const auto may_run = [](const auto& parts) { return parts->guest->runnable(); };
  return !impl_->all_ended() && std::none_of(impl_->guests.begin(), impl_->guests.end(), may_run) &&
         impl_->timeline.next_tick() == Tick::never() && impl_->next_input_tick() == Tick::never();
}

std::vector<std::vector<SeenBlock>> Machine::seen_code() const {
  std::vector<std::vector<SeenBlock>> code;
  for (const auto& guest : impl_->guests) code.push_back(guest->guest->cpu().seen_blocks());
  return code;
}

void Machine::translate_ahead(std::vector<std::vector<SeenBlock>>& code) {
  for (size_t i = 0; i < std::min(code.size(), impl_->guests.size()); ++i)
    impl_->guests[i]->guest->cpu().translate_ahead(code[i]);
}

ViewedParts Machine::viewed() {
  ViewedParts parts{impl_->scenario, {}, impl_->xen.get(), impl_->components};
  for (const auto& guest : impl_->guests) parts.guests.push_back(guest->guest.get());
  return parts;
}

void Machine::take_over() { impl_->take_over(); }

Result<> Machine::take_over_in(const std::string& recording) {
  impl_->take_over();
  if (!impl_->recorder) return {};
  return impl_->recorder->continue_in(recording);
}

void Machine::flush_recording() {
  if (impl_->recorder) impl_->recorder->flush();
}

Result<Scenario> scenario_of_session(const SessionHeader& header, const std::string& scenario_folder) {
  auto scenario =
      parse_scenario(header.scenario_text, header.scenario_name + " (in the session)", header.overrides);
  if (!scenario) return scenario;
  scenario->folder = scenario_folder;
  scenario->notes = header.notes;
  scenario->remembered_folders = recall_folders(header.scenario_text);
  scenario->expected_files = header.files;
  return scenario;
}

}  // namespace ringside

// Making a test's machine, looking at it, acting on it.
#include "ringside/machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "checkers/checker.h"
#include "sim/fault/fault_spec.h"
#include "sim/hash.h"
#include "sim/near_names.h"
#include "testkit/machine_impl.h"
#include "testkit/running_test.h"

namespace ringside::test {

namespace {

std::string toml_list(const std::vector<std::string>& first, const std::vector<std::string>& more) {
  std::string list = "[";
  for (const auto* texts : {&first, &more}) {
    for (const std::string& text : *texts) list += fmt::format("{}'{}'", list.size() > 1 ? ", " : "", text);
  }
  return list + "]";
}

std::vector<std::string> names_of_domains(const Scenario& scenario) {
  std::vector<std::string> names;
  for (const DomainScenario& domain : scenario.domains) names.push_back(domain.name);
  return names;
}

std::vector<std::string> names_of_consoles(const Scenario& scenario) {
  std::vector<std::string> names = names_of_domains(scenario);
  for (const ConsoleScenario& console : scenario.consoles) names.push_back(console.full_name());
  return names;
}

std::string text_of(const Violation& violation) {
  return fmt::format("{} on {} at {}: {}", violation.rule, violation.wire, to_string(violation.at),
                     violation.text);
}

}  // namespace

void MachineTap::on_wire_added(const Wire& wire) {
  store->add_wire(wire);
  if (names_.size() <= wire.index()) names_.resize(wire.index() + 1);
  if (waited_.size() <= wire.index()) waited_.resize(wire.index() + 1);
  names_[wire.index()] = wire.name();
  waited_[wire.index()] = condition_ != nullptr && wire_matches(glob_, wire.name());
}

void MachineTap::wait_for(std::string_view glob, const Condition* condition) {
  glob_ = glob;
  condition_ = condition;
  found_.reset();
  for (size_t i = 0; i < names_.size(); ++i)
    waited_[i] = condition != nullptr && !names_[i].empty() && wire_matches(glob, names_[i]);
}

void MachineTap::on_crossing(const Wire& wire, ringside::Crossing& crossing, Verdict& verdict) {
  store->add(wire, crossing, verdict);
  if (!waited_[wire.index()] || found_) return;
  const uint64_t number = store->next() - 1;
  if (!condition_->matches(store->handle(number))) return;
  found_ = number;
  on_found();
}

Machine::Machine(std::string scenario) : impl_(std::make_unique<Impl>(std::move(scenario))) {}

// A failed test's session shall be whole.
Machine::~Machine() {
  if (!impl_->machine) return;
  const bool compared = !impl_->replay.empty() && current_ending().empty();
  try {
    if (!impl_->finished && (has_failed() || compared)) stop();
    if (compared) impl_->compare_with_replay();
  } catch (...) {
    // What there is of the session is kept.
    impl_->machine->flush_recording();
  }
}

Machine& Machine::set(const std::string& key, const std::string& value) {
  if (impl_->machine)
    throw Error(fmt::format("set(\"{}\") comes too late: the machine runs; set it before", key));
  impl_->overrides.emplace_back(key, value);
  return *this;
}

Machine& Machine::host(const std::string& domain, std::function<void()> program) {
  if (impl_->machine) throw Error(fmt::format("host(\"{}\") comes too late: the machine runs", domain));
  impl_->programs[domain] = std::move(program);
  return *this;
}

Machine& Machine::allow(const std::string& rule) {
  if (impl_->machine) throw Error(fmt::format("allow(\"{}\") comes too late: the machine runs", rule));
  impl_->allowed.push_back(rule);
  return *this;
}

Machine& Machine::allow_failure() {
  impl_->failure_allowed = true;
  return *this;
}

void Machine::start() { impl_->built(); }

ringside::Machine& Machine::Impl::built() {
  if (!machine) build();
  return *machine;
}

// Text has lines; a name or a path has none.
void Machine::Impl::load() {
  Overrides all = overrides;
  if (const auto seed = seed_from_environment()) all.emplace_back("machine.seed", fmt::format("{}", *seed));
  const auto read = [&] {
    if (scenario_text.find('\n') == std::string::npos) return load_scenario(scenario_text, all);
    auto parsed = parse_scenario(scenario_text, "the test's scenario", all);
    std::error_code error;
    if (parsed) parsed->folder = std::filesystem::current_path(error).string();
    return parsed;
  };
  auto loaded = read();
  if (loaded && !allowed.empty()) {
    // As with --allow: an override, so that a replay knows of it.
    all.emplace_back("check.allow", toml_list(loaded->check.allow, allowed));
    loaded = read();
  }
  if (!loaded) {
    std::vector<std::string> names;
    for (const KnownScenario& known : known_scenarios()) names.push_back(known.name);
    const bool a_name = scenario_text.find_first_of("/\n") == std::string::npos;
    throw Error(loaded.error().message + (a_name ? did_you_mean(near_names(scenario_text, names, 3)) : ""));
  }
  scenario = std::move(*loaded);
}

Machine& Machine::models(std::function<std::shared_ptr<void>(const std::string&, TlmBoard&)> make) {
  if (impl_->machine) throw Error("models() comes too late: the machine has been made");
  impl_->make_models = std::move(make);
  return *this;
}

void Machine::Impl::check_names() const {
  const std::vector<std::string> domains = names_of_domains(scenario);
  for (const auto& [name, program] : programs) {
    const auto found =
        std::find_if(scenario.domains.begin(), scenario.domains.end(),
                     [&, &name = name](const DomainScenario& domain) { return domain.name == name; });
    if (found == scenario.domains.end()) {
      throw Error(fmt::format("host(\"{}\"): the scenario has no domain of this name{}; it has {}", name,
                              did_you_mean(near_names(name, domains, 2)), fmt::join(domains, ", ")));
    }
    if (!found->is_hosted()) {
      throw Error(
          fmt::format("host(\"{}\"): the domain is '{}', and a program of the test runs in one with "
                      "personality = \"hosted\" or \"hosted-pc\"",
                      name, found->personality));
    }
  }
}

void Machine::Impl::build() {
  static const bool registered = [] {
    register_all_payload_types();
    return true;
  }();
  (void)registered;
  take_settings_of_replay();
  load();
  check_names();
  recording = std::make_unique<Recording>();
  MachineOptions options;
  options.record_to = recording->path();
  options.hosted = programs;
  options.test = RunningTest::instance().name;
  if (!options.test.empty()) options.program = program_invocation_short_name;
  options.taps_behind = {&tap};
  options.live_inputs = {&input};
  options.on_console = [this](const std::string& console, std::span<const uint8_t> bytes) {
    consoles[console].append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  if (make_models) {
    options.customize_board = [this](const std::string& domain, PcBoard& board) {
      models.push_back(test::make_models(make_models, domain, board));
    };
  }
  for (const std::string& name : names_of_consoles(scenario)) consoles[name];
  machine = or_throw(ringside::Machine::create(scenario, options));
  tap.on_found = [this] { machine->end_turn_soon(); };
  number = ++RunningTest::instance().machines;
  announce();
}

void Machine::Impl::announce() {
  RunningTest& test = RunningTest::instance();
  test.seed = scenario.seed;
  if (test.name.empty()) return;
  remember_folder(scenario);
  const std::string path = test.session_path(number);
  test.commands.push_back(replay_command(path));
  test.announce(recording->descriptor(), path);
}

Time Machine::now() const { return to_time(impl_->built().clock().now); }
uint64_t Machine::instructions() const { return impl_->built().clock().instructions; }
bool Machine::ended() const { return impl_->finished; }
const Outcome& Machine::outcome() const { return impl_->outcome; }
Crossings Machine::wire(std::string_view glob) const {
  impl_->built();
  return impl_->tap.store->select(glob);
}
std::vector<std::string> Machine::wires() const {
  impl_->built();
  return impl_->tap.store->wire_names();
}

const std::string& Machine::Impl::console_name(const std::string& domain) const {
  const auto found = consoles.find(domain);
  if (found != consoles.end()) return found->first;
  const std::vector<std::string> names = names_of_consoles(scenario);
  throw Error(fmt::format("the machine has no console '{}'{}; it has {}", domain,
                          did_you_mean(near_names(domain, names, 2)), fmt::join(names, ", ")));
}

const std::string& Machine::console(const std::string& domain) const {
  impl_->built();
  return impl_->consoles.at(impl_->console_name(domain));
}

std::vector<Violation> Machine::violations() const {
  std::vector<Violation> all;
  for (const ringside::Violation& found : impl_->built().violations())
    all.push_back({found.rule, found.wire, found.text, to_time(found.at), found.allowed});
  return all;
}

uint64_t Machine::seed() const {
  impl_->built();
  return impl_->scenario.seed;
}

uint64_t Machine::digest() const {
  const MachineDigest digest = impl_->built().digest();
  return hash_mix(digest.state, digest.memory);
}

void Machine::fault(const std::string& fault) {
  const auto parsed = parse_fault(fault);
  if (!parsed) throw Error(fmt::format("fault(\"{}\"): {}", fault, parsed.error().message));
  or_throw(impl_->built().inject(*parsed));
}

void Machine::type(const std::string& domain, const std::string& text) {
  impl_->built();
  input(impl_->console_name(domain) + (domain.find('/') == std::string::npos ? "/console/in" : "/in"),
        {text.begin(), text.end()});
}

void Machine::input(const std::string& wire, const std::vector<uint8_t>& bytes) {
  impl_->built();
  if (impl_->finished) throw Error(fmt::format("input for {} comes too late: the machine has ended", wire));
  impl_->input.add(wire, bytes);
}

// A hosted driver is part of the test program.
std::string Machine::Impl::replay_command(const std::string& path) const {
  const bool hosted = std::any_of(scenario.domains.begin(), scenario.domains.end(),
                                  [](const DomainScenario& domain) { return domain.is_hosted(); });
  if (!hosted) return "ringside replay " + shell_word(path);
  return fmt::format("RINGSIDE_REPLAY={} {} {}", shell_word(path), shell_word(program_path()),
                     quoted_test_name(RunningTest::instance().name));
}

std::string Machine::replay_command(const std::string& path) const { return impl_->replay_command(path); }

std::vector<std::string> Machine::complaints() const {
  std::vector<std::string> all;
  if (!impl_->machine) return all;
  for (const Violation& violation : violations()) {
    if (violation.allowed) continue;
    all.push_back("broken: " + text_of(violation));
  }
  const Outcome& outcome = impl_->outcome;
  if (impl_->failure_allowed || !impl_->finished || outcome.ok()) return all;
  if (outcome.verdict != Outcome::Verdict::invariant_broken && !impl_->stopped) {
    std::string text =
        fmt::format("the machine ended badly ({}): {}", to_string(outcome.verdict), outcome.reason);
    for (const std::string& missing : outcome.missing) text += "\n  expected: " + missing;
    if (!outcome.details.empty()) text += "\n" + outcome.details;
    all.push_back(std::move(text));
  }
  return all;
}

std::string to_string(Outcome::Verdict verdict) {
  switch (verdict) {
    case Outcome::Verdict::running: return "running";
    case Outcome::Verdict::ok: return "ok";
    case Outcome::Verdict::expectation_failed: return "expectation failed";
    case Outcome::Verdict::hung: return "hung";
    case Outcome::Verdict::crashed: return "crashed";
    case Outcome::Verdict::invariant_broken: return "invariant broken";
    case Outcome::Verdict::bad_input: return "bad input";
    case Outcome::Verdict::diverged: return "diverged";
  }
  return "?";
}

std::ostream& operator<<(std::ostream& to, const Outcome& outcome) {
  return to << to_string(outcome.verdict) << " at " << to_string(outcome.at) << ": " << outcome.reason;
}

std::ostream& operator<<(std::ostream& to, const Violation& violation) { return to << text_of(violation); }

}  // namespace ringside::test

// `ringside ci-replay`: what a CI job kept, on the tree as it is now.
//
// A session whose header names a test belongs to a test program: that runs the one test again, with the same
// seed. Any other session is run here, with its inputs and the tree's kernels (machine/rerun.h). Either way
// the code may be another than the one that was recorded: it is the point of it.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/junit_input.h"
#include "cli/progress.h"
#include "cli/test_program.h"
#include "machine/host_file.h"
#include "machine/machine.h"
#include "machine/rerun.h"
#include "machine/temporary_folder.h"
#include "sim/session/reader.h"
#include "sim/session/wire_difference.h"

namespace ringside::cli {

namespace {

namespace fs = std::filesystem;

struct CiReplayArguments {
  std::vector<std::string> kept;  // folders, JUnit files, sessions
  std::string scenario_folder, program_folder;
  bool json = false;
};

enum class Verdict { still_fails, fails_otherwise, fails_now, fixed, passes, not_replayed };

constexpr const char* kVerdictNames[] = {"still fails", "fails otherwise", "fails now",
                                         "fixed",       "passes",          "not replayed"};

struct Kept {
  std::string path;
  std::string failure;  // as the job's JUnit file has it: the message
};

struct Replayed {
  std::string path, what;  // what: the test, or the scenario
  Verdict verdict = Verdict::not_replayed;
  std::string then, now;
  std::string difference;
};

// Whatever the inputs of CI name, each session once, in the order of their paths.
class KeptSessions {
 public:
  Result<> add(const std::string& given) {
    std::error_code error;
    if (fs::is_directory(given, error)) return add_folder(given);
    if (given.ends_with(".pcapng")) {
      if (!fs::exists(given, error)) return fail(fmt::format("{}: there is no such session", given));
      failures_.try_emplace(given);
      return {};
    }
    return add_junit(given, true);
  }

  std::vector<Kept> list() const {
    std::vector<Kept> kept;
    for (const auto& [path, failure] : failures_) kept.push_back({path, failure});
    return kept;
  }

 private:
  Result<> add_folder(const std::string& folder) {
    std::error_code error;
    std::vector<std::string> reports;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      const std::string path = entry.path().string();
      if (path.ends_with(".pcapng")) failures_.try_emplace(path);
      if (path.ends_with(".xml")) reports.push_back(path);
    }
    if (error) return fail(fmt::format("{}: {}", folder, error.message()));
    // They say more of sessions that are there; what else they name need not be.
    for (const std::string& report : reports) SIM_TRY(add_junit(report, false));
    return {};
  }

  Result<> add_junit(const std::string& file, bool must_be_there) {
    const auto contents = read_whole_file(file);
    if (!contents) return tl::unexpected(contents.error());
    const std::string_view xml(reinterpret_cast<const char*>(contents->data()), contents->size());
    if (must_be_there && xml.find("<testsuite") == std::string_view::npos) {
      return fail(fmt::format("{} is neither a folder, nor a session (.pcapng), nor a JUnit file", file));
    }
    for (const JunitFailure& failure : read_junit(xml)) {
      const std::string said = failure.message + "\n" + failure.text;
      // CTest has no words of its own for a failure, and all that the test printed.
      const bool in_output = sessions_named_in(said).empty();
      SIM_TRY(take_named(in_output ? failure.output : said, in_output ? "" : failure.message, file,
                         must_be_there));
    }
    return {};
  }

  // A console's reporter folds long lines, in the middle of a path if need be.
  static std::string unfolded(const std::string& text) {
    std::string line;
    for (size_t at = 0; at < text.size(); ++at) {
      line += text[at];
      if (text[at] != '\n') continue;
      line.pop_back();
      while (at + 1 < text.size() && text[at + 1] == ' ') ++at;
    }
    return line;
  }

  Result<> take_named(const std::string& said, const std::string& message, const std::string& file,
                      bool must_be_there) {
    const std::vector<std::string> names = sessions_named_in(said);
    bool any = false;
    for (const auto& list : {names, sessions_named_in(unfolded(said))}) {
      for (const std::string& name : list) {
        const std::string path = place_of(name, file);
        if (path.empty()) continue;
        failures_[path] = message;
        any = true;
      }
    }
    if (any || names.empty() || !must_be_there) return {};
    return fail(
        fmt::format("{} names the session {}, which is not there, nor beside it", file, names.front()));
  }

  // As the job wrote it, or where it lies beside the JUnit file now that both were fetched.
  std::string place_of(const std::string& name, const std::string& junit) const {
    const fs::path folder = fs::path(junit).parent_path();
    std::error_code error;
    for (const fs::path& path : {folder / name, folder / fs::path(name).filename(), fs::path(name)}) {
      // The same file under one name.
      for (const auto& [known, failure] : failures_) {
        if (fs::equivalent(known, path, error)) return known;
      }
      if (fs::exists(path, error)) return path.string();
    }
    for (const auto& [known, failure] : failures_) {
      if (fs::path(known).filename() == fs::path(name).filename()) return known;
    }
    return "";
  }

  std::map<std::string, std::string> failures_;  // by path
};

// How a run ended, for a table and for comparing.
std::string ending_text(int exit_code, const std::string& reason) {
  static constexpr std::pair<ExitCode, const char*> kNames[] = {
      {ExitCode::ok, "ok"},
      {ExitCode::expectation_failed, "expectation failed"},
      {ExitCode::guest_hung, "hung"},
      {ExitCode::guest_crashed, "crashed"},
      {ExitCode::invariant_broken, "invariant broken"}};
  for (const auto& [code, name] : kNames) {
    if (static_cast<int>(code) == exit_code) return fmt::format("{}: {}", name, reason);
  }
  return fmt::format("exit code {}: {}", exit_code, reason);
}

std::string difference_text(const WireDifference& difference) {
  return fmt::format("{}, crossing {}, at {}\n  then: {}\n  now:  {}", difference.wire, difference.number,
                     to_string(difference.at),
                     difference.expected.empty() ? "nothing more" : difference.expected,
                     difference.found.empty() ? "nothing more" : difference.found);
}

Verdict verdict_of(bool failed_then, bool fails_now, bool same) {
  if (!failed_then) return fails_now ? Verdict::fails_now : Verdict::passes;
  if (!fails_now) return Verdict::fixed;
  return same ? Verdict::still_fails : Verdict::fails_otherwise;
}

struct Read {
  SessionHeader header;
  std::optional<RunOutcome> outcome;
};

Result<Read> read_session(const std::string& path) {
  auto reader = SessionReader::open(path);
  if (!reader) return tl::unexpected(reader.error());
  Read read{reader->header(), std::nullopt};
  for (;;) {
    auto record = reader->next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) return read;
    if (auto* end = std::get_if<RunOutcome>(&**record)) read.outcome = std::move(*end);
  }
}

Result<> rerun_here(const Kept& kept, const CiReplayArguments& arguments, Replayed& replayed) {
  const auto rerun = rerun_session(kept.path, arguments.scenario_folder);
  if (!rerun) return tl::unexpected(rerun.error());
  const RunReport& now = rerun->report;
  const int code = static_cast<int>(now.exit_code);
  replayed.now = ending_text(code, now.reason);
  for (const std::string& missing : now.missing) replayed.now += "; expected: " + missing;
  for (const Violation& violation : now.violations) {
    if (!violation.allowed) replayed.now += "; " + violation.text;
  }
  // A session that was cut is of a run that did not come to its end: that was its failure.
  const bool failed_then = !rerun->recorded || rerun->recorded->exit_code != 0;
  const bool same =
      rerun->recorded && rerun->recorded->exit_code == code && rerun->recorded->reason == now.reason;
  replayed.verdict = verdict_of(failed_then, code != 0, same);
  if (rerun->difference) replayed.difference = difference_text(*rerun->difference);
  return {};
}

// A test may run several machines, and leave a session of each: that of the same scenario and name is the
// one.
std::string counterpart(const Kept& kept, const TestRun& run) {
  for (const std::string& session : run.sessions) {
    if (fs::path(session).filename() == fs::path(kept.path).filename()) return session;
  }
  return run.sessions.size() == 1 ? run.sessions.front() : "";
}

Result<> rerun_test(const Kept& kept, const Read& session, const CiReplayArguments& arguments,
                    Replayed& replayed) {
  std::vector<std::string> folders;
  if (!arguments.program_folder.empty()) folders.push_back(arguments.program_folder);
  folders.emplace_back(".");
  const auto program = find_program(session.header.program, folders);
  if (!program) return tl::unexpected(program.error());
  const TemporaryFolder scratch("ringside-ci-replay");
  if (scratch.path().empty()) return fail("no folder can be made for temporary files");
  const auto run = run_test(*program, session.header.test, kept.path, scratch.path().string());
  if (!run) return tl::unexpected(run.error());
  if (!run->there) return fail(fmt::format("{} has no test '{}'", *program, session.header.test));
  replayed.now = run->passed ? "passes" : "fails";
  const std::string failure = run->failures.empty() ? "" : run->failures.front().message;
  if (!failure.empty()) replayed.now += ": " + failure;
  bool same = kept.failure.empty() || failure == kept.failure;
  if (const std::string again = counterpart(kept, *run); !again.empty()) {
    const auto now = read_session(again);
    if (now && now->outcome && session.outcome) {
      same = same && now->outcome->exit_code == session.outcome->exit_code &&
             now->outcome->reason == session.outcome->reason;
    }
  }
  replayed.difference = run->difference;
  // Only a test that failed has left a session.
  replayed.verdict = verdict_of(true, !run->passed, same);
  return {};
}

Replayed replay_one(const Kept& kept, const CiReplayArguments& arguments) {
  Replayed replayed{.path = kept.path};
  const auto session = read_session(kept.path);
  if (!session) {
    replayed.now = session.error().message;
    return replayed;
  }
  replayed.what = session->header.scenario_name;
  replayed.then = session->outcome ? ending_text(session->outcome->exit_code, session->outcome->reason)
                                   : "cut before its end";
  const bool of_test = !session->header.test.empty();
  if (of_test) {
    replayed.what =
        fmt::format("{}: {}", fs::path(session->header.program).filename().string(), session->header.test);
    replayed.then = kept.failure.empty() ? replayed.then : "failed: " + kept.failure;
  }
  const auto done =
      of_test ? rerun_test(kept, *session, arguments, replayed) : rerun_here(kept, arguments, replayed);
  if (!done) replayed.now = done.error().message;
  return replayed;
}

nlohmann::ordered_json to_json(const Replayed& replayed) {
  nlohmann::ordered_json json{{"session", replayed.path},
                              {"what", replayed.what},
                              {"verdict", kVerdictNames[static_cast<size_t>(replayed.verdict)]},
                              {"then", replayed.then},
                              {"now", replayed.now}};
  if (!replayed.difference.empty()) json["first_difference"] = replayed.difference;
  return json;
}

void indent(const std::string& label, std::string text) {
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
    text.insert(at + 1, 8, ' ');
  fmt::print("      {}{}\n", label, text);
}

void print(const Replayed& replayed) {
  fmt::print("{:<15}  {}\n", kVerdictNames[static_cast<size_t>(replayed.verdict)], replayed.path);
  if (!replayed.what.empty()) indent("", replayed.what);
  if (replayed.verdict == Verdict::not_replayed) return indent("", replayed.now);
  indent("then: ", replayed.then);
  if (replayed.now != replayed.then) indent("now:  ", replayed.now);
  if (replayed.verdict == Verdict::fails_otherwise && !replayed.difference.empty())
    indent("first difference: ", replayed.difference);
}

ExitCode exit_code(const std::vector<Replayed>& all) {
  const auto any = [&](Verdict first, Verdict last) {
    return std::any_of(all.begin(), all.end(), [&](const Replayed& replayed) {
      return replayed.verdict >= first && replayed.verdict <= last;
    });
  };
  if (any(Verdict::still_fails, Verdict::fails_now)) return ExitCode::expectation_failed;
  return any(Verdict::not_replayed, Verdict::not_replayed) ? ExitCode::bad_input : ExitCode::ok;
}

Result<ExitCode> ci_replay(const CiReplayArguments& arguments) {
  register_all_payload_types();
  KeptSessions sessions;
  for (const std::string& given : arguments.kept) SIM_TRY(sessions.add(given));
  const std::vector<Kept> list = sessions.list();
  if (list.empty()) return fail("no session is there, or named there");
  std::vector<Replayed> all;
  for (const Kept& kept : list) {
    all.push_back(replay_one(kept, arguments));
    if (!arguments.json) print(all.back());
    std::fflush(stdout);
  }
  if (arguments.json) {
    auto json = nlohmann::ordered_json::array();
    for (const Replayed& replayed : all) json.push_back(to_json(replayed));
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else {
    size_t counts[std::size(kVerdictNames)] = {};
    for (const Replayed& replayed : all) ++counts[static_cast<size_t>(replayed.verdict)];
    std::string summary;
    for (size_t i = 0; i < std::size(counts); ++i) {
      if (counts[i] != 0) summary += fmt::format(", {} {}", counts[i], kVerdictNames[i]);
    }
    fmt::print("ci-replay: {} session{}{}\n", all.size(), all.size() == 1 ? "" : "s", summary);
  }
  return exit_code(all);
}

}  // namespace

void add_ci_replay(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("ci-replay", "Run what a CI job kept on the tree as it is now");
  auto arguments = std::make_shared<CiReplayArguments>();
  command->add_option("kept", arguments->kept, "Folders, JUnit files, sessions")->required();
  command->add_option("--program", arguments->program_folder,
                      "The folder with the test programs, built anew");
  command->add_option("--scenario", arguments->scenario_folder, "The folder with the kernels and the images");
  command->add_flag("--json", arguments->json, "Print one JSON array");
  command->footer(
      "Of each session: whether what failed then still fails, is fixed, or fails\n"
      "otherwise, and where the runs first differ. The code may have changed since: a\n"
      "test of a program (found below this folder, or in --program) runs again with the\n"
      "same seed; any other session runs here, with the inputs that it holds.\n\n"
      "Exits 1 if any fails, else 2 if any could not be replayed.\n\n"
      "Examples:\n"
      "  ringside ci-replay ringside-sessions\n"
      "  ringside ci-replay artifact/junit.xml --program build/tests");
  command->callback([arguments, &outcome] {
    const auto code = ci_replay(*arguments);
    outcome.code = code ? *code : report(code.error());
  });
}

}  // namespace ringside::cli

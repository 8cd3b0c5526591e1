// `ringside show`
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "machine/machine.h"
#include "sim/fault/fault_actions.h"
#include "sim/message_renderer.h"
#include "sim/session/reader.h"

namespace ringside::cli {

namespace {

struct ShowArguments {
  std::string session;
  std::vector<std::string> wires;
  std::string from, to;
  bool json = false;
  bool digests = false;
};

// The columns of the terminal that is printed on; 0 where it is none: there a crossing has one line.
size_t terminal_columns() {
  winsize size{};
  if (isatty(STDOUT_FILENO) == 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

// Breaks a line between fields, with four spaces before the rest.
std::string folded(const std::string& line) {
  static const size_t columns = terminal_columns();
  if (columns < 40) return line;
  std::string result, rest = line;
  while (rest.size() > columns) {
    const size_t space = rest.rfind(' ', columns);
    if (space == std::string::npos || rest.find_first_not_of(' ') > space) break;
    result += rest.substr(0, space) + "\n";
    rest = "    " + rest.substr(space + 1);
  }
  return result + rest;
}

// Seconds with as many digits as tell nanoseconds apart: a person reads these, --json has the ticks.
std::string short_time(Tick at) {
  return fmt::format("{}.{:09}", at.ps / 1'000'000'000'000, at.nanoseconds() % 1'000'000'000);
}

nlohmann::ordered_json to_json(const std::vector<DecodedField>& fields) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const DecodedField& field : fields) {
    if (!field.children.empty()) {
      auto list = nlohmann::ordered_json::array();
      for (const DecodedField& record : field.children) list.push_back(to_json(record.children));
      object[field.name] = list;
    } else if (field.is_number && field.text == fmt::format("{}", field.number)) {
      object[field.name] = field.number;
    } else {
      object[field.name] = field.text.size() >= 2 && field.text.front() == '"'
                               ? field.text.substr(1, field.text.size() - 2)
                               : field.text;
    }
  }
  return object;
}

class Printer {
 public:
  Printer(const ShowArguments& arguments, Tick from, Tick to) : arguments_(arguments), from_(from), to_(to) {}

  void print(const SessionCrossing& crossing, const SessionWire& wire) {
    const PayloadType* type = PayloadRegistry::instance().find(wire.payload_type);
    // What is not shown may say what later messages mean.
    const bool in_order = type != nullptr && type->make_renderer != nullptr;
    if (!in_order && !wanted(crossing.at, wire.name)) return;
    const auto fields = type != nullptr
                            ? decoder_.decode(*type, wire.name, crossing.payload, crossing.full_size)
                            : std::vector<DecodedField>{};
    if (!wanted(crossing.at, wire.name)) return;
    const auto marks = fault_marks(crossing.flags);
    const bool cut = crossing.payload.size() < crossing.full_size;
    const char* direction = crossing.direction == Direction::out ? "out" : "in";
    if (arguments_.json) {
      nlohmann::ordered_json line{{"at_ps", crossing.at.ps},   {"sequence", crossing.sequence},
                                  {"wire", wire.name},         {"direction", direction},
                                  {"fields", to_json(fields)}, {"bytes", crossing.full_size}};
      if (!marks.empty()) {
        line["injected"] = true;
        line["fault"] = marks;
      }
      emit(line);
      return;
    }
    const std::string head = fmt::format("{} {} {} ", short_time(crossing.at), wire.name,
                                         crossing.direction == Direction::out ? "->" : "<-");
    const std::string mark =
        marks.empty() ? std::string() : fmt::format(" [injected: {}]", fmt::join(marks, ", "));
    fmt::print("{}\n", folded(fmt::format("{}{}{}{}", head, to_line(fields), cut ? " (cut)" : "", mark)));
  }

  void print(const InputRecord& input) {
    const std::string name = (input.is_answer ? "answer/" : "input/") + input.wire;
    if (!wanted(input.at, name)) return;
    std::string text(input.bytes.begin(), input.bytes.end());
    if (arguments_.json) {
      nlohmann::ordered_json line{
          {"at_ps", input.at.ps}, {"input", input.number}, {"wire", input.wire}, {"text", text}};
      if (input.is_answer) line["answer"] = true;
      if (input.continued) line["continued"] = true;
      emit(line);
      return;
    }
    // Nobody types as much as a file has.
    constexpr size_t kShownOfAnswer = 256;
    const bool cut = input.is_answer && text.size() > kShownOfAnswer;
    if (cut) text.resize(kShownOfAnswer);
    // The same escapes as a decoded text field has.
    const std::string quoted =
        nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    fmt::print("{} {} <- number={} bytes={}{}\n", short_time(input.at), name, input.number, quoted,
               cut ? fmt::format(" ({} bytes)", input.bytes.size()) : "");
  }

  void print(const EpochDigest& digest) {
    if (!arguments_.digests || digest.at < from_ || digest.at > to_) return;
    if (arguments_.json) {
      nlohmann::ordered_json line{
          {"at_ps", digest.at.ps}, {"epoch", digest.number}, {"instructions", digest.instructions}};
      for (const auto& [name, hash] : digest.components)
        line["components"][name] = fmt::format("{:016x}", hash);
      if (digest.memory) line["memory"] = fmt::format("{:016x}", *digest.memory);
      emit(line);
      return;
    }
    fmt::print("{} digest epoch={} instructions={} crossings={} hash={:016x}{}\n", short_time(digest.at),
               digest.number, digest.instructions, digest.crossings, digest.crossings_hash,
               digest.memory ? fmt::format(" memory={:016x}", *digest.memory) : "");
  }

  void print(const RunOutcome& outcome) {
    if (!arguments_.wires.empty() || outcome.at < from_ || outcome.at > to_) return;
    if (arguments_.json) {
      emit({{"at_ps", outcome.at.ps}, {"outcome", outcome.reason}, {"exit_code", outcome.exit_code}});
      return;
    }
    fmt::print("{} outcome exit_code={} reason=\"{}\"\n", short_time(outcome.at), outcome.exit_code,
               outcome.reason);
  }

 private:
  bool wanted(Tick at, const std::string& wire) const {
    if (at < from_ || at > to_) return false;
    if (arguments_.wires.empty()) return true;
    for (const std::string& glob : arguments_.wires) {
      if (wire_matches(glob, wire)) return true;
    }
    return false;
  }
  static void emit(const nlohmann::ordered_json& line) {
    fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  }

  const ShowArguments& arguments_;
  Tick from_, to_;
  SessionDecoder decoder_;
};

Result<> show(const ShowArguments& arguments) {
  Tick from, to = Tick::never();
  for (auto [text, into] : {std::pair(&arguments.from, &from), std::pair(&arguments.to, &to)}) {
    if (text->empty()) continue;
    const auto tick = parse_tick(*text);
    if (!tick) return tl::unexpected(tick.error());
    *into = *tick;
  }
  register_all_payload_types();
  auto reader = SessionReader::open(arguments.session);
  if (!reader) return tl::unexpected(reader.error());
  Printer printer(arguments, from, to);
  for (;;) {
    auto record = reader->next();
    if (!record) return tl::unexpected(record.error());
    if (!*record) break;
    if (const auto* crossing = std::get_if<SessionCrossing>(&**record)) {
      printer.print(*crossing, reader->wires().at(crossing->wire));
    } else {
      std::visit(
          [&](const auto& other) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(other)>, SessionCrossing>)
              printer.print(other);
          },
          **record);
    }
  }
  if (reader->was_cut()) {
    std::fflush(stdout);
    fmt::print(
        stderr,
        "ringside: warning: {}: the session was cut; {} bytes behind its last complete epoch are lost\n",
        arguments.session, reader->bytes_lost());
  }
  return {};
}

}  // namespace

void add_show(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand("show", "Print a session, one line a crossing");
  auto arguments = std::make_shared<ShowArguments>();
  command->add_option("session", arguments->session, "A recorded session (pcapng)")->required();
  command->add_option("--wire", arguments->wires, "Only wires that match (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--from", arguments->from, "From this time on: 1.5ms, or picoseconds");
  command->add_option("--to", arguments->to, "Up to and including this time");
  command->add_flag("--digests", arguments->digests, "The digest of each epoch as well");
  command->add_flag("--json", arguments->json, "One JSON object a line");
  command->footer(
      "-> leaves the guest, <- reaches it. Times are seconds of virtual time. On a\n"
      "terminal long lines are folded between fields. A wire that begins with its\n"
      "domain, 'dom1/console/*', is of that domain; without it of any. Crossings that a\n"
      "fault has touched say so at their end; which fault it was stands on the wire\n"
      "'fault', right before.\n\n"
      "Examples:\n"
      "  ringside show a.pcapng --wire 'ring/*'\n"
      "  ringside show a.pcapng --from 1ms --to 2ms\n"
      "  ringside show a.pcapng --wire hypercall --json | jq .fields.result");
  command->callback([arguments, &outcome] {
    const auto shown = show(*arguments);
    if (!shown) outcome.code = report(shown.error());
  });
}

}  // namespace ringside::cli

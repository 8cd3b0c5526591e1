#include "machine/toolstack_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "machine/toml_reader.h"

namespace ringside {

namespace {

enum class Argument : uint8_t { none, device, device_forcible, device_and_size, size };

struct Usage {
  std::string_view name;
  ToolstackVerb verb;
  Argument argument;
  std::string_view form;
};

// The names are xl's; block-resize is what xl lacks: there the block device itself changes. For shares of 9P
// libxl has the calls (libxl_device_p9_add), and xl no command.
constexpr std::array kUsages = {
    Usage{"shutdown", ToolstackVerb::shutdown, Argument::none, "shutdown"},
    Usage{"reboot", ToolstackVerb::reboot, Argument::none, "reboot"},
    Usage{"save", ToolstackVerb::save, Argument::none, "save"},
    Usage{"suspend", ToolstackVerb::save, Argument::none, "suspend"},
    Usage{"mem-set", ToolstackVerb::mem_set, Argument::size, "mem-set SIZE"},
    Usage{"block-attach", ToolstackVerb::block_attach, Argument::device, "block-attach DISK"},
    Usage{"block-detach", ToolstackVerb::block_detach, Argument::device_forcible,
          "block-detach DISK [--force]"},
    Usage{"block-resize", ToolstackVerb::block_resize, Argument::device_and_size, "block-resize DISK SIZE"},
    Usage{"network-attach", ToolstackVerb::network_attach, Argument::device, "network-attach NIC"},
    Usage{"network-detach", ToolstackVerb::network_detach, Argument::device_forcible,
          "network-detach NIC [--force]"},
    Usage{"share-attach", ToolstackVerb::share_attach, Argument::device, "share-attach SHARE"},
    Usage{"share-detach", ToolstackVerb::share_detach, Argument::device_forcible,
          "share-detach SHARE [--force]"},
};

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool within = false;
  for (const char c : line) {
    const bool space = c == ' ' || c == '\t' || c == '\r';
    if (!space && !within) words.emplace_back();
    if (!space) words.back() += c;
    within = !space;
  }
  return words;
}

// "64M": as sizes in a scenario are written.
std::optional<uint64_t> parse_size(std::string_view text) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
  unsigned shift = 0;
  if (unit == "K") {
    shift = 10;
  } else if (unit == "M") {
    shift = 20;
  } else if (unit == "G") {
    shift = 30;
  } else if (!unit.empty()) {
    return std::nullopt;
  }
  if (value > ~uint64_t{0} >> shift) return std::nullopt;
  return value << shift;
}

tl::unexpected<Error> misused(std::string_view line, const Usage& usage) {
  return fail(fmt::format("'{}' is not how it is written; write \"{}\"", line, usage.form));
}

Result<ToolstackCommand> parse_command(std::string_view line, const std::vector<std::string>& words) {
  const auto usage = std::find_if(kUsages.begin(), kUsages.end(),
                                  [&](const Usage& known) { return known.name == words.front(); });
  if (usage == kUsages.end()) {
    std::vector<std::string> names;
    for (const Usage& known : kUsages) names.emplace_back(known.name);
    const auto near = nearest(words.front(), names);
    return fail(
        near ? fmt::format("the toolstack knows no command '{}'; did you mean '{}'?", words.front(), *near)
             : fmt::format("the toolstack knows no command '{}'; choose one of {}", words.front(),
                           fmt::join(names, ", ")));
  }
  ToolstackCommand command;
  command.verb = usage->verb;
  command.text = fmt::format("{}", fmt::join(words, " "));
  size_t taken = 1;
  if (usage->argument != Argument::none && usage->argument != Argument::size) {
    if (taken >= words.size()) return misused(line, *usage);
    command.device = words[taken++];
  }
  if (usage->argument == Argument::size || usage->argument == Argument::device_and_size) {
    if (taken >= words.size()) return misused(line, *usage);
    const auto bytes = parse_size(words[taken++]);
    if (!bytes)
      return fail(fmt::format("'{}' in '{}' is no size; write one like \"64M\"", words[taken - 1], line));
    command.bytes = *bytes;
  }
  if (usage->argument == Argument::device_forcible && taken < words.size() && words[taken] == "--force") {
    command.forced = true;
    ++taken;
  }
  if (taken != words.size()) return misused(line, *usage);
  return command;
}

}  // namespace

Result<std::vector<ToolstackCommand>> parse_toolstack_commands(std::string_view text) {
  std::vector<ToolstackCommand> commands;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const auto words = words_of(line);
    if (words.empty()) continue;
    auto command = parse_command(line, words);
    if (!command) return tl::unexpected(command.error());
    commands.push_back(std::move(*command));
  }
  if (commands.empty()) return fail("a text for the toolstack holds a command, such as \"shutdown\"");
  return commands;
}

}  // namespace ringside

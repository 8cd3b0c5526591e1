// The debugger's commands that look at the machine.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "control/crossing_text.h"
#include "control/debugger.h"
#include "control/view_text.h"

namespace ringside {

namespace {

Result<uint64_t> address_in(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size())
    return fail(fmt::format("'{}' is no address (hexadecimal)", text));
  return value;
}

Result<uint64_t> count_in(std::string_view text, uint64_t most) {
  const bool hex = text.starts_with("0x");
  const std::string_view digits = hex ? text.substr(2) : text;
  uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size() || value == 0 ||
      value > most)
    return fail(fmt::format("'{}' is no number from 1 to {}", text, most));
  return value;
}

}  // namespace

Result<> Debugger::show_view(Json request) {
  auto answer = machine_->view(std::move(request));
  if (!answer) return tl::unexpected(answer.error());
  for (const Json& view : answer->value("views", Json::array())) {
    for (const std::string& line : view_lines(view)) print(line);
  }
  return {};
}

Result<> Debugger::where(const Words&, std::string_view) {
  auto answer = machine_->where();
  if (!answer) return tl::unexpected(answer.error());
  const Json& here = *answer;
  const Json& position = here["position"];
  print(fmt::format("time         {} s", short_time(position["at_ps"].get<uint64_t>())));
  print(fmt::format("instructions {}", position["instructions"].get<uint64_t>()));
  print(fmt::format("crossing     {}{}", position["crossing"].get<uint64_t>(),
                    position["inside"].get<bool>() ? "" : " (behind it)"));
  print(fmt::format("hash         {} of {} canonical crossings", here["crossings_hash"].get<std::string>(),
                    here["crossings"].get<uint64_t>()));
  print(fmt::format("digest       {} state, {} memory", here["state"].get<std::string>(),
                    here["memory"].get<std::string>()));
  if (machine_->inputs() != 0) print(fmt::format("inputs       {} given by hand", machine_->inputs()));
  if (here.contains("replay")) {
    const Json& replay = here["replay"];
    print(fmt::format("replay       identical so far ({} digests)", replay["digests"].get<uint64_t>())
              .substr(0, replay.contains("divergence") ? 0 : std::string::npos));
    if (replay.contains("divergence")) {
      const Json& divergence = replay["divergence"];
      print_folded(fmt::format("replay       diverged at {}: {}",
                               short_time(divergence["at_ps"].get<uint64_t>()),
                               divergence["what"].get<std::string>()));
    }
  }
  if (here["crossing"].is_object())
    print_folded(
        fmt::format("#{} {}", position["crossing"].get<uint64_t>(), crossing_line(here["crossing"])));
  if (here.contains("report")) report_end(here["report"]);
  return {};
}

Result<> Debugger::ring(const Words& words, std::string_view) {
  if (words.size() > 1) return fail("write: ring NAME");
  return show_view({{"name", "ring"}, {"subject", words.empty() ? "" : words[0]}});
}

Result<> Debugger::evtchn(const Words& words, std::string_view) {
  return show_view({{"name", "evtchn"}, {"domain", words.empty() ? "" : words[0]}});
}

Result<> Debugger::grants(const Words& words, std::string_view) {
  return show_view({{"name", "grants"}, {"domain", words.empty() ? "" : words[0]}});
}

Result<> Debugger::xenstore(const Words& words, std::string_view) {
  return show_view({{"name", "xenstore"}, {"subject", words.empty() ? "/" : words[0]}});
}

Result<> Debugger::nine_p(const Words& words, std::string_view) {
  if (words.size() > 1) return fail("write: 9p NAME");
  return show_view({{"name", "9p"}, {"subject", words.empty() ? "" : words[0]}});
}

Result<> Debugger::devices(const Words& words, std::string_view) {
  return show_view({{"name", "devices"}, {"subject", words.empty() ? "" : words[0]}});
}

Result<> Debugger::regs(const Words& words, std::string_view) {
  return show_view({{"name", "registers"}, {"domain", words.empty() ? "" : words[0]}});
}

Result<> Debugger::disas(const Words& words, std::string_view) {
  Json request{{"name", "disassembly"}};
  if (!words.empty()) {
    auto address = address_in(words[0]);
    if (!address) return tl::unexpected(address.error());
    request["address"] = *address;
  }
  if (words.size() > 1) {
    auto count = count_in(words[1], 1000);
    if (!count) return tl::unexpected(count.error());
    request["count"] = *count;
  }
  return show_view(std::move(request));
}

Result<> Debugger::mem(const Words& words, std::string_view) {
  if (words.empty() || words.size() > 2)
    return fail("write: mem ADDRESS [LENGTH], or mem phys:ADDRESS [LENGTH]");
  const bool physical = words[0].starts_with("phys:");
  auto address = address_in(physical ? std::string_view(words[0]).substr(5) : std::string_view(words[0]));
  if (!address) return tl::unexpected(address.error());
  Json request{{"name", "memory"}, {"address", *address}, {"physical", physical}};
  if (words.size() > 1) {
    auto length = count_in(words[1], 65536);
    if (!length) return tl::unexpected(length.error());
    request["length"] = *length;
  }
  return show_view(std::move(request));
}

Result<> Debugger::bt(const Words& words, std::string_view) {
  return show_view({{"name", "backtrace"}, {"domain", words.empty() ? "" : words[0]}});
}

Result<> Debugger::wires(const Words& words, std::string_view) {
  const std::string glob = words.empty() ? "*" : words[0];
  SIM_TRY(check_glob(glob));
  auto names = wire_names();
  if (!names) return tl::unexpected(names.error());
  for (const std::string& name : *names) {
    if (wire_matches(glob, name)) print(name);
  }
  return {};
}

}  // namespace ringside

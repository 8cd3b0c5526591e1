// `ringside pack`
#include <fmt/format.h>

#include "cli/commands.h"
#include "machine/pack.h"

namespace ringside::cli {

void add_pack(CLI::App& app, Outcome& outcome) {
  struct Arguments {
    std::string session, output, scenario_folder;
  };
  auto* command = app.add_subcommand("pack", "Put kernel and images into a session");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("session", arguments->session, "A recorded session (pcapng)")->required();
  command->add_option("-o,--output", arguments->output, "The packed session (default: in place)");
  command->add_option("--scenario", arguments->scenario_folder, "The folder with the kernel and the images");
  command->footer(
      "A packed session replays anywhere: a failure from CI runs on your desk.\n\nExample:\n  ringside pack "
      "a.pcapng -o from-ci.pcapng");
  command->callback([arguments, &outcome] {
    const std::string to = arguments->output.empty() ? arguments->session : arguments->output;
    const auto packed = pack(arguments->session, to, arguments->scenario_folder);
    if (!packed) {
      outcome.code = report(packed.error());
      return;
    }
    fmt::print("pack: {} holds {} file{}\n", to, *packed, *packed == 1 ? "" : "s");
  });
}

}  // namespace ringside::cli

// What can be asked of a domain's toolstack while it runs: the commands of xl(1) that have a meaning here, as
// the
// [[input]] of a scenario sends them on the wire "toolstack". One text holds one command or several, a line
// each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside {

enum class ToolstackVerb : uint8_t {
  shutdown,
  reboot,
  save,  // "suspend", too
  mem_set,
  block_attach,
  block_detach,
  block_resize,
  network_attach,
  network_detach,
  share_attach,
  share_detach,
};

struct ToolstackCommand {
  ToolstackVerb verb = ToolstackVerb::shutdown;
  std::string text;     // as it was written, for messages
  std::string device;   // of the commands about devices: its name in the scenario
  uint64_t bytes = 0;   // mem-set, block-resize
  bool forced = false;  // detach: does not wait for the guest
};

// "mem-set 64M\nblock-detach xvdb --force". An error says which command is wrong, and how it is written.
Result<std::vector<ToolstackCommand>> parse_toolstack_commands(std::string_view text);

}  // namespace ringside

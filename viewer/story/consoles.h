// What consoles have printed: paravirtual consoles, serial ports, debug consoles, console_io. A domain's
// first one has its name, others that of their wire ("dom1/debugcon").
#pragma once

#include <string>

#include "viewer/story/story_parts.h"
#include "viewer/story/story_wires.h"

namespace ringside::viewer {

// At most the last 64 KiB of what was printed before `end`.
std::string console_text(const StoryParts& parts, const std::string& name, Row end);

}  // namespace ringside::viewer

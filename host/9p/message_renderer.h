// 9P messages in one line each, with the path beside each fid: it follows what gives a fid to a file and what
// takes it away (Tattach, Twalk, Tlcreate, Tcreate, Txattrwalk, Tclunk, Tremove), renames, and Tversion,
// which forgets all. What it knows is as good as the recording: where messages were not recorded or were cut,
// a fid has no path.
#pragma once

#include <memory>

#include "sim/message_renderer.h"

namespace ringside {

// For payload types whose tail is a 9P message. Wires that differ only behind their last "/"
// ("dom1/9p/share/T" and ".../R") carry one conversation.
std::unique_ptr<MessageRenderer> make_ninep_renderer();

}  // namespace ringside

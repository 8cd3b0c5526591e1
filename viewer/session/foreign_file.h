// What a file is that is no session: people open what lies beside one, and want to hear that, not that a
// block is damaged.
#pragma once

#include <optional>
#include <string>

namespace ringside::viewer {

// "is a pcap capture: a session is a pcapng file that `ringside run ... -o FILE` writes", behind the file's
// name. Nothing where it may be a session, or cannot be read.
std::optional<std::string> foreign_file(const std::string& path);

}  // namespace ringside::viewer

// What a debugger knows of the 9P shares, from the messages that crossed: which fid is which file, and which
// requests have no answer yet.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "control/channel.h"
#include "host/9p/fid_paths.h"
#include "sim/field_table.h"
#include "sim/wire.h"

namespace ringside {

class NinePConversations {
 public:
  // A crossing of a wire that carries 9P ("dom1/9p/share/T"), as it arrives; `fields` is what it says. Others
  // are ignored.
  void take(const Wire& wire, const Crossing& crossing, const std::vector<DecodedField>& fields);
  // {"views": [...]} of a share; without a name, of all.
  Json view(const std::string& share) const;

 private:
  struct Request {
    uint64_t at_ps = 0;
    std::string text;
  };
  struct Conversation {
    FidPaths fids;
    std::map<uint16_t, Request> in_flight;  // by tag
  };
  std::map<std::string, Conversation> conversations_;  // by the wires' name without the last part
};

}  // namespace ringside

// The 9P session of one share behind any row: fids, tags, and how long answers took.
#pragma once

#include <map>

#include "host/9p/fid_paths.h"
#include "viewer/story/history.h"

namespace ringside::viewer {

class NinePTrack {
 public:
  void apply(const StoryParts& parts, Row row, uint32_t wire);
  size_t bytes() const;
  // Without the share's name.
  NinePState shown() const;

 private:
  struct Request {
    uint8_t type = 0;
    Row row = kNoRow;
    uint32_t fid = 0, newfid = 0;
    uint16_t old_tag = 0;
  };
  struct Fid {
    bool open = false;
    Row since = kNoRow;
  };
  void take_request(uint16_t tag, std::span<const uint8_t> message, Row row);
  void take_answer(const CrossingTable& table, uint16_t tag, uint8_t type, Row row);
  void settle(const Request& request, uint8_t type, Row row);
  void measure(const Request& request, Tick took, bool failed);

  FidPaths paths_;
  std::map<uint32_t, Fid> fids_;
  std::map<uint32_t, Request> in_flight_;  // by ring and tag
  std::map<uint8_t, NinePState::TypeLatency> latencies_;
};

using NinePHistory = History<NinePTrack>;

}  // namespace ringside::viewer

// What a reader of a 9P conversation knows of its fids: a path for each, from the messages alone.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/messages.h"

namespace ringside {

class FidPaths {
 public:
  // Bounds of what a hostile conversation can make a reader keep.
  static constexpr size_t kFidsMax = 100'000;
  static constexpr size_t kPathBytesMax = 4096;

  NinePDialect dialect() const { return dialect_; }
  // Null when nothing is known.
  const std::string* path_of(uint32_t fid) const;
  // All that are known, by fid.
  const std::map<uint32_t, std::string>& paths() const { return paths_; }
  // The path that the request with this tag is about, while it has no answer.
  const std::string* path_of_request(uint16_t tag) const;

  // Takes one message, T or R, as much of it as there is.
  void take(std::span<const uint8_t> message);

 private:
  struct Request {
    uint8_t type = 0;
    uint32_t fid = ninep::nofid;             // the one that it is about
    uint32_t newfid = ninep::nofid;          // the one that it gives a meaning
    std::optional<std::string> path = {};    // of `fid`
    std::optional<std::string> result = {};  // what `newfid` will mean, or where what is renamed will be
    size_t names = 0;                        // of a Twalk
  };

  void take_request(uint8_t type, uint16_t tag, const NinePValues& values, bool whole);
  void take_answer(uint8_t type, uint16_t tag, const NinePValues& values);
  void walk(Request& request, const NinePValues& values) const;
  void set(uint32_t fid, const std::optional<std::string>& path);
  // All that lies at or below a path lies elsewhere now.
  void move(const std::string& from, const std::string& to);
  std::optional<std::string> known(uint32_t fid) const;
  std::optional<std::string> joined(uint32_t directory, std::string_view name) const;

  NinePDialect dialect_ = NinePDialect::dotl;
  std::map<uint32_t, std::string> paths_;
  std::map<uint16_t, Request> requests_;
};

}  // namespace ringside

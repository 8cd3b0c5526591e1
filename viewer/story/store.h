// XenStore as messages have shown it, behind any row: what was written, read and listed. What nobody has
// asked for is not there. Writes of a transaction show when it is committed.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "viewer/story/history.h"
#include "viewer/story/store_message.h"

namespace ringside::viewer {

class StoreTrack {
 public:
  void apply(const StoryParts& parts, Row row, uint32_t wire);
  size_t bytes() const {
    return sizeof *this + bytes_ + shown_.watches.size() * 2 * sizeof(StoreState::Watch);
  }
  const StoreState& shown() const { return shown_; }

 private:
  // Bounds of what a hostile file can make us keep: larger than any real store (xenstored's quotas are
  // 1000 nodes and 10 transactions a domain).
  static constexpr size_t kNodesMax = 50'000, kDepthMax = 128, kWatchesMax = 1024, kPendingMax = 4096,
                          kChangesMax = 4096;

  struct Request {
    uint32_t type = 0;
    std::string body;
  };
  struct Change {
    enum class Kind : uint8_t { write, make, remove } kind;
    std::string path, value;
  };
  // A wire is a connection: transactions and requests are its own.
  using Key = std::pair<uint32_t, uint64_t>;

  void take_answer(const StoryParts& parts, Row row, uint32_t wire, const StoreMessage& answer);
  void take_error(Row row, uint16_t domain, const Request& request, std::string_view error);
  void take_event(const std::string& domain, uint16_t number, std::string_view body, Row row);
  void change(uint32_t wire, uint32_t transaction, Change made, Row row);
  void end_transaction(uint32_t wire, uint32_t transaction, bool commit, Row row);
  void apply(const Change& made, Row row);
  void learn(uint32_t wire, uint32_t transaction, const std::string& path, std::string_view value, Row row);
  void list(const std::string& path, std::string_view names, bool whole, Row row);
  void watch(const std::string& domain, std::string_view body, Row row);
  void unwatch(const std::string& domain, std::string_view body);

  StoreNode* find(std::string_view path, bool make);
  StoreNode* child(StoreNode& node, std::string_view name);
  void set_value(StoreNode& node, std::string_view value);
  void remove(StoreNode& node, Row row);
  using Place = std::map<std::string, StoreNode>::iterator;
  Place forget(StoreNode& parent, Place node);

  StoreState shown_;
  size_t nodes_ = 0, bytes_ = 0;
  std::map<Key, Request> pending_;  // by transaction and number of the request
  std::map<std::pair<uint32_t, uint32_t>, std::vector<Change>> transactions_;
  size_t changes_ = 0;
};

using StoreHistory = History<StoreTrack>;

}  // namespace ringside::viewer

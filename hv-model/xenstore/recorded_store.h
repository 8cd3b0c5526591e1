// XenStore as a recording: answers a domain's requests from what a session holds of "<domain>/xenstore", by
// operation and path. The nth time as it was answered the nth time; the last answer stays. Watch events come
// as they came: the recorded delay behind the same request (its nth time) that they came behind, to whoever
// watches what was watched then, whatever the token. A value that the recorded domain read behind an event is
// given once that event has come, and not before.
//
// Transactions, UNWATCH and RESET_WATCHES are the protocol's. What the domain writes is answered as it was,
// whatever the value (a port, a grant), reads back, and is written into the real store as well, so that
// backends which are no recordings see it. What the recording cannot answer gets EIO, a notice, and a place
// in the run's list.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/xenstore.h"
#include "sim/session/recorded_sequence.h"
#include "sim/session/unanswered.h"

namespace ringside {

class XenStoreRecording {
 public:
  explicit XenStoreRecording(DomainId domain) : domain_(domain) {}

  // Whole messages in their order; `out` is a request.
  void learn(std::span<const uint8_t> message, bool out, Tick at);
  size_t requests() const { return requests_; }

 private:
  friend class RecordedXenStore;
  struct Reply {
    uint32_t type;
    std::string body;
    bool operator==(const Reply&) const = default;
  };
  struct Event {
    std::string path, watched;  // as the event named it; canonical, of the watch
    Tick delay;                 // behind the request that it came behind
    bool initial;               // a watch's first: it tells of no change
  };
  struct Asked {  // while its reply is awaited
    uint32_t request_id;
    std::string key;
  };

  DomainId domain_;
  std::map<std::string, RecordedSequence<Reply>> replies_;  // by operation and path
  std::vector<Event> events_;
  // Events by the request that they came behind: its key, and how often that had come.
  std::map<std::pair<std::string, uint32_t>, std::vector<uint32_t>> behind_;
  std::map<std::string, uint32_t> times_;  // of each key
  std::vector<Asked> asked_;
  std::optional<std::pair<std::string, uint32_t>> last_request_;
  Tick last_request_at_;
  std::map<std::string, std::string> watches_;  // canonical path by token
  std::map<std::string, bool> told_;            // of each token: its first event has come
  size_t requests_ = 0;
};

class RecordedXenStore final : public XenStoreAnswerer {
 public:
  RecordedXenStore(Hypervisor& hypervisor, XenStore& store, DomainId domain, std::string source,
                   XenStoreRecording recording, UnansweredRequests& unanswered);
  ~RecordedXenStore() override;

  void connected(XenStore::Sink sink) override { sink_ = std::move(sink); }
  void handle(std::span<const uint8_t> request) override;
  void disconnected() override { sink_ = nullptr; }

  void visit_state(StateVisitor& visitor) const override;

 private:
  static constexpr size_t kTransactionsMax = 1000, kWatchesMax = 10'000, kWrittenMax = 10'000;

  void reply(uint32_t type, std::string_view body);
  void reply_error(const std::string& error);
  void answer(const std::string& key, const std::string& path);
  void answer_by_protocol(const std::vector<std::string>& words);
  void cannot_answer(const std::string& request, const std::string& why);
  void wrote(const std::vector<std::string>& words);
  void forward();
  void start_events(const std::string& key);
  void fire(uint32_t event);
  RecordedChanges between(const std::string& path, uint32_t from, uint32_t to) const;

  Hypervisor& hypervisor_;
  XenStore& store_;
  const DomainId domain_;
  const std::string source_;
  XenStoreRecording recording_;
  UnansweredRequests& unanswered_;
  XenStore::Sink sink_;
  XenStore::ConnectionId own_ = 0;  // for what is written

  std::vector<uint8_t> request_;  // the one that is being answered
  std::vector<bool> fired_;       // by event
  std::map<std::string, uint32_t> times_;
  std::map<std::string, std::string> watches_;                 // token by canonical path
  std::map<std::string, std::optional<std::string>> written_;  // by the domain: values, or removed
  uint32_t last_transaction_ = 0;
  std::map<uint32_t, bool> transactions_;
  std::map<uint32_t, EventQueue::Handle> pending_;
  uint64_t history_hash_ = 0;
};

}  // namespace ringside

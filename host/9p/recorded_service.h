// A 9P server that is a recording: answers a client, perhaps another one than was recorded, from the messages
// of a session (recording.h). The protocol itself is its own business: Tversion, Tflush, Tclunk, tags, fids
// and what may be done with them. What the recording cannot answer gets EIO, a complaint that names the
// request, and a place in the run's list.
//
//   receive(T)  ->  meaning: fids become paths  ->  answered at once  --latency-->  reply(R)
//
// A request that is flushed has been answered already, so that its answer is handed over before the Rflush,
// as flush(5) allows.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "host/9p/recording.h"
#include "host/9p/service.h"
#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/session/unanswered.h"

namespace ringside {

struct NinePRecordedConfig {
  std::string name;                   // "share/data", for the list
  std::string source = "old.pcapng";  // the session, for complaints
  uint32_t msize_max = 512 * 1024;
  Tick latency = microseconds(10);
  Tick latency_per_byte = picoseconds(250);
  uint32_t requests_max = 4096;             // answers that wait for their latency
  uint64_t answer_bytes_max = 64ull << 20;  // of them all
};

class NinePRecordedService final : public NinePService {
 public:
  static constexpr uint32_t kMsizeMin = 256;

  NinePRecordedService(const NinePRecordedConfig& config, NinePRecording recording,
                       UnansweredRequests& unanswered, const Clock& clock, EventQueue& events);
  ~NinePRecordedService() override;
  NinePRecordedService(const NinePRecordedService&) = delete;
  NinePRecordedService& operator=(const NinePRecordedService&) = delete;

  void receive(std::vector<uint8_t> message, Reply reply) override;
  void reset() override;
  uint32_t msize() const override { return msize_; }
  size_t in_flight() const { return pending_.size(); }

  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Pending {
    uint16_t tag;
    std::vector<uint8_t> answer;
    Reply reply;
    EventQueue::Handle event;
  };

  int refuse(const std::vector<uint8_t>& message);
  std::vector<uint8_t> begin(const std::vector<uint8_t>& message);
  std::vector<uint8_t> ask(const std::vector<uint8_t>& message);
  int breach(const NinePMeaning& request) const;
  void keep_fids(const NinePMeaning& request, bool failed);
  void cannot_answer(const std::string& request, const std::string& why);
  std::vector<uint8_t> error_message(uint16_t tag, int error, const std::string& text = {}) const;
  void queue(uint16_t tag, size_t request_bytes, std::vector<uint8_t> answer, Reply reply);
  void answer_first();
  void forget_all();

  const NinePRecordedConfig config_;
  NinePRecording recording_;
  UnansweredRequests& unanswered_;
  const Clock& clock_;
  EventQueue& events_;

  uint32_t msize_;
  bool agreed_ = false;  // a Tversion has been answered
  FidPaths paths_;
  std::set<uint32_t> open_;  // fids that can be read or written
  std::deque<Pending> pending_;
  uint64_t pending_bytes_ = 0;
  Tick last_due_;
  uint64_t history_hash_ = 0;  // over all that was received, and when
};

}  // namespace ringside

// A bridge to a 9P server of the host, on a Unix or TCP socket: one conversation of a guest's client is one
// connection. The server is asked for each message when it arrives, while virtual time stands still; its
// answer is a recorded input (sim/exchange.h, on ".../bridge") and reaches the client at the request's tick
// plus a modelled latency, in the order of the requests. A replay needs no server.
//
//   receive(T)  ->  exchange: T to the server, R from it  ->  judged  --latency-->  reply(R)
//
// The server is asked for one message at a time, so nothing is ever outstanding there, and a request that
// blocks (a read of a FIFO) has the host's timeout to end. A Tflush therefore always comes when the server
// has answered: the old answer is handed over before the Rflush, as flush(5) allows, because what it says has
// happened. Each Tversion gets a connection of its own, so that a client which begins anew finds a server
// that does, whatever that one thinks of a second Tversion.
//
// A server that cannot be reached, does not answer in time, closes the connection or sends what is no answer
// (another tag, another type, a size above msize, fields that do not fit) ends the conversation: its request
// and all later ones get an error, ECONNREFUSED or EIO, and the notices say why, until the next Tversion.
//
// After a fork the connection is the parent's (Outside::may_converse): a child that has not taken over the
// machine gets EIO.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/9p/bridge_connection.h"
#include "host/9p/messages.h"
#include "host/9p/service.h"
#include "sim/clock.h"
#include "sim/event_queue.h"
#include "sim/exchange.h"

namespace ringside {

struct NinePBridgeConfig {
  BridgeAddress address;
  std::string wire = "dom1/share/share0";  // who asks: this and "/bridge"
  uint32_t msize_max = 512 * 1024;
  // From the request's arrival to its answer: a fixed part, and one for each byte of both.
  Tick latency = microseconds(10);
  Tick latency_per_byte = picoseconds(250);
  uint32_t timeout_ms = 30'000;             // of the host's time, for one request
  uint32_t requests_max = 4096;             // answers that wait for their latency
  uint64_t answer_bytes_max = 64ull << 20;  // of them all
};

class NinePBridge final : public NinePService {
 public:
  static constexpr uint32_t kMsizeMin = 256;

  NinePBridge(const NinePBridgeConfig& config, Outside& outside, const Clock& clock, EventQueue& events);
  ~NinePBridge() override;
  NinePBridge(const NinePBridge&) = delete;
  NinePBridge& operator=(const NinePBridge&) = delete;

  void receive(std::vector<uint8_t> message, Reply reply) override;
  void reset() override;
  uint32_t msize() const override { return msize_; }
  size_t in_flight() const { return pending_.size(); }

  void visit_state(StateVisitor& visitor) const override;

 private:
  // How errors are written: 9P2000.u is Rerror with a number behind its text.
  enum class ErrorForm : uint8_t { text, text_and_number, number };
  struct Pending {
    uint16_t tag;
    std::vector<uint8_t> answer;
    Reply reply;
    EventQueue::Handle event;
  };

  std::optional<int> refuse(const std::vector<uint8_t>& message);
  std::vector<uint8_t> ask(const std::vector<uint8_t>& message);
  std::vector<uint8_t> ask_server(const std::vector<uint8_t>& message, uint32_t bytes_max);
  std::string judge(const std::vector<uint8_t>& request, const std::vector<uint8_t>& answer) const;
  void begin(std::vector<uint8_t>& message);
  void agree(const std::vector<uint8_t>& request, const std::vector<uint8_t>& answer);
  void end_conversation(const std::string& what, int error);
  std::vector<uint8_t> error_message(uint16_t tag, int error) const;
  void queue(uint16_t tag, size_t request_bytes, std::vector<uint8_t> answer, Reply reply);
  void answer_first();
  void forget_all();

  const NinePBridgeConfig config_;
  Outside& outside_;
  const Clock& clock_;
  EventQueue& events_;
  BridgeConnection connection_;  // the host's side: nothing of it decides what is done

  uint32_t msize_;
  std::optional<NinePDialect> dialect_;  // whose messages the table knows
  ErrorForm error_form_ = ErrorForm::text;
  int broken_;  // 0: there is a conversation; else the errno value that its requests get
  std::deque<Pending> pending_;
  uint64_t pending_bytes_ = 0;
  Tick last_due_;
  uint64_t history_hash_ = 0;  // over all messages of both sides, and when
};

}  // namespace ringside

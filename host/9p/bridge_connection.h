// The socket of a bridge: connects to a 9P server of the host, sends one request and waits for the next whole
// message. What is wrong is an error with a text: nothing here waits longer than the time it was given, and
// no message longer than allowed is read.
//
// The socket has FD_CLOEXEC. A forked child has it too and must not talk (Outside::may_converse): the bridge
// asks before it comes here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/result.h"

namespace ringside {

// "unix:/path" or "tcp:host:port" ("tcp:[::1]:5640").
struct BridgeAddress {
  std::string text;  // as it was written
  bool is_unix = true;
  std::string path;        // unix
  std::string host, port;  // tcp

  static Result<BridgeAddress> parse(std::string_view text);
};

class BridgeConnection {
 public:
  struct Failure {
    int error;         // errno, for the client
    std::string what;  // for the notice
  };
  template <class T = void>
  using Outcome = tl::expected<T, Failure>;

  BridgeConnection() = default;
  ~BridgeConnection() { close(); }
  BridgeConnection(const BridgeConnection&) = delete;
  BridgeConnection& operator=(const BridgeConnection&) = delete;

  bool open() const { return socket_ >= 0; }
  void close();

  // What was open is closed.
  Outcome<> connect(const BridgeAddress& address, uint32_t timeout_ms);
  // Sends a message, and receives one of at most `bytes_max`, size[4] included. The connection is closed
  // where that fails.
  Outcome<std::vector<uint8_t>> exchange(std::span<const uint8_t> message, uint32_t bytes_max,
                                         uint32_t timeout_ms);

 private:
  // Host time, milliseconds.
  using Deadline = int64_t;
  Outcome<> wait_for(short events, Deadline deadline);
  Outcome<> send(std::span<const uint8_t> bytes, Deadline deadline);
  Outcome<> receive(std::span<uint8_t> into, Deadline deadline);
  Outcome<> connect_to(const void* address, unsigned size, int family, Deadline deadline);

  int socket_ = -1;
};

}  // namespace ringside

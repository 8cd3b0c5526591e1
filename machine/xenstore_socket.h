// XenStore on a Unix socket of the host, for programs such as xenstore-ls and xenstore-watch: what they send
// becomes inputs of the machine (hv-model/xenstore/socket_clients.h), and what XenStore sends them goes back
// over the socket. A replay makes the same requests of the recorded inputs and needs no socket.
//
// Clients are strangers. One that sends what is no message, that does not read, or that leaves in the middle
// of a message is disconnected, and a notice says so; one that asks faster than it is served is not read
// meanwhile.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/stream_server.h"
#include "hv-model/xenstore/message.h"
#include "hv-model/xenstore/socket_clients.h"
#include "machine/input.h"

namespace ringside {

// What is known of one.
struct XenStoreSocketClient {
  xenstore::MessageStream stream;
  uint32_t unanswered = 0;
  bool leaving = false;  // its last input is on its way
};

class XenStoreSocketInput : public InputSource {
 public:
  static Result<std::unique_ptr<XenStoreSocketInput>> create(const std::string& path);

  Tick next_tick() const override { return ready_.empty() ? Tick::never() : Tick{0}; }
  std::optional<PendingInput> take(Tick now, uint64_t instructions) override;
  // Somebody may always come.
  bool may_come() const override { return true; }
  void add_descriptors(std::vector<pollfd>& into) const override;
  void look() override;
  void take_over() override { server_->take_over(); }

  // From XenStore.
  void deliver(uint32_t client, std::span<const uint8_t> message);

 private:
  explicit XenStoreSocketInput(std::unique_ptr<StreamServer> server) : server_(std::move(server)) {}
  bool may_read(uint32_t number) const;
  void read(uint32_t number);
  void leave(uint32_t number, const std::string& why);
  void push(uint32_t number, ClientInput::Kind kind, std::span<const uint8_t> rest = {});

  std::unique_ptr<StreamServer> server_;
  std::array<std::optional<XenStoreSocketClient>, XenStoreSocketClients::kClientsMax> clients_;
  std::deque<std::pair<uint32_t, PendingInput>> ready_;  // with the client whose last input it is, or none
  uint64_t looked_at_ = 0;
};

}  // namespace ringside

#include "machine/xenstore_socket.h"

#include <fmt/format.h>

namespace ringside {

namespace {

// How many instructions pass between two looks at the socket, while the machine is busy.
constexpr uint64_t kInstructionsPerLook = 1'000'000;
// A client that has so much before it is not read: requests that XenStore has not answered, bytes not taken.
constexpr uint32_t kUnansweredMax = 20;
constexpr size_t kUnreadMax = 256 << 10;
// Events go on meanwhile; with so much unread the connection ends.
constexpr size_t kUnreadEnd = 4 << 20;
constexpr size_t kReadBytes = 4096;
constexpr uint32_t kNobody = ~uint32_t{0};

}  // namespace

Result<std::unique_ptr<XenStoreSocketInput>> XenStoreSocketInput::create(const std::string& path) {
  auto server = StreamServer::create(path, {XenStoreSocketClients::kClientsMax, kUnreadEnd});
  if (!server) return tl::unexpected(server.error());
  return std::unique_ptr<XenStoreSocketInput>(new XenStoreSocketInput(std::move(*server)));
}

std::optional<PendingInput> XenStoreSocketInput::take(Tick, uint64_t instructions) {
  if (instructions - looked_at_ >= kInstructionsPerLook) {
    looked_at_ = instructions;
    look();
  }
  if (ready_.empty()) return std::nullopt;
  auto [leaving, input] = std::move(ready_.front());
  ready_.pop_front();
  // From here on its place is free: nothing of the machine's is on its way to it any more.
  if (leaving != kNobody) {
    server_->close(leaving);
    clients_[leaving].reset();
  }
  return std::move(input);
}

void XenStoreSocketInput::push(uint32_t number, ClientInput::Kind kind, std::span<const uint8_t> rest) {
  ready_.emplace_back(kind == ClientInput::gone ? number : kNobody,
                      PendingInput{std::string(XenStoreSocketClients::kWire), encode({number, kind}, rest)});
}

void XenStoreSocketInput::leave(uint32_t number, const std::string& why) {
  clients_[number]->leaving = true;
  push(number, ClientInput::gone, {reinterpret_cast<const uint8_t*>(why.data()), why.size()});
}

bool XenStoreSocketInput::may_read(uint32_t number) const {
  return clients_[number] && !clients_[number]->leaving && clients_[number]->unanswered < kUnansweredMax &&
         server_->unread(number) < kUnreadMax;
}

void XenStoreSocketInput::look() {
  server_->flush();
  for (const uint32_t number : server_->accept()) {
    clients_[number].emplace();
    push(number, ClientInput::connected);
  }
  for (uint32_t number = 0; number < clients_.size(); ++number) {
    if (!clients_[number] || clients_[number]->leaving) continue;
    if (server_->unread(number) > kUnreadEnd) {
      leave(number, fmt::format("it has left {} bytes unread", server_->unread(number)));
    } else if (may_read(number) || server_->is_cut_off(number)) {
      read(number);
    }
  }
}

void XenStoreSocketInput::read(uint32_t number) {
  XenStoreSocketClient& client = *clients_[number];
  const auto bytes = server_->read(number, kReadBytes);
  if (!bytes)
    return leave(number, client.stream.pending() != 0 ? "it has gone in the middle of a message" : "");
  for (std::span<const uint8_t> rest = *bytes; !rest.empty();) {
    rest = rest.subspan(client.stream.take(rest));
    if (client.stream.broken()) return leave(number, "what it sends is no message: its length is too large");
    while (const auto message = client.stream.next()) {
      client.unanswered += 1;
      push(number, ClientInput::request, *message);
    }
  }
}

void XenStoreSocketInput::add_descriptors(std::vector<pollfd>& into) const {
  std::vector<uint32_t> reading;
  for (uint32_t number = 0; number < clients_.size(); ++number) {
    if (may_read(number)) reading.push_back(number);
  }
  server_->add_descriptors(into, reading);
}

void XenStoreSocketInput::deliver(uint32_t number, std::span<const uint8_t> message) {
  if (number >= clients_.size() || !clients_[number]) return;
  XenStoreSocketClient& client = *clients_[number];
  if (!xenstore::is_event(message) && client.unanswered != 0) client.unanswered -= 1;
  server_->write(number, message);
}

}  // namespace ringside

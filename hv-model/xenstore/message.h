// Messages of XenStore's wire protocol (public/io/xs_wire.h), as the transports see them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace ringside::xenstore {

// The length that a message's header gives; nothing while the header is not whole.
std::optional<uint32_t> body_length(std::span<const uint8_t> message);
bool is_event(std::span<const uint8_t> message);
// What a fault has given instead of an answer: names are those of XEN_ errors, negated or not.
std::vector<uint8_t> error_reply(std::span<const uint8_t> request, int64_t error);

// Of a message that a fault has cut there is as much as there is, and its header says so: a stream has no
// other measure. False when not even a header is left.
bool settle_cut(std::vector<uint8_t>& message, size_t whole);
// What xenstored does to a transaction whose end it refuses: the request that gives it up. Nothing when the
// request ends none.
std::optional<std::vector<uint8_t>> abort_of(std::span<const uint8_t> request);

// Cuts a stream of bytes into messages. Holds no more than one message.
class MessageStream {
 public:
  // Takes bytes up to the end of the next message; gives how many.
  size_t take(std::span<const uint8_t> bytes);
  // The message that is whole now, once.
  std::optional<std::vector<uint8_t>> next();
  // A header has announced a body longer than XENSTORE_PAYLOAD_MAX: the stream cannot be followed any more.
  bool broken() const { return broken_; }
  // Bytes of a message that is not whole.
  size_t pending() const { return bytes_.size(); }

 private:
  std::vector<uint8_t> bytes_;
  bool broken_ = false;
};

}  // namespace ringside::xenstore

#include "hv-model/xenstore/message.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/server.h"

namespace ringside::xenstore {

namespace {

xsd_sockmsg header_of(std::span<const uint8_t> message) {
  xsd_sockmsg header{};
  std::memcpy(&header, message.data(), std::min(sizeof header, message.size()));
  return header;
}

}  // namespace

std::optional<uint32_t> body_length(std::span<const uint8_t> message) {
  if (message.size() < sizeof(xsd_sockmsg)) return std::nullopt;
  return header_of(message).len;
}

bool is_event(std::span<const uint8_t> message) { return header_of(message).type == XS_WATCH_EVENT; }

std::vector<uint8_t> error_reply(std::span<const uint8_t> request, int64_t error) {
  // Faults name errors as a driver sees them, negative.
  const std::string_view name = error_name(error < 0 ? -error : error);
  xsd_sockmsg header = header_of(request);
  header.type = XS_ERROR;
  header.len = static_cast<uint32_t>(name.size() + 1);
  std::vector<uint8_t> reply(sizeof header + header.len);
  std::memcpy(reply.data(), &header, sizeof header);
  std::memcpy(reply.data() + sizeof header, name.data(), name.size());
  return reply;
}

bool settle_cut(std::vector<uint8_t>& message, size_t whole) {
  if (message.size() >= whole) return true;
  if (message.size() < sizeof(xsd_sockmsg)) return false;
  const auto length = static_cast<uint32_t>(message.size() - sizeof(xsd_sockmsg));
  std::memcpy(message.data() + offsetof(xsd_sockmsg, len), &length, sizeof length);
  return true;
}

std::optional<std::vector<uint8_t>> abort_of(std::span<const uint8_t> request) {
  xsd_sockmsg header = header_of(request);
  if (header.type != XS_TRANSACTION_END) return std::nullopt;
  constexpr char kGiveUp[] = "F";
  header.len = sizeof kGiveUp;
  std::vector<uint8_t> abort(sizeof header + sizeof kGiveUp);
  std::memcpy(abort.data(), &header, sizeof header);
  std::memcpy(abort.data() + sizeof header, kGiveUp, sizeof kGiveUp);
  return abort;
}

size_t MessageStream::take(std::span<const uint8_t> bytes) {
  if (broken_) return 0;
  size_t taken = 0;
  const auto take_to = [&](size_t whole) {
    const size_t count = std::min(whole - std::min(whole, bytes_.size()), bytes.size() - taken);
    bytes_.insert(bytes_.end(), bytes.begin() + static_cast<ptrdiff_t>(taken),
                  bytes.begin() + static_cast<ptrdiff_t>(taken + count));
    taken += count;
  };
  take_to(sizeof(xsd_sockmsg));
  const auto length = body_length(bytes_);
  if (!length) return taken;
  broken_ = *length > XENSTORE_PAYLOAD_MAX;
  if (!broken_) take_to(sizeof(xsd_sockmsg) + *length);
  return taken;
}

std::optional<std::vector<uint8_t>> MessageStream::next() {
  const auto length = body_length(bytes_);
  if (broken_ || !length || bytes_.size() != sizeof(xsd_sockmsg) + *length) return std::nullopt;
  std::vector<uint8_t> message;
  message.swap(bytes_);
  return message;
}

}  // namespace ringside::xenstore

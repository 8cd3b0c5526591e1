#include "host/9p/bridge_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>

namespace ringside {

namespace {

int64_t host_milliseconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

tl::unexpected<BridgeConnection::Failure> failed(int error, std::string what) {
  return tl::unexpected(BridgeConnection::Failure{error, std::move(what)});
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= 1 && port <= 65535;
}

}  // namespace

Result<BridgeAddress> BridgeAddress::parse(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return fail(
        fmt::format("'{}' is no address of a 9P server: {}; write \"unix:/path\" or "
                    "\"tcp:127.0.0.1:5640\"",
                    text, why));
  };
  BridgeAddress address;
  address.text = text;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty()) return wrong("there is no path");
    if (address.path.find('\0') != address.path.npos) return wrong("a path has no NUL");
    if (address.path.size() >= sizeof sockaddr_un::sun_path)
      return wrong(fmt::format("a socket's path has at most {} bytes", sizeof sockaddr_un::sun_path - 1));
    return address;
  }
  if (!text.starts_with("tcp:")) return wrong("it begins with neither \"unix:\" nor \"tcp:\"");
  address.is_unix = false;
  const std::string_view rest = text.substr(4);
  const size_t colon = rest.rfind(':');
  if (colon == rest.npos || !is_port(rest.substr(colon + 1)))
    return wrong("there is no port from 1 to 65535");
  std::string_view host = rest.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  if (host.empty() || host.find('\0') != host.npos) return wrong("there is no host");
  address.host = host;
  address.port = rest.substr(colon + 1);
  return address;
}

void BridgeConnection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

BridgeConnection::Outcome<> BridgeConnection::wait_for(short events, Deadline deadline) {
  for (;;) {
    const int64_t left = deadline - host_milliseconds();
    if (left <= 0) return failed(EIO, "did not answer in time");
    pollfd descriptor{socket_, events, 0};
    const int ready = poll(&descriptor, 1, static_cast<int>(std::min<int64_t>(left, INT32_MAX)));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed(EIO, std::strerror(errno));
  }
}

BridgeConnection::Outcome<> BridgeConnection::connect_to(const void* address, unsigned size, int family,
                                                         Deadline deadline) {
  close();
  socket_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket_ < 0) return failed(ECONNREFUSED, std::strerror(errno));
  const auto refused = [&](int error) {
    close();
    return failed(ECONNREFUSED, fmt::format("cannot be reached: {}", std::strerror(error)));
  };
  if (::connect(socket_, static_cast<const sockaddr*>(address), size) != 0) {
    if (errno != EINPROGRESS && errno != EINTR) return refused(errno);
    if (!wait_for(POLLOUT, deadline)) return refused(ETIMEDOUT);
    int error = 0;
    socklen_t error_size = sizeof error;
    if (getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) error = errno;
    if (error != 0) return refused(error);
  }
  const int on = 1;
  if (family != AF_UNIX) setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return {};
}

BridgeConnection::Outcome<> BridgeConnection::connect(const BridgeAddress& address, uint32_t timeout_ms) {
  close();
  const Deadline deadline = host_milliseconds() + timeout_ms;
  if (address.is_unix) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.path.data(), address.path.size());
    return connect_to(&name, sizeof name, AF_UNIX, deadline);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) return failed(ECONNREFUSED, fmt::format("is not known: {}", gai_strerror(error)));
  Outcome<> outcome = failed(ECONNREFUSED, "has no address");
  for (const addrinfo* at = found; at != nullptr && !outcome; at = at->ai_next)
    outcome = connect_to(at->ai_addr, at->ai_addrlen, at->ai_family, deadline);
  freeaddrinfo(found);
  return outcome;
}

BridgeConnection::Outcome<> BridgeConnection::send(std::span<const uint8_t> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes = bytes.subspan(static_cast<size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(POLLOUT, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return failed(EIO, fmt::format("takes nothing any more: {}", std::strerror(errno)));
    }
  }
  return {};
}

BridgeConnection::Outcome<> BridgeConnection::receive(std::span<uint8_t> into, Deadline deadline) {
  while (!into.empty()) {
    const ssize_t count = recv(socket_, into.data(), into.size(), 0);
    if (count > 0) {
      into = into.subspan(static_cast<size_t>(count));
    } else if (count == 0) {
      return failed(EIO, "closed the connection");
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(POLLIN, deadline); !ready) return ready;
    } else if (errno != EINTR) {
      return failed(EIO, fmt::format("is gone: {}", std::strerror(errno)));
    }
  }
  return {};
}

BridgeConnection::Outcome<std::vector<uint8_t>> BridgeConnection::exchange(std::span<const uint8_t> message,
                                                                           uint32_t bytes_max,
                                                                           uint32_t timeout_ms) {
  const Deadline deadline = host_milliseconds() + timeout_ms;
  const auto give_up = [&](Failure failure) {
    close();
    return tl::unexpected(std::move(failure));
  };
  if (!open()) return give_up({EIO, "is not connected"});
  if (auto sent = send(message, deadline); !sent) return give_up(sent.error());
  constexpr size_t kSizeBytes = 4, kHeaderBytes = 7;
  std::vector<uint8_t> answer(kSizeBytes);
  if (auto received = receive(answer, deadline); !received) return give_up(received.error());
  const uint32_t size =
      answer[0] | uint32_t{answer[1]} << 8 | uint32_t{answer[2]} << 16 | uint32_t{answer[3]} << 24;
  if (size < kHeaderBytes || size > bytes_max)
    return give_up(
        {EIO, fmt::format("sent a message of {} bytes, of {} to {}", size, kHeaderBytes, bytes_max)});
  answer.resize(size);
  if (auto received = receive(std::span(answer).subspan(kSizeBytes), deadline); !received)
    return give_up(received.error());
  return answer;
}

}  // namespace ringside

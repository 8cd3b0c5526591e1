#include "host/stream_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace ringside {

namespace {

bool somebody_listens(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return true;
  const bool refused = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  ::close(probe);
  return !refused;
}

}  // namespace

pid_t StreamServer::getpid_now() { return ::getpid(); }

Result<std::unique_ptr<StreamServer>> StreamServer::create(const std::string& path, const Limits& limits) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(fmt::format("'{}' is no path for a socket: it must have from 1 to {} characters", path,
                            sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(fmt::format("'{}' is there already, and is no socket", path));
    if (somebody_listens(address))
      return fail(fmt::format("somebody listens at '{}' already; choose another path", path));
    ::unlink(path.c_str());
  }
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listening < 0) return fail(fmt::format("no socket for '{}': {}", path, std::strerror(errno)));
  // Only this user may connect, from the start.
  const mode_t mask = ::umask(0177);
  const int bound = ::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int problem = errno;
  ::umask(mask);
  if (bound != 0 || ::listen(listening, 16) != 0) {
    ::close(listening);
    return fail(
        fmt::format("the socket '{}' cannot be made: {}", path, std::strerror(bound != 0 ? problem : errno)));
  }
  return std::unique_ptr<StreamServer>(new StreamServer(path, listening, limits));
}

StreamServer::StreamServer(std::string path, int listening, const Limits& limits)
    : path_(std::move(path)),
      limits_(limits),
      listening_(listening),
      owner_(getpid_now()),
      connections_(limits.clients_max) {}

StreamServer::~StreamServer() {
  const bool mine = ours();
  for (Connection& connection : connections_) {
    if (connection.descriptor < 0) continue;
    if (mine) flush(connection);
    ::close(connection.descriptor);
  }
  ::close(listening_);
  if (mine) ::unlink(path_.c_str());
}

bool StreamServer::full() const {
  return std::none_of(connections_.begin(), connections_.end(),
                      [](const Connection& connection) { return connection.descriptor < 0; });
}

std::vector<StreamServer::Client> StreamServer::accept() {
  std::vector<Client> came;
  if (!ours()) return came;
  for (Client number = 0; number < connections_.size(); ++number) {
    if (connections_[number].descriptor >= 0) continue;
    const int descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0) break;
    connections_[number] = {};
    connections_[number].descriptor = descriptor;
    came.push_back(number);
  }
  return came;
}

std::optional<std::vector<uint8_t>> StreamServer::read(Client client, size_t bytes_max) {
  Connection& connection = connections_.at(client);
  std::vector<uint8_t> bytes;
  if (!ours()) return bytes;
  if (connection.descriptor < 0 || connection.cut_off) return std::nullopt;
  bytes.resize(std::min<size_t>(bytes_max, 64 << 10));
  const ssize_t got = ::recv(connection.descriptor, bytes.data(), bytes.size(), 0);
  if (got == 0) return std::nullopt;
  if (got < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return std::nullopt;
    bytes.clear();
    return bytes;
  }
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

void StreamServer::write(Client client, std::span<const uint8_t> bytes) {
  Connection& connection = connections_.at(client);
  if (!ours() || connection.descriptor < 0 || connection.cut_off) return;
  connection.unread.insert(connection.unread.end(), bytes.begin(), bytes.end());
  flush(connection);
  connection.cut_off = connection.cut_off || connection.unread.size() > limits_.unread_bytes_max;
}

void StreamServer::flush(Connection& connection) {
  while (!connection.unread.empty()) {
    std::array<uint8_t, 16 << 10> piece;
    const size_t count = std::min(piece.size(), connection.unread.size());
    std::copy_n(connection.unread.begin(), count, piece.begin());
    const ssize_t sent = ::send(connection.descriptor, piece.data(), count, MSG_NOSIGNAL);
    if (sent <= 0) {
      connection.cut_off = errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
      return;
    }
    connection.unread.erase(connection.unread.begin(), connection.unread.begin() + sent);
  }
}

void StreamServer::flush() {
  if (!ours()) return;
  for (Connection& connection : connections_) {
    if (connection.descriptor >= 0 && !connection.cut_off) flush(connection);
  }
}

size_t StreamServer::unread(Client client) const { return connections_.at(client).unread.size(); }

void StreamServer::close(Client client) {
  Connection& connection = connections_.at(client);
  if (!ours() || connection.descriptor < 0) return;
  ::close(connection.descriptor);
  connection = {};
}

void StreamServer::add_descriptors(std::vector<pollfd>& into, std::span<const Client> reading) const {
  if (!ours()) return;
  if (!full()) into.push_back({listening_, POLLIN, 0});
  for (Client number = 0; number < connections_.size(); ++number) {
    const Connection& connection = connections_[number];
    if (connection.descriptor < 0) continue;
    short events = 0;
    if (std::find(reading.begin(), reading.end(), number) != reading.end()) events |= POLLIN;
    if (!connection.unread.empty()) events |= POLLOUT;
    if (events != 0) into.push_back({connection.descriptor, events, 0});
  }
}

}  // namespace ringside

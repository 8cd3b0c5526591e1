// A Unix stream socket that programs of this host connect to, for whoever gives their bytes a meaning. Never
// blocks, and is bounded in everything: so many clients (the next one waits until a place is free), so many
// bytes for a client that does not read (it is cut off), no more read than is asked for.
//
// After a fork the socket is the parent's: in a child that does not take it over, nothing happens any more.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/result.h"

namespace ringside {

class StreamServer {
 public:
  struct Limits {
    size_t clients_max = 32;
    size_t unread_bytes_max = 4 << 20;  // for one client
  };
  // Makes the socket, for this user only. A socket of a program that has ended is replaced; another file, or
  // a socket at which somebody listens, is not.
  static Result<std::unique_ptr<StreamServer>> create(const std::string& path, const Limits& limits);
  ~StreamServer();
  StreamServer(const StreamServer&) = delete;
  StreamServer& operator=(const StreamServer&) = delete;

  // A client keeps its number, below clients_max, until it is closed.
  using Client = uint32_t;

  // Who has come since the last call.
  std::vector<Client> accept();
  // What has come, up to so many bytes; empty: nothing yet. Nothing: the client has gone, or was cut off.
  std::optional<std::vector<uint8_t>> read(Client client, size_t bytes_max);
  void write(Client client, std::span<const uint8_t> bytes);
  // Bytes that the client has not taken.
  size_t unread(Client client) const;
  // It does not read, or cannot be written to: the next read() says that it has gone.
  bool is_cut_off(Client client) const { return connections_.at(client).cut_off; }
  // Ends a connection; what is unread is lost.
  void close(Client client);

  // Descriptors to wait for: who may come, who may send (of those that `reading` names), who may take.
  void add_descriptors(std::vector<pollfd>& into, std::span<const Client> reading) const;
  // Gives clients what waits for them.
  void flush();
  // In a child that goes on in its parent's place.
  void take_over() { owner_ = getpid_now(); }

 private:
  struct Connection {
    int descriptor = -1;  // -1: a free place
    bool cut_off = false;
    std::deque<uint8_t> unread;
  };
  StreamServer(std::string path, int listening, const Limits& limits);
  static pid_t getpid_now();
  bool ours() const { return owner_ == getpid_now(); }
  bool full() const;
  void flush(Connection& connection);

  const std::string path_;
  const Limits limits_;
  const int listening_;
  pid_t owner_;
  std::vector<Connection> connections_;
};

}  // namespace ringside

// One end of a control connection: JSON lines over a Unix socket, and with a line perhaps a file descriptor.
// README.md of this folder says what the lines mean.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sim/result.h"

namespace ringside {

using Json = nlohmann::ordered_json;

// Owns a file descriptor.
class OwnedDescriptor {
 public:
  OwnedDescriptor() = default;
  explicit OwnedDescriptor(int number) : number_(number) {}
  OwnedDescriptor(OwnedDescriptor&& other) noexcept : number_(other.release()) {}
  OwnedDescriptor& operator=(OwnedDescriptor&& other) noexcept;
  ~OwnedDescriptor();

  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }
  int release();
  void close();

 private:
  int number_ = -1;
};

// Two ends that are each other's; none when the host has no more descriptors.
Result<std::pair<OwnedDescriptor, OwnedDescriptor>> make_socket_pair();

class ControlChannel {
 public:
  // A line longer than this ends the connection: what a peer can make us hold is bounded.
  static constexpr size_t kLineBytesMax = 64 << 20;

  struct Line {
    Json json;
    OwnedDescriptor descriptor;
  };

  ControlChannel() = default;
  explicit ControlChannel(OwnedDescriptor socket) : socket_(std::move(socket)) {}

  int descriptor() const { return socket_.get(); }
  bool is_open() const { return static_cast<bool>(socket_); }
  void close() { socket_.close(); }

  // False when the peer is gone. Bytes that are no UTF-8 are replaced.
  bool send(const Json& json, const OwnedDescriptor* with = nullptr);

  // Briefly is a fifth of a second, so that whoever waits can look whether a signal has come.
  enum class Wait : uint8_t { no, briefly, yes };
  // What ends a wait as well: something that happens at another descriptor.
  struct Beside {
    int descriptor = -1;  // none
    short events = 0;     // of poll(2)
  };
  // The next line. None: there is none yet, a signal came, something happened beside, or the peer is gone:
  // then the channel is closed. A line that is no JSON object is one that is null.
  std::optional<Line> receive(Wait wait, Beside beside);
  std::optional<Line> receive(Wait wait) { return receive(wait, {}); }

 private:
  bool fill(Wait wait, Beside beside);

  OwnedDescriptor socket_;
  std::string unread_;
  std::vector<OwnedDescriptor> arrived_;
};

}  // namespace ringside

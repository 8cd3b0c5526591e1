#include "control/channel.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace ringside {

OwnedDescriptor& OwnedDescriptor::operator=(OwnedDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = other.release();
  }
  return *this;
}

OwnedDescriptor::~OwnedDescriptor() { close(); }

int OwnedDescriptor::release() { return std::exchange(number_, -1); }

void OwnedDescriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

Result<std::pair<OwnedDescriptor, OwnedDescriptor>> make_socket_pair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(fmt::format("no socket for a machine's control: {}", std::strerror(errno)));
  return std::pair(OwnedDescriptor(ends[0]), OwnedDescriptor(ends[1]));
}

bool ControlChannel::send(const Json& json, const OwnedDescriptor* with) {
  if (!is_open()) return false;
  const std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  size_t done = 0;
  while (done < line.size()) {
    iovec part{const_cast<char*>(line.data()) + done, line.size() - done};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    if (with != nullptr && done == 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* head = CMSG_FIRSTHDR(&message);
      head->cmsg_level = SOL_SOCKET;
      head->cmsg_type = SCM_RIGHTS;
      head->cmsg_len = CMSG_LEN(sizeof(int));
      const int number = with->get();
      std::memcpy(CMSG_DATA(head), &number, sizeof number);
    }
    const ssize_t sent = sendmsg(socket_.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

// Reads what there is. False: nothing, or the end.
bool ControlChannel::fill(Wait wait, Beside beside) {
  std::array<char, 65536> buffer;
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  // A wait is a poll, which a signal ends whatever its handler's flags are.
  if (wait != Wait::no) {
    constexpr int kBrieflyMs = 200;
    std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {beside.descriptor, beside.events, 0}}};
    if (poll(waiting.data(), waiting.size(), wait == Wait::yes ? -1 : kBrieflyMs) <= 0) return false;
    if (waiting[0].revents == 0) return false;
  }
  const ssize_t got = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
  for (cmsghdr* head = CMSG_FIRSTHDR(&message); got >= 0 && head != nullptr;
       head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int number = -1;
      std::memcpy(&number, CMSG_DATA(head) + i * sizeof number, sizeof number);
      arrived_.emplace_back(number);
    }
  }
  if (got <= 0) {
    close();
    return false;
  }
  unread_.append(buffer.data(), static_cast<size_t>(got));
  return true;
}

std::optional<ControlChannel::Line> ControlChannel::receive(Wait wait, Beside beside) {
  size_t searched = 0;
  for (;;) {
    const size_t end = unread_.find('\n', searched);
    if (end != std::string::npos) {
      Line line;
      line.json = Json::parse(unread_.begin(), unread_.begin() + static_cast<ptrdiff_t>(end), nullptr, false);
      if (!line.json.is_object()) line.json = nullptr;
      unread_.erase(0, end + 1);
      // A descriptor comes with the line that says so, in order.
      if (line.json.is_object() && line.json.value("descriptor", false) && !arrived_.empty()) {
        line.descriptor = std::move(arrived_.front());
        arrived_.erase(arrived_.begin());
      }
      return line;
    }
    searched = unread_.size();
    if (unread_.size() > kLineBytesMax) close();
    if (!is_open() || !fill(wait, beside)) return std::nullopt;
  }
}

}  // namespace ringside

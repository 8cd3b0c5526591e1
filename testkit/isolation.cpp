#include "ringside/isolation.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>

#include "ringside/error.h"
#include "testkit/crash_report.h"
#include "testkit/recording.h"
#include "testkit/running_test.h"

namespace ringside::test {

namespace {

constexpr size_t kBufferBytes = 32 << 10;
constexpr uint8_t kDoneMessage = 210;
constexpr size_t kMessageBytesMax = 64 << 20;

class Child final : public IsolatedChild {
 public:
  explicit Child(int socket) : socket_(socket) {}
  void send(uint8_t kind, std::string_view bytes) override {
    put(kind, false, bytes);
    if (buffer_.size() >= kBufferBytes) flush();
  }
  void flush() override {
    write_all(buffer_);
    buffer_.clear();
  }
  std::string ask(uint8_t kind, std::string_view bytes) override {
    put(kind, true, bytes);
    flush();
    uint32_t size = 0;
    read_all(&size, sizeof size);
    std::string answer(size, '\0');
    read_all(answer.data(), answer.size());
    return answer;
  }
  void send_with(int descriptor, uint8_t kind, std::string_view bytes) {
    flush();
    put(kind, false, bytes);
    iovec part{buffer_.data(), buffer_.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    const ssize_t sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent > 0) buffer_.erase(0, static_cast<size_t>(sent));
    flush();
  }
  int socket() const { return socket_; }

 private:
  void put(uint8_t kind, bool ask, std::string_view bytes) {
    const MessageHead frame{kind, ask, static_cast<uint32_t>(bytes.size())};
    buffer_.append(reinterpret_cast<const char*>(&frame), sizeof frame);
    buffer_.append(bytes);
  }
  void write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) _exit(70);  // nobody is there any more
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }
  void read_all(void* into, size_t size) const {
    for (char* at = static_cast<char*>(into); size != 0;) {
      const ssize_t got = ::read(socket_, at, size);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) _exit(70);
      at += got;
      size -= static_cast<size_t>(got);
    }
  }
  const int socket_;
  std::string buffer_;
};

void send_bytes(int socket, const void* bytes, size_t size) {
  for (const char* at = static_cast<const char*>(bytes); size != 0;) {
    const ssize_t sent = ::send(socket, at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    at += sent;
    size -= static_cast<size_t>(sent);
  }
}

std::string death_by(int status, const rusage& used) {
  if (WIFEXITED(status)) return fmt::format("it exited with {} in the middle", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const double seconds = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec);
  if (number == SIGXCPU || (number == SIGKILL && seconds + 1 >= cpu_limit()))
    return fmt::format("it would not end: {} s of CPU time are used up, and it hears no signals",
                       cpu_limit());
  return fmt::format("it was killed by signal {} ({})", number, strsignal(number));
}

}  // namespace

IsolatedChild::~IsolatedChild() = default;

struct IsolatedTest::Impl {
  struct Kept {
    int descriptor;
    std::string path;
  };
  std::string name;
  const char* file;
  unsigned line;
  std::vector<Kept> recordings;
  std::vector<std::string> notes, death_notes;  // as of the last recording
  std::string unread;
  std::vector<int> descriptors;  // that came with what is unread
  bool done = false;
  IsolatedEnd end;

  ~Impl() {
    for (const Kept& kept : recordings) close(kept.descriptor);
  }
  bool receive(int socket, int timeout_ms);
  void take_messages(int socket, const Take& take);
  void take_recording(std::string_view message);
  void forget(std::string_view path);
  [[noreturn]] void be_child(int socket, int parent, const Body& body) const;
};

IsolatedTest::IsolatedTest(std::string name, const char* file, unsigned line)
    : impl_(std::make_unique<Impl>()) {
  impl_->name = std::move(name);
  impl_->file = file;
  impl_->line = line;
}
IsolatedTest::~IsolatedTest() = default;

void IsolatedTest::Impl::be_child(int socket, int parent, const Body& body) const {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  static Child* child = nullptr;
  child = new Child(socket);
  RunningTest::instance().child = child;
  if (RunningTest::instance().begin_coverage != nullptr) RunningTest::instance().begin_coverage();
  report_deaths(socket, cpu_limit());
  body(*child);
  std::cout.flush();
  std::fflush(nullptr);
  if (RunningTest::instance().write_coverage != nullptr) RunningTest::instance().write_coverage();
  child->send(kDoneMessage, "");
  child->flush();
  _exit(0);
}

// False: the other end is closed, or nothing came in time.
bool IsolatedTest::Impl::receive(int socket, int timeout_ms) {
  pollfd wait{socket, POLLIN, 0};
  const int ready = poll(&wait, 1, timeout_ms);
  if (ready < 0 && errno == EINTR) return true;
  if (ready <= 0) return false;
  char bytes[64 << 10];
  iovec part{bytes, sizeof bytes};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (size < 0 && errno == EINTR) return true;
  if (size <= 0) return false;
  if (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
    descriptors.push_back(descriptor);
  }
  unread.append(bytes, static_cast<size_t>(size));
  return true;
}

void IsolatedTest::Impl::take_recording(std::string_view message) {
  notes.clear();
  std::string path;
  for (size_t at = 0; at <= message.size();) {
    const size_t line_end = std::min(message.find('\n', at), message.size());
    if (at == 0) {
      path = message.substr(0, line_end);
    } else {
      notes.emplace_back(message.substr(at, line_end - at));
    }
    at = line_end + 1;
  }
  recordings.push_back({descriptors.front(), path});
}

void IsolatedTest::Impl::forget(std::string_view path) {
  std::erase_if(recordings, [&](const Kept& kept) {
    if (kept.path != path) return false;
    close(kept.descriptor);
    return true;
  });
}

void IsolatedTest::Impl::take_messages(int socket, const Take& take) {
  size_t at = 0;
  MessageHead frame{};
  for (; unread.size() - at >= sizeof frame; at += sizeof frame + frame.size) {
    std::memcpy(&frame, unread.data() + at, sizeof frame);
    if (frame.size > kMessageBytesMax || unread.size() - at - sizeof frame < frame.size) break;
    const std::string_view bytes(unread.data() + at + sizeof frame, frame.size);
    if (frame.kind == kDoneMessage) {
      done = true;
    } else if (frame.kind == kRecordingMessage) {
      if (descriptors.empty()) continue;
      take_recording(bytes);
      descriptors.erase(descriptors.begin());
    } else if (frame.kind == kForgetMessage) {
      forget(bytes);
    } else if (frame.kind == kDeathMessage) {
      // The first one counts, with the notes of its machine.
      if (!end.died) death_notes = notes;
      if (!end.died) end = read_death(bytes);
    } else if (frame.kind == kFailureMessage) {
      end.died = true;
      if (end.text.empty()) end.text = bytes;
    } else {
      const std::string answer = take(frame.kind, bytes);
      if (frame.ask == 0) continue;
      const auto size = static_cast<uint32_t>(answer.size());
      send_bytes(socket, &size, sizeof size);
      send_bytes(socket, answer.data(), answer.size());
    }
  }
  unread.erase(0, at);
}

IsolatedEnd IsolatedTest::run(const Body& body, const Take& take) {
  prepare_crash_reports();
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw Error(fmt::format("this host gives no connection for a test: {}", std::strerror(errno)));
  std::cout.flush();
  std::fflush(nullptr);
  impl_->done = false;
  impl_->end = {};
  impl_->death_notes.clear();
  const pid_t parent = getpid();
  const pid_t process = fork();
  if (process < 0) {
    close(ends[0]);
    close(ends[1]);
    throw Error(fmt::format("this host gives no process for a test: {}", std::strerror(errno)));
  }
  if (process == 0) {
    close(ends[0]);
    impl_->be_child(ends[1], parent, body);
  }
  close(ends[1]);
  const auto limit = std::chrono::milliseconds(static_cast<int64_t>(60'000 + cpu_limit() * 30'000));
  const auto deadline = std::chrono::steady_clock::now() + limit;
  bool late = false;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (!impl_->receive(ends[0], static_cast<int>(std::max<int64_t>(0, left.count())))) {
      late = left.count() <= 0;
      break;
    }
    impl_->take_messages(ends[0], take);
  }
  if (late) kill(process, SIGKILL);
  int status = 0;
  rusage used{};
  while (wait4(process, &status, 0, &used) < 0 && errno == EINTR) {
  }
  close(ends[0]);
  IsolatedEnd& end = impl_->end;
  if (!impl_->done || late) end.died = true;
  if (late && end.text.empty())
    end.text = fmt::format("it would not end: it sleeps, and {} s have passed", limit.count() / 1000);
  if (end.died && end.text.empty()) end.text = death_by(status, used);
  if (end.file.empty()) {
    end.file = impl_->file;
    end.line = impl_->line;
  }
  return end;
}

std::vector<std::string> IsolatedTest::notes() const {
  return impl_->death_notes.empty() ? impl_->notes : impl_->death_notes;
}

std::vector<std::string> IsolatedTest::keep_sessions() {
  std::vector<std::string> problems;
  for (const Impl::Kept& kept : impl_->recordings) {
    try {
      copy_to(kept.descriptor, kept.path);
    } catch (const Error& error) {
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

void send_with_descriptor(IsolatedChild& child, uint8_t kind, const std::string& bytes, int descriptor) {
  static_cast<Child&>(child).send_with(descriptor, kind, bytes);
}

}  // namespace ringside::test

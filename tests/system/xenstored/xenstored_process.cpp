#include "tests/system/xenstored/xenstored_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr uint32_t kVirqPort = 1, kFirstPort = 100;  // as in xenstored_hypervisor.c
constexpr int kHangMs = 20'000;

class SocketConnection final : public ForeignConnection {
 public:
  explicit SocketConnection(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) give_up("the path of the socket is too long: " + path);
    std::memcpy(address.sun_path, path.data(), path.size());
    socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      give_up(fmt::format("cannot connect to {}: {}", path, std::strerror(errno)));
  }
  ~SocketConnection() override { ::close(socket_); }
  void send(const std::string& bytes) override {
    if (::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      closed_ = true;
  }
  bool ignored() override { return closed_; }

 protected:
  void read_some(std::string& into) override {
    pollfd waiting{socket_, POLLIN, 0};
    if (closed_ || poll(&waiting, 1, 100) <= 0) return;
    char bytes[8192];
    const ssize_t got = ::recv(socket_, bytes, sizeof bytes, 0);
    if (got <= 0) {
      closed_ = true;
    } else {
      into.append(bytes, static_cast<size_t>(got));
    }
  }

 private:
  int socket_;
  bool closed_ = false;
};

class RingConnection final : public ForeignConnection {
 public:
  RingConnection(xenstore_domain_interface* page, uint16_t domain, int events, int notified)
      : page_(page), port_(kFirstPort + domain), events_(events), notified_(notified) {}
  ~RingConnection() override { munmap(page_, 4096); }
  void send(const std::string& bytes) override {
    for (size_t sent = 0, waited = 0; sent < bytes.size() && page_->error == 0;) {
      const uint32_t producer = load(page_->req_prod), consumer = load(page_->req_cons);
      if (producer - consumer == XENSTORE_RING_SIZE) {
        if (waited++ > kHangMs) give_up("xenstored does not take what a domain has put into its ring");
        usleep(1000);
        continue;
      }
      page_->req[MASK_XENSTORE_IDX(producer)] = bytes[sent++];
      __atomic_store_n(&page_->req_prod, producer + 1, __ATOMIC_RELEASE);
      if (sent == bytes.size() || producer + 1 - consumer == XENSTORE_RING_SIZE) notify();
    }
  }
  bool ignored() override { return load(page_->error) != 0; }

 protected:
  void read_some(std::string& into) override {
    uint32_t consumer = load(page_->rsp_cons);
    const uint32_t producer = load(page_->rsp_prod);
    if (producer == consumer) {
      pollfd waiting{notified_, POLLIN, 0};
      if (poll(&waiting, 1, 100) <= 0) return;
      uint32_t ports[64];
      if (::read(notified_, ports, sizeof ports) < 0) return;
      return;
    }
    while (consumer != producer) into += page_->rsp[MASK_XENSTORE_IDX(consumer++)];
    __atomic_store_n(&page_->rsp_cons, consumer, __ATOMIC_RELEASE);
    notify();
  }

 private:
  static uint32_t load(const volatile uint32_t& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
  void notify() {
    if (::write(events_, &port_, sizeof port_) != sizeof port_) give_up("the FIFO of events is broken");
  }

  xenstore_domain_interface* page_;
  const uint32_t port_;
  const int events_, notified_;
};

void make_file(const std::string& path, size_t size, const std::string& contents = {}) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << contents << std::string(size - contents.size(), '\0');
  if (!file) give_up("cannot write " + path);
}

void* map_file(const std::string& path, size_t size) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) give_up("cannot map " + path);
  return mapped;
}

int open_fifo(const std::string& path, int flags) {
  if (mkfifo(path.c_str(), 0600) != 0) give_up("cannot make " + path);
  return ::open(path.c_str(), O_RDWR | O_CLOEXEC | flags);
}

}  // namespace

void give_up(const std::string& why) {
  fmt::print(stderr, "xenstored_compare: {}\n", why);
  std::exit(2);
}

std::optional<Message> ForeignConnection::receive() {
  for (int waited = 0; waited < kHangMs; waited += 100) {
    xsd_sockmsg header;
    if (received_.size() >= sizeof header) {
      std::memcpy(&header, received_.data(), sizeof header);
      if (received_.size() >= sizeof header + header.len) {
        Message message{header.type, header.req_id, header.tx_id,
                        received_.substr(sizeof header, header.len)};
        received_.erase(0, sizeof header + header.len);
        return message;
      }
    }
    const size_t before = received_.size();
    read_some(received_);
    if (received_.size() != before) waited = 0;
    if (ignored() && received_.size() == before) return std::nullopt;
  }
  return std::nullopt;
}

XenstoredProcess::XenstoredProcess(const std::string& xenstored, const std::string& hypervisor,
                                   const std::vector<std::string>& arguments) {
  char name[] = "/tmp/ringside-xenstored-XXXXXX";
  if (mkdtemp(name) == nullptr) give_up("cannot make a folder in /tmp");
  folder_ = name;
  make_file(folder_ + "/domains", 65536, "\x01");
  make_file(folder_ + "/xsd_kva", 4096);
  make_file(folder_ + "/xsd_port", 2, "1\n");
  events_ = open_fifo(folder_ + "/events", 0);
  notified_ = open_fifo(folder_ + "/notified", O_NONBLOCK);
  domains_ = static_cast<uint8_t*>(map_file(folder_ + "/domains", 65536));

  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const char* variable : {"RINGSIDE_STUB", "XENSTORED_RUNDIR", "XENSTORED_ROOTDIR"})
      setenv(variable, folder_.c_str(), 1);
    setenv("LD_PRELOAD", hypervisor.c_str(), 1);
    const std::string pid_file = folder_ + "/pid";
    std::vector<const char*> words{xenstored.c_str(), "-N", "--pid-file", pid_file.c_str()};
    for (const std::string& argument : arguments) words.push_back(argument.c_str());
    words.push_back(nullptr);
    execv(xenstored.c_str(), const_cast<char* const*>(words.data()));
    _exit(127);
  }
  for (int waited = 0; access((folder_ + "/socket").c_str(), F_OK) != 0; ++waited) {
    if (waited > 1000 || !running()) give_up(xenstored + " does not start");
    usleep(10'000);
  }
  usleep(100'000);  // It binds the socket before it listens.
}

XenstoredProcess::~XenstoredProcess() {
  if (process_ > 0) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
  }
  ::close(events_);
  ::close(notified_);
  munmap(domains_, 65536);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool XenstoredProcess::running() {
  if (process_ <= 0) return false;
  if (waitpid(process_, nullptr, WNOHANG) == 0) return true;
  process_ = -1;
  return false;
}

std::unique_ptr<ForeignConnection> XenstoredProcess::connect() {
  return std::make_unique<SocketConnection>(folder_ + "/socket");
}

std::unique_ptr<ForeignConnection> XenstoredProcess::ring_of(uint16_t domain) {
  const std::string path = fmt::format("{}/ring-{}", folder_, domain);
  // A new file: the old one may still be mapped.
  ::unlink(path.c_str());
  make_file(path, 4096);
  return std::make_unique<RingConnection>(static_cast<xenstore_domain_interface*>(map_file(path, 4096)),
                                          domain, events_, notified_);
}

void XenstoredProcess::set_domain(uint16_t domain, DomainState state) {
  __atomic_store_n(&domains_[domain], static_cast<uint8_t>(state), __ATOMIC_RELEASE);
}

void XenstoredProcess::raise(uint32_t port) {
  if (::write(events_, &port, sizeof port) != sizeof port) give_up("the FIFO of events is broken");
}

// Waits until xenstored has taken it: it takes one event at a time, and notifications of rings may come
// before.
void XenstoredProcess::raise_domain_exception() {
  raise(kVirqPort);
  int unread = 1;
  for (int waited = 0; unread != 0; ++waited) {
    if (ioctl(events_, FIONREAD, &unread) != 0 || waited > kHangMs) give_up("xenstored takes no events");
    if (unread != 0) usleep(1000);
  }
}

}  // namespace ringside

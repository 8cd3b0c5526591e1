// Debian's xenstored as a child process, and connections to it: sockets, which are domain 0's, and rings of
// domains that the test plays (xenstored_hypervisor.c says how).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ringside {

struct Message {
  uint32_t type = 0, request = 0, transaction = 0;
  std::string body;
  bool operator==(const Message&) const = default;
};

// What comes from XenStore to one connection.
class ForeignConnection {
 public:
  virtual ~ForeignConnection() = default;
  virtual void send(const std::string& bytes) = 0;
  // Waits for the next message; nothing where none comes within the time that a hang takes, or ever.
  std::optional<Message> receive();
  // The server has told that it ignores this connection, or has closed it.
  virtual bool ignored() = 0;

 protected:
  // Appends what has come; waits a little for the first byte.
  virtual void read_some(std::string& into) = 0;
  std::string received_;
};

class XenstoredProcess {
 public:
  // `arguments` are xenstored's own, such as {"-E", "20"}. Ends the program with a message on failure.
  XenstoredProcess(const std::string& xenstored, const std::string& hypervisor,
                   const std::vector<std::string>& arguments);
  ~XenstoredProcess();
  XenstoredProcess(const XenstoredProcess&) = delete;
  XenstoredProcess& operator=(const XenstoredProcess&) = delete;

  bool running();
  std::unique_ptr<ForeignConnection> connect();
  // The ring of a domain, which is empty now; XS_INTRODUCE makes xenstored map it.
  std::unique_ptr<ForeignConnection> ring_of(uint16_t domain);

  enum class DomainState : uint8_t { absent, running, shut_down };
  void set_domain(uint16_t domain, DomainState state);
  // VIRQ_DOM_EXC: xenstored looks at the domains again.
  void raise_domain_exception();

 private:
  void raise(uint32_t port);

  std::string folder_;
  int process_ = -1;
  int events_ = -1, notified_ = -1;
  uint8_t* domains_ = nullptr;
};

// Ends the test: something that cannot be.
[[noreturn]] void give_up(const std::string& why);

}  // namespace ringside

// A client within the process: the toolstack and the backends of domain 0 speak to XenStore through it. Calls
// are synchronous; watch events arrive from the event queue, so a callback never runs within a request.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "hv-model/xenstore/xenstore.h"
#include "sim/clock.h"
#include "sim/event_queue.h"

namespace ringside {

class XenStoreClient {
 public:
  using Transaction = uint32_t;  // 0: none
  // Errors are XenStore's names: "ENOENT", "EAGAIN".
  using Outcome = tl::expected<void, std::string>;

  XenStoreClient(XenStore& store, EventQueue& events, const Clock& clock, Tick watch_latency,
                 DomainId domain = {0});
  ~XenStoreClient();

  tl::expected<std::string, std::string> read(const std::string& path, Transaction transaction = 0);
  Outcome write(const std::string& path, const std::string& value, Transaction transaction = 0);
  Outcome make_directory(const std::string& path, Transaction transaction = 0);
  Outcome remove(const std::string& path, Transaction transaction = 0);
  tl::expected<std::vector<std::string>, std::string> directory(const std::string& path,
                                                                Transaction transaction = 0);
  // {"n0", "r1"}: the first names the owner and what everybody else may do.
  Outcome set_permissions(const std::string& path, const std::vector<std::string>& permissions,
                          Transaction transaction = 0);
  tl::expected<std::vector<std::string>, std::string> permissions(const std::string& path);
  Transaction begin();
  // "EAGAIN" when something it read has changed: do it again.
  Outcome end(Transaction transaction, bool commit);

  using WatchCallback = std::function<void(const std::string& path)>;
  // Fires once at once (through the event queue), as every watch does.
  Outcome watch(const std::string& path, const std::string& token, WatchCallback callback);
  Outcome unwatch(const std::string& path, const std::string& token);
  // From the event queue, at this very time. `name` is the event's (a literal).
  void soon(const char* name, std::function<void()> action);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside

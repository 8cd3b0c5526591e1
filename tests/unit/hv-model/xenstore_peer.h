// A domain that speaks XenStore's wire protocol, for tests. Bodies are written with '|' for NUL, as
// docs/misc/xenstore.txt does; answers are shown the same way: "READ hello", "ERROR ENOENT|". Names and
// numbers of messages are restated here from that document and from io/xs_wire.h.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "hv-model/xenstore/xenstore.h"

namespace ringside {

inline const std::vector<std::pair<uint32_t, std::string>>& xenstore_message_names() {
  static const std::vector<std::pair<uint32_t, std::string>> names = {{0, "CONTROL"},
                                                                      {1, "DIRECTORY"},
                                                                      {2, "READ"},
                                                                      {3, "GET_PERMS"},
                                                                      {4, "WATCH"},
                                                                      {5, "UNWATCH"},
                                                                      {6, "TRANSACTION_START"},
                                                                      {7, "TRANSACTION_END"},
                                                                      {8, "INTRODUCE"},
                                                                      {9, "RELEASE"},
                                                                      {10, "GET_DOMAIN_PATH"},
                                                                      {11, "WRITE"},
                                                                      {12, "MKDIR"},
                                                                      {13, "RM"},
                                                                      {14, "SET_PERMS"},
                                                                      {15, "WATCH_EVENT"},
                                                                      {16, "ERROR"},
                                                                      {17, "IS_DOMAIN_INTRODUCED"},
                                                                      {18, "RESUME"},
                                                                      {19, "SET_TARGET"},
                                                                      {21, "RESET_WATCHES"},
                                                                      {22, "DIRECTORY_PART"}};
  return names;
}

inline uint32_t xenstore_message_type(const std::string& name) {
  for (const auto& [type, known] : xenstore_message_names()) {
    if (known == name) return type;
  }
  return 9999;
}

inline std::string xenstore_message_name(uint32_t type) {
  for (const auto& [known, name] : xenstore_message_names()) {
    if (known == type) return name;
  }
  return "unknown";
}

struct XenStoreHeader {
  uint32_t type = 0, request = 0, transaction = 0, length = 0;
};

inline std::vector<uint8_t> xenstore_message(uint32_t type, uint32_t request, uint32_t transaction,
                                             std::string body) {
  std::replace(body.begin(), body.end(), '|', '\0');
  const XenStoreHeader header{type, request, transaction, static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  return message;
}

class XenStorePeer {
 public:
  XenStorePeer(XenStore& store, uint16_t domain) : store_(store) {
    id = store.connect(DomainId{domain},
                       [this](std::vector<uint8_t> message) { received_.push_back(message); });
  }

  // The reply; events that came before it and after it are kept in `events`.
  std::string ask(const std::string& name, const std::string& body, uint32_t transaction = 0) {
    return ask_type(xenstore_message_type(name), body, transaction);
  }

  std::string ask_type(uint32_t type, const std::string& body, uint32_t transaction = 0) {
    last_request_ += 7;
    received_.clear();
    store_.handle(id, xenstore_message(type, last_request_, transaction, body));
    std::string answer = "nothing";
    for (const auto& message : std::exchange(received_, {})) {
      XenStoreHeader header;
      std::memcpy(&header, message.data(), sizeof header);
      std::string text(message.begin() + sizeof header, message.end());
      std::replace(text.begin(), text.end(), '\0', '|');
      if (header.length != text.size()) return "bad length";
      if (header.type == 15) {
        if (header.request != 0 || header.transaction != 0) return "bad event";
        events.push_back(answer == "nothing" ? text : "after:" + text);
        continue;
      }
      if (header.request != last_request_ || header.transaction != transaction) return "bad ids";
      answer = xenstore_message_name(header.type) + " " + text;
    }
    return answer;
  }

  uint32_t begin() {
    const std::string answer = ask("TRANSACTION_START", "|");
    return answer.starts_with("TRANSACTION_START ") ? static_cast<uint32_t>(std::stoul(answer.substr(18)))
                                                    : 0;
  }

  // What other connections' requests have sent to this one, too.
  std::vector<std::string> take_events() {
    for (const auto& message : std::exchange(received_, {})) {
      std::string text(message.begin() + sizeof(XenStoreHeader), message.end());
      std::replace(text.begin(), text.end(), '\0', '|');
      events.push_back(text);
    }
    return std::exchange(events, {});
  }

  XenStore::ConnectionId id = 0;
  std::vector<std::string> events;

 private:
  XenStore& store_;
  uint32_t last_request_ = 0;
  std::vector<std::vector<uint8_t>> received_;
};

// A store with domain 0 and two guests that have their homes, as a toolstack makes them.
struct XenStoreHouse {
  explicit XenStoreHouse(const XenStoreQuota& quota = {})
      : store(quota), dom0(store, 0), dom1(store, 1), dom2(store, 2) {
    for (const char* home : {"1", "2"}) {
      const std::string path = std::string("/local/domain/") + home;
      dom0.ask("MKDIR", path + "|");
      dom0.ask("SET_PERMS", path + "|n" + home + "|");
    }
    store.introduce(DomainId{1});
    store.introduce(DomainId{2});
  }
  XenStore store;
  XenStorePeer dom0, dom1, dom2;
};

}  // namespace ringside

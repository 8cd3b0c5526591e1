// Hostile requests to XenStore, by two guests and domain 0. An input is a row of requests: who, type,
// transaction, length of the body, body. After each input the tree must be whole and the accounts right.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>

#include "fuzz/driver.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace {

struct Header {
  uint32_t type, request, transaction, length;
};

void ask(XenStore& store, XenStore::ConnectionId who, uint32_t type, uint32_t transaction,
         std::span<const uint8_t> body) {
  const Header header{type, 1, transaction, static_cast<uint32_t>(body.size())};
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::copy(body.begin(), body.end(), message.begin() + sizeof header);
  store.handle(who, message);
}

struct Step {
  uint8_t who, type, transaction;
  std::string body;  // '|' stands for NUL
};

std::vector<uint8_t> pack(std::initializer_list<Step> steps) {
  std::vector<uint8_t> bytes;
  for (const Step& step : steps) {
    bytes.insert(bytes.end(),
                 {step.who, step.type, step.transaction, static_cast<uint8_t>(step.body.size())});
    for (const char c : step.body) bytes.push_back(c == '|' ? 0 : static_cast<uint8_t>(c));
  }
  return bytes;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  // Types: io/xs_wire.h, enum xsd_sockmsg_type.
  return {
      pack({{1, 11, 0, "a/b|value"},
            {1, 2, 0, "a/b|"},
            {1, 1, 0, "a|"},
            {1, 22, 0, "a|0|"},
            {1, 13, 0, "a|"}}),
      pack({{1, 4, 0, "a|t|"},
            {2, 4, 0, "/local/domain/1|t|"},
            {1, 14, 0, "a|n1|r2|"},
            {1, 11, 0, "a|x"},
            {1, 5, 0, "a|t|"},
            {1, 21, 0, "|"}}),
      pack({{1, 6, 0, "|"},
            {1, 11, 1, "a/b|1"},
            {2, 6, 0, "|"},
            {1, 12, 0, "a|"},
            {1, 13, 1, "a|"},
            {1, 7, 1, "T|"},
            {2, 7, 1, "F|"}}),
      pack({{0, 8, 0, "3|1|1|"},
            {0, 19, 0, "2|1|"},
            {2, 11, 0, "/local/domain/1/x|1"},
            {0, 17, 0, "3|"},
            {0, 14, 0, "@releaseDomain|n0|r1|"},
            {0, 9, 0, "3|"},
            {0, 14, 0, "/local/domain/1|n2|"},
            {0, 9, 0, "1|"},
            {0, 10, 0, "1|"},
            {0, 18, 0, "2|"},
            {0, 0, 0, "check|"},
            {0, 13, 0, "/local|"}}),
  };
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  XenStoreQuota quota;
  quota.nodes_per_domain = 8;
  quota.watches_per_domain = 3;
  quota.transactions_per_domain = 2;
  quota.nodes_per_transaction = 12;
  quota.memory_per_domain = 4000;
  XenStore store(quota);
  XenStore::ConnectionId peers[3];
  for (uint16_t domain = 0; domain < 3; ++domain) {
    peers[domain] = store.connect(DomainId{domain}, [](std::vector<uint8_t>) {});
  }
  for (const char* home : {"1", "2"}) {
    const std::string path = std::string("/local/domain/") + home + '\0';
    const std::string permissions = path + "n" + home + '\0';
    for (const auto& [type, text] : {std::pair(12u, &path), std::pair(14u, &permissions)}) {
      ask(store, peers[0], type, 0, {reinterpret_cast<const uint8_t*>(text->data()), text->size()});
    }
    store.introduce(DomainId{static_cast<uint16_t>(home[0] - '0')});
  }
  while (size >= 4) {
    const size_t length = std::min<size_t>(data[3], size - 4);
    ask(store, peers[data[0] % 3], data[1], data[2], {data + 4, length});
    data += 4 + length;
    size -= 4 + length;
  }
  if (const std::string problem = store.check_consistency(); !problem.empty()) {
    std::fprintf(stderr, "xenstore: %s\n", problem.c_str());
    std::abort();
  }
  return 0;
}

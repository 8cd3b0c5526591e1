// Proves: after 100,000 seeded requests of three domains the tree is whole and the accounts agree with it,
// nobody owns more than the quota, and the same seed gives the same answers and the same state.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "sim/hash.h"
#include "sim/random.h"
#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

constexpr int kRequests = 100'000;

class Storm {
 public:
  explicit Storm(uint64_t seed) : random_(seed) {}

  void run(int requests) {
    for (int i = 0; i < requests; ++i) {
      step();
      if (i % 5000 == 0) {
        INFO("seed " << random_.seed() << ", request " << i);
        REQUIRE(house_.store.check_consistency() == "");
        for (uint16_t domain : {1, 2}) {
          REQUIRE(house_.store.nodes_owned_by(DomainId{domain}) <= 1000);
          REQUIRE(house_.store.watches_of(DomainId{domain}) <= 129);
        }
      }
    }
    REQUIRE(house_.store.check_consistency() == "");
  }

  uint64_t answers = 0;
  std::map<std::string, int> kinds;  // "WRITE OK" and the like, to see that everything happened
  uint64_t state() const { return state_digest(house_.store); }

 private:
  std::string path() {
    std::string path = random_.one_in(3) ? fmt::format("/local/domain/{}", random_.below(4)) : "";
    const uint64_t depth = 1 + random_.below(4);
    for (uint64_t i = 0; i < depth; ++i) {
      if (!path.empty()) path += '/';
      path += fmt::format("{}", static_cast<char>('a' + random_.below(6)));
    }
    return random_.one_in(200) ? path + "//" : path;
  }

  std::string permissions() {
    std::string text;
    for (uint64_t i = 0, n = 1 + random_.below(4); i < n; ++i) {
      text += fmt::format("{}{}|", "nrwbx"[random_.below(random_.one_in(20) ? 5 : 4)], random_.below(4));
    }
    return text;
  }

  void step() {
    static const std::vector<std::pair<const char*, int>> weights = {{"WRITE", 30},
                                                                     {"READ", 15},
                                                                     {"MKDIR", 8},
                                                                     {"RM", 6},
                                                                     {"DIRECTORY", 6},
                                                                     {"DIRECTORY_PART", 2},
                                                                     {"SET_PERMS", 8},
                                                                     {"GET_PERMS", 4},
                                                                     {"WATCH", 4},
                                                                     {"UNWATCH", 3},
                                                                     {"TRANSACTION_START", 5},
                                                                     {"TRANSACTION_END", 6},
                                                                     {"RESET_WATCHES", 1},
                                                                     {"GET_DOMAIN_PATH", 1},
                                                                     {"CONTROL", 1}};
    int total = 0;
    for (const auto& [name, weight] : weights) total += weight;
    int pick = static_cast<int>(random_.below(static_cast<uint64_t>(total)));
    std::string name;
    for (const auto& [candidate, weight] : weights) {
      name = candidate;
      if ((pick -= weight) < 0) break;
    }
    // Resetting takes everything away, so it is rare.
    if (name == "RESET_WATCHES" && !random_.one_in(20)) name = "READ";
    const size_t who = random_.below(3);
    XenStorePeer& peer = who == 0 ? house_.dom0 : who == 1 ? house_.dom1 : house_.dom2;
    const uint32_t transaction =
        !open_[who].empty() && random_.one_in(2) ? open_[who][random_.below(open_[who].size())] : 0;
    const std::string answer = peer.ask(name, body(name), name == "TRANSACTION_START" ? 0 : transaction);
    if (answer.starts_with("TRANSACTION_START "))
      open_[who].push_back(static_cast<uint32_t>(std::stoul(answer.substr(18))));
    if (name == "TRANSACTION_END") std::erase(open_[who], transaction);
    if (answer.starts_with("RESET_WATCHES")) open_[who].clear();
    answers = hash_mix(answers, hash64(std::string_view(answer)));
    for (XenStorePeer* other : {&house_.dom0, &house_.dom1, &house_.dom2}) {
      for (const std::string& event : other->take_events())
        answers = hash_mix(answers, hash64(std::string_view(event)));
    }
    kinds[name + (answer.starts_with("ERROR") ? answer.substr(5) : "")] += 1;
  }

  std::string body(const std::string& name) {
    if (random_.one_in(300)) return "no end";
    if (name == "WRITE")
      return path() + "|" + std::string(random_.below(random_.one_in(50) ? 2500 : 40), 'v');
    if (name == "SET_PERMS") return path() + "|" + permissions();
    if (name == "WATCH" || name == "UNWATCH") return path() + "|" + fmt::format("t{}|", random_.below(3));
    if (name == "DIRECTORY_PART") return path() + fmt::format("|{}|", random_.below(10));
    if (name == "TRANSACTION_END") return random_.one_in(3) ? "F|" : "T|";
    if (name == "GET_DOMAIN_PATH") return "3|";
    return path() + "|";
  }

  Random random_;
  XenStoreHouse house_;
  std::vector<uint32_t> open_[3];
};

}  // namespace

TEST_CASE("XenStore: a hundred thousand requests") {
  Storm storm(20240101), same(20240101), other(7);
  storm.run(kRequests);
  same.run(kRequests);
  other.run(kRequests / 10);
  CHECK(storm.answers == same.answers);
  CHECK(storm.state() == same.state());
  CHECK(storm.answers != other.answers);
  // Everything that should happen did.
  for (const char* kind : {"WRITE",
                           "WRITE ENOSPC|",
                           "WRITE EACCES|",
                           "WRITE EINVAL|",
                           "RM",
                           "RM ENOENT|",
                           "RM EACCES|",
                           "READ",
                           "READ ENOENT|",
                           "READ EACCES|",
                           "SET_PERMS",
                           "SET_PERMS EPERM|",
                           "SET_PERMS EINVAL|",
                           "TRANSACTION_END",
                           "TRANSACTION_END EAGAIN|",
                           "TRANSACTION_END ENOMEM|",
                           "WATCH",
                           "WATCH EEXIST|",
                           "UNWATCH",
                           "UNWATCH ENOENT|",
                           "CONTROL EACCES|"}) {
    INFO(kind);
    CHECK(storm.kinds[kind] >= 10);
  }
}

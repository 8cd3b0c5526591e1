// Proves: each request's reply, rule by rule, as docs/misc/xenstore.txt and the C xenstored of Xen 4.17 have
// it. Cannot prove: that xenstored agrees; that needs xenstored.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;

namespace {

struct Row {
  const char* who;  // "0", "1", "2"
  const char* request;
  std::string body;
  std::string answer;
};

void run(XenStoreHouse& house, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    XenStorePeer& peer = row.who[0] == '0' ? house.dom0 : row.who[0] == '1' ? house.dom1 : house.dom2;
    INFO("domain " << row.who << ": " << row.request << " " << row.body);
    CHECK(peer.ask(row.request, row.body) == row.answer);
  }
  CHECK(house.store.check_consistency() == "");
}

}  // namespace

TEST_CASE("XenStore: a new store has xenstored's first nodes") {
  XenStore store;
  XenStorePeer dom0(store, 0);
  CHECK(dom0.ask("DIRECTORY", "/|") == "DIRECTORY tool|");
  CHECK(dom0.ask("DIRECTORY", "/tool|") == "DIRECTORY xenstored|");
  CHECK(dom0.ask("GET_PERMS", "/tool/xenstored|") == "GET_PERMS n0|");
}

TEST_CASE("XenStore: values") {
  XenStoreHouse house;
  run(house, {
                 // READ <path>| -> <value|>, WRITE <path>|<value|>: values have no NUL of their own.
                 {"1", "WRITE", "data/x|hello", "WRITE OK|"},
                 {"1", "READ", "data/x|", "READ hello"},
                 {"1", "READ", "/local/domain/1/data/x|", "READ hello"},
                 {"1", "READ", "data|", "READ "},
                 {"1", "WRITE", "data/x|", "WRITE OK|"},
                 {"1", "READ", "data/x|", "READ "},
                 {"1", "WRITE", "data/x|bytes|with|nuls|", "WRITE OK|"},
                 {"1", "READ", "data/x|", "READ bytes|with|nuls|"},
                 {"1", "READ", "data/nothing|", "ERROR ENOENT|"},
                 // Exactly one NUL, at the end.
                 {"1", "READ", "data/x", "ERROR EINVAL|"},
                 {"1", "READ", "", "ERROR EINVAL|"},
                 {"1", "READ", "data/x||", "ERROR EINVAL|"},
                 {"1", "READ", "data/x|more", "ERROR EINVAL|"},
                 {"1", "WRITE", "data/x", "ERROR EINVAL|"},
                 {"1", "WRITE", "", "ERROR EINVAL|"},
             });
}

TEST_CASE("XenStore: paths") {
  XenStoreHouse house;
  const std::string home = "/local/domain/1/";
  const std::string longest(2048, 'a'), too_long(2049, 'a');
  run(house, {
                 {"0", "WRITE", "/bad path|x", "ERROR EINVAL|"},
                 {"0", "WRITE", "/a.b|x", "ERROR EINVAL|"},
                 {"0", "WRITE", "/a//b|x", "ERROR EINVAL|"},
                 {"0", "WRITE", "/a/|x", "ERROR EINVAL|"},
                 {"0", "WRITE", "//|x", "ERROR EINVAL|"},
                 {"0", "WRITE", "@releaseDomain|x", "ERROR EINVAL|"},
                 {"0", "READ", "@releaseDomain|", "ERROR EINVAL|"},
                 {"0", "WRITE", "/A-z_0@9|x", "WRITE OK|"},
                 {"0", "READ", "/|", "READ "},
                 {"0", "WRITE", "/|root", "WRITE OK|"},
                 {"0", "READ", "/|", "READ root"},
                 // An empty relative path is the home with a slash behind it.
                 {"1", "READ", "|", "ERROR EINVAL|"},
                 {"0", "WRITE", "relative|x", "WRITE OK|"},
                 {"0", "READ", "/local/domain/0/relative|", "READ x"},
                 // XENSTORE_REL_PATH_MAX counts behind /local/domain/<id>/, if there is any.
                 {"0", "READ", home + longest + "|", "ERROR ENOENT|"},
                 {"0", "READ", home + too_long + "|", "ERROR EINVAL|"},
                 {"1", "READ", longest + "|", "ERROR ENOENT|"},
                 {"1", "READ", too_long + "|", "ERROR EINVAL|"},
                 {"0", "READ", "/" + longest.substr(1) + "|", "ERROR ENOENT|"},
                 {"0", "READ", "/" + longest + "|", "ERROR EINVAL|"},
             });
}

TEST_CASE("XenStore: directories") {
  XenStoreHouse house;
  run(house, {
                 {"1", "MKDIR", "d|", "MKDIR OK|"},
                 {"1", "DIRECTORY", "d|", "DIRECTORY "},
                 {"1", "MKDIR", "d/second|", "MKDIR OK|"},
                 {"1", "WRITE", "d/first|1", "WRITE OK|"},
                 {"1", "MKDIR", "d/a/b/c|", "MKDIR OK|"},
                 // In the order of their creation.
                 {"1", "DIRECTORY", "d|", "DIRECTORY second|first|a|"},
                 {"1", "DIRECTORY", "d/a/b|", "DIRECTORY c|"},
                 // It is there already: fine, and the value stays.
                 {"1", "MKDIR", "d/first|", "MKDIR OK|"},
                 {"1", "READ", "d/first|", "READ 1"},
                 {"1", "MKDIR", "d/x", "ERROR EINVAL|"},
                 {"1", "DIRECTORY", "nothing|", "ERROR ENOENT|"},
                 // RM takes all below with it; a missing node is fine when its parent is there.
                 {"1", "RM", "d/a|", "RM OK|"},
                 {"1", "DIRECTORY", "d|", "DIRECTORY second|first|"},
                 {"1", "READ", "d/a/b/c|", "ERROR ENOENT|"},
                 {"1", "RM", "d/a|", "RM OK|"},
                 {"1", "RM", "d/a/b|", "ERROR ENOENT|"},
                 {"0", "RM", "/|", "ERROR EINVAL|"},
                 {"0", "RM", "/local/domain/1/d|", "RM OK|"},
                 {"1", "DIRECTORY", "/local/domain/1|", "DIRECTORY "},
             });
}

TEST_CASE("XenStore: a directory that is too long for one message is read in parts") {
  XenStoreHouse house;
  std::string all;
  for (int i = 0; i < 500; ++i) {
    const std::string name = fmt::format("child-{}", i);
    REQUIRE(house.dom0.ask("WRITE", "/many/" + name + "|") == "WRITE OK|");
    all += name + "|";
  }
  CHECK(house.dom0.ask("DIRECTORY", "/many|") == "ERROR E2BIG|");
  std::string found;
  int parts = 0;
  for (bool complete = false; !complete && parts < 10; ++parts) {
    std::string part = house.dom0.ask("DIRECTORY_PART", fmt::format("/many|{}|", found.size()));
    REQUIRE(part.starts_with("DIRECTORY_PART "));
    CHECK(part.size() - 15 <= 4096);
    part = part.substr(part.find('|') + 1);  // behind the generation count
    complete = part == "|" || part.ends_with("||");
    if (complete) part.pop_back();
    found += part;
  }
  CHECK(found == all);
  CHECK(parts == 2);

  const std::string before = house.dom0.ask("DIRECTORY_PART", "/many|0|").substr(0, 30);
  REQUIRE(house.dom0.ask("WRITE", "/many/child-7|x") == "WRITE OK|");
  CHECK(house.dom0.ask("DIRECTORY_PART", "/many|0|").substr(0, 30) == before);
  REQUIRE(house.dom0.ask("RM", "/many/child-499|") == "RM OK|");
  CHECK(house.dom0.ask("DIRECTORY_PART", "/many|0|").substr(0, 30) != before);

  CHECK(house.dom0.ask("DIRECTORY_PART", "/many|") == "ERROR EINVAL|");
  CHECK(house.dom0.ask("DIRECTORY_PART", "/many|0|x|") == "ERROR EINVAL|");
  CHECK(house.dom0.ask("DIRECTORY_PART", "/none|0|") == "ERROR ENOENT|");
  const std::string behind = house.dom0.ask("DIRECTORY_PART", "/many|100000|");
  CHECK(behind.ends_with("||"));
  CHECK(house.dom0.ask("DIRECTORY_PART", "/many|-1|") == behind);
}

TEST_CASE("XenStore: generation counts number the writes from the start") {
  XenStore store;
  XenStorePeer dom0(store, 0);
  // "/" was written first, then /tool and /tool/xenstored.
  CHECK(dom0.ask("DIRECTORY_PART", "/|0|") == "DIRECTORY_PART 1|tool||");
  // A new node is written before its parent.
  REQUIRE(dom0.ask("MKDIR", "/a|") == "MKDIR OK|");
  CHECK(dom0.ask("DIRECTORY_PART", "/a|0|") == "DIRECTORY_PART 4||");
  CHECK(dom0.ask("DIRECTORY_PART", "/|0|") == "DIRECTORY_PART 5|tool|a||");
  // Removing takes a number for the node and one for its parent.
  REQUIRE(dom0.ask("RM", "/a|") == "RM OK|");
  CHECK(dom0.ask("DIRECTORY_PART", "/|0|") == "DIRECTORY_PART 7|tool||");
}

TEST_CASE("XenStore: permissions") {
  XenStoreHouse house;
  run(house,
      {
          {"1", "WRITE", "mine|secret", "WRITE OK|"},
          {"1", "GET_PERMS", "mine|", "GET_PERMS n1|"},
          // Nobody may know what is in a folder that he cannot read.
          {"2", "READ", "/local/domain/1/mine|", "ERROR EACCES|"},
          {"2", "READ", "/local/domain/1/nothing|", "ERROR EACCES|"},
          {"2", "DIRECTORY", "/local/domain/1|", "ERROR EACCES|"},
          {"2", "GET_PERMS", "/local/domain/1/mine|", "ERROR EACCES|"},
          {"2", "WRITE", "/local/domain/1/mine|x", "ERROR EACCES|"},
          {"2", "WRITE", "/local/domain/1/new|x", "ERROR EACCES|"},
          {"2", "MKDIR", "/new|", "ERROR EACCES|"},
          {"2", "RM", "/local/domain/1/mine|", "ERROR EACCES|"},
          {"2", "RM", "/local/domain/1/nothing|", "ERROR EACCES|"},
          {"2", "SET_PERMS", "/local/domain/1/mine|n2|", "ERROR EACCES|"},
          // A readable node in an unreadable folder can be read.
          {"1", "SET_PERMS", "mine|n1|r2|", "SET_PERMS OK|"},
          {"2", "READ", "/local/domain/1/mine|", "READ secret"},
          {"2", "WRITE", "/local/domain/1/mine|x", "ERROR EACCES|"},
          {"2", "SET_PERMS", "/local/domain/1/mine|n2|", "ERROR EACCES|"},
          {"1", "SET_PERMS", "mine|n1|w2|", "SET_PERMS OK|"},
          {"2", "READ", "/local/domain/1/mine|", "ERROR EACCES|"},
          {"2", "WRITE", "/local/domain/1/mine|written", "WRITE OK|"},
          {"1", "READ", "mine|", "READ written"},
          // What is made below inherits, but belongs to its maker.
          {"2", "WRITE", "/local/domain/1/mine/sub|x", "WRITE OK|"},
          {"0", "GET_PERMS", "/local/domain/1/mine/sub|", "GET_PERMS n2|w2|"},
          {"1", "SET_PERMS", "mine|b1|", "SET_PERMS OK|"},
          {"2", "READ", "/local/domain/1/mine|", "READ written"},
          // The first of several entries for a domain counts.
          {"1", "SET_PERMS", "mine|n1|r2|n2|", "SET_PERMS OK|"},
          {"2", "READ", "/local/domain/1/mine|", "READ written"},
          // In a readable folder one may know what is not there, in one that is not writable not make it.
          {"1", "MKDIR", "open|", "MKDIR OK|"},
          {"1", "SET_PERMS", "open|r1|", "SET_PERMS OK|"},
          {"2", "READ", "/local/domain/1/open/nothing|", "ERROR ENOENT|"},
          {"2", "WRITE", "/local/domain/1/open/new|x", "ERROR EACCES|"},
          {"2", "RM", "/local/domain/1/open/nothing|", "ERROR EACCES|"},
          // Domain 0 may everything, and what it makes belongs to the folder's owner.
          {"0", "WRITE", "/local/domain/1/open/zero|x", "WRITE OK|"},
          {"0", "GET_PERMS", "/local/domain/1/open/zero|", "GET_PERMS r1|"},
      });
}

TEST_CASE("XenStore: SET_PERMS") {
  XenStoreHouse house;
  run(house, {
                 {"1", "WRITE", "a|x", "WRITE OK|"},
                 {"1", "SET_PERMS", "a|", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "a", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "a|x1|", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "a|r|", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "a|r1x|", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "a||", "ERROR EINVAL|"},
                 {"1", "SET_PERMS", "nothing|n1|", "ERROR ENOENT|"},
                 // The owner cannot be changed by an unprivileged domain, and domain 0 can.
                 {"1", "SET_PERMS", "a|n2|", "ERROR EPERM|"},
                 {"1", "SET_PERMS", "a|n0|r1|", "ERROR EPERM|"},
                 {"0", "SET_PERMS", "/local/domain/1/a|n2|r1|", "SET_PERMS OK|"},
                 {"1", "READ", "a|", "READ x"},
                 {"1", "WRITE", "a|y", "ERROR EACCES|"},
                 {"1", "SET_PERMS", "a|n1|", "ERROR EACCES|"},
                 {"2", "SET_PERMS", "/local/domain/1/a|b2|", "SET_PERMS OK|"},
                 // strtol reads the id: other bases are fine.
                 {"2", "SET_PERMS", "/local/domain/1/a|b0x2|r01|", "SET_PERMS OK|"},
                 {"2", "GET_PERMS", "/local/domain/1/a|", "GET_PERMS b2|r1|"},
                 // Five entries at the most (quota_nb_perms_per_node).
                 {"2", "SET_PERMS", "/local/domain/1/a|n2|r1|r3|r4|r5|", "SET_PERMS OK|"},
                 {"2", "SET_PERMS", "/local/domain/1/a|n2|r1|r3|r4|r5|r6|", "ERROR ENOSPC|"},
                 {"0", "SET_PERMS", "/local/domain/1/a|n2|r1|r3|r4|r5|r6|", "SET_PERMS OK|"},
                 // An owner that cannot exist.
                 {"0", "SET_PERMS", "/local/domain/1/a|n32755|", "ERROR ENOENT|"},
                 // The special watches have permissions of their own.
                 {"1", "SET_PERMS", "@releaseDomain|r1|", "ERROR EACCES|"},
                 {"0", "SET_PERMS", "@releaseDomain|n0|r1|", "SET_PERMS OK|"},
                 {"0", "SET_PERMS", "@other|n0|r1|", "ERROR EINVAL|"},
             });
}

TEST_CASE("XenStore: requests about domains") {
  XenStoreHouse house;
  run(house, {
                 {"1", "GET_DOMAIN_PATH", "7|", "GET_DOMAIN_PATH /local/domain/7|"},
                 {"1", "GET_DOMAIN_PATH", "x|", "GET_DOMAIN_PATH /local/domain/0|"},
                 {"1", "GET_DOMAIN_PATH", "7", "ERROR EINVAL|"},
                 {"1", "GET_DOMAIN_PATH", "7|8|", "ERROR EINVAL|"},
                 {"1", "IS_DOMAIN_INTRODUCED", "1|", "ERROR EACCES|"},
                 {"1", "INTRODUCE", "3|1|1|", "ERROR EACCES|"},
                 {"1", "RELEASE", "1|", "ERROR EACCES|"},
                 {"1", "RESUME", "1|", "ERROR EACCES|"},
                 {"1", "SET_TARGET", "1|2|", "ERROR EACCES|"},
                 {"1", "CONTROL", "help|", "ERROR EACCES|"},
                 {"0", "IS_DOMAIN_INTRODUCED", "1|", "IS_DOMAIN_INTRODUCED T|"},
                 {"0", "IS_DOMAIN_INTRODUCED", "3|", "IS_DOMAIN_INTRODUCED F|"},
                 {"0", "IS_DOMAIN_INTRODUCED", "32752|", "IS_DOMAIN_INTRODUCED T|"},
                 {"0", "IS_DOMAIN_INTRODUCED", "1", "ERROR EINVAL|"},
                 {"0", "INTRODUCE", "3|1|1|", "INTRODUCE OK|"},
                 {"0", "INTRODUCE", "3|1|0|", "ERROR EINVAL|"},
                 {"0", "INTRODUCE", "3|1|", "ERROR EINVAL|"},
                 {"0", "IS_DOMAIN_INTRODUCED", "3|", "IS_DOMAIN_INTRODUCED T|"},
                 {"0", "RESUME", "3|", "RESUME OK|"},
                 {"0", "RESUME", "4|", "ERROR ENOENT|"},
                 {"0", "RELEASE", "3|", "RELEASE OK|"},
                 {"0", "RELEASE", "3|", "ERROR ENOENT|"},
                 {"0", "RELEASE", "0|", "ERROR EINVAL|"},
                 // A device model may do what its guest may.
                 {"2", "WRITE", "/local/domain/1/x|1", "ERROR EACCES|"},
                 {"0", "SET_TARGET", "2|1|", "SET_TARGET OK|"},
                 {"2", "WRITE", "/local/domain/1/x|1", "WRITE OK|"},
                 {"0", "SET_TARGET", "2|9|", "ERROR ENOENT|"},
                 {"0", "SET_TARGET", "2|", "ERROR EINVAL|"},
             });
}

TEST_CASE("XenStore: types that are no requests") {
  XenStoreHouse house;
  for (const uint32_t type : {15u, 16u, 20u, 23u, 128u, 0xffffu, 0xffffffffu}) {
    CHECK(house.dom1.ask_type(type, "x|") == "ERROR ENOSYS|");
  }
  // The type is looked at before the transaction, the privilege, too.
  CHECK(house.dom1.ask_type(20, "x|", 99) == "ERROR ENOSYS|");
  CHECK(house.dom1.ask("CONTROL", "x|", 99) == "ERROR EACCES|");
  CHECK(house.dom1.ask("READ", "x", 99) == "ERROR ENOENT|");
  // WATCH and UNWATCH do not look at the transaction.
  CHECK(house.dom1.ask("WATCH", "x|t|", 99) == "WATCH OK|");
  CHECK(house.dom1.ask("UNWATCH", "x|t|", 99) == "UNWATCH OK|");
}

TEST_CASE("XenStore: messages that are no messages") {
  XenStoreHouse house;
  house.store.handle(house.dom1.id, {});
  house.store.handle(house.dom1.id, std::vector<uint8_t>(15));
  CHECK(house.dom1.take_events().empty());
  CHECK(house.dom1.ask("WRITE", "x|1") == "WRITE OK|");
  REQUIRE(house.dom1.ask("WATCH", "x|t|") == "WATCH OK|");
  // A body of more than 4096 bytes: the connection is ignored from then on, and has no watches.
  CHECK(house.dom1.ask("WRITE", "x|" + std::string(4095, 'v')) == "nothing");
  CHECK(house.dom1.ask("READ", "x|") == "nothing");
  CHECK(house.store.watches_of(DomainId{1}) == 0);
  CHECK(house.dom0.ask("READ", "/local/domain/1/x|") == "READ 1");
  // The longest that is allowed.
  CHECK(house.dom0.ask("WRITE", "/x|" + std::string(4093, 'v')) == "WRITE OK|");
  CHECK(house.dom0.ask("READ", "/x|").size() == 5 + 4093);
}

TEST_CASE("XenStore: quotas") {
  XenStoreHouse house;
  XenStorePeer& dom1 = house.dom1;
  SECTION("nodes: a domain owns at most 1000") {
    int made = 0;
    while (made < 1100 && dom1.ask("WRITE", fmt::format("g{}/n{}/x|1", made % 10, made)) == "WRITE OK|")
      ++made;
    // The home, ten groups, 494 pairs. The next pair fails at its second node, and leaves nothing.
    CHECK(made == 494);
    CHECK(dom1.ask("WRITE", "pair/x|1") == "ERROR ENOSPC|");
    CHECK(dom1.ask("READ", "pair/x|") == "ERROR ENOENT|");
    CHECK(house.store.nodes_owned_by(DomainId{1}) == 999);
    CHECK(dom1.ask("WRITE", "single|1") == "WRITE OK|");
    CHECK(dom1.ask("WRITE", "another|1") == "ERROR ENOSPC|");
    CHECK(dom1.ask("MKDIR", "another|") == "ERROR ENOSPC|");
    CHECK(dom1.ask("RM", "single|") == "RM OK|");
    CHECK(dom1.ask("WRITE", "another|1") == "WRITE OK|");
    CHECK(house.dom2.ask("WRITE", "other|1") == "WRITE OK|");
  }
  SECTION("node size: a record of 2048 bytes is refused") {
    // 24 bytes of head, 8 for the one permission: 2015 bytes of value make 2047.
    CHECK(dom1.ask("WRITE", "big|" + std::string(2015, 'v')) == "WRITE OK|");
    CHECK(dom1.ask("WRITE", "big|" + std::string(2016, 'v')) == "ERROR ENOSPC|");
    CHECK(dom1.ask("WRITE", "new|" + std::string(2016, 'v')) == "ERROR ENOSPC|");
    CHECK(dom1.ask("READ", "new|") == "ERROR ENOENT|");
    CHECK(dom1.ask("SET_PERMS", "big|n1|r2|") == "ERROR ENOSPC|");
    CHECK(dom1.ask("GET_PERMS", "big|") == "GET_PERMS n1|");
    CHECK(house.dom0.ask("WRITE", "/local/domain/1/big|" + std::string(3000, 'v')) == "WRITE OK|");
  }
  SECTION("watches: the check allows one more than 128") {
    for (int i = 0; i < 129; ++i) REQUIRE(dom1.ask("WATCH", fmt::format("w{}|t|", i)) == "WATCH OK|");
    CHECK(dom1.ask("WATCH", "more|t|") == "ERROR E2BIG|");
    CHECK(dom1.ask("UNWATCH", "w5|t|") == "UNWATCH OK|");
    CHECK(dom1.ask("WATCH", "more|t|") == "WATCH OK|");
    CHECK(dom1.ask("RESET_WATCHES", "|") == "RESET_WATCHES OK|");
    CHECK(house.store.watches_of(DomainId{1}) == 0);
  }
  SECTION("transactions: the check allows one more than 10") {
    for (uint32_t i = 1; i <= 11; ++i) REQUIRE(dom1.begin() == i);
    CHECK(dom1.ask("TRANSACTION_START", "|") == "ERROR ENOSPC|");
    CHECK(dom1.ask("TRANSACTION_END", "F|", 3) == "TRANSACTION_END OK|");
    CHECK(dom1.begin() == 12);
  }
  SECTION("nodes in one transaction") {
    const uint32_t id = dom1.begin();
    int read = 0;
    while (read < 1100 && dom1.ask("READ", fmt::format("n{}|", read), id) == "ERROR ENOENT|") ++read;
    // Its home, looked at for permissions, is one of the 1024.
    CHECK(read == 1023);
    CHECK(dom1.ask("READ", "one-more|", id) == "ERROR ENOSPC|");
    CHECK(dom1.ask("TRANSACTION_END", "T|", id) == "ERROR ENOMEM|");
  }
  SECTION("domain 0 has none") {
    for (int i = 0; i < 1200; ++i) REQUIRE(house.dom0.ask("WRITE", fmt::format("/q/{}|1", i)) == "WRITE OK|");
    for (int i = 0; i < 300; ++i) REQUIRE(house.dom0.ask("WATCH", fmt::format("/w{}|t|", i)) == "WATCH OK|");
    for (uint32_t i = 1; i <= 30; ++i) REQUIRE(house.dom0.begin() == i);
  }
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore: memory that a domain may use is limited") {
  XenStoreQuota quota;
  quota.memory_per_domain = 20000;
  XenStoreHouse house(quota);
  int made = 0;
  std::string answer;
  while (made < 100 && (answer = house.dom1.ask(
                            "WRITE", fmt::format("n{}|{}", made, std::string(1000, 'v')))) == "WRITE OK|") {
    ++made;
  }
  CHECK(answer == "ERROR EIO|");
  CHECK(made == 18);
  CHECK(house.store.memory_of(DomainId{1}) < 20000);
  CHECK(house.dom1.ask("WATCH", std::string(1500, 'w') + "|t|") == "ERROR ENOMEM|");
  CHECK(house.store.check_consistency() == "");
}

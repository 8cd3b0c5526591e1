// Proves: isolation, conflicts node by node, events at the commit only (docs/misc/xenstore.txt,
// "Transactions"; the essay at the head of xenstored_transaction.c).
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;
using Events = std::vector<std::string>;

TEST_CASE("XenStore transactions: bad requests") {
  XenStoreHouse house;
  XenStorePeer& dom1 = house.dom1;
  CHECK(dom1.ask("TRANSACTION_END", "T|") == "ERROR ENOENT|");
  CHECK(dom1.ask("TRANSACTION_END", "T|", 5) == "ERROR ENOENT|");
  CHECK(dom1.ask("READ", "x|", 5) == "ERROR ENOENT|");
  const uint32_t id = dom1.begin();
  CHECK(id == 1);
  CHECK(dom1.ask("TRANSACTION_START", "|", id) == "ERROR EBUSY|");
  CHECK(dom1.ask("TRANSACTION_END", "X|", id) == "ERROR EINVAL|");
  CHECK(dom1.ask("TRANSACTION_END", "T", id) == "ERROR EINVAL|");
  CHECK(dom1.ask("TRANSACTION_END", "", id) == "ERROR EINVAL|");
  // Ids are a connection's own.
  CHECK(house.dom2.ask("READ", "x|", id) == "ERROR ENOENT|");
  CHECK(house.dom2.begin() == 1);
  CHECK(dom1.ask("TRANSACTION_END", "T|", id) == "TRANSACTION_END OK|");
  CHECK(dom1.ask("TRANSACTION_END", "T|", id) == "ERROR ENOENT|");
  CHECK(dom1.begin() == 2);
}

TEST_CASE("XenStore transactions: nobody sees it before the commit, and it sees itself") {
  XenStoreHouse house;
  house.dom1.ask("WRITE", "a|1");
  const uint32_t id = house.dom1.begin();
  CHECK(house.dom1.ask("WRITE", "a|2", id) == "WRITE OK|");
  CHECK(house.dom1.ask("WRITE", "new/sub|3", id) == "WRITE OK|");
  CHECK(house.dom1.ask("READ", "a|", id) == "READ 2");
  CHECK(house.dom1.ask("READ", "a|") == "READ 1");
  CHECK(house.dom1.ask("DIRECTORY", "new|", id) == "DIRECTORY sub|");
  CHECK(house.dom1.ask("DIRECTORY", "new|") == "ERROR ENOENT|");
  CHECK(house.store.check_consistency() == "");
  SECTION("commit") {
    CHECK(house.dom1.ask("TRANSACTION_END", "T|", id) == "TRANSACTION_END OK|");
    CHECK(house.dom1.ask("READ", "a|") == "READ 2");
    CHECK(house.dom1.ask("READ", "new/sub|") == "READ 3");
    CHECK(house.store.nodes_owned_by(DomainId{1}) == 4);
  }
  SECTION("abort") {
    CHECK(house.dom1.ask("TRANSACTION_END", "F|", id) == "TRANSACTION_END OK|");
    CHECK(house.dom1.ask("READ", "a|") == "READ 1");
    CHECK(house.dom1.ask("READ", "new|") == "ERROR ENOENT|");
    CHECK(house.store.nodes_owned_by(DomainId{1}) == 2);
  }
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore transactions: conflicts") {
  XenStoreHouse house;
  XenStorePeer& dom1 = house.dom1;
  dom1.ask("WRITE", "a|1");
  dom1.ask("WRITE", "b|1");
  const uint32_t id = dom1.begin();
  const auto end = [&] { return dom1.ask("TRANSACTION_END", "T|", id); };
  const std::string fine = "TRANSACTION_END OK|", again = "ERROR EAGAIN|";
  SECTION("a node that it read is written") {
    dom1.ask("READ", "a|", id);
    dom1.ask("WRITE", "b|2", id);
    dom1.ask("WRITE", "a|9");
    CHECK(end() == again);
    CHECK(dom1.ask("READ", "b|") == "READ 1");
  }
  SECTION("even with the same value") {
    dom1.ask("READ", "a|", id);
    dom1.ask("WRITE", "a|1");
    CHECK(end() == again);
  }
  SECTION("a node that it did not touch is written") {
    dom1.ask("READ", "a|", id);
    dom1.ask("WRITE", "b|9");
    CHECK(end() == fine);
  }
  SECTION("another process makes a node elsewhere") {
    dom1.ask("WRITE", "a|2", id);
    house.dom2.ask("WRITE", "elsewhere|1");
    CHECK(end() == fine);
  }
  SECTION("a write counts as a look at the node") {
    dom1.ask("WRITE", "a|2", id);
    dom1.ask("WRITE", "a|3");
    CHECK(end() == again);
    CHECK(dom1.ask("READ", "a|") == "READ 3");
  }
  SECTION("a change before its first look is none") {
    dom1.ask("WRITE", "a|9");
    CHECK(dom1.ask("READ", "a|", id) == "READ 9");
    CHECK(end() == fine);
  }
  SECTION("it keeps seeing what it saw first") {
    dom1.ask("READ", "a|", id);
    dom1.ask("WRITE", "a|9");
    CHECK(dom1.ask("READ", "a|", id) == "READ 1");
    CHECK(end() == again);
  }
  SECTION("a node that was not there is made") {
    CHECK(dom1.ask("READ", "c|", id) == "ERROR ENOENT|");
    dom1.ask("WRITE", "c|1");
    CHECK(end() == again);
  }
  SECTION("a node that it read is removed") {
    dom1.ask("READ", "a|", id);
    dom1.ask("RM", "a|");
    CHECK(end() == again);
  }
  SECTION("removed and made again") {
    dom1.ask("READ", "a|", id);
    dom1.ask("RM", "a|");
    dom1.ask("WRITE", "a|1");
    CHECK(end() == again);
  }
  SECTION("permissions are part of a node") {
    dom1.ask("READ", "a|", id);
    dom1.ask("SET_PERMS", "a|n1|r2|");
    CHECK(end() == again);
  }
  SECTION("two make a child of the same node") {
    const uint32_t other = dom1.begin();
    dom1.ask("WRITE", "d/x|1", id);
    dom1.ask("WRITE", "e/x|1", other);
    CHECK(end() == fine);
    CHECK(dom1.ask("TRANSACTION_END", "T|", other) == again);
  }
  SECTION("an abort never conflicts") {
    dom1.ask("READ", "a|", id);
    dom1.ask("WRITE", "a|9");
    CHECK(dom1.ask("TRANSACTION_END", "F|", id) == fine);
  }
  SECTION("it removes a node") {
    dom1.ask("RM", "a|", id);
    CHECK(dom1.ask("READ", "a|", id) == "ERROR ENOENT|");
    CHECK(dom1.ask("READ", "a|") == "READ 1");
    CHECK(end() == fine);
    CHECK(dom1.ask("READ", "a|") == "ERROR ENOENT|");
  }
  SECTION("it makes and removes a node") {
    dom1.ask("WRITE", "t/u|1", id);
    dom1.ask("RM", "t|", id);
    CHECK(end() == fine);
    CHECK(dom1.ask("DIRECTORY", "/local/domain/1|") == "DIRECTORY a|b|");
  }
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore transactions: events at the commit, in the order in which nodes were looked at") {
  XenStoreHouse house;
  XenStorePeer& dom1 = house.dom1;
  dom1.ask("WRITE", "a|1");
  dom1.ask("WRITE", "b/c|1");
  dom1.ask("WATCH", "/local/domain/1|t|");
  dom1.take_events();
  const uint32_t id = dom1.begin();
  dom1.ask("READ", "b/c|", id);
  dom1.ask("WRITE", "z|1", id);
  dom1.ask("WRITE", "a|2", id);
  dom1.ask("WRITE", "a|3", id);
  dom1.ask("WRITE", "b/c|2", id);
  CHECK(dom1.take_events().empty());
  SECTION("commit: they come before the reply") {
    dom1.ask("TRANSACTION_END", "T|", id);
    CHECK(dom1.take_events() ==
          Events{"/local/domain/1/b/c|t|", "/local/domain/1/z|t|", "/local/domain/1/a|t|"});
  }
  SECTION("conflict") {
    house.dom0.ask("WRITE", "/local/domain/1/a|9");
    dom1.take_events();
    CHECK(dom1.ask("TRANSACTION_END", "T|", id) == "ERROR EAGAIN|");
    CHECK(dom1.take_events().empty());
  }
  SECTION("abort") {
    dom1.ask("TRANSACTION_END", "F|", id);
    CHECK(dom1.take_events().empty());
  }
  SECTION("RESET_WATCHES") {
    CHECK(dom1.ask("RESET_WATCHES", "|", id) == "RESET_WATCHES OK|");
    CHECK(dom1.ask("RESET_WATCHES", "|") == "RESET_WATCHES OK|");
    CHECK(dom1.ask("TRANSACTION_END", "T|", id) == "ERROR ENOENT|");
  }
}

TEST_CASE("XenStore transactions: the quota of nodes is looked at in the end") {
  XenStoreQuota quota;
  quota.nodes_per_domain = 10;
  XenStoreHouse house(quota);
  const uint32_t id = house.dom1.begin();
  for (int i = 0; i < 10; ++i) CHECK(house.dom1.ask("WRITE", fmt::format("n{}|", i), id) == "WRITE OK|");
  CHECK(house.dom1.ask("TRANSACTION_END", "T|", id) == "ERROR ENOSPC|");
  CHECK(house.dom1.ask("DIRECTORY", "/local/domain/1|") == "DIRECTORY ");
  // A failed write spoils it.
  const uint32_t spoilt = house.dom1.begin();
  CHECK(house.dom1.ask("WRITE", "big|" + std::string(3000, 'x'), spoilt) == "ERROR ENOSPC|");
  CHECK(house.dom1.ask("TRANSACTION_END", "T|", spoilt) == "ERROR ENOMEM|");
  CHECK(house.store.check_consistency() == "");
}

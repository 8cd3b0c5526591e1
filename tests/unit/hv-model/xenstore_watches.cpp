// Proves: which watches fire for which change, in which order, what the events say, and who may hear them
// (docs/misc/xenstore.txt, "Watches"; XSA-115).
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "tests/unit/hv-model/xenstore_peer.h"

using namespace ringside;
using Events = std::vector<std::string>;

TEST_CASE("XenStore watches: the first event follows the reply") {
  XenStoreHouse house;
  CHECK(house.dom1.ask("WATCH", "device|my-token|") == "WATCH OK|");
  CHECK(house.dom1.take_events() == Events{"after:device|my-token|"});
  CHECK(house.dom1.ask("WATCH", "/local/domain/1/other|t|") == "WATCH OK|");
  CHECK(house.dom1.take_events() == Events{"after:/local/domain/1/other|t|"});
  CHECK(house.dom1.ask("WATCH", "@releaseDomain|t|") == "WATCH OK|");
  CHECK(house.dom1.take_events() == Events{"after:@releaseDomain|t|"});
}

TEST_CASE("XenStore watches: bad requests") {
  XenStoreHouse house;
  CHECK(house.dom1.ask("WATCH", "a|t|") == "WATCH OK|");
  CHECK(house.dom1.ask("WATCH", "a|t|") == "ERROR EEXIST|");
  // The same place by another name.
  CHECK(house.dom1.ask("WATCH", "/local/domain/1/a|t|") == "ERROR EEXIST|");
  CHECK(house.dom1.ask("WATCH", "a|other|") == "WATCH OK|");
  for (const char* body : {"a|", "a", "", "a|t|x|", "a//b|t|", "/a/|t|", "a b|t|"}) {
    CHECK(house.dom1.ask("WATCH", body) == "ERROR EINVAL|");
  }
  CHECK(house.dom1.ask("WATCH", "@" + std::string(2048, 'x') + "|t|") == "ERROR EINVAL|");
  CHECK(house.dom1.ask("UNWATCH", "a|nothing|") == "ERROR ENOENT|");
  CHECK(house.dom1.ask("UNWATCH", "b|t|") == "ERROR ENOENT|");
  CHECK(house.dom1.ask("UNWATCH", "a|") == "ERROR EINVAL|");
  CHECK(house.dom1.ask("UNWATCH", "/local/domain/1/a|t|") == "UNWATCH OK|");
  CHECK(house.dom1.ask("UNWATCH", "a|t|") == "ERROR ENOENT|");
}

TEST_CASE("XenStore watches: a watch sees its node and all below") {
  XenStoreHouse house;
  house.dom1.ask("WATCH", "d/x|t|");
  house.dom1.take_events();
  house.dom1.ask("WRITE", "d/x|1");
  CHECK(house.dom1.take_events() == Events{"d/x|t|"});
  house.dom1.ask("WRITE", "d/x/sub/leaf|1");
  CHECK(house.dom1.take_events() == Events{"d/x/sub/leaf|t|"});
  // Not the parent, not a neighbour with a longer name.
  house.dom1.ask("WRITE", "d|1");
  house.dom1.ask("WRITE", "d/xy|1");
  CHECK(house.dom1.take_events().empty());
  house.dom1.ask("MKDIR", "d/x/dir|");
  CHECK(house.dom1.take_events() == Events{"d/x/dir|t|"});
  // It is there already: nothing has changed.
  house.dom1.ask("MKDIR", "d/x/dir|");
  CHECK(house.dom1.take_events().empty());
  house.dom1.ask("SET_PERMS", "d/x/dir|n1|r2|");
  CHECK(house.dom1.take_events() == Events{"d/x/dir|t|"});
  house.dom1.ask("RM", "d/x/nothing|");
  CHECK(house.dom1.take_events().empty());
}

TEST_CASE("XenStore watches: implicit parents fire nothing of their own") {
  XenStoreHouse house;
  house.dom1.ask("WATCH", "a|t|");
  house.dom1.ask("WATCH", "a/b|t2|");
  house.dom1.take_events();
  house.dom1.ask("WRITE", "a/b/c|1");
  CHECK(house.dom1.take_events() == Events{"a/b/c|t|", "a/b/c|t2|"});
}

TEST_CASE("XenStore watches: removing a tree") {
  XenStoreHouse house;
  house.dom1.ask("WRITE", "d/a/x|1");
  house.dom1.ask("WRITE", "d/b|1");
  house.dom1.ask("WATCH", "|all|");  // not a path
  house.dom1.ask("WATCH", "d|above|");
  house.dom1.ask("WATCH", "d/a/x|leaf|");
  house.dom1.ask("WATCH", "d/b|b|");
  house.dom1.take_events();
  house.dom1.ask("RM", "d|");
  // Those on removed nodes themselves are told, children first; who watches above hears of the root only.
  CHECK(house.dom1.take_events() == Events{"d/a/x|leaf|", "d/b|b|", "d|above|"});
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore watches: connections in their order, and each one's watches in theirs") {
  XenStoreHouse house;
  house.dom1.ask("WRITE", "shared|1");
  house.dom1.ask("SET_PERMS", "shared|r1|");
  Events order;
  XenStore::ConnectionId first = house.store.connect(DomainId{2}, [&](auto) { order.push_back("first"); });
  XenStore::ConnectionId second = house.store.connect(DomainId{0}, [&](auto) { order.push_back("second"); });
  for (const auto id : {second, first}) {
    house.store.handle(id, xenstore_message(4, 0, 0, "/local/domain/1/shared|z|"));
    house.store.handle(id, xenstore_message(4, 0, 0, "/local/domain/1|a|"));
  }
  order.clear();
  house.dom1.ask("WRITE", "shared|2");
  CHECK(order == Events{"first", "first", "second", "second"});
  house.store.disconnect(first);
  order.clear();
  house.dom1.ask("WRITE", "shared|3");
  CHECK(order == Events{"second", "second"});
}

TEST_CASE("XenStore watches: only who may read the node or its parent hears of it") {
  XenStoreHouse house;
  house.dom1.ask("WRITE", "d/x|1");
  house.dom2.ask("WATCH", "/local/domain/1|t|");
  house.dom2.take_events();
  house.dom1.ask("WRITE", "d/x|2");
  CHECK(house.dom2.take_events().empty());
  SECTION("permission on the node") {
    house.dom1.ask("SET_PERMS", "d/x|n1|r2|");
    CHECK(house.dom2.take_events() == Events{"/local/domain/1/d/x|t|"});
    house.dom1.ask("WRITE", "d/x|3");
    CHECK(house.dom2.take_events() == Events{"/local/domain/1/d/x|t|"});
    // Losing it is still told, what comes after it is not.
    house.dom1.ask("SET_PERMS", "d/x|n1|");
    CHECK(house.dom2.take_events() == Events{"/local/domain/1/d/x|t|"});
    house.dom1.ask("WRITE", "d/x|4");
    CHECK(house.dom2.take_events().empty());
  }
  SECTION("permission on the parent") {
    house.dom1.ask("SET_PERMS", "d|n1|r2|");
    house.dom2.take_events();
    house.dom1.ask("WRITE", "d/x|3");
    CHECK(house.dom2.take_events() == Events{"/local/domain/1/d/x|t|"});
    house.dom1.ask("RM", "d/x|");
    CHECK(house.dom2.take_events() == Events{"/local/domain/1/d/x|t|"});
  }
}

TEST_CASE("XenStore watches: introduction and release") {
  XenStoreHouse house;
  house.dom0.ask("WATCH", "@introduceDomain|i|");
  house.dom0.ask("WATCH", "@releaseDomain|r|");
  house.dom0.ask("WATCH", "/|root|");
  house.dom1.ask("WATCH", "@releaseDomain|r|");
  house.dom0.take_events();
  house.dom1.take_events();
  house.store.introduce(DomainId{5});
  CHECK(house.dom0.take_events() == Events{"@introduceDomain|i|"});
  house.store.introduce(DomainId{5});
  CHECK(house.dom0.take_events().empty());
  house.store.release(DomainId{5});
  CHECK(house.dom0.take_events() == Events{"@releaseDomain|r|"});
  CHECK(house.dom1.take_events().empty());
  house.dom0.ask("SET_PERMS", "@releaseDomain|n0|r1|");
  house.dom0.take_events();
  house.store.release(DomainId{2});
  CHECK(house.dom1.take_events() == Events{"@releaseDomain|r|"});
}

TEST_CASE("XenStore watches: events that are too long are not sent") {
  XenStoreHouse house;
  const std::string token(4000, 't');
  REQUIRE(house.dom0.ask("WATCH", "/w|" + token + "|") == "WATCH OK|");
  house.dom0.take_events();
  house.dom0.ask("WRITE", "/w/" + std::string(50, 'x') + "|1");
  CHECK(house.dom0.take_events().size() == 1);
  house.dom0.ask("WRITE", "/w/" + std::string(200, 'x') + "|1");
  CHECK(house.dom0.take_events().empty());
}

TEST_CASE("XenStore: what is left of a domain that is released") {
  XenStoreHouse house;
  house.dom1.ask("WRITE", "mine|1");
  house.dom2.ask("WRITE", "theirs|1");
  house.dom2.ask("SET_PERMS", "theirs|n2|r1|");
  house.dom1.ask("WATCH", "mine|t|");
  house.dom1.begin();
  house.store.release(DomainId{1});
  CHECK(house.dom1.ask("READ", "mine|") == "nothing");
  CHECK(house.store.watches_of(DomainId{1}) == 0);
  CHECK(house.store.is_introduced(DomainId{1}) == false);
  // Its nodes are gone, with what others had below them; a permission that it had is void.
  CHECK(house.dom0.ask("DIRECTORY", "/local/domain|") == "DIRECTORY 2|");
  CHECK(house.store.nodes_owned_by(DomainId{2}) == 2);
  // A new domain with the same number inherits nothing.
  house.store.introduce(DomainId{1});
  XenStorePeer next(house.store, 1);
  CHECK(next.ask("READ", "/local/domain/2/theirs|") == "ERROR EACCES|");
  CHECK(house.store.nodes_owned_by(DomainId{1}) == 0);
  CHECK(house.store.memory_of(DomainId{1}) == 0);
  CHECK(house.store.check_consistency() == "");
}

TEST_CASE("XenStore: the nodes of a released domain go in the order of the tree, and watches hear of it") {
  XenStoreHouse house;
  house.dom0.ask("WRITE", "/other/a|1");
  house.dom0.ask("SET_PERMS", "/other/a|n1|");
  house.dom1.ask("WRITE", "d/x|1");
  house.dom2.ask("WRITE", "keep|1");
  house.dom0.ask("SET_PERMS", "/local/domain/1/d/x|n2|");
  house.dom0.ask("WATCH", "/local|l|");
  house.dom0.ask("WATCH", "/local/domain/1/d/x|leaf|");
  house.dom0.ask("WATCH", "/other|o|");
  house.dom0.ask("WATCH", "@releaseDomain|r|");
  house.dom0.take_events();
  house.store.release(DomainId{1});
  CHECK(house.dom0.take_events() ==
        Events{"/local/domain/1/d/x|leaf|", "/local/domain/1|l|", "/other/a|o|", "@releaseDomain|r|"});
  CHECK(house.dom0.ask("DIRECTORY", "/other|") == "DIRECTORY ");
  CHECK(house.dom0.ask("READ", "/local/domain/2/keep|") == "READ 1");
  CHECK(house.store.nodes_owned_by(DomainId{2}) == 2);
  CHECK(house.store.check_consistency() == "");
}

// Who may do what in 9P2000.L: the kernel's checks, request by request; and record locks between processes
// and clients (fcntl(2)).
#include <cerrno>

#include "host/9p/file_locks.h"
#include "sim/random.h"
#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

namespace {

constexpr uint8_t kShared = 0, kExclusive = 1, kUnlock = 2;

Answer lock(Client& client, uint32_t fid, uint8_t type, uint64_t start, uint64_t length, uint32_t process,
            const std::string& name = "node") {
  return client.ask(Message(Tlock).u32(fid).u8(type).u32(0).u64(start).u64(length).u32(process).text(name));
}

}  // namespace

TEST_CASE("a user does what the mode lets the owner, the group or others do", "[9p]") {
  World world;
  world.add("/f", {.mode = file_mode::regular | 0642, .uid = 1000, .gid = 100});
  const NinePServerConfig config = {
      .users = {{"anna", 1000, 1, {}}, {"bert", 1001, 100, {}}, {"carl", 1002, 2, {100}}}};
  const auto may_open = [&](uint32_t uid, uint32_t flags) {
    Client client(world, config);
    client.mount(uid);
    client.walk(0, 1, {"f"});
    return client.lopen(1, flags).error() == 0;
  };
  CHECK(may_open(1000, 2));
  for (const uint32_t member : {1001, 1002}) {
    CHECK(may_open(member, 0));
    CHECK_FALSE(may_open(member, 1));  // others could, the group counts
  }
  CHECK_FALSE(may_open(1003, 0));
  CHECK(may_open(1003, 1));
  CHECK(may_open(0, 2));
}

TEST_CASE("a directory without search permission is not walked through", "[9p]") {
  World world;
  world.add_directory("/d", 0744);
  world.add_file("/d/f", "");
  Client client(world);
  client.mount(1000);
  CHECK(client.walk(0, 1, {"d"}).u16() == 1);
  CHECK(client.walk(0, 2, {"d", "f"}).u16() == 1);
  CHECK(client.walk(1, 2, {"f"}).error() == EACCES);
  CHECK(client.walk(1, 2, {".."}).error() == EACCES);
  CHECK(client.lopen(1, 0).error() == 0);  // its names may be read
}

TEST_CASE("names are made and removed by who may write to the directory", "[9p]") {
  World world;
  world.add_file("/f", "");
  world.add("/shared", {.mode = file_mode::directory | 01777});
  world.add("/shared/theirs", {.mode = file_mode::regular | 0666, .uid = 1001});
  world.add("/group", {.mode = file_mode::directory | 02777, .gid = 77});
  Client client(world);
  client.mount(1000);
  client.walk(0, 1, {"shared"});
  client.walk(0, 2, {"group"});
  const auto mkdir = [&](uint32_t fid, const std::string& name) {
    return client.ask(Message(Tmkdir).u32(fid).text(name).u32(0755).u32(1000)).error();
  };
  const auto unlink = [&](uint32_t fid, const std::string& name) {
    return client.ask(Message(Tunlinkat).u32(fid).text(name).u32(0)).error();
  };
  CHECK(mkdir(0, "d") == EACCES);
  CHECK(mkdir(0, "f") == EEXIST);
  CHECK(unlink(0, "f") == EACCES);
  CHECK(unlink(0, "none") == ENOENT);
  CHECK(mkdir(1, "d") == 0);
  CHECK(unlink(1, "theirs") == EPERM);  // the sticky bit
  CHECK(client.ask(Message(Trenameat).u32(1).text("theirs").u32(2).text("x")).error() == EPERM);
  CHECK(client.ask(Message(Trenameat).u32(1).text("d").u32(1).text("theirs")).error() == EPERM);
  CHECK(client.ask(Message(Trenameat).u32(1).text("d").u32(0).text("d")).error() == EACCES);
  CHECK(mkdir(2, "d") == 0);
  const FileStatus made = world.tree.status(*world.tree.find("/group/d"));
  CHECK(made.uid == 1000);
  CHECK(made.gid == 77);  // the set-group-ID directory's
  CHECK((made.mode & 07777) == 02755);
  CHECK(client.ask(Message(Tmknod).u32(1).text("dev").u32(020666).u32(1).u32(3).u32(0)).error() == EPERM);
  CHECK(client.ask(Message(Tmknod).u32(1).text("pipe").u32(010666).u32(0).u32(0).u32(0)).error() == 0);
}

TEST_CASE("extended attributes are for whom xattr(7) says", "[9p]") {
  World world;
  world.add_file("/f", "");
  Client client(world);
  client.mount(1000);
  const auto set = [&](const std::string& name) {
    client.walk(0, 1, {"f"});
    const int error = client.ask(Message(Txattrcreate).u32(1).text(name).u64(0).u32(0)).error();
    client.clunk(1);
    return error;
  };
  CHECK(set("user.a") == EACCES);
  CHECK(set("trusted.a") == EPERM);
  CHECK(set("security.a") == EPERM);
  CHECK(set("system.posix_acl_access") == EPERM);
  CHECK(set("system.other") == EOPNOTSUPP);
}

TEST_CASE("a write by another takes the set-user-ID bit away", "[9p]") {
  World world;
  world.add_file("/f", "", 06777);
  Client client(world);
  client.mount(1000);
  client.walk(0, 1, {"f"});
  client.lopen(1, 1);
  client.write(1, 0, "x");
  CHECK((world.tree.status(*world.tree.find("/f")).mode & 07777) == 0777);
}

TEST_CASE("locks stand between processes, and between clients of the same name", "[9p]") {
  World world;
  world.add_file("/f", "");
  Client one(world), two(world);
  for (Client* client : {&one, &two}) {
    client->mount();
    client->walk(0, 1, {"f"});
    client->lopen(1, 2);
  }
  CHECK(lock(one, 1, kExclusive, 10, 10, 7).u8() == 0);
  CHECK(lock(one, 1, kExclusive, 15, 10, 7).u8() == 0);  // its own
  CHECK(lock(one, 1, kShared, 24, 1, 8).u8() == 1);      // blocked
  CHECK(lock(two, 1, kShared, 24, 1, 7).u8() == 1);
  CHECK(lock(two, 1, kShared, 25, 0, 7).u8() == 0);  // to the end
  CHECK(lock(one, 1, kShared, 1000, 1, 9).u8() == 0);
  CHECK(lock(one, 1, kExclusive, 1000, 1, 9).u8() == 1);
  Answer answer = two.ask(Message(Tgetlock).u32(1).u8(kExclusive).u64(0).u64(0).u32(7).text("node"));
  CHECK(answer.u8() == kExclusive);
  CHECK(answer.u64() == 10);
  CHECK(answer.u64() == 15);
  CHECK(answer.u32() == 7);
  CHECK(answer.text() == "node");
  answer = two.ask(Message(Tgetlock).u32(1).u8(kExclusive).u64(0).u64(10).u32(7).text("node"));
  CHECK(answer.u8() == kUnlock);
  CHECK(lock(one, 1, kUnlock, 12, 2, 7).u8() == 0);
  CHECK(lock(two, 1, kExclusive, 12, 2, 1).u8() == 0);
  CHECK(lock(two, 1, kExclusive, 11, 1, 1).u8() == 1);
  one.clunk(1);
  CHECK(lock(two, 1, kExclusive, 0, 12, 7).u8() == 0);
  two.server.reset();
  CHECK(world.tree.locks(*world.tree.find("/f")).empty());
}

TEST_CASE("a lock wants an open file, a range that is one, and a kind that is one", "[9p]") {
  World world;
  world.add_file("/f", "");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  CHECK(lock(client, 1, kShared, 0, 0, 1).error() == EBADF);
  client.lopen(1, 0);
  CHECK(lock(client, 1, kExclusive, 0, 0, 1).u8() == 0);  // open for reading only, as flock(1) does it
  CHECK(lock(client, 1, kUnlock, 0, 0, 1).u8() == 0);
  CHECK(lock(client, 1, kShared, INT64_MAX, 2, 1).error() == EINVAL);
  CHECK(lock(client, 1, kShared, UINT64_MAX, 1, 1).error() == EINVAL);
  CHECK(lock(client, 1, 3, 0, 0, 1).error() == EINVAL);
  CHECK(lock(client, 1, kShared, INT64_MAX, 1, 1).u8() == 0);
}

TEST_CASE("locks of a file against a table of bytes", "[9p]") {
  // Each byte of a small file has the lock that each of three processes holds on it.
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    FileLocks locks;
    int model[3][64] = {};  // 0 none, 1 shared, 2 exclusive
    for (int step = 0; step < 300; ++step) {
      const uint32_t process = static_cast<uint32_t>(random.below(3));
      const uint64_t first = random.below(64), last = first + random.below(64 - first);
      const int kind = static_cast<int>(random.below(3));
      bool free = true;
      for (uint64_t byte = first; byte <= last; ++byte) {
        for (uint32_t other = 0; other < 3; ++other) {
          if (other != process && model[other][byte] != 0 && (kind == 2 || model[other][byte] == 2))
            free = false;
        }
      }
      const LockOwner owner = {.conversation = 1, .process = process, .client = "c"};
      const FileLock wanted = {
          .owner = owner, .fid = 1, .exclusive = kind == 2, .first = first, .last = last};
      if (kind == 0) {
        REQUIRE(locks.release(owner, first, last));
      } else {
        REQUIRE((locks.conflict(wanted) == nullptr) == free);
        if (!free) continue;
        REQUIRE(locks.take(wanted));
      }
      for (uint64_t byte = first; byte <= last; ++byte) model[process][byte] = kind;
    }
    int held[3][64] = {};
    for (const FileLock& lock : locks.all()) {
      for (uint64_t byte = lock.first; byte <= lock.last; ++byte) {
        REQUIRE(held[lock.owner.process][byte] == 0);
        held[lock.owner.process][byte] = lock.exclusive ? 2 : 1;
      }
    }
    CHECK(std::equal(&model[0][0], &model[0][0] + 3 * 64, &held[0][0]));
  }
}

TEST_CASE("locks of all files are bounded, and those of a client that is gone are free", "[9p]") {
  World world({.locks_max = 10});
  world.add_file("/f", "");
  world.add_file("/g", "");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  client.walk(0, 2, {"g"});
  client.lopen(1, 2);
  client.lopen(2, 2);
  uint32_t taken = 0;
  while (taken < 20 && lock(client, 1 + taken % 2, kExclusive, taken * 2, 1, 1).error() == 0) ++taken;
  CHECK(taken == 9);
  CHECK(lock(client, 1, kExclusive, 100, 1, 1).error() == ENOLCK);
  CHECK(lock(client, 1, kShared, 0, 1, 1, std::string(256, 'n')).error() == EINVAL);
  client.clunk(2);
  CHECK(lock(client, 1, kExclusive, 100, 1, 1).error() == 0);
}

TEST_CASE("locks of one file are bounded", "[9p]") {
  World world;
  world.add_file("/f", "");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  client.lopen(1, 2);
  uint32_t taken = 0;
  while (taken < 2000 && lock(client, 1, kExclusive, taken * 2, 1, 1).error() == 0) ++taken;
  CHECK(taken == 1023);
  CHECK(lock(client, 1, kExclusive, 9999, 1, 1).error() == ENOLCK);
  CHECK(lock(client, 1, kUnlock, 0, 0, 1).u8() == 0);
  CHECK(lock(client, 1, kExclusive, 9999, 1, 1).u8() == 0);
}

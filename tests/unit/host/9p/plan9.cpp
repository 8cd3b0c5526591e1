// What 9P2000 has of its own: open(5), read(5), remove(5), stat(5).
#include <cerrno>

#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

namespace {

constexpr uint8_t kRead = 0, kWrite = 1, kReadWrite = 2, kExec = 3, kTrunc = 0x10, kRclose = 0x40;
constexpr uint32_t kDmDir = 0x80000000, kDmAppend = 0x40000000, kDmExcl = 0x20000000, kDmTmp = 0x04000000;

struct Stat {
  uint32_t mode = 0xffffffff, atime = 0xffffffff, mtime = 0xffffffff;
  uint64_t length = UINT64_MAX;
  std::string name, uid, gid, muid;
  uint16_t type = 0xffff;
  uint32_t dev = 0xffffffff;
  Bytes qid = Bytes(13, 0xff);

  Message wstat(uint32_t fid) const {
    Message entry(0);
    entry.u16(type).u32(dev).raw(qid).u32(mode).u32(atime).u32(mtime).u64(length);
    entry.text(name).text(uid).text(gid).text(muid);
    const Bytes body(entry.bytes.begin() + 7, entry.bytes.end());
    return Message(Twstat).u32(fid).u16(body.size() + 2).u16(body.size()).raw(body);
  }
};

// Of one directory entry as Rstat and Rread of a directory have it.
Stat read_stat(Answer& answer) {
  const size_t size = answer.u16(), end = answer.at + size;
  Stat stat;
  stat.type = answer.u16();
  stat.dev = answer.u32();
  const std::string qid = answer.take(13);
  stat.qid.assign(qid.begin(), qid.end());
  stat.mode = answer.u32();
  stat.atime = answer.u32();
  stat.mtime = answer.u32();
  stat.length = answer.u64();
  stat.name = answer.text();
  stat.uid = answer.text();
  stat.gid = answer.text();
  stat.muid = answer.text();
  CHECK(answer.at == end);
  return stat;
}

Stat stat_of(Client& client, uint32_t fid) {
  Answer answer = client.ask(Message(Tstat).u32(fid));
  REQUIRE(answer.type() == Tstat + 1);
  const size_t size = answer.u16();
  CHECK(size == answer.bytes.size() - 9);
  Stat stat = read_stat(answer);
  CHECK(answer.at_end());
  return stat;
}

const NinePServerConfig kUsers = {
    .users = {{"anna", 1000, 100, {200}}, {"bert", 1001, 100, {}}, {"staff", 200, 200, {}}}};

Answer create(Client& client, uint32_t fid, const std::string& name, uint32_t perm, uint8_t mode) {
  return client.ask(Message(Tcreate).u32(fid).text(name).u32(perm).u8(mode));
}

}  // namespace

TEST_CASE("an open gives what its mode says, and iounit fits the msize", "[9p]") {
  World world;
  world.add_file("/f", "hello", 0755);
  Client client(world);
  client.mount_base("root", 8192);
  client.walk(0, 1, {"f"});
  CHECK(client.read(1, 0, 5).ename() == "bad use of fid");  // not open
  Answer answer = client.open(1, kRead);
  CHECK(answer.qid().type == 0);
  CHECK(answer.u32() == 8192 - 24);
  CHECK(client.open(1, kRead).ename() == "file already open for I/O");
  CHECK(client.read(1, 1, 3).data() == "ell");
  CHECK(client.read(1, 5, 3).data() == "");
  CHECK(client.read(1, UINT64_MAX, 3).data() == "");
  CHECK(client.write(1, 0, "x").ename() == "bad use of fid");
  client.walk(0, 2, {"f"});
  client.open(2, kWrite);
  CHECK(client.read(2, 0, 5).ename() == "bad use of fid");
  CHECK(client.write(2, 5, " world").u32() == 6);
  CHECK(client.read(1, 0, 100).data() == "hello world");
  client.walk(0, 3, {"f"});
  CHECK(client.open(3, kReadWrite | kTrunc).type() == Topen + 1);
  CHECK(client.read(1, 0, 100).data() == "");
  client.walk(0, 4, {"f"});
  CHECK(client.open(4, kExec).type() == Topen + 1);
  client.walk(0, 5, {"f"});
  CHECK(client.open(5, 0x80).ename() == "illegal mode");
}

TEST_CASE("a directory is neither written nor truncated nor removed on close", "[9p]") {
  World world;
  world.add_directory("/d");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {"d"});
  for (const uint8_t mode : {kWrite, kReadWrite, kExec, static_cast<uint8_t>(kTrunc), kRclose}) {
    CHECK(client.open(1, mode).ename() == "Is a directory");
  }
  CHECK(client.open(1, kRead).type() == Topen + 1);
  CHECK(client.write(1, 0, "x").ename() == "bad use of fid");
}

TEST_CASE("a create limits the permissions by the directory's, and opens whatever they say", "[9p]") {
  World world;
  world.add("/d", {.mode = file_mode::directory | 0750, .uid = 1000, .gid = 100});
  Client client(world, kUsers);
  client.mount_base("anna");
  client.walk(0, 1, {"d"});
  CHECK(create(client, 1, "f", 0466, kWrite).type() == Tcreate + 1);
  CHECK(client.write(1, 0, "text").u32() == 4);  // the fid is the file now, open for writing
  const FileStatus file = world.tree.status(*world.tree.find("/d/f"));
  CHECK((file.mode & 0777) == 0440);  // 0466 & (~0666 | (0750 & 0666))
  CHECK(file.uid == 1000);
  CHECK(file.gid == 100);
  client.walk(0, 2, {"d"});
  CHECK(create(client, 2, "sub", kDmDir | 0777, kRead).qid().type == 0x80);
  CHECK((world.tree.status(*world.tree.find("/d/sub")).mode & 0777) == 0750);
  client.walk(0, 3, {"d"});
  CHECK(create(client, 3, "f", 0644, kRead).ename() == "File exists");
  CHECK(create(client, 3, "..", 0644, kRead).type() == Rerror);
  CHECK(create(client, 3, "x", kDmDir | 0777, kWrite).ename() == "Is a directory");
  CHECK(create(client, 3, "x", 0x02000000 | 0644, kRead).ename() == "illegal mode");  // a symlink of 9P2000.u
  CHECK(create(client, 2, "x", 0644, kRead).ename() == "bad use of fid");             // open
}

TEST_CASE("an append-only file is written at its end and not truncated", "[9p]") {
  World world;
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {});
  CHECK(create(client, 1, "log", kDmAppend | 0666, kWrite).qid().type == 0x40);
  client.write(1, 0, "one");
  client.write(1, 0, "two");
  client.walk(0, 2, {"log"});
  CHECK(client.open(2, kWrite | kTrunc).type() == Topen + 1);
  client.write(2, 1000, "three");
  CHECK(world.contents("/log") == "onetwothree");
  CHECK(stat_of(client, 1).mode == (kDmAppend | 0644));  // the root is 0755
}

TEST_CASE("an exclusive file is open once, whoever asks", "[9p]") {
  World world;
  Client client(world), other(world);
  client.mount_base();
  other.mount_base();
  client.walk(0, 1, {});
  CHECK(create(client, 1, "lock", kDmExcl | 0666, kRead).qid().type == 0x20);
  other.walk(0, 1, {"lock"});
  CHECK(other.open(1, kRead).ename() == "exclusive use file already open");
  client.clunk(1);
  CHECK(other.open(1, kRead).type() == Topen + 1);
  other.server.reset();
  client.walk(0, 2, {"lock"});
  CHECK(client.open(2, kRead).type() == Topen + 1);
}

TEST_CASE("ORCLOSE removes the file with the fid", "[9p]") {
  World world;
  world.add_file("/f", "", 0666);
  Client client(world, kUsers);
  client.mount_base();
  client.walk(0, 1, {"f"});
  client.open(1, kRead | kRclose);
  CHECK(world.exists("/f"));
  client.clunk(1);
  CHECK_FALSE(world.exists("/f"));
  world.add_file("/g", "", 0666);
  client.mount_base("anna");  // may not write to the root
  client.walk(0, 1, {"g"});
  CHECK(client.open(1, kRead | kRclose).ename() == "Permission denied");
}

TEST_CASE("a directory is read in whole entries, on from where the last read ended", "[9p]") {
  World world;
  for (int i = 0; i < 20; ++i) world.add_file("/file" + std::to_string(i), "x");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {});
  client.open(1, kRead);
  uint64_t offset = 0;
  std::vector<std::string> names;
  while (true) {
    Answer answer = client.read(1, offset, 200);
    REQUIRE(answer.type() == Tread + 1);
    const uint32_t count = answer.u32();
    CHECK(count <= 200);
    if (count == 0) break;
    while (!answer.at_end()) names.push_back(read_stat(answer).name);
    CHECK(client.read(1, offset + count + 1, 200).ename() == "bad offset in directory read");
    offset += count;
  }
  REQUIRE(names.size() == 20);
  CHECK(names[0] == "file0");
  CHECK(names[19] == "file19");
  CHECK(client.read(1, 0, 65'000).u32() == offset);  // from the beginning again
  CHECK(client.read(1, 0, 10).ename() == "directory entry too long for the count");
}

TEST_CASE("stat tells what there is to tell", "[9p]") {
  World world({.epoch_seconds = 1000});
  world.run_to(seconds(5));
  world.add("/f", {.mode = file_mode::regular | 04640, .uid = 1000, .gid = 200}, "12345");
  Client client(world, kUsers);
  client.mount_base();
  Stat root = stat_of(client, 0);
  CHECK(root.name == "/");
  CHECK(root.mode == (kDmDir | 0755));
  CHECK(root.length == 0);
  client.walk(0, 1, {"f"});
  const Stat file = stat_of(client, 1);
  CHECK(file.name == "f");
  CHECK(file.mode == 0640);
  CHECK(file.length == 5);
  CHECK(file.mtime == 1005);
  CHECK(file.uid == "anna");
  CHECK(file.gid == "staff");
}

TEST_CASE("wstat changes what it says and nothing else", "[9p]") {
  World world;
  world.add("/d", {.mode = file_mode::directory | 0755, .uid = 1000, .gid = 100});
  world.add("/d/f", {.mode = file_mode::regular | 0644, .uid = 1000, .gid = 100}, "12345");
  Client client(world, kUsers);
  client.mount_base("anna");
  client.walk(0, 1, {"d", "f"});
  const Stat before = stat_of(client, 1);
  CHECK(client.ask(Stat{}.wstat(1)).type() == Twstat + 1);  // nothing touched: a sync
  Stat change;
  change.length = 2;
  change.name = "g";
  change.mtime = 77;
  change.mode = kDmTmp | 0600;
  change.gid = "staff";
  CHECK(client.ask(change.wstat(1)).type() == Twstat + 1);
  const Stat after = stat_of(client, 1);
  CHECK(after.name == "g");
  CHECK(after.length == 2);
  CHECK(after.mtime == 77);
  CHECK(after.mode == (kDmTmp | 0600));
  CHECK(after.gid == "staff");
  CHECK(after.uid == before.uid);
  CHECK(world.contents("/d/g") == "12");
  CHECK(client.ask(after.wstat(1)).type() == Twstat + 1);  // all as it is
}

TEST_CASE("a wstat that may not change everything changes nothing", "[9p]") {
  World world;
  world.add("/d", {.mode = file_mode::directory | 0755, .uid = 1000, .gid = 100});
  world.add("/d/f", {.mode = file_mode::regular | 0666, .uid = 1000, .gid = 100}, "12345");
  world.add("/d/other", {});
  Client client(world, kUsers), bert(world, kUsers);
  client.mount_base("anna");
  bert.mount_base("bert");
  client.walk(0, 1, {"d", "f"});
  client.walk(0, 2, {"d"});
  bert.walk(0, 1, {"d", "f"});
  const uint64_t tree = state_digest(world.tree);
  const auto refused = [](Client& by, uint32_t fid, auto set) {
    Stat change;
    change.length = 1;  // what could be done
    set(change);
    return by.ask(change.wstat(fid)).ename();
  };
  CHECK(refused(client, 1, [](Stat& s) { s.name = "other"; }) == "file already exists");
  CHECK(refused(client, 1, [](Stat& s) { s.name = "a/b"; }) == "illegal name");
  CHECK(refused(client, 1, [](Stat& s) { s.uid = "bert"; }) == "wstat prohibited");
  CHECK(refused(client, 1, [](Stat& s) { s.muid = "bert"; }) == "wstat prohibited");
  CHECK(refused(client, 1, [](Stat& s) { s.type = 1; }) == "wstat prohibited");
  CHECK(refused(client, 1, [](Stat& s) { s.qid = Bytes(13, 1); }) == "wstat prohibited");
  CHECK(refused(client, 1, [](Stat& s) { s.gid = "root"; }) == "not a member of proposed group");
  CHECK(refused(client, 1, [](Stat& s) { s.gid = "nogroup"; }) == "unknown group");
  CHECK(refused(client, 1, [](Stat& s) { s.mode = kDmDir | 0755; }) ==
        "wstat can't convert between files and directories");
  CHECK(refused(client, 1, [](Stat& s) { s.length = UINT64_MAX - 1; }) == "File too large");
  CHECK(refused(client, 2, [](Stat&) {}) == "Is a directory");
  CHECK(refused(bert, 1, [](Stat& s) { s.mode = 0777; }) == "not owner");
  CHECK(refused(bert, 1, [](Stat& s) { s.mtime = 1; }) == "not owner");
  CHECK(refused(bert, 1, [](Stat& s) { s.name = "g"; }) == "Permission denied");
  CHECK(refused(bert, 1, [](Stat& s) { s.gid = "staff"; }) == "only owner can change group in wstat");
  CHECK(client.ask(Message(Twstat).u32(1).u16(4).u16(2).u16(0)).ename() == "bogus wstat buffer");
  CHECK(state_digest(world.tree) == tree);
}

TEST_CASE("a remove clunks its fid, even when it fails", "[9p]") {
  World world;
  world.add_directory("/d");
  world.add_file("/d/f", "");
  Client client(world, kUsers);
  client.mount_base();
  const auto remove = [&](uint32_t fid) { return client.ask(Message(Tremove).u32(fid)).ename(); };
  client.walk(0, 1, {"d"});
  CHECK(remove(1) == "Directory not empty");
  CHECK(remove(1) == "fid unknown or out of range");
  client.walk(0, 2, {"d", "f"});
  CHECK(remove(2) == "");
  CHECK_FALSE(world.exists("/d/f"));
  client.walk(0, 3, {});
  CHECK(remove(3) == "cannot remove root");
  client.walk(0, 4, {"d"});
  CHECK(remove(4) == "");  // empty now
  CHECK_FALSE(world.exists("/d"));
}

TEST_CASE("a removed file goes on for the fids that have it open", "[9p]") {
  World world;
  world.add_file("/f", "text");
  Client client(world);
  client.mount_base();
  client.walk(0, 1, {"f"});
  client.walk(0, 2, {"f"});
  client.open(1, kReadWrite);
  client.ask(Message(Tremove).u32(2));
  CHECK_FALSE(world.exists("/f"));
  CHECK(client.read(1, 0, 10).data() == "text");
  CHECK(client.write(1, 4, "!").u32() == 1);
  CHECK(client.ask(Message(Tremove).u32(1)).ename() == "No such file or directory");
  CHECK(world.tree.usage().files_used == 1);
  CHECK(world.tree.usage().bytes_used == 0);
}

TEST_CASE("an owner has in 9P2000 what the group and others have too", "[9p]") {
  World world;
  world.add("/f", {.mode = file_mode::regular | 0004, .uid = 1000, .gid = 100}, "text");
  Client client(world, kUsers);
  client.mount_base("anna");
  client.walk(0, 1, {"f"});
  CHECK(client.open(1, kRead).type() == Topen + 1);
  client.walk(0, 2, {"f"});
  CHECK(client.open(2, kWrite).ename() == "Permission denied");
}

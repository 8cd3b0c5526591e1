// What 9P2000.L has of its own (diod's protocol.md), with the semantics of the Linux calls that it stands
// for.
#include <cerrno>

#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

namespace {

// open(2) of Linux.
constexpr uint32_t kRdonly = 0, kWronly = 1, kRdwr = 2, kCreat = 0100, kExcl = 0200, kTrunc = 01000,
                   kAppend = 02000;
constexpr uint32_t kDirectory = 0200000;

Answer lcreate(Client& client, uint32_t fid, const std::string& name, uint32_t flags, uint32_t mode,
               uint32_t gid = 0) {
  return client.ask(Message(Tlcreate).u32(fid).text(name).u32(flags).u32(mode).u32(gid));
}
int renameat(Client& client, uint32_t from, const std::string& name, uint32_t to,
             const std::string& new_name) {
  return client.ask(Message(Trenameat).u32(from).text(name).u32(to).text(new_name)).error();
}
int unlinkat(Client& client, uint32_t fid, const std::string& name, uint32_t flags = 0) {
  return client.ask(Message(Tunlinkat).u32(fid).text(name).u32(flags)).error();
}
int mkdir(Client& client, uint32_t fid, const std::string& name, uint32_t mode = 0755) {
  return client.ask(Message(Tmkdir).u32(fid).text(name).u32(mode).u32(0)).error();
}

struct Entry {
  std::string name;
  uint64_t cookie;
  uint8_t type;
  Qid qid;
};

std::vector<Entry> readdir(Client& client, uint32_t fid, uint64_t offset, uint32_t count) {
  Answer answer = client.ask(Message(Treaddir).u32(fid).u64(offset).u32(count));
  REQUIRE(answer.type() == Treaddir + 1);
  const uint32_t size = answer.u32();
  CHECK(size <= count);
  CHECK(size == answer.bytes.size() - 11);
  std::vector<Entry> entries;
  while (!answer.at_end()) {
    Entry entry;
    entry.qid = answer.qid();
    entry.cookie = answer.u64();
    entry.type = answer.u8();
    entry.name = answer.text();
    entries.push_back(entry);
  }
  return entries;
}

struct Attributes {
  uint64_t valid;
  Qid qid;
  uint32_t mode, uid, gid;
  uint64_t nlink, rdev, size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, btime;
};

Attributes getattr(Client& client, uint32_t fid, uint64_t mask = 0x3fff) {
  Answer answer = client.ask(Message(Tgetattr).u32(fid).u64(mask));
  REQUIRE(answer.type() == Tgetattr + 1);
  REQUIRE(answer.bytes.size() == 7 + 8 + 13 + 12 + 15 * 8);
  Attributes a = {};
  a.valid = answer.u64();
  a.qid = answer.qid();
  a.mode = answer.u32();
  a.uid = answer.u32();
  a.gid = answer.u32();
  for (uint64_t* field : {&a.nlink, &a.rdev, &a.size, &a.blksize, &a.blocks, &a.atime, &a.atime_nsec,
                          &a.mtime, &a.mtime_nsec, &a.ctime, &a.ctime_nsec, &a.btime}) {
    *field = answer.u64();
  }
  return a;
}

struct Setattr {
  uint32_t valid = 0, mode = 0, uid = 0, gid = 0;
  uint64_t size = 0, atime = 0, atime_nsec = 0, mtime = 0, mtime_nsec = 0;
  int on(Client& client, uint32_t fid) const {
    return client
        .ask(Message(Tsetattr)
                 .u32(fid)
                 .u32(valid)
                 .u32(mode)
                 .u32(uid)
                 .u32(gid)
                 .u64(size)
                 .u64(atime)
                 .u64(atime_nsec)
                 .u64(mtime)
                 .u64(mtime_nsec))
        .error();
  }
};

}  // namespace

TEST_CASE("lopen keeps to open(2)", "[9p]") {
  World world;
  world.add_file("/f", "hello");
  world.add_directory("/d");
  world.add("/l", {.mode = file_mode::symlink | 0777, .target = "f"});
  world.add("/p", {.mode = file_mode::fifo | 0644});
  Client client(world);
  client.mount(0, 8192);
  const auto open = [&](const std::string& name, uint32_t flags) {
    client.walk(0, 9, {name});
    const Answer answer = client.lopen(9, flags);
    client.clunk(9);
    return answer;
  };
  Answer answer = open("f", kRdwr);
  answer.qid();
  CHECK(answer.u32() == 8192 - 24);
  CHECK(open("f", 3).error() == EINVAL);
  CHECK(open("f", kDirectory).error() == ENOTDIR);
  CHECK(open("d", kRdwr).error() == EISDIR);
  CHECK(open("d", kTrunc).error() == EISDIR);
  CHECK(open("d", kDirectory).error() == 0);
  CHECK(open("l", kRdonly).error() == ELOOP);
  CHECK(open("p", kRdonly).error() == ENXIO);
  client.walk(0, 1, {"f"});
  client.lopen(1, kWronly | kAppend);
  CHECK(client.write(1, 0, " world").u32() == 6);
  CHECK(client.read(1, 0, 1).error() == EBADF);
  CHECK(world.contents("/f") == "hello world");
  CHECK(open("f", kWronly | kTrunc).error() == 0);
  CHECK(world.contents("/f") == "");
  client.walk(0, 2, {"d"});
  client.lopen(2, kRdonly);
  CHECK(client.read(2, 0, 10).error() == EISDIR);
}

TEST_CASE("lcreate makes the file, or opens the one that is there", "[9p]") {
  World world;
  world.add_directory("/d");
  Client client(world);
  client.mount(0);
  client.walk(0, 1, {});
  Answer answer = lcreate(client, 1, "f", kWronly | kCreat | kExcl, 0100640, 500);
  REQUIRE(answer.type() == Tlcreate + 1);
  CHECK(answer.qid().path == world.tree.status(*world.tree.find("/f")).path);
  CHECK(client.write(1, 0, "text").u32() == 4);
  CHECK(world.tree.status(*world.tree.find("/f")).mode == 0100640);
  CHECK(world.tree.status(*world.tree.find("/f")).gid == 500);
  client.walk(0, 2, {});
  CHECK(lcreate(client, 2, "f", kRdwr | kCreat | kExcl, 0644).error() == EEXIST);
  CHECK(lcreate(client, 2, "d", kRdwr | kCreat, 0644).error() == EISDIR);
  CHECK(lcreate(client, 2, "d", kRdonly | kCreat, 0644).error() == EISDIR);
  CHECK(lcreate(client, 2, "f", kRdwr | kCreat, 0644).error() == 0);
  CHECK(client.read(2, 0, 10).data() == "text");
  client.walk(0, 3, {});
  CHECK(lcreate(client, 3, "f", kRdwr | kCreat | kTrunc, 0644).error() == 0);
  CHECK(world.contents("/f") == "");
  CHECK(lcreate(client, 3, "g", kRdwr, 0644).error() == EBADF);  // open already
}

TEST_CASE("readdir gives what fits, and goes on from a cookie", "[9p]") {
  World world;
  world.add_directory("/d");
  world.add_file("/d/file", "");
  world.add_directory("/d/sub");
  world.add("/d/link", {.mode = file_mode::symlink | 0777, .target = "x"});
  Client client(world);
  client.mount();
  client.walk(0, 1, {"d"});
  CHECK(client.ask(Message(Treaddir).u32(1).u64(0).u32(1000)).error() == EBADF);  // not open
  client.lopen(1, kRdonly);
  const std::vector<Entry> all = readdir(client, 1, 0, 1000);
  REQUIRE(all.size() == 5);
  CHECK(all[0].name == ".");
  CHECK(all[0].qid.path == world.tree.status(*world.tree.find("/d")).path);
  CHECK(all[1].name == "..");
  CHECK(all[1].qid.path == world.tree.status(world.tree.root()).path);
  CHECK(all[2].name == "file");
  CHECK(all[2].type == 8);  // DT_REG
  CHECK(all[3].name == "sub");
  CHECK(all[3].type == 4);   // DT_DIR
  CHECK(all[4].type == 10);  // DT_LNK
  CHECK(all[4].qid.type == 2);
  for (size_t first = 0; first < all.size(); ++first) {
    const std::vector<Entry> rest = readdir(client, 1, first == 0 ? 0 : all[first - 1].cookie, 1000);
    REQUIRE(rest.size() == all.size() - first);
    CHECK(rest[0].name == all[first].name);
  }
  CHECK(readdir(client, 1, all[4].cookie, 1000).empty());
  CHECK(readdir(client, 1, 0, 25 + 26).size() == 2);  // "." and "..", to the byte
  CHECK(readdir(client, 1, 0, 25 + 25).size() == 1);
  CHECK(client.ask(Message(Treaddir).u32(1).u64(0).u32(24)).error() == EINVAL);
  CHECK(readdir(client, 1, UINT64_MAX, 1000).empty());
  client.walk(0, 2, {"d", "file"});
  client.lopen(2, kRdonly);
  CHECK(client.ask(Message(Treaddir).u32(2).u64(0).u32(1000)).error() == ENOTDIR);
}

TEST_CASE("counts are limited by the msize", "[9p]") {
  World world;
  world.add_file("/f", std::string(10'000, 'x'));
  for (int i = 0; i < 300; ++i) world.add_file("/" + std::to_string(i), "");
  Client client(world);
  client.mount(0, 4096);
  client.walk(0, 1, {"f"});
  client.lopen(1, kRdonly);
  CHECK(client.read(1, 0, 10'000).bytes.size() == 4096);
  CHECK(client.read(1, 0, 0xffffffff).bytes.size() == 4096);
  client.walk(0, 2, {});
  client.lopen(2, kRdonly);
  const Answer answer = client.ask(Message(Treaddir).u32(2).u64(0).u32(0xffffffff));
  CHECK(answer.bytes.size() <= 4096);
  CHECK(answer.bytes.size() > 4000);
}

TEST_CASE("getattr is stat(2), and says what of it is valid", "[9p]") {
  World world({.epoch_seconds = 100});
  world.run_to(milliseconds(1500));
  world.add(
      "/dev",
      {.mode = file_mode::character_device | 0600, .uid = 3, .gid = 4, .device = device_number(259, 1000)});
  world.add_file("/f", "12345");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"dev"});
  Attributes device = getattr(client, 1);
  CHECK(device.valid == (0x7ff | 0x800 | 0x2000));
  CHECK(device.mode == 020600);
  CHECK(device.uid == 3);
  CHECK(device.gid == 4);
  CHECK(device.rdev == 0x3103e8);  // makedev(259, 1000): minor 0x3e8, major 0x103
  client.walk(0, 2, {"f"});
  const Attributes file = getattr(client, 2, 0x200);
  CHECK(file.valid == 0x200);
  CHECK(file.mode == 0100644);
  CHECK(file.nlink == 1);
  CHECK(file.size == 5);
  CHECK(file.blksize == 4096);
  CHECK(file.blocks == 8);
  CHECK(file.mtime == 101);
  CHECK(file.mtime_nsec == 500'000'000);
  CHECK(file.btime == 101);
}

TEST_CASE("setattr changes what is valid, times to now or to what is given", "[9p]") {
  World world({.epoch_seconds = 0});
  world.add_file("/f", "12345");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  CHECK(Setattr{.valid = 0x8, .mode = 0, .uid = 7, .size = 3}.on(client, 1) == 0);
  CHECK(world.contents("/f") == "123");
  Attributes a = getattr(client, 1);
  CHECK(a.mode == 0100644);
  CHECK(a.uid == 0);
  CHECK(Setattr{.valid = 0x7, .mode = 0104755, .uid = 7, .gid = 8}.on(client, 1) == 0);
  a = getattr(client, 1);
  CHECK(a.mode == 0104755);
  CHECK(a.uid == 7);
  CHECK(a.gid == 8);
  CHECK(Setattr{.valid = 0x2, .uid = 9}.on(client, 1) == 0);
  CHECK(getattr(client, 1).mode == 0100755);  // a new owner: no set-user-ID any more
  world.run_to(seconds(50));
  CHECK(Setattr{.valid = 0x10 | 0x20 | 0x80, .atime = 5, .atime_nsec = 6, .mtime = 7}.on(client, 1) == 0);
  a = getattr(client, 1);
  CHECK(a.atime == 5);
  CHECK(a.atime_nsec == 6);
  CHECK(a.mtime == 50);
  CHECK(Setattr{.valid = 0x10 | 0x80, .atime_nsec = 1'000'000'000}.on(client, 1) == EINVAL);
  CHECK(Setattr{.valid = 0x8, .size = 1}.on(client, 0) == EISDIR);
}

TEST_CASE("setattr lets a user do what chmod(2), chown(2) and truncate(2) let", "[9p]") {
  World world;
  world.add("/mine", {.mode = file_mode::regular | 0644, .uid = 1000, .gid = 1000}, "text");
  world.add("/theirs", {.mode = file_mode::regular | 0644, .uid = 1001, .gid = 1001}, "text");
  world.add("/open", {.mode = file_mode::regular | 06777, .uid = 1001, .gid = 1001}, "text");
  Client client(world, {.users = {{"anna", 1000, 1000, {50}}}});
  client.mount(1000);
  client.walk(0, 1, {"mine"});
  client.walk(0, 2, {"theirs"});
  client.walk(0, 3, {"open"});
  CHECK(Setattr{.valid = 1, .mode = 0600}.on(client, 1) == 0);
  CHECK(Setattr{.valid = 1, .mode = 0600}.on(client, 2) == EPERM);
  CHECK(Setattr{.valid = 2, .uid = 1001}.on(client, 1) == EPERM);
  CHECK(Setattr{.valid = 4, .gid = 50}.on(client, 1) == 0);
  CHECK(Setattr{.valid = 4, .gid = 51}.on(client, 1) == EPERM);
  CHECK(Setattr{.valid = 8}.on(client, 2) == EACCES);
  CHECK(Setattr{.valid = 8, .size = 1}.on(client, 3) == 0);
  CHECK(getattr(client, 3).mode == 0100777);  // cut by another: the bits are gone
  CHECK(Setattr{.valid = 0x20}.on(client, 2) == EACCES);
  CHECK(Setattr{.valid = 0x20}.on(client, 3) == 0);
  CHECK(Setattr{.valid = 0x120}.on(client, 3) == EPERM);
}

TEST_CASE("names are made, linked, renamed and removed", "[9p]") {
  World world;
  Client client(world);
  client.mount();
  CHECK(mkdir(client, 0, "d") == 0);
  CHECK(mkdir(client, 0, "d") == EEXIST);
  CHECK(mkdir(client, 0, "a/b") == EINVAL);
  client.walk(0, 1, {"d"});
  CHECK(client.ask(Message(Tsymlink).u32(1).text("l").text("../target").u32(5)).qid().type == 2);
  client.walk(1, 2, {"l"});
  CHECK(client.ask(Message(Treadlink).u32(2)).text() == "../target");
  CHECK(client.ask(Message(Treadlink).u32(1)).error() == EINVAL);
  CHECK(client.ask(Message(Tmknod).u32(1).text("null").u32(020666).u32(1).u32(3).u32(0)).type() ==
        Tmknod + 1);
  client.walk(1, 3, {"null"});
  CHECK(getattr(client, 3).rdev == 0x103);
  CHECK(client.ask(Message(Tmknod).u32(1).text("x").u32(040777).u32(0).u32(0).u32(0)).error() == EPERM);
  CHECK(client.ask(Message(Tmknod).u32(1).text("x").u32(0770000).u32(0).u32(0).u32(0)).error() == EINVAL);
  CHECK(client.ask(Message(Tmknod).u32(1).text("plain").u32(0644).u32(0).u32(0).u32(0)).type() == Tmknod + 1);
  client.walk(1, 4, {"plain"});
  CHECK(client.ask(Message(Tlink).u32(0).u32(4).text("second")).type() == Tlink + 1);
  CHECK(getattr(client, 4).nlink == 2);
  CHECK(client.ask(Message(Tlink).u32(0).u32(1).text("dirlink")).error() == EPERM);
  CHECK(renameat(client, 0, "second", 1, "null") == 0);  // over the device
  CHECK_FALSE(world.exists("/second"));
  CHECK(getattr(client, 3).nlink == 0);
  CHECK(renameat(client, 0, "none", 1, "x") == ENOENT);
  CHECK(renameat(client, 0, "d", 1, "x") == EINVAL);
  CHECK(unlinkat(client, 0, "d") == EISDIR);
  CHECK(unlinkat(client, 0, "d", 0x200) == ENOTEMPTY);
  CHECK(unlinkat(client, 1, "l", 0x200) == ENOTDIR);
  CHECK(unlinkat(client, 1, "l", 1) == EINVAL);
  for (const char* name : {"l", "null", "plain"}) CHECK(unlinkat(client, 1, name) == 0);
  CHECK(unlinkat(client, 0, "d", 0x200) == 0);
  CHECK(mkdir(client, 1, "x") == ENOENT);  // in a directory that is gone
  client.lopen(1, kRdonly);
  CHECK(readdir(client, 1, 0, 1000).empty());
}

TEST_CASE("Trename moves the name by which its fid was walked", "[9p]") {
  World world;
  const FileRef file = world.add_file("/first", "text");
  world.tree.link(world.tree.root(), "second", file);
  world.add_directory("/d");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"second"});
  client.walk(0, 2, {"d"});
  const auto rename = [&](uint32_t fid, uint32_t to, const std::string& name) {
    return client.ask(Message(Trename).u32(fid).u32(to).text(name)).error();
  };
  CHECK(rename(1, 2, "x") == 0);
  CHECK(world.exists("/first"));
  CHECK_FALSE(world.exists("/second"));
  CHECK(world.exists("/d/x"));
  CHECK(rename(1, 0, "y") == 0);  // the fid has gone along
  CHECK(world.exists("/y"));
  CHECK(rename(0, 2, "root") == EBUSY);
  // Another client has renamed it: the name that it has counts.
  client.walk(0, 3, {"y"});
  CHECK(renameat(client, 0, "first", 0, "third") == 0);
  CHECK(renameat(client, 0, "y", 0, "z") == 0);
  CHECK(client.ask(Message(Tremove).u32(3)).type() == Tremove + 1);
  CHECK_FALSE(world.exists("/third"));
  CHECK(world.exists("/z"));
}

TEST_CASE("an unlinked file lives until its last fid", "[9p]") {
  World world;
  Client client(world);
  client.mount();
  client.walk(0, 1, {});
  lcreate(client, 1, "tmp", kRdwr, 0600);
  client.write(1, 0, std::string(5000, 'x'));
  CHECK(unlinkat(client, 0, "tmp") == 0);
  CHECK(getattr(client, 1).nlink == 0);
  CHECK(client.read(1, 4999, 10).data() == "x");
  CHECK(world.tree.usage().bytes_used == 8192);
  client.clunk(1);
  CHECK(world.tree.usage().bytes_used == 0);
  CHECK(world.tree.usage().files_used == 1);
}

TEST_CASE("extended attributes are set at the clunk, removed by replacing them with nothing", "[9p]") {
  World world;
  const FileRef file = world.add_file("/f", "");
  Client client(world);
  client.mount();
  const auto set = [&](const std::string& name, const std::string& value, uint32_t flags, uint64_t size) {
    client.walk(0, 5, {"f"});
    const int error = client.ask(Message(Txattrcreate).u32(5).text(name).u64(size).u32(flags)).error();
    if (error != 0) {
      client.clunk(5);
      return error;
    }
    if (!value.empty()) client.write(5, 0, value);
    return client.clunk(5).error();
  };
  CHECK(set("user.a", "value", 1, 5) == 0);
  CHECK(set("user.a", "value", 1, 5) == EEXIST);
  CHECK(set("user.b", "valu", 0, 5) == EINVAL);  // less than was announced
  CHECK(set("user.empty", "", 0, 0) == 0);
  CHECK(set("user.none", "", 2, 0) == ENODATA);
  CHECK(set("nonsense", "", 0, 0) == EOPNOTSUPP);
  CHECK(set("user.big", "", 0, 65'537) == E2BIG);
  CHECK(set("user.a", "", 4, 0) == EINVAL);
  client.walk(0, 1, {"f"});
  const auto walk_to = [&](const std::string& name) {
    return client.ask(Message(Txattrwalk).u32(1).u32(2).text(name));
  };
  CHECK(walk_to("user.a").u64() == 5);
  CHECK(set("user.a", "newer", 2, 5) == 0);
  CHECK(client.read(2, 0, 100).data() == "value");  // as it was then
  CHECK(client.read(2, 4, 100).data() == "e");
  CHECK(client.read(2, 5, 100).data() == "");
  CHECK(client.write(2, 0, "x").error() == EBADF);
  CHECK(walk_to("user.a").error() == EBADF);  // 2 is in use
  client.clunk(2);
  CHECK(walk_to("user.none").error() == ENODATA);
  CHECK(walk_to("").u64() == sizeof "user.a" + sizeof "user.empty");
  CHECK(client.read(2, 0, 100).data() == std::string("user.a\0user.empty\0", 18));
  CHECK(set("user.a", "", 2, 0) == 0);
  CHECK(world.tree.attribute(file, "user.a").error() == ENODATA);
}

TEST_CASE("the values that fids hold are bounded, and given back at the clunk", "[9p]") {
  World world;
  const FileRef file = world.add_file("/f", "");
  world.tree.set_attribute(file, "user.a", Bytes(600), FileTree::AttributeWrite::any);
  Client client(world, {.value_bytes_max = 1000});
  client.mount();
  client.walk(0, 1, {"f"});
  client.walk(0, 4, {"f"});
  const auto walk_to = [&](uint32_t fid) {
    return client.ask(Message(Txattrwalk).u32(1).u32(fid).text("user.a")).error();
  };
  CHECK(walk_to(2) == 0);
  CHECK(walk_to(3) == ENOMEM);
  client.ask(Message(Txattrcreate).u32(4).text("user.b").u64(500).u32(0));
  CHECK(client.write(4, 0, std::string(500, 'x')).error() == ENOMEM);
  client.clunk(2);
  CHECK(client.write(4, 0, std::string(500, 'x')).error() == 0);
  CHECK(client.clunk(4).error() == 0);
  CHECK(walk_to(2) == 0);
}

TEST_CASE("an extended attribute is written without a gap, within its size", "[9p]") {
  World world;
  const FileRef file = world.add_file("/f", "");
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  CHECK(client.ask(Message(Txattrcreate).u32(1).text("user.a").u64(6).u32(0)).type() == Txattrcreate + 1);
  CHECK(client.write(1, 1, "x").error() == ENOSPC);
  CHECK(client.write(1, 0, "abc").u32() == 3);
  CHECK(client.write(1, 3, "defg").error() == ENOSPC);
  CHECK(client.write(1, UINT64_MAX, "d").error() == ENOSPC);
  CHECK(client.write(1, 3, "def").u32() == 3);
  CHECK(client.read(1, 0, 3).error() == EBADF);
  CHECK(client.walk(1, 2, {}).error() == EBADF);
  CHECK(client.clunk(1).error() == 0);
  CHECK(world.tree.attribute(file, "user.a")->size() == 6);
}

TEST_CASE("statfs and fsync", "[9p]") {
  World world({.bytes_max = 100 * 4096, .files_max = 50});
  world.add_file("/f", "x");
  Client client(world);
  client.mount();
  Answer answer = client.ask(Message(Tstatfs).u32(0));
  CHECK(answer.u32() == 0x01021997);
  CHECK(answer.u32() == 4096);
  CHECK(answer.u64() == 100);
  CHECK(answer.u64() == 99);
  CHECK(answer.u64() == 99);
  CHECK(answer.u64() == 50);
  CHECK(answer.u64() == 48);
  CHECK(answer.u64() == 0);
  CHECK(answer.u32() == 255);
  CHECK(answer.at_end());
  CHECK(client.ask(Message(Tfsync).u32(0).u32(0)).error() == EBADF);
  client.walk(0, 1, {"f"});
  client.lopen(1, kRdwr);
  CHECK(client.ask(Message(Tfsync).u32(1).u32(1)).type() == Tfsync + 1);
}

TEST_CASE("a read-only tree is read, and every change is EROFS", "[9p]") {
  World world;
  world.add_file("/f", "text");
  world.tree.set_read_only(true);
  Client client(world);
  client.mount();
  client.walk(0, 1, {"f"});
  CHECK(client.lopen(1, kRdwr).error() == EROFS);
  CHECK(client.lopen(1, kTrunc).error() == EROFS);
  CHECK(Setattr{.valid = 1, .mode = 0600}.on(client, 1) == EROFS);
  CHECK(client.ask(Message(Txattrcreate).u32(1).text("user.a").u64(1).u32(0)).error() == EROFS);
  CHECK(client.lopen(1, kRdonly).error() == 0);
  CHECK(client.read(1, 0, 10).data() == "text");
  client.walk(0, 2, {});
  CHECK(lcreate(client, 2, "g", kRdwr, 0644).error() == EROFS);
  CHECK(lcreate(client, 2, "f", kRdwr, 0644).error() == EROFS);
  CHECK(mkdir(client, 0, "d") == EROFS);
  CHECK(mkdir(client, 0, "f") == EEXIST);
  CHECK(unlinkat(client, 0, "f") == EROFS);
  CHECK(renameat(client, 0, "f", 0, "g") == EROFS);
}

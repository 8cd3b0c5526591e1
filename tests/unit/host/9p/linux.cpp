// Files and names in 9P2000.L (diod's protocol.md), with the semantics of the Linux calls that it stands for.
#include "tests/unit/host/9p/linux_client.h"

using namespace ringside;
using namespace ringside::ninep_test;

namespace {

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

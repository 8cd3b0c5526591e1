// Attributes in 9P2000.L: stat(2), chmod(2), chown(2), truncate(2), utimensat(2), setxattr(2), statfs(2).
#include "tests/unit/host/9p/linux_client.h"

using namespace ringside;
using namespace ringside::ninep_test;

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

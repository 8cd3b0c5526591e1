// The tree's names against rename(2), link(2), unlink(2) and rmdir(2) of Linux; listings that go on while
// entries come and go; limits; that equal histories are equal states.
#include <cerrno>

#include "sim/random.h"
#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

namespace {

const NewFile kFile = {.mode = file_mode::regular | 0644};
constexpr uint32_t kDirectoryMode = file_mode::directory | 0755;

int error_of(const FileResult<>& result) { return result ? 0 : result.error(); }
int error_of(const FileResult<FileRef>& result) { return result ? 0 : result.error(); }

std::vector<std::string> names_in(World& world, const FileRef& directory) {
  std::vector<std::string> names;
  world.tree.list(directory, 0, [&](const FileTree::Entry& entry) {
    names.emplace_back(entry.name);
    return true;
  });
  return names;
}

}  // namespace

TEST_CASE("names are looked up one at a time, and never above the root", "[9p]") {
  World world;
  const FileRef b = (world.add_directory("/a"), world.add_directory("/a/b"));
  FileTree& tree = world.tree;
  CHECK(*tree.look_up(b, "..") == *tree.find("/a"));
  CHECK(*tree.look_up(b, ".") == b);
  CHECK(*tree.look_up(tree.root(), "..") == tree.root());
  CHECK(*tree.find("/a/../../../a/b") == b);
  CHECK(tree.path_of(b) == "/a/b");
  CHECK(tree.path_of(tree.root()) == "/");
  CHECK(tree.look_up(b, "none").error() == ENOENT);
  CHECK(tree.look_up(b, std::string(256, 'x')).error() == ENAMETOOLONG);
  CHECK(tree.look_up(world.add_file("/f", ""), "x").error() == ENOTDIR);
}

TEST_CASE("names that no file may have", "[9p]") {
  World world;
  const FileRef root = world.tree.root();
  CHECK(error_of(world.tree.create(root, "", kFile)) == ENOENT);
  CHECK(error_of(world.tree.create(root, ".", kFile)) == EEXIST);
  CHECK(error_of(world.tree.create(root, "..", kFile)) == EEXIST);
  CHECK(error_of(world.tree.create(root, "a/b", kFile)) == EINVAL);
  CHECK(error_of(world.tree.create(root, std::string_view("a\0b", 3), kFile)) == EINVAL);
  CHECK(error_of(world.tree.create(root, std::string(256, 'x'), kFile)) == ENAMETOOLONG);
  CHECK(error_of(world.tree.create(root, std::string(255, 'x'), kFile)) == 0);
  CHECK(error_of(world.tree.create(root, std::string(255, 'x'), kFile)) == EEXIST);
}

TEST_CASE("rename replaces what may be replaced", "[9p]") {
  World world;
  FileTree& tree = world.tree;
  const FileRef root = tree.root();
  world.add_file("/f", "f");
  world.add_file("/g", "g");
  world.add_directory("/d");
  world.add_directory("/e");
  world.add_file("/e/x", "x");
  CHECK(error_of(tree.rename(root, "f", root, "d")) == EISDIR);
  CHECK(error_of(tree.rename(root, "d", root, "f")) == ENOTDIR);
  CHECK(error_of(tree.rename(root, "d", root, "e")) == ENOTEMPTY);
  CHECK(error_of(tree.rename(root, "none", root, "f")) == ENOENT);
  CHECK(error_of(tree.rename(root, "f", root, "..")) == EBUSY);
  CHECK(error_of(tree.rename(root, "f", root, "g")) == 0);
  CHECK(world.contents("/g") == "f");
  CHECK_FALSE(world.exists("/f"));
  CHECK(error_of(tree.rename(root, "e", root, "d")) == 0);  // over an empty directory
  CHECK(world.contents("/d/x") == "x");
  CHECK(tree.status(root).links == 3);
}

TEST_CASE("a directory does not become its own ancestor", "[9p]") {
  World world;
  world.add_directory("/a");
  world.add_directory("/a/b");
  const FileRef c = world.add_directory("/a/b/c");
  CHECK(error_of(world.tree.rename(world.tree.root(), "a", c, "a")) == EINVAL);
  CHECK(error_of(world.tree.rename(world.tree.root(), "a", *world.tree.find("/a"), "x")) == EINVAL);
  CHECK(error_of(world.tree.rename(*world.tree.find("/a/b"), "c", world.tree.root(), "a")) == ENOTEMPTY);
}

TEST_CASE("a directory's links count its subdirectories, wherever they are moved", "[9p]") {
  World world;
  const FileRef a = world.add_directory("/a"), b = world.add_directory("/b"), c = world.add_directory("/a/c");
  world.add_directory("/a/c/d");
  CHECK(world.tree.status(a).links == 3);
  CHECK(error_of(world.tree.rename(a, "c", b, "c")) == 0);
  CHECK(world.tree.status(a).links == 2);
  CHECK(world.tree.status(b).links == 3);
  CHECK(world.tree.status(c).links == 3);
  CHECK(*world.tree.look_up(c, "..") == b);
}

TEST_CASE("a file has as many links as names, and lives on without any", "[9p]") {
  World world;
  const FileRef root = world.tree.root(), file = world.add_file("/f", "text");
  CHECK(error_of(world.tree.link(root, "g", file)) == 0);
  CHECK(world.tree.status(file).links == 2);
  CHECK(error_of(world.tree.rename(root, "f", root, "g")) == 0);  // the same file: nothing happens
  CHECK(world.exists("/f"));
  CHECK(error_of(world.tree.remove(root, "f", FileTree::Removal::file)) == 0);
  CHECK(error_of(world.tree.remove(root, "g", FileTree::Removal::file)) == 0);
  CHECK(world.tree.status(file).links == 0);
  Bytes bytes(4);
  CHECK(world.tree.read(file, 0, bytes) == 4);
  CHECK(error_of(world.tree.link(root, "h", file)) == ENOENT);
  CHECK(error_of(world.tree.link(root, "h", world.add_directory("/d"))) == EPERM);
}

TEST_CASE("directories are removed when they are empty, and then hold nothing new", "[9p]") {
  World world;
  const FileRef root = world.tree.root(), d = world.add_directory("/d");
  world.add_file("/d/f", "");
  CHECK(error_of(world.tree.remove(root, "d", FileTree::Removal::file)) == EISDIR);
  CHECK(error_of(world.tree.remove(root, "d", FileTree::Removal::directory)) == ENOTEMPTY);
  CHECK(error_of(world.tree.remove(d, "f", FileTree::Removal::directory)) == ENOTDIR);
  CHECK(error_of(world.tree.remove(d, "f", FileTree::Removal::any)) == 0);
  CHECK(error_of(world.tree.remove(root, "d", FileTree::Removal::directory)) == 0);
  CHECK(error_of(world.tree.create(d, "x", kFile)) == ENOENT);
  CHECK(error_of(world.tree.rename(d, "x", root, "y")) == ENOENT);
  CHECK(world.tree.look_up(d, "..").error() == ENOENT);
  CHECK_FALSE(world.tree.linked(d));
}

TEST_CASE("qid paths are never used again, versions grow with the contents", "[9p]") {
  World world;
  const FileRef first = world.add_file("/f", "");
  const uint64_t path = world.tree.status(first).path;
  const uint32_t version = world.tree.status(first).version;
  REQUIRE(world.tree.write(first, 0, Bytes{1}));
  CHECK(world.tree.status(first).version > version);
  world.tree.remove(world.tree.root(), "f", FileTree::Removal::file);
  CHECK(world.tree.status(world.add_file("/f", "")).path > path);
}

TEST_CASE("a listing shows each entry that stays once, whatever comes and goes meanwhile", "[9p]") {
  World world;
  Random random(7);
  for (int i = 0; i < 200; ++i) world.add_file("/old" + std::to_string(i), "");
  std::map<std::string, int> seen;
  uint64_t cookie = 0, made = 0;
  bool more = true;
  while (more) {
    more = false;
    int taken = 0;
    world.tree.list(world.tree.root(), cookie, [&](const FileTree::Entry& entry) {
      more = true;
      cookie = entry.cookie;
      ++seen[std::string(entry.name)];
      return ++taken < 10;
    });
    if (made < 40) world.add_file("/new" + std::to_string(made++), "");
    const std::string victim = "old" + std::to_string(random.below(100));  // the others stay
    world.tree.remove(world.tree.root(), victim, FileTree::Removal::file);
  }
  for (int i = 100; i < 200; ++i) CHECK(seen["old" + std::to_string(i)] == 1);
  for (const auto& [name, count] : seen) CHECK(count <= 1);
}

TEST_CASE("limits are answered, and what is given back can be used again", "[9p]") {
  World world({.bytes_max = 3 * 4096, .files_max = 5, .depth_max = 3, .links_max = 2});
  const FileRef root = world.tree.root();
  const FileRef file = world.add_file("/f", "");
  CHECK(world.tree.write(file, 0, Bytes(5 * 4096, 1)) == 3 * 4096u);
  CHECK(world.tree.write(file, 3 * 4096, Bytes{1}).error() == ENOSPC);
  CHECK(error_of(world.tree.create(root, "l", {.mode = file_mode::symlink | 0777, .target = "x"})) == ENOSPC);
  CHECK(error_of(world.tree.set_attribute(file, "user.a", Bytes{1}, FileTree::AttributeWrite::any)) ==
        ENOSPC);
  CHECK(error_of(world.tree.change(file, {.size = 1})) == 0);
  CHECK(world.tree.usage().bytes_used == 4096);
  CHECK(error_of(world.tree.change(file, {.size = (1ull << 46) + 1})) == EFBIG);
  CHECK(world.tree.write(file, 1ull << 46, Bytes{1}).error() == EFBIG);

  CHECK(error_of(world.tree.link(root, "g", file)) == 0);
  CHECK(error_of(world.tree.link(root, "h", file)) == EMLINK);
  world.tree.remove(root, "g", FileTree::Removal::file);

  world.add_directory("/a");
  world.add_directory("/a/b");
  const FileRef c = world.add_directory("/a/b/c");  // the fifth file
  CHECK(error_of(world.tree.create(root, "x", kFile)) == ENOSPC);
  world.tree.remove(root, "f", FileTree::Removal::file);
  CHECK(error_of(world.tree.create(root, "x", kFile)) == ENOSPC);  // it is still held here
}

TEST_CASE("a path is no deeper than it may be, nor by a rename", "[9p]") {
  World world({.depth_max = 3});
  const FileRef root = world.tree.root();
  world.add_directory("/a");
  const FileRef b = world.add_directory("/a/b");
  const FileRef c = world.add_directory("/a/b/c");
  CHECK(error_of(world.tree.create(c, "d", {.mode = kDirectoryMode})) == ENAMETOOLONG);
  CHECK(error_of(world.tree.create(c, "f", kFile)) == 0);
  const FileRef x = world.add_directory("/x");
  world.add_directory("/x/y");
  CHECK(error_of(world.tree.rename(root, "x", b, "x")) == ENAMETOOLONG);  // y would be the fourth
  CHECK(error_of(world.tree.rename(root, "x", *world.tree.find("/a"), "x")) == 0);
  CHECK(error_of(world.tree.rename(*world.tree.find("/a"), "x", root, "z")) == 0);
  CHECK(*world.tree.look_up(root, "z") == x);
}

TEST_CASE("a tree as deep as a thread's stack is taken down without recursion", "[9p]") {
  World world({.depth_max = 20'000});
  FileRef at = world.tree.root();
  for (int i = 0; i < 12'000; ++i) at = *world.tree.create(at, "d", {.mode = kDirectoryMode});
  CHECK(world.tree.path_of(at).size() == 24'000);
}

TEST_CASE("nothing changes in a tree that is read only", "[9p]") {
  World world;
  const FileRef root = world.tree.root(), file = world.add_file("/f", "text");
  world.tree.set_attribute(file, "user.a", Bytes{1}, FileTree::AttributeWrite::any);
  world.tree.set_read_only(true);
  const uint64_t before = state_digest(world.tree);
  world.run_for(seconds(5));
  CHECK(error_of(world.tree.create(root, "x", kFile)) == EROFS);
  CHECK(error_of(world.tree.create(root, "f", kFile)) == EEXIST);
  CHECK(error_of(world.tree.link(root, "x", file)) == EROFS);
  CHECK(error_of(world.tree.remove(root, "f", FileTree::Removal::file)) == EROFS);
  CHECK(error_of(world.tree.rename(root, "f", root, "x")) == EROFS);
  CHECK(error_of(world.tree.change(file, {.size = 0})) == EROFS);
  CHECK(error_of(world.tree.set_attribute(file, "user.a", Bytes{2}, FileTree::AttributeWrite::any)) == EROFS);
  CHECK(error_of(world.tree.remove_attribute(file, "user.a")) == EROFS);
  CHECK(world.tree.write(file, 0, Bytes{1}).error() == EROFS);
  CHECK(world.contents("/f") == "text");
  CHECK(names_in(world, root) == std::vector<std::string>{"f"});
  CHECK(state_digest(world.tree) == before);
}

TEST_CASE("times are the virtual clock's, from the epoch that is given", "[9p]") {
  World world({.epoch_seconds = 1'000'000});
  world.run_to(milliseconds(2500));
  const FileRef file = world.add_file("/f", "");
  CHECK(world.tree.status(file).created == FileTime{1'000'002, 500'000'000});
  world.run_for(seconds(1));
  REQUIRE(world.tree.write(file, 0, Bytes{1}));
  CHECK(world.tree.status(file).modified == FileTime{1'000'003, 500'000'000});
  CHECK(world.tree.status(file).created == FileTime{1'000'002, 500'000'000});
  world.run_for(seconds(1));
  Bytes byte(1);
  REQUIRE(world.tree.read(file, 0, byte));
  CHECK(world.tree.status(file).accessed == FileTime{1'000'004, 500'000'000});
}

TEST_CASE("extended attributes keep to setxattr(2)", "[9p]") {
  World world;
  using How = FileTree::AttributeWrite;
  const FileRef file = world.add_file("/f", "");
  CHECK(error_of(world.tree.set_attribute(file, "user.a", Bytes{1}, How::replace)) == ENODATA);
  CHECK(error_of(world.tree.set_attribute(file, "user.a", Bytes{1}, How::create)) == 0);
  CHECK(error_of(world.tree.set_attribute(file, "user.a", Bytes{1}, How::create)) == EEXIST);
  CHECK(error_of(world.tree.set_attribute(file, "user.b", Bytes(65'537), How::any)) == E2BIG);
  CHECK(error_of(world.tree.set_attribute(file, "user.b", Bytes{2, 3}, How::any)) == 0);
  const std::string names = "user.a\0user.b\0";
  CHECK(*world.tree.attribute_names(file) ==
        Bytes{'u', 's', 'e', 'r', '.', 'a', 0, 'u', 's', 'e', 'r', '.', 'b', 0});
  CHECK(world.tree.attribute(file, "user.b")->size() == 2);
  CHECK(error_of(world.tree.remove_attribute(file, "user.a")) == 0);
  CHECK(error_of(world.tree.remove_attribute(file, "user.a")) == ENODATA);
  CHECK(world.tree.usage().bytes_used == 6 + 2);
}

TEST_CASE("what differs in history differs in state, what does not does not", "[9p]") {
  const auto digest_after = [](const std::string& text) {
    World world;
    world.add_directory("/d");
    world.add_file("/d/f", text);
    return state_digest(world.tree);
  };
  CHECK(digest_after("one") == digest_after("one"));
  CHECK(digest_after("one") != digest_after("two"));
}

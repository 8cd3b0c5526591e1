// Proves that a share of a host's folder shows what is in it, never opens anything else whatever the folder
// holds or turns into, gives errors instead of mixtures when files change under it, and that a replay has the
// same tree without the folder. Cannot show: mounts inside the folder (no privilege for that).
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <map>

#include "host/9p/host_folder.h"

using namespace ringside;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

using Answer = Outside::Answer;

// Keeps what was answered, or gives it again.
class Memorized final : public Outside {
 public:
  Answer exchange(std::string_view wire, const Ask& ask) override {
    if (replaying) {
      if (next == answers.size() || answers[next].first != wire) return {};
      return answers[next++].second;
    }
    answers.emplace_back(wire, ask());
    return answers.back().second;
  }
  std::vector<std::pair<std::string, Answer>> answers;
  bool replaying = false;
  size_t next = 0;
};

struct Folder {
  Folder() {
    char name[] = "/tmp/ringside-folder-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() {
    std::error_code error;
    fs::permissions(path, fs::perms::owner_all, error);
    fs::remove_all(path, error);
  }
  fs::path at(const std::string& name) const { return path / name; }
  void write(const std::string& name, const std::string& contents) const {
    std::ofstream(at(name), std::ios::binary) << contents;
  }
  fs::path path;
};

struct Share {
  explicit Share(const fs::path& path, FolderReader::Resolve resolve = FolderReader::Resolve::as_host_can,
                 HostFolderConfig config = {})
      : tree({}, clock) {
    auto reader = FolderReader::open("data", path.string(), {}, resolve);
    if (!reader) FAIL(reader.error().message);
    fill(config, std::move(*reader));
  }
  // The replay of another.
  explicit Share(const Share& recorded, HostFolderConfig config = {}) : tree({}, clock) {
    outside.answers = recorded.outside.answers;
    outside.replaying = true;
    fill(config, std::nullopt);
  }
  void fill(const HostFolderConfig& config, std::optional<FolderReader> live) {
    auto filled = HostFolder::fill(tree, config, std::move(live), outside,
                                   [this](NoticeKind, std::string what) { notices.push_back(what); });
    if (!filled) FAIL(filled.error().message);
    folder = std::move(*filled);
  }
  FileRef find(std::string_view name) const {
    auto file = tree.find(name);
    return file ? *file : nullptr;
  }
  FileResult<std::string> read(std::string_view name, uint64_t offset = 0, size_t size = 1 << 20) {
    std::string contents(size, '?');
    auto count = tree.read(find(name), offset, {reinterpret_cast<uint8_t*>(contents.data()), size});
    if (!count) return file_error(count.error());
    contents.resize(*count);
    return contents;
  }
  std::vector<std::string> names(std::string_view directory = "") {
    std::vector<std::string> all;
    REQUIRE(tree.list(find(directory), 0, [&](const FileTree::Entry& entry) {
      all.emplace_back(entry.name);
      return true;
    }));
    return all;
  }

  Clock clock;
  FileTree tree;
  Memorized outside;
  std::vector<std::string> notices;
  std::unique_ptr<HostFolder> folder;
};

int open_descriptors() {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) count += entry.is_symlink() ? 1 : 0;
  return count;
}

std::string pattern(size_t size) {
  std::string text(size, ' ');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

constexpr auto kResolves = {FolderReader::Resolve::as_host_can, FolderReader::Resolve::by_name};

}  // namespace

TEST_CASE("a folder is shown with names in order, contents and attributes") {
  Folder folder;
  folder.write("b.txt", "hello");
  folder.write("a.txt", "");
  fs::create_directories(folder.at("sub/deep"));
  folder.write("sub/deep/c", pattern(400'000));
  REQUIRE(chmod(folder.at("b.txt").c_str(), 0640) == 0);
  const timespec times[] = {{1'000'000'000, 5}, {1'234'567'890, 123'456'789}};
  for (const char* name : {"b.txt", "sub"})
    REQUIRE(utimensat(AT_FDCWD, folder.at(name).c_str(), times, 0) == 0);
  for (const auto resolve : kResolves) {
    Share share(folder.path, resolve);
    CHECK(share.names() == std::vector<std::string>{"a.txt", "b.txt", "sub"});
    CHECK(share.read("b.txt").value() == "hello");
    CHECK(share.read("a.txt").value().empty());
    CHECK(share.read("sub/deep/c").value() == pattern(400'000));
    CHECK(share.read("sub/deep/c", 131'000, 300).value() == pattern(400'000).substr(131'000, 300));
    const FileStatus status = share.tree.status(share.find("b.txt"));
    CHECK(status.mode == (file_mode::regular | 0640));
    CHECK(status.uid == getuid());
    CHECK(status.modified == FileTime{1'234'567'890, 123'456'789});
    CHECK(share.tree.status(share.find("sub")).modified == FileTime{1'234'567'890, 123'456'789});
    CHECK(share.notices.empty());
  }
}

TEST_CASE("contents are asked for when they are read, and each block once") {
  Folder folder;
  folder.write("big", pattern(300'000));
  Share share(folder.path);
  CHECK(share.outside.answers.size() == 1);
  CHECK(share.outside.answers[0].first == "dom1/share/share0/manifest");
  share.read("big", 0, 10);
  CHECK(share.outside.answers.size() == 2);
  CHECK(share.outside.answers[1].first == "dom1/share/share0/contents");
  share.read("big", 5, 1000);
  CHECK(share.outside.answers.size() == 2);
  share.read("big");
  CHECK(share.outside.answers.size() == 4);
}

TEST_CASE("a replay shows the same without the folder") {
  auto folder = std::make_unique<Folder>();
  folder->write("a", pattern(200'000));
  folder->write("b", "kept");
  fs::create_symlink("a", folder->at("link"));
  Share recorded(folder->path);
  recorded.names();
  recorded.read("a");
  recorded.read("b");
  folder.reset();
  Share again(recorded);
  CHECK(again.names() == std::vector<std::string>{"a", "b", "link"});
  CHECK(again.read("a").value() == pattern(200'000));
  CHECK(again.read("b").value() == "kept");
  CHECK(state_digest(*again.folder) == state_digest(*recorded.folder));
  CHECK(state_digest(again.tree) == state_digest(recorded.tree));
  // What was not read is not there.
  Share unread(recorded);
  CHECK(unread.read("b").error() == EIO);
}

TEST_CASE("writes stay in the tree") {
  Folder folder;
  folder.write("a", pattern(10'000));
  Share share(folder.path);
  const uint8_t bytes[] = {'X', 'Y'};
  REQUIRE(share.tree.write(share.find("a"), 5000, bytes));
  std::string expected = pattern(10'000);
  expected.replace(5000, 2, "XY");
  CHECK(share.read("a").value() == expected);
  REQUIRE(share.tree.remove(share.tree.root(), "a", FileTree::Removal::file));
  CHECK(fs::file_size(folder.at("a")) == 10'000);
}

TEST_CASE("symlinks are data, wherever they lead") {
  Folder outside;
  outside.write("secret", "secret");
  Folder folder;
  fs::create_directories(folder.at("d"));
  fs::create_symlink("loop", folder.at("loop"));
  fs::create_symlink("../" + outside.path.filename().string() + "/secret", folder.at("out"));
  fs::create_symlink(outside.path, folder.at("d/all"));
  fs::create_symlink("/etc/passwd", folder.at("passwd"));
  fs::create_symlink("..", folder.at("d/up"));
  for (const auto resolve : kResolves) {
    Share share(folder.path, resolve);
    for (const auto& [name, target] :
         std::map<std::string, std::string>{{"loop", "loop"},
                                            {"out", "../" + outside.path.filename().string() + "/secret"},
                                            {"d/all", outside.path.string()},
                                            {"passwd", "/etc/passwd"},
                                            {"d/up", ".."}}) {
      INFO(name);
      REQUIRE(share.find(name) != nullptr);
      CHECK(share.tree.status(share.find(name)).is_symlink());
      CHECK(share.tree.target(share.find(name)).value() == target);
    }
    CHECK(share.find("d/all/secret") == nullptr);
  }
}

TEST_CASE("hard links are one file") {
  Folder folder;
  folder.write("a", "one");
  fs::create_directories(folder.at("d"));
  fs::create_hard_link(folder.at("a"), folder.at("d/b"));
  Share share(folder.path);
  CHECK(share.find("a") == share.find("d/b"));
  CHECK(share.tree.status(share.find("a")).links == 2);
  CHECK(share.read("d/b").value() == "one");
}

TEST_CASE("what is no file is shown and never opened") {
  Folder folder;
  REQUIRE(mkfifo(folder.at("fifo").c_str(), 0600) == 0);
  const int socket_file = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  folder.at("socket").string().copy(name.sun_path, sizeof name.sun_path - 1);
  REQUIRE(bind(socket_file, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  Share share(folder.path);
  CHECK((share.tree.status(share.find("fifo")).mode & file_mode::type_mask) == file_mode::fifo);
  CHECK((share.tree.status(share.find("socket")).mode & file_mode::type_mask) == file_mode::socket);
  CHECK_FALSE(share.read("fifo"));
  CHECK(share.outside.answers.size() == 1);
  ::close(socket_file);
}

TEST_CASE("a file that changes under the share gives errors and a notice") {
  Folder folder;
  Folder outside;
  outside.write("secret", pattern(300'000));
  const auto resolve = GENERATE(FolderReader::Resolve::as_host_can, FolderReader::Resolve::by_name);
  folder.write("a", pattern(300'000));
  Share share(folder.path, resolve);
  CHECK(share.read("a", 0, 100).value() == pattern(300'000).substr(0, 100));
  std::string why;
  SECTION("removed") {
    fs::remove(folder.at("a"));
    why = "No such file";
  }
  SECTION("shortened") {
    fs::resize_file(folder.at("a"), 10);
    why = "it had 300000 bytes and has 10 now";
  }
  SECTION("grown") {
    std::ofstream(folder.at("a"), std::ios::app) << "more";
    why = "has 300004 now";
  }
  SECTION("written to") {
    std::fstream(folder.at("a")) << "X";
    const timespec times[] = {{1, 0}, {1, 0}};
    REQUIRE(utimensat(AT_FDCWD, folder.at("a").c_str(), times, 0) == 0);
    why = "somebody has written to it";
  }
  SECTION("replaced by another") {
    folder.write("b", pattern(300'000));
    fs::rename(folder.at("b"), folder.at("a"));
    why = "another file has taken its place";
  }
  SECTION("replaced by a symlink that leads out") {
    fs::remove(folder.at("a"));
    fs::create_symlink(outside.at("secret"), folder.at("a"));
  }
  SECTION("replaced by a FIFO that nobody writes") {
    fs::remove(folder.at("a"));
    REQUIRE(mkfifo(folder.at("a").c_str(), 0600) == 0);
    why = "it is no file any more";
  }
  SECTION("replaced by a directory") {
    fs::remove(folder.at("a"));
    fs::create_directory(folder.at("a"));
    why = "it is no file any more";
  }
  CHECK(share.read("a", 200'000, 100).error() == EIO);
  REQUIRE(share.notices.size() == 1);
  CHECK_THAT(share.notices[0], Contains("'/a' of the host's folder") && Contains(why));
  // What was read of it stays, the rest stays an error, and nobody is asked again.
  CHECK(share.read("a", 0, 100).value() == pattern(300'000).substr(0, 100));
  CHECK(share.read("a", 290'000, 100).error() == EIO);
  CHECK(share.notices.size() == 1);
  CHECK(share.outside.answers.size() == 3);
  // The replay has the same.
  Share again(share);
  CHECK(again.read("a", 0, 100));
  CHECK(again.read("a", 200'000, 100).error() == EIO);
  CHECK(again.notices == share.notices);
}

TEST_CASE("a directory that is swapped for a symlink leads nowhere") {
  Folder outside;
  outside.write("a", "secret!");
  Folder folder;
  fs::create_directories(folder.at("d"));
  folder.write("d/a", "in here");
  for (const auto resolve : kResolves) {
    Share share(folder.path, resolve);
    fs::rename(folder.at("d"), folder.at("e"));
    fs::create_directory_symlink(outside.path, folder.at("d"));
    CHECK(share.read("d/a").error() == EIO);
    fs::remove(folder.at("d"));
    fs::rename(folder.at("e"), folder.at("d"));
  }
}

TEST_CASE("a folder that is moved away goes on being served") {
  Folder folder;
  fs::create_directories(folder.at("root"));
  folder.write("root/a", "here");
  Share share(folder.at("root"));
  fs::rename(folder.at("root"), folder.at("moved"));
  CHECK(share.read("a").value() == "here");
}

TEST_CASE("ten thousand entries, and no descriptor is left open") {
  Folder folder;
  for (int i = 0; i < 10'000; ++i) {
    const int file = ::open(folder.at("f" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    REQUIRE(file >= 0);
    ::close(file);
  }
  folder.write("f77", "seventy-seven");
  const int before = open_descriptors();
  {
    Share share(folder.path);
    CHECK(share.names().size() == 10'000);
    CHECK(share.read("f77").value() == "seventy-seven");
    CHECK(open_descriptors() == before + 1);
  }
  CHECK(open_descriptors() == before);

  const auto few = FolderReader::open("data", folder.path.string(), {.entries_max = 9'999});
  REQUIRE_FALSE(few);
  CHECK_THAT(few.error().message,
             Contains("more than 9999 files and directories") && Contains("'entries_max'"));
}

TEST_CASE("a folder that is too deep is refused, one as deep as allowed is not") {
  Folder folder;
  fs::create_directories(folder.at("a/b/c/d"));
  CHECK(FolderReader::open("data", folder.path.string(), {.depth_max = 4}));
  const auto deep = FolderReader::open("data", folder.path.string(), {.depth_max = 3});
  REQUIRE_FALSE(deep);
  CHECK_THAT(deep.error().message, Contains("too deep") && Contains("'depth_max'"));
}

TEST_CASE("errors of the folder itself say what to do") {
  Folder folder;
  folder.write("file", "");
  const auto missing = FolderReader::open("data", folder.at("none").string(), {});
  REQUIRE_FALSE(missing);
  CHECK_THAT(missing.error().message, Contains("share \"data\"") && Contains("is not there"));
  const auto file = FolderReader::open("data", folder.at("file").string(), {});
  REQUIRE_FALSE(file);
  CHECK_THAT(file.error().message, Contains("is no folder"));
}

TEST_CASE("an unreadable directory is empty, an unreadable file gives EACCES") {
  if (geteuid() == 0) return;  // nothing is unreadable then
  Folder folder;
  fs::create_directories(folder.at("d"));
  folder.write("d/a", "a");
  folder.write("f", "f");
  fs::permissions(folder.at("d"), fs::perms::none);
  fs::permissions(folder.at("f"), fs::perms::none);
  Share share(folder.path);
  CHECK(share.names("d").empty());
  CHECK(share.read("f").error() == EACCES);
  CHECK_THAT(share.notices.at(0), Contains("cannot be listed"));
  fs::permissions(folder.at("d"), fs::perms::owner_all);
}

TEST_CASE("the guest cannot read more than the share allows") {
  Folder folder;
  folder.write("a", pattern(200'000));
  HostFolderConfig config;
  config.contents_bytes_max = 150'000;
  Share share(folder.path, FolderReader::Resolve::as_host_can, config);
  CHECK(share.read("a", 0, 10));
  CHECK(share.read("a", 199'990, 10).error() == EIO);
  CHECK_THAT(share.notices.at(0), Contains("'contents_max'"));
}

TEST_CASE("answers that a session was forged to hold never do harm") {
  Folder folder;
  folder.write("a", pattern(300));
  fs::create_symlink("a", folder.at("b"));
  Share recorded(folder.path);
  recorded.read("a");
  const auto fill = [](std::vector<std::pair<std::string, Answer>> answers) {
    const Clock clock;
    FileTree tree({}, clock);
    Memorized outside;
    outside.answers = std::move(answers);
    outside.replaying = true;
    auto filled = HostFolder::fill(tree, {}, std::nullopt, outside, [](NoticeKind, const std::string&) {});
    uint8_t into[300];
    auto file = tree.find("a");
    if (file) (void)tree.read(*file, 0, into);
    return filled.has_value();
  };
  CHECK(fill(recorded.outside.answers));
  CHECK(fill({}));
  const Answer& manifest = recorded.outside.answers[0].second;
  for (size_t size = 1; size < manifest.size(); ++size) {
    auto answers = recorded.outside.answers;
    answers[0].second.resize(size);
    CHECK_FALSE(fill(answers));
  }
  for (size_t answer = 0; answer < 2; ++answer) {
    for (size_t at = 0; at < recorded.outside.answers[answer].second.size(); ++at) {
      for (const uint8_t flip : {1, 0x80, 0xff}) {
        auto answers = recorded.outside.answers;
        answers[answer].second[at] ^= flip;
        (void)fill(answers);
      }
    }
  }
}

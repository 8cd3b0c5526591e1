// Proves what a disk image gives back after reads, writes and discards, what happens when the host fails, and
// the messages for images that cannot be opened. It uses small files in a temporary folder.
#include "host/disk_image.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "host/payloads.h"
#include "sim/hash.h"
#include "sim/random.h"

using namespace ringside;
namespace fs = std::filesystem;
using Status = DiskImage::Status;
using Bytes = std::vector<uint8_t>;

namespace {

class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "ringside-image-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return (path_ / name).string(); }
  std::string make(const std::string& name, const Bytes& bytes) const {
    std::ofstream(file(name), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file(name);
  }
  Bytes contents(const std::string& name) const {
    std::ifstream stream(file(name), std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(stream), {});
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

struct Bench {
  Clock clock;
  EventQueue events;
  Wiring wiring{clock, events};
  Folder folder;

  Result<std::unique_ptr<DiskImage>> open(const std::string& path, bool writable = false) {
    DiskImageConfig config;
    config.name = "xvda";
    config.path = path;
    config.writable_file = writable;
    return DiskImage::open(config, clock, events, wiring);
  }
  std::unique_ptr<DiskImage> must_open(const std::string& path, bool writable = false) {
    auto image = open(path, writable);
    REQUIRE(image.has_value());
    return std::move(*image);
  }
  void run() {
    while (!events.empty()) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
  }
  template <class Ask>
  Status wait(Ask ask) {
    std::optional<Status> got;
    ask([&](Status status) { got = status; });
    CHECK_FALSE(got.has_value());  // never at once
    run();
    REQUIRE(got.has_value());
    return *got;
  }
  Status read(DiskImage& image, uint64_t sector, std::span<uint8_t> into) {
    return wait([&](DiskImage::Done done) { image.read(sector, into, std::move(done)); });
  }
  Status write(DiskImage& image, uint64_t sector, std::span<const uint8_t> from) {
    return wait([&](DiskImage::Done done) { image.write(sector, from, std::move(done)); });
  }
  Status discard(DiskImage& image, uint64_t sector, uint64_t count) {
    return wait([&](DiskImage::Done done) { image.discard(sector, count, std::move(done)); });
  }
  Status flush(DiskImage& image) {
    return wait([&](DiskImage::Done done) { image.flush(std::move(done)); });
  }
};

Bytes counting(size_t size, uint8_t from = 0) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(from + i * 7 + i / 512);
  return bytes;
}

std::string error_of(const Result<std::unique_ptr<DiskImage>>& image) {
  REQUIRE_FALSE(image.has_value());
  CHECK(image.error().code == ExitCode::bad_input);
  return image.error().message;
}

}  // namespace

TEST_CASE("image: an open that fails says what, where and what to do") {
  Bench bench;
  using Catch::Contains;
  const std::string missing = bench.folder.file("missing.img");
  CHECK_THAT(error_of(bench.open(missing)),
             Contains(missing) && Contains("No such file") && Contains("xvda"));
  CHECK_THAT(error_of(bench.open(bench.folder.path())), Contains("a folder"));
  CHECK_THAT(error_of(bench.open(bench.folder.path(), true)), Contains("a folder"));
  CHECK_THAT(error_of(bench.open("/dev/null")), Contains("neither a file nor a block device"));
  CHECK_THAT(error_of(bench.open(bench.folder.make("empty.img", {}))), Contains("empty"));
  CHECK_THAT(error_of(bench.open(bench.folder.make("odd.img", counting(513)))),
             Contains("513 bytes") && Contains("truncate"));
}

TEST_CASE("image: random operations agree with an array, and the file stays as it was") {
  Bench bench;
  // 21 sectors: the last block of 4 KiB is cut short.
  const Bytes original = counting(21 * 512);
  const std::string path = bench.folder.make("disk.img", original);
  const bool writable = GENERATE(false, true);
  const uint64_t seed = 20240103;
  CAPTURE(seed, writable);
  Bytes model = original;
  {
    const auto image = bench.must_open(path, writable);
    REQUIRE(image->sectors() == 21);
    Random random(seed);
    for (int step = 0; step < 2000; ++step) {
      const uint64_t sector = random.below(21);
      const uint64_t count = 1 + random.below(21 - sector);
      const auto part = std::span(model).subspan(sector * 512, count * 512);
      switch (random.below(3)) {
        case 0: {
          const Bytes data = counting(count * 512, static_cast<uint8_t>(random.next()));
          REQUIRE(bench.write(*image, sector, data) == Status::ok);
          std::copy(data.begin(), data.end(), part.begin());
          break;
        }
        case 1: {
          const Status status = bench.discard(*image, sector, count);
          if (writable && status == Status::not_supported) break;  // the host's file system cannot
          REQUIRE(status == Status::ok);
          std::fill(part.begin(), part.end(), uint8_t{0});
          break;
        }
        default: {
          Bytes data(count * 512, 0xee);
          REQUIRE(bench.read(*image, sector, data) == Status::ok);
          REQUIRE(std::equal(data.begin(), data.end(), part.begin()));
        }
      }
    }
    CHECK(bench.flush(*image) == Status::ok);
  }
  CHECK(bench.folder.contents("disk.img") == (writable ? model : original));
}

TEST_CASE("image: what lies outside is refused, without overflow") {
  Bench bench;
  const auto image = bench.must_open(bench.folder.make("disk.img", counting(4 * 512)));
  Bytes sector(512);
  CHECK(bench.read(*image, 3, sector) == Status::ok);
  CHECK(bench.read(*image, 4, sector) == Status::out_of_range);
  CHECK(bench.read(*image, UINT64_MAX, sector) == Status::out_of_range);
  CHECK(bench.read(*image, (UINT64_MAX / 512) + 1, sector) == Status::out_of_range);  // * 512 wraps to 0
  CHECK(bench.write(*image, 4, sector) == Status::out_of_range);
  CHECK(bench.discard(*image, 1, UINT64_MAX) == Status::out_of_range);
  CHECK(bench.discard(*image, 0, 4) == Status::ok);
}

TEST_CASE("image: a file that has become shorter gives I/O errors and a notice") {
  Bench bench;
  const std::string path = bench.folder.make("disk.img", counting(16 * 512));
  const auto image = bench.must_open(path);
  struct Listener : Tap {
    int notices = 0;
    void on_crossing(const Wire&, Crossing&, Verdict&) override { ++notices; }
  } listener;
  bench.wiring.add_tap(listener, "host/notice");
  fs::resize_file(path, 4 * 512);
  Bytes sector(512);
  CHECK(bench.read(*image, 3, sector) == Status::ok);
  CHECK(bench.read(*image, 9, sector) == Status::io_error);
  CHECK(bench.write(*image, 9, sector) == Status::io_error);  // the rest of its block cannot be read
  CHECK(listener.notices == 2);
  CHECK_FALSE(image->content_hash().has_value());
  bench.wiring.remove_tap(listener);
}

TEST_CASE("image: the hash names the contents, and holes count as the zeros that they are") {
  Bench bench;
  constexpr size_t kMiB = 1 << 20;
  Bytes bytes(3 * kMiB + 512, 0);
  bytes[2 * kMiB + 17] = 1;
  const auto written = bench.must_open(bench.folder.make("written.img", bytes));
  const std::string sparse_path = bench.folder.file("sparse.img");
  {
    std::ofstream sparse(sparse_path, std::ios::binary);
    sparse.seekp(2 * kMiB + 17);
    sparse.put(1);
  }
  fs::resize_file(sparse_path, bytes.size());
  const auto sparse = bench.must_open(sparse_path);
  const Result<uint64_t> hash = written->content_hash();
  REQUIRE(hash.has_value());
  CHECK(*hash == *sparse->content_hash());

  // The definition, restated.
  uint64_t expected = hash_mix(0, bytes.size());
  for (size_t at = 0; at < bytes.size(); at += kMiB) {
    expected = hash_mix(
        expected,
        hash64(std::span<const uint8_t>(bytes).subspan(at).first(std::min(kMiB, bytes.size() - at))));
  }
  CHECK(*hash == expected);

  // What the guest writes does not change it: it is kept in memory.
  CHECK(bench.write(*written, 0, counting(512)) == Status::ok);
  CHECK(*hash == *written->content_hash());
  bytes[0] = 1;
  CHECK(*hash != *bench.must_open(bench.folder.make("other.img", bytes))->content_hash());
}

TEST_CASE("image: the state names what was written") {
  Bench bench;
  struct WritesHash : StateVisitor {
    std::vector<uint64_t> writes_hashes;
    void number(std::string_view name, uint64_t value) override {
      if (name == "writes_hash") writes_hashes.push_back(value);
    }
    void bytes(std::string_view, std::span<const uint8_t>) override {}
  } same;
  const std::string path = bench.folder.make("disk.img", counting(8 * 512));
  const auto a = bench.must_open(path), b = bench.must_open(path);
  CHECK(state_digest(*a) == state_digest(*b));
  (void)bench.write(*a, 1, counting(512, 1));
  (void)bench.write(*b, 1, counting(512, 2));
  CHECK(state_digest(*a) != state_digest(*b));
  const auto c = bench.must_open(path);
  (void)bench.write(*c, 1, counting(512, 1));
  c->visit_state(same);
  a->visit_state(same);
  CHECK(same.writes_hashes.size() == 2);
  CHECK(same.writes_hashes[0] == same.writes_hashes[1]);
}

TEST_CASE("image: a fault on its wire fails, loses or delays an answer") {
  Bench bench;
  const auto image = bench.must_open(bench.folder.make("disk.img", counting(8 * 512)));
  struct Fault : Tap {
    Verdict verdict;
    ImageRecord seen{};
    void on_crossing(const Wire&, Crossing& crossing, Verdict& out) override {
      REQUIRE(crossing.bytes().size() == sizeof seen);
      std::memcpy(&seen, crossing.bytes().data(), sizeof seen);
      out = verdict;
    }
  } fault;
  bench.wiring.add_tap(fault, "image/xvda");
  Bytes data(1024);
  CHECK(bench.read(*image, 2, data) == Status::ok);
  CHECK(fault.seen.sector == 2);
  CHECK(fault.seen.count == 2);
  CHECK(fault.seen.digest == hash64(std::span<const uint8_t>(data)));
  fault.verdict.fail = -5;
  CHECK(bench.read(*image, 2, data) == Status::io_error);
  fault.verdict = Verdict{.copies = 1, .delay = milliseconds(3), .fail = 0};
  const Tick before = bench.clock.now;
  CHECK(bench.read(*image, 4, data) == Status::ok);
  CHECK(bench.clock.now - before >= milliseconds(3));
  fault.verdict = Verdict{.copies = 0, .delay = {}, .fail = 0};
  bool answered = false;
  image->read(0, data, [&](Status) { answered = true; });
  bench.run();
  CHECK_FALSE(answered);
  bench.wiring.remove_tap(fault);
}

TEST_CASE("image: a fault tears a write, misdirects it, or gives its status") {
  Bench bench;
  const auto image = bench.must_open(bench.folder.make("disk.img", counting(8 * 512)));
  struct Fault : Tap {
    std::function<void(ImageRecord&, Verdict&)> act;
    void on_crossing(const Wire&, Crossing& crossing, Verdict& verdict) override {
      ImageRecord record;
      std::memcpy(&record, crossing.payload->data(), sizeof record);
      act(record, verdict);
      std::memcpy(crossing.payload->data(), &record, sizeof record);
    }
  } fault;
  bench.wiring.add_tap(fault, "image/xvda");
  const Bytes before = counting(8 * 512), fresh(3 * 512, 0xab);
  const auto sector = [&](uint64_t number) {
    Bytes bytes(512);
    fault.act = [](ImageRecord&, Verdict&) {};
    CHECK(bench.read(*image, number, bytes) == Status::ok);
    return bytes;
  };
  const auto original = [&](size_t number) {
    return Bytes(before.begin() + static_cast<ptrdiff_t>(number * 512),
                 before.begin() + static_cast<ptrdiff_t>(number * 512 + 512));
  };
  SECTION("torn: the first two sectors are stored, and all is well") {
    fault.act = [](ImageRecord& record, Verdict&) { record.count = 2; };
    CHECK(bench.write(*image, 1, fresh) == Status::ok);
    CHECK(sector(2) == Bytes(512, 0xab));
    CHECK(sector(3) == original(3));
  }
  SECTION("more sectors than there are: no more are written") {
    fault.act = [](ImageRecord& record, Verdict&) { record.count = UINT64_MAX; };
    CHECK(bench.write(*image, 1, fresh) == Status::ok);
    CHECK(sector(3) == Bytes(512, 0xab));
    CHECK(sector(4) == original(4));
  }
  SECTION("misdirected, within the disk and outside") {
    fault.act = [](ImageRecord& record, Verdict&) { record.sector = 5; };
    CHECK(bench.write(*image, 1, fresh) == Status::ok);
    CHECK(sector(1) == original(1));
    CHECK(sector(5) == Bytes(512, 0xab));
    fault.act = [](ImageRecord& record, Verdict&) { record.sector = UINT64_MAX; };
    CHECK(bench.write(*image, 1, fresh) == Status::out_of_range);
    Bytes read(512);
    fault.act = [](ImageRecord& record, Verdict&) { record.sector = 3; };
    CHECK(bench.read(*image, 0, read) == Status::ok);
    CHECK(read == original(3));
  }
  SECTION("one that fails is not written") {
    fault.act = [](ImageRecord&, Verdict& verdict) { verdict.fail = -5; };
    CHECK(bench.write(*image, 1, fresh) == Status::io_error);
    CHECK(sector(1) == original(1));
  }
  SECTION("a status that is changed") {
    fault.act = [](ImageRecord& record, Verdict&) { record.status = 3; };
    CHECK(bench.write(*image, 1, fresh) == Status::not_supported);
    fault.act = [](ImageRecord& record, Verdict&) { record.status = 77; };
    CHECK(bench.write(*image, 1, fresh) == Status::ok);
  }
  SECTION("an answer falls behind another, and is for nobody once the image has gone") {
    fault.act = [](ImageRecord& record, Verdict& verdict) { verdict.behind = record.sector == 1 ? 1 : 0; };
    std::string order;
    Bytes first(512), second(512);
    image->read(1, first, [&](Status) { order += "1"; });
    image->read(2, second, [&](Status) { order += "2"; });
    bench.run();
    CHECK(order == "21");
  }
  bench.wiring.remove_tap(fault);
}

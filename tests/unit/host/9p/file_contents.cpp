// The contents of a file against a plain array of bytes that is changed alike, over thousands of random
// reads, writes and changes of size; what a source is asked for; what is kept.
#include <catch2/catch.hpp>
#include <cerrno>

#include "host/9p/file_contents.h"
#include "sim/random.h"

using namespace ringside;

namespace {

using Bytes = std::vector<uint8_t>;

// Byte i is i * 7 + 1; counts what it is asked for, and fails on demand.
struct Pattern final : ContentSource {
  explicit Pattern(uint64_t bytes) : bytes_(bytes) {}
  static uint8_t at(uint64_t i) { return static_cast<uint8_t>(i * 7 + 1); }
  uint64_t size() const override { return bytes_; }
  FileResult<size_t> read(uint64_t offset, std::span<uint8_t> into) override {
    if (fails_with != 0) return file_error(fails_with);
    REQUIRE(offset + into.size() <= bytes_);
    asked += into.size();
    for (size_t i = 0; i < into.size(); ++i) into[i] = at(offset + i);
    return std::min<uint64_t>(into.size(), there > offset ? there - offset : 0);
  }
  uint64_t bytes_, asked = 0, there = UINT64_MAX;
  int fails_with = 0;
};

Bytes read_all(const FileContents& contents) {
  Bytes bytes(static_cast<size_t>(contents.size()));
  REQUIRE(contents.read(0, bytes) == bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("contents are what was written, over what the source has", "[9p]") {
  for (const uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    Random random(seed);
    FileContents contents;
    Bytes model;
    if (seed % 2 == 0) {
      contents.set_source(std::make_shared<Pattern>(50'000 + seed));
      for (uint64_t i = 0; i < 50'000 + seed; ++i) model.push_back(Pattern::at(i));
    }
    for (int step = 0; step < 2000; ++step) {
      const uint64_t offset = random.below(80'000), length = random.below(random.one_in(3) ? 20'000 : 300);
      if (random.one_in(20)) {
        contents.resize(offset);
        model.resize(offset);
      } else if (random.one_in(2)) {
        Bytes data(length);
        for (uint8_t& byte : data) byte = static_cast<uint8_t>(random.next());
        REQUIRE(contents.write(offset, data, 1000) == length);
        if (length != 0 && offset + length > model.size()) model.resize(offset + length);
        std::copy(data.begin(), data.end(), model.begin() + static_cast<ptrdiff_t>(offset));
      } else {
        Bytes data(length, 0xee);
        const size_t expected = offset >= model.size() ? 0 : std::min<size_t>(length, model.size() - offset);
        REQUIRE(contents.read(offset, data) == expected);
        REQUIRE(std::equal(data.begin(), data.begin() + static_cast<ptrdiff_t>(expected),
                           model.begin() + static_cast<ptrdiff_t>(std::min<size_t>(offset, model.size()))));
      }
      REQUIRE(contents.size() == model.size());
    }
    CHECK(read_all(contents) == model);
  }
}

TEST_CASE("a source is read when it is asked for, and not where blocks were written whole", "[9p]") {
  const auto source = std::make_shared<Pattern>(1 << 20);
  FileContents contents;
  contents.set_source(source);
  CHECK(contents.size() == 1 << 20);
  CHECK(contents.sectors() == 2048);
  CHECK(source->asked == 0);
  REQUIRE(contents.write(8192, Bytes(4096, 1), 10) == 4096);
  CHECK(source->asked == 0);
  REQUIRE(contents.write(100, Bytes(1, 1), 10) == 1);
  CHECK(source->asked == 4096);  // the rest of that block
  CHECK(contents.blocks_kept() == 2);
  CHECK(contents.sectors() == 2048);
}

TEST_CASE("what a source cannot give is an error or zero, never the bytes of before", "[9p]") {
  const auto source = std::make_shared<Pattern>(10'000);
  FileContents contents;
  contents.set_source(source);
  Bytes data(100, 0xee);
  source->fails_with = EIO;
  CHECK(contents.read(0, data).error() == EIO);
  CHECK(contents.write(0, Bytes(10, 1), 10).error() == EIO);  // the block's rest is not known
  CHECK(contents.blocks_kept() == 0);
  source->fails_with = 0;
  source->there = 50;  // the file behind it has got shorter
  REQUIRE(contents.read(0, data) == 100);
  CHECK(data[49] == Pattern::at(49));
  CHECK(data[50] == 0);
}

TEST_CASE("what a file is cut to does not come back when it grows", "[9p]") {
  FileContents contents;
  contents.set_source(std::make_shared<Pattern>(10'000));
  contents.resize(100);
  contents.resize(10'000);
  const Bytes all = read_all(contents);
  CHECK(all[99] == Pattern::at(99));
  CHECK(std::all_of(all.begin() + 100, all.end(), [](uint8_t byte) { return byte == 0; }));
}

TEST_CASE("a file far apart takes what was written, and no more than there is room for", "[9p]") {
  FileContents contents;
  REQUIRE(contents.write(1ull << 45, Bytes{1}, 1) == 1);
  CHECK(contents.size() == (1ull << 45) + 1);
  CHECK(contents.blocks_kept() == 1);
  CHECK(contents.sectors() == 8);
  CHECK(contents.write(0, Bytes(3 * 4096, 2), 2) == 2 * 4096u);  // the part that fits
  CHECK(contents.write(3 * 4096, Bytes{1}, 0).error() == ENOSPC);
  CHECK(contents.write(10, Bytes{1}, 0) == 1);  // into a block that is there
  contents.resize(0);
  CHECK(contents.blocks_kept() == 0);
  CHECK(contents.sectors() == 0);
}

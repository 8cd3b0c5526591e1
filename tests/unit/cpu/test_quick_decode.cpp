// quick_decode() against Capstone: where it answers, the answer is the same in all that a block needs, and it
// answers for nearly all real code. What the instructions cost in truth is not the question here: the
// disassembler's answer is taken for right.
#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "cpu/quick_decode.h"
#include "sim/random.h"

namespace ringside::test {
namespace {

using Code = std::vector<uint8_t>;

class Comparison {
 public:
  // `bytes` end where the vector's memory ends, so that a read beyond them is found by AddressSanitizer.
  void compare(const Code& bytes) {
    ++asked;
    InstructionSummary quick;
    if (!quick_decode(bytes, quick)) return;
    ++known;
    Instruction instruction;
    const bool valid = disassembler_.decode(bytes, address_ += 0x123, instruction);
    if (valid && summary_of(instruction) == quick) return;
    if (different++ == 0) first_difference = describe(bytes, valid, instruction, quick);
  }

  uint64_t asked = 0, known = 0, different = 0;
  std::string first_difference;

 private:
  static std::string describe(const Code& bytes, bool valid, const Instruction& instruction,
                              const InstructionSummary& quick) {
    const InstructionSummary slow = summary_of(instruction);
    const auto fields = [](const InstructionSummary& s) {
      return fmt::format("length {}, {} cycles, cuttable {}, port {}, end {}", s.length, s.cycles, s.cuttable,
                         s.uses_port, static_cast<int>(s.end));
    };
    return fmt::format("{:02x}: {} but Capstone says {}", fmt::join(bytes, " "), fields(quick),
                       valid ? fields(slow) : "invalid");
  }

  Disassembler disassembler_;
  uint64_t address_ = 0x1000;
};

void check_equal(const Comparison& comparison) {
  INFO(comparison.first_difference);
  CHECK(comparison.different == 0);
}

// What follows a ModRM byte: some of it will be taken for a SIB byte, a displacement and an immediate.
void append_random(Code& code, Random& random, size_t count) {
  for (size_t i = 0; i < count; ++i) code.push_back(static_cast<uint8_t>(random.next()));
}

Code random_code(Random& random) {
  static constexpr uint8_t kPrefixes[] = {0x66, 0x66, 0xf2, 0xf3, 0xf0, 0x2e,
                                          0x36, 0x3e, 0x26, 0x64, 0x65, 0x67};
  const auto prefix = [&] { return kPrefixes[random.below(std::size(kPrefixes))]; };
  Code code;
  for (uint64_t left = random.below(random.one_in(4) ? 6 : 3); left > 0; --left) code.push_back(prefix());
  if (random.one_in(2)) code.push_back(static_cast<uint8_t>(0x40 + random.below(16)));
  if (random.one_in(64)) code.push_back(prefix());
  if (random.one_in(2)) code.push_back(0x0f);
  append_random(code, random, 14);
  if (random.one_in(8)) code.insert(code.begin(), random.below(12), 0x66);  // about 15 bytes, and beyond
  if (random.one_in(4)) code.resize(1 + random.below(code.size()));
  return Code(code.begin(), code.end());
}

// The .text section of a 64-bit ELF file.
Code text_section(const char* path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> image{std::istreambuf_iterator<char>(file), {}};
  const auto at = [&](auto& into, uint64_t offset) {
    REQUIRE(offset + sizeof into <= image.size());
    std::memcpy(&into, image.data() + offset, sizeof into);
  };
  Elf64_Ehdr header;
  at(header, 0);
  const auto section = [&](uint64_t index) {
    Elf64_Shdr found;
    at(found, header.e_shoff + index * sizeof found);
    return found;
  };
  const uint64_t names = section(header.e_shstrndx).sh_offset;
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr found = section(i);
    std::array<char, 6> name{};
    at(name, names + found.sh_name);
    if (std::strcmp(name.data(), ".text") != 0) continue;
    REQUIRE(found.sh_offset + found.sh_size <= image.size());
    const auto start = image.begin() + static_cast<int64_t>(found.sh_offset);
    return Code(start, start + static_cast<int64_t>(found.sh_size));
  }
  return {};
}

}  // namespace

TEST_CASE("quick_decode says what Capstone says: every opcode and ModRM byte behind the usual prefixes") {
  const std::vector<Code> prefixes = {{},           {0x66},       {0xf3},       {0xf2},       {0xf0},
                                      {0x64},       {0x48},       {0x66, 0x49}, {0xf3, 0x48}, {0xf2, 0x4c},
                                      {0x66, 0xf3}, {0x66, 0x2e}, {0xf0, 0x48}};
  Random random(1);
  Comparison comparison;
  for (const Code& prefix : prefixes) {
    for (unsigned opcode = 0; opcode < 0x20000; ++opcode) {
      Code code = prefix;
      if (opcode & 0x10000) code.push_back(0x0f);
      code.push_back(static_cast<uint8_t>(opcode >> 8));
      code.push_back(static_cast<uint8_t>(opcode));
      append_random(code, random, 11);
      comparison.compare(code);
    }
  }
  check_equal(comparison);
  CHECK(comparison.known > comparison.asked / 3);
}

TEST_CASE("quick_decode says what Capstone says: random prefixes in any order, code cut short, 15 bytes") {
  Random random(2);
  Comparison comparison;
  for (int n = 0; n < 1'500'000; ++n) comparison.compare(random_code(random));
  check_equal(comparison);
  CHECK(comparison.known > comparison.asked / 4);
}

TEST_CASE("quick_decode knows no instruction that is cut short, and reads none of what is missing") {
  Random random(3);
  uint64_t cut = 0;
  InstructionSummary whole, part;
  for (int n = 0; n < 100'000; ++n) {
    const Code code = random_code(random);
    if (!quick_decode(code, whole)) continue;
    for (size_t size = 0; size < whole.length; ++size, ++cut) {
      const Code start(code.begin(), code.begin() + static_cast<int64_t>(size));
      part = {77, 77};
      REQUIRE_FALSE(quick_decode(start, part));
      REQUIRE(part == InstructionSummary{77, 77});
    }
    const Code exact(code.begin(), code.begin() + whole.length);
    REQUIRE(quick_decode(exact, part));
    REQUIRE(part == whole);
  }
  CHECK(cut > 100'000);
}

TEST_CASE("quick_decode knows nearly all instructions of a program: this one") {
  const Code text = text_section("/proc/self/exe");
  REQUIRE(text.size() > 100'000);
  Disassembler disassembler;
  uint64_t instructions = 0, known = 0, different = 0;
  for (size_t offset = 0; offset < text.size() && instructions < 300'000;) {
    const auto rest = std::span(text).subspan(offset, std::min<size_t>(15, text.size() - offset));
    Instruction instruction;
    InstructionSummary quick;
    const bool valid = disassembler.decode(rest, offset, instruction);
    const bool answered = quick_decode(rest, quick);
    different += answered && !(valid && quick == summary_of(instruction));
    known += answered;
    ++instructions;
    offset += valid ? instruction.length : 1;
  }
  CHECK(different == 0);
  CHECK(known * 100 >= instructions * 97);
}

TEST_CASE("quick_decode leaves to Capstone what is rare or not certain") {
  const auto known = [](std::initializer_list<int> list) {
    const Code code(list.begin(), list.end());
    InstructionSummary summary;
    return quick_decode(code, summary);
  };
  CHECK(known({0x48, 0x8b, 0x03}));
  CHECK_FALSE(known({}));
  CHECK_FALSE(known({0x67, 0x48, 0x8b, 0x03}));        // a 32-bit address
  CHECK_FALSE(known({0x66, 0xe8, 0, 0, 0, 0}));        // 66 on a branch
  CHECK_FALSE(known({0x48, 0x66, 0x8b, 0x03}));        // a prefix behind REX
  CHECK_FALSE(known({0x2e, 0x64, 0x8b, 0x03}));        // two segments
  CHECK_FALSE(known({0x8e, 0xd0}));                    // mov ss, eax
  CHECK_FALSE(known({0xf0, 0x8b, 0x03}));              // LOCK on a load
  CHECK_FALSE(known({0xc5, 0xf8, 0x77}));              // VEX
  CHECK_FALSE(known({0x0f, 0x0f, 0xc1, 0xbf}));        // 3DNow
  CHECK_FALSE(known({0xd9, 0xee}));                    // x87
  CHECK_FALSE(known({0xf3, 0x66, 0x0f, 0xb8, 0xc1}));  // POPCNT's prefix is not the last one
}

}  // namespace ringside::test

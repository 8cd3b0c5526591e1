// The `bare` protocol of boot/README.md, by which the guests of guest/ start, and the BIOS entry.
#include <catch2/catch.hpp>

#include "boot/bios.h"
#include "tests/support/boot_file.h"

using namespace ringside;
using Catch::Matchers::Contains;

TEST_CASE("a bare guest begins at its entry with five registers set") {
  const auto memory = make_memory(16);
  const auto file = make_elf(small_bare_kernel());
  const std::vector<uint8_t> ramdisk(100, 0x22);
  BootRequest request = request_for(file, "verbose fifo=14");
  request.ramdisk = ramdisk;
  memory->store(GuestPhys{0x101000}, uint64_t{0xdead});
  const auto state = boot_kernel(*memory, request, BootProtocol::bare);
  REQUIRE(state);
  CHECK(state->mode == BootMode::long_64);
  CHECK(state->rip == 0x100010);
  CHECK(text_at(*memory, state->general[BootState::rdi]) == "verbose fifo=14");
  CHECK(state->general[BootState::rsi] == 16 << 20);
  CHECK(state->general[BootState::rdx] == (16 << 20) - 4096);
  CHECK(state->general[BootState::rcx] == 100);
  CHECK(state->general[BootState::rsp] == 0x90000);
  CHECK(state->general[BootState::rbx] == 0);
  CHECK(memory->load<uint8_t>(GuestPhys{(16 << 20) - 4096 + 99}) == 0x22);
  CHECK(memory->load<uint8_t>(GuestPhys{0x100fff}) == 0x90);
  CHECK(memory->load<uint64_t>(GuestPhys{0x101000}) == 0);
}

TEST_CASE("without a ramdisk, its address and length are zero") {
  const auto memory = make_memory(16);
  const auto file = make_elf(small_bare_kernel());
  const auto state = boot_kernel(*memory, request_for(file), BootProtocol::bare);
  REQUIRE(state);
  CHECK(state->general[BootState::rdx] == 0);
  CHECK(state->general[BootState::rcx] == 0);
  CHECK(text_at(*memory, state->general[BootState::rdi]).empty());
}

TEST_CASE("a bare guest may be linked low, but not over what it starts with") {
  const auto memory = make_memory(16);
  ElfSpec spec = small_bare_kernel();
  spec.entry = 0x7f000;
  spec.segments[0].physical_address = 0x7f000;
  spec.segments[0].memory_size = 4096;
  auto file = make_elf(spec);
  CHECK(boot_error(*memory, request_for(file), BootProtocol::bare).empty());
  spec.segments[0].memory_size = 4097;
  file = make_elf(spec);
  CHECK_THAT(boot_error(*memory, request_for(file), BootProtocol::bare),
             Contains("no room") && Contains("0x7f000"));
  spec.segments[0].physical_address = 0xe0000000;
  file = make_elf(spec);
  CHECK_THAT(boot_error(*memory, request_for(file), BootProtocol::bare), Contains("no room"));
  spec.segments[0].physical_address = 0;
  file = make_elf(spec);
  CHECK_THAT(boot_error(*memory, request_for(file), BootProtocol::bare), Contains("no room"));
}

TEST_CASE("a bare guest's entry is a physical address") {
  const auto memory = make_memory(16);
  ElfSpec spec = small_bare_kernel();
  spec.entry = 0x102000;
  const auto file = make_elf(spec);
  CHECK_THAT(boot_error(*memory, request_for(file), BootProtocol::bare),
             Contains("0x102000") && Contains("physical"));
}

TEST_CASE("a BIOS is ROM below 4 GiB, and its end a copy below 1 MiB") {
  const auto memory = make_memory(16);
  std::vector<uint8_t> file(256 << 10, 0xaa);
  file[(256 << 10) - 16] = 0xea;
  file[128 << 10] = 0x55;
  const auto rom = boot_bios(*memory, "bios.bin", file);
  REQUIRE(rom);
  CHECK(rom->state.mode == BootMode::reset_vector);
  CHECK(rom->base.value == 0xfffc0000);
  CHECK(memory->load<uint8_t>(GuestPhys{0xffff0}) == 0xea);
  CHECK(memory->load<uint8_t>(GuestPhys{0xe0000}) == 0x55);
  CHECK(memory->load<uint8_t>(GuestPhys{0xdffff}) == 0);
  // An image of 64 KiB fills half of that.
  const auto small = make_memory(16);
  REQUIRE(boot_bios(*small, "bios.bin", std::span(file).last(64 << 10)));
  CHECK(small->load<uint8_t>(GuestPhys{0xeffff}) == 0);
  CHECK(small->load<uint8_t>(GuestPhys{0xf0000}) == 0xaa);
}

TEST_CASE("files that are no BIOS are refused") {
  const auto memory = make_memory(16);
  const auto error = [&](size_t size, uint8_t fill) {
    const std::vector<uint8_t> file(size, fill);
    const auto rom = boot_bios(*memory, "bios.bin", file);
    return rom ? std::string() : rom.error().message;
  };
  CHECK_THAT(error(0, 0), Contains("0 bytes"));
  CHECK_THAT(error(1000, 0x90), Contains("1000 bytes") && Contains("seabios"));
  CHECK_THAT(error(32 << 20, 0x90), Contains("up to 16 MiB"));
  CHECK_THAT(error(64 << 10, 0xff), Contains("reset vector"));
}

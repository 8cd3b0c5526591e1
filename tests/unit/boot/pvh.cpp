// PVH: hvm_start_info as Xen's public/arch-x86/hvm/start_info.h lays it out, restated; ELF32 and ELF64.
#include <catch2/catch.hpp>

#include "tests/support/boot_file.h"

using namespace ringside;
using Catch::Matchers::Contains;

namespace {

ElfSpec small_pvh_kernel() {
  ElfSpec spec = small_bare_kernel();
  spec.notes = {number_note(kNotePhys32Entry, 0x100020, 4)};
  return spec;
}

}  // namespace

TEST_CASE("a PVH kernel begins at its note's address with the start info in EBX") {
  const auto memory = make_memory(16);
  const auto file = make_elf(small_pvh_kernel());
  const std::vector<uint8_t> ramdisk(100, 0x33);
  BootRequest request = request_for(file, "root=/dev/sda");
  request.ramdisk = ramdisk;
  request.rsdp = GuestPhys{0xe0000};
  const auto state = boot_kernel(*memory, request, BootProtocol::pvh);
  REQUIRE(state);
  CHECK(state->mode == BootMode::protected_32);
  CHECK(state->rip == 0x100020);
  CHECK(memory->load<uint64_t>(GuestPhys{state->descriptor_table.value + 0x10}) == 0x00cf9b000000ffff);
  CHECK(memory->load<uint64_t>(GuestPhys{state->descriptor_table.value + 0x18}) == 0x00cf93000000ffff);

  const uint64_t info = state->general[BootState::rbx];
  const auto at32 = [&](uint64_t address) { return memory->load<uint32_t>(GuestPhys{address}); };
  const auto at64 = [&](uint64_t address) { return memory->load<uint64_t>(GuestPhys{address}); };
  CHECK(at32(info) == 0x336ec578);
  CHECK(at32(info + 4) == 1);
  CHECK(at32(info + 12) == 1);  // one module: the ramdisk
  const uint64_t module = at64(info + 16);
  CHECK(at64(module) == (16 << 20) - 4096);
  CHECK(at64(module + 8) == 100);
  CHECK(memory->load<uint8_t>(GuestPhys{at64(module) + 99}) == 0x33);
  CHECK(text_at(*memory, at64(info + 24)) == "root=/dev/sda");
  CHECK(at64(info + 32) == 0xe0000);
  REQUIRE(at32(info + 48) == 4);
  const uint64_t map = at64(info + 40);
  CHECK(at64(map) == 0);
  CHECK(at64(map + 8) == 0x9fc00);
  CHECK(at32(map + 16) == 1);
  CHECK(at64(map + 3 * 24) == 0x100000);
  CHECK(at64(map + 3 * 24 + 8) == (15 << 20));
}

TEST_CASE("a 32-bit ELF goes by PVH without being told") {
  const auto memory = make_memory(16);
  const auto file = make_elf32_kernel(0x100000, 0x100004);
  const auto state = boot_kernel(*memory, request_for(file), BootProtocol::automatic);
  REQUIRE(state);
  CHECK(state->mode == BootMode::protected_32);
  CHECK(state->rip == 0x100004);
  CHECK(memory->load<uint8_t>(GuestPhys{0x1000ff}) == 0x90);
  CHECK(memory->load<uint32_t>(GuestPhys{state->general[BootState::rbx] + 12}) == 0);  // no modules
}

TEST_CASE("a cut 32-bit ELF is refused at every length") {
  const auto memory = make_memory(16);
  const auto whole = make_elf32_kernel(0x100000, 0x100004);
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::vector<uint8_t> file(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    CHECK_FALSE(boot_error(*memory, request_for(file), BootProtocol::pvh).empty());
  }
}

TEST_CASE("kernels without a PVH entry are refused") {
  const auto memory = make_memory(16);
  const auto file = make_elf(small_bare_kernel());
  CHECK_THAT(boot_error(*memory, request_for(file), BootProtocol::pvh), Contains("PHYS32_ENTRY"));
  ElfSpec astray = small_pvh_kernel();
  astray.notes = {number_note(kNotePhys32Entry, 0x300000, 4)};
  const auto outside = make_elf(astray);
  CHECK_THAT(boot_error(*memory, request_for(outside), BootProtocol::pvh), Contains("0x300000"));
  const auto image = small_bzimage();
  CHECK_THAT(boot_error(*memory, request_for(image), BootProtocol::pvh), Contains("bzImage"));
  const auto narrow = make_elf32_kernel(0x100000, 0x100004);
  CHECK_THAT(boot_error(*memory, request_for(narrow), BootProtocol::bare), Contains("32-bit"));
}

// The 64-bit Linux boot protocol: what a bzImage or a vmlinux finds in memory and registers. Offsets are
// those of Linux's Documentation/arch/x86/boot.rst and zero-page.rst, restated.
#include <catch2/catch.hpp>

#include "boot/bzimage.h"
#include "tests/support/boot_file.h"

using namespace ringside;
using Catch::Matchers::Contains;

TEST_CASE("a bzImage is loaded at its preferred address and entered 0x200 behind") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  const auto state = boot_kernel(*memory, request_for(file, "console=ttyS0 quiet"), BootProtocol::automatic);
  REQUIRE(state);
  CHECK(state->mode == BootMode::long_64);
  CHECK(state->rip == 0x1000200);
  CHECK(state->code_selector == 0x10);
  CHECK(state->data_selector == 0x18);
  CHECK(memory->load<uint8_t>(GuestPhys{0x1000000}) == 0xc5);
  CHECK(memory->load<uint8_t>(GuestPhys{0x1000fff}) == 0xc5);
  CHECK(memory->load<uint8_t>(GuestPhys{0x1001000}) == 0);

  const uint64_t params = state->general[BootState::rsi];
  const auto at = [&](uint64_t offset) { return GuestPhys{params + offset}; };
  CHECK(memory->load<uint32_t>(at(0x202)) == 0x53726448);  // the setup header was copied
  CHECK(memory->load<uint64_t>(at(0x258)) == 0x1000000);
  CHECK(memory->load<uint32_t>(at(0x26c)) == 0);    // and no more than it
  CHECK(memory->load<uint8_t>(at(0x210)) == 0xff);  // type_of_loader
  CHECK(memory->load<uint8_t>(at(0x1ef)) == 0);     // sentinel: the page was cleared
  CHECK(memory->load<uint8_t>(at(0x00f)) == 0);     // orig_video_isVGA
  CHECK(memory->load<uint64_t>(at(0x070)) == 0);    // acpi_rsdp_addr
  CHECK(memory->load<uint32_t>(at(0x218)) == 0);    // ramdisk_image
  CHECK(text_at(*memory, memory->load<uint32_t>(at(0x228))) == "console=ttyS0 quiet");
}

TEST_CASE("the memory map of boot_params leaves out what is no RAM") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  const auto state = boot_kernel(*memory, request_for(file), BootProtocol::linux);
  REQUIRE(state);
  const uint64_t params = state->general[BootState::rsi];
  struct Entry {
    uint64_t base, length;
    uint32_t type;
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> map;
  for (unsigned i = 0; i < memory->load<uint8_t>(GuestPhys{params + 0x1e8}); ++i) {
    const uint64_t entry = params + 0x2d0 + 20 * i;
    map.push_back({memory->load<uint64_t>(GuestPhys{entry}), memory->load<uint64_t>(GuestPhys{entry + 8}),
                   memory->load<uint32_t>(GuestPhys{entry + 16})});
  }
  CHECK(map == std::vector<Entry>{{0, 0x9fc00, 1},
                                  {0x9fc00, 0x400, 2},
                                  {0xe0000, 0x20000, 2},
                                  {0x100000, (64 << 20) - 0x100000, 1}});
}

TEST_CASE("the ramdisk lies page-aligned at the end of memory, and the RSDP is told") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  const std::vector<uint8_t> ramdisk(5000, 0x11);
  BootRequest request = request_for(file);
  request.ramdisk = ramdisk;
  request.rsdp = GuestPhys{0xe0000};
  const auto state = boot_kernel(*memory, request, BootProtocol::automatic);
  REQUIRE(state);
  const uint64_t params = state->general[BootState::rsi];
  CHECK(memory->load<uint64_t>(GuestPhys{params + 0x70}) == 0xe0000);
  CHECK(memory->load<uint32_t>(GuestPhys{params + 0x218}) == (64 << 20) - 8192);
  CHECK(memory->load<uint32_t>(GuestPhys{params + 0x21c}) == 5000);
  CHECK(memory->load<uint8_t>(GuestPhys{(64 << 20) - 8192 + 4999}) == 0x11);
}

TEST_CASE("a ramdisk stays below the address that the kernel allows") {
  const auto memory = make_memory(64);
  auto file = small_bzimage();
  poke<uint32_t>(file, 0x22c, (48 << 20) - 1);
  const std::vector<uint8_t> ramdisk(4096, 0x11);
  BootRequest request = request_for(file);
  request.ramdisk = ramdisk;
  const auto state = boot_kernel(*memory, request, BootProtocol::automatic);
  REQUIRE(state);
  CHECK(memory->load<uint32_t>(GuestPhys{state->general[BootState::rsi] + 0x218}) == (48 << 20) - 4096);
}

TEST_CASE("long mode begins with the first 4 GiB mapped to themselves") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  const auto state = boot_kernel(*memory, request_for(file), BootProtocol::automatic);
  REQUIRE(state);
  constexpr uint64_t kAddressMask = 0xffffffffff000;
  const auto entry = [&](uint64_t table, uint64_t index) {
    return memory->load<uint64_t>(GuestPhys{(table & kAddressMask) + 8 * index});
  };
  const uint64_t top = entry(state->page_table_root.value, 0);
  REQUIRE((top & 3) == 3);
  CHECK(entry(state->page_table_root.value, 1) == 0);
  for (const uint64_t address : {0x0ull, 0x200000ull, 0x1000000ull, 0xe0000000ull, 0xffe00000ull}) {
    const uint64_t directory = entry(top, address >> 30);
    REQUIRE((directory & 3) == 3);
    CHECK(entry(directory, address >> 21 & 511) == (address | 0x83));
  }
  CHECK(entry(top, 4) == 0);
  const uint64_t gdt = state->descriptor_table.value;
  CHECK(state->descriptor_table_limit == 31);
  CHECK(memory->load<uint64_t>(GuestPhys{gdt + 0x10}) == 0x00af9b000000ffff);
  CHECK(memory->load<uint64_t>(GuestPhys{gdt + 0x18}) == 0x00cf93000000ffff);
}

TEST_CASE("a second boot in the same memory finds it zeroed where the first ran") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  REQUIRE(boot_error(*memory, request_for(file)).empty());
  memory->store(GuestPhys{0x1001000}, uint64_t{0xdead});
  memory->store(GuestPhys{0x17ffff8}, uint64_t{0xdead});
  REQUIRE(boot_error(*memory, request_for(file)).empty());
  CHECK(memory->load<uint64_t>(GuestPhys{0x1001000}) == 0);
  CHECK(memory->load<uint64_t>(GuestPhys{0x17ffff8}) == 0);
}

TEST_CASE("files that are no kernels are named for what they are") {
  const auto memory = make_memory(64);
  std::vector<uint8_t> file = small_bzimage();
  file.resize(0x206);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("518 bytes long") && Contains("0x1f1"));
  file = {'h', 'e', 'l', 'l', 'o'};
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("not an ELF file") && Contains("bzImage"));
  CHECK_THAT(boot_error(*memory, request_for({})), Contains("is empty"));
  file = small_bzimage();
  poke<uint16_t>(file, 0x206, 0x0209);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("2.09") && Contains("2.12"));
  file = small_bzimage();
  poke<uint8_t>(file, 0x211, 0);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("zImage"));
  file = small_bzimage();
  poke<uint16_t>(file, 0x236, 0);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("XLF_KERNEL_64"));
  file = small_bzimage();
  file.resize(4000);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("is cut") && Contains("4000"));
  file = small_bzimage();
  poke<uint32_t>(file, 0x1f4, 0x10);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("256 bytes of code"));
  file = small_bzimage();
  poke<uint64_t>(file, 0x258, 0x8000);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("below 1 MiB"));
}

TEST_CASE("what does not fit into memory is said with the number that would") {
  auto memory = make_memory(20);
  const auto file = small_bzimage();
  CHECK_THAT(boot_error(*memory, request_for(file)),
             Contains("ends at 0x1400000") && Contains("raise `memory` to 25M"));
  memory = make_memory(25);
  CHECK(boot_error(*memory, request_for(file)).empty());
  const std::vector<uint8_t> ramdisk(2 << 20);
  BootRequest request = request_for(file);
  request.ramdisk = ramdisk;
  CHECK_THAT(boot_error(*memory, request), Contains("'boot/ramdisk'") && Contains("raise `memory` to 27M"));
  memory = make_memory(1);
  CHECK_THAT(boot_error(*memory, request_for(file)), Contains("2M or more"));
  memory = make_memory(64);
  CHECK_THAT(boot_error(*memory, request_for(file, std::string(2048, 'x'))),
             Contains("2048") && Contains("2047"));
  CHECK(boot_error(*memory, request_for(file, std::string(2047, 'x'))).empty());
  CHECK_THAT(boot_error(*memory, request_for(file, std::string("a\0b", 3))), Contains("NUL"));
  auto wild = small_bzimage();
  poke<uint64_t>(wild, 0x258, ~uint64_t{0xfff});
  CHECK_THAT(boot_error(*memory, request_for(wild)), Contains("no room"));
}

TEST_CASE("an ELF64 kernel goes by the same protocol, with a setup header of our own") {
  const auto memory = make_memory(64);
  ElfSpec spec;
  spec.entry = 0x1000040;
  spec.segments.push_back({0xffffffff81000000, 0x1000000, std::vector<uint8_t>(4096, 0x90), 8192});
  const auto file = make_elf(spec);
  auto state = boot_kernel(*memory, request_for(file, "quiet"), BootProtocol::automatic);
  REQUIRE(state);
  CHECK(state->mode == BootMode::long_64);
  CHECK(state->rip == 0x1000040);
  const uint64_t params = state->general[BootState::rsi];
  CHECK(memory->load<uint32_t>(GuestPhys{params + 0x202}) == 0x53726448);
  CHECK(memory->load<uint16_t>(GuestPhys{params + 0x1fe}) == 0xaa55);
  CHECK(text_at(*memory, memory->load<uint32_t>(GuestPhys{params + 0x228})) == "quiet");
  // A virtual entry is turned into a physical one.
  spec.entry = 0xffffffff81000050;
  const auto linked_high = make_elf(spec);
  state = boot_kernel(*memory, request_for(linked_high), BootProtocol::linux);
  REQUIRE(state);
  CHECK(state->rip == 0x1000050);
  spec.entry = 0x5000;
  const auto astray = make_elf(spec);
  CHECK_THAT(boot_error(*memory, request_for(astray)), Contains("outside of its segments"));
}

TEST_CASE("the BIOS data area tells of 639 KiB and one serial port") {
  const auto memory = make_memory(64);
  const auto file = small_bzimage();
  REQUIRE(boot_error(*memory, request_for(file)).empty());
  CHECK(memory->load<uint16_t>(GuestPhys{0x400}) == 0x3f8);
  CHECK(memory->load<uint16_t>(GuestPhys{0x40e}) == 0x9fc0);
  CHECK(memory->load<uint16_t>(GuestPhys{0x413}) == 639);
}

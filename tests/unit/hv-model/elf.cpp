// The loader's judgement of files: every kind of wrong file gets its own sentence, and no file crashes it.
#include <catch2/catch.hpp>

#include "boot/elf_notes.h"
#include "sim/random.h"
#include "tests/support/elf_file.h"

using namespace ringside;

namespace {

std::string error_of(const std::vector<uint8_t>& file) {
  const auto kernel = read_xen_kernel("boot/kernel", file);
  return kernel ? "" : kernel.error().message;
}
std::vector<uint8_t> bytes_of(std::string_view text, size_t size = 4096) {
  std::vector<uint8_t> bytes(text.begin(), text.end());
  bytes.resize(std::max(size, bytes.size()));
  return bytes;
}

using Catch::Matchers::Contains;

}  // namespace

TEST_CASE("files that are no kernels are named for what they are") {
  CHECK_THAT(error_of({}), Contains("is empty"));
  CHECK_THAT(error_of(bytes_of("hello")), Contains("not an ELF file"));
  CHECK_THAT(error_of(bytes_of("\x1f\x8b\x08")), Contains("gzip") && Contains("unpack"));
  CHECK_THAT(error_of(bytes_of("\xfd"
                               "7zXZ")),
             Contains("xz"));
  CHECK_THAT(error_of(bytes_of("\x28\xb5\x2f\xfd")), Contains("zstd"));
  CHECK_THAT(error_of(bytes_of("MZ")), Contains("PE file"));
  std::vector<uint8_t> image = bytes_of("MZ");
  std::memcpy(image.data() + 0x202, "HdrS", 4);
  CHECK_THAT(error_of(image), Contains("bzImage") && Contains("extract-vmlinux"));
  CHECK_THAT(error_of(bytes_of("hello")), Contains("'boot/kernel'"));
}

TEST_CASE("ELF files that cannot run here are refused, each with its reason") {
  std::vector<uint8_t> file = make_elf(small_xen_kernel());
  REQUIRE(error_of(file).empty());
  std::vector<uint8_t> changed = file;
  changed[EI_CLASS] = ELFCLASS32;
  CHECK_THAT(error_of(changed), Contains("32-bit"));
  changed = file;
  changed[18] = EM_AARCH64;
  CHECK_THAT(error_of(changed), Contains("another machine"));
  changed = file;
  changed[16] = ET_REL;
  CHECK_THAT(error_of(changed), Contains("no executable"));
  changed = std::vector<uint8_t>(file.begin(), file.begin() + 40);
  CHECK_THAT(error_of(changed), Contains("cut"));
  changed = std::vector<uint8_t>(file.begin(), file.begin() + 1000);
  CHECK_THAT(error_of(changed), Contains("cut") && Contains("segment"));
  ElfSpec plain = small_xen_kernel();
  plain.notes = {{"GNU", 1, {1, 2, 3, 4}}};
  CHECK_THAT(error_of(make_elf(plain)), Contains("without Xen notes"));
  plain.notes.clear();
  CHECK_THAT(error_of(make_elf(plain)), Contains("without Xen notes"));
}

TEST_CASE("notes that ask for something else are refused") {
  ElfSpec spec = small_xen_kernel();
  spec.notes[1] = text_note(kNoteLoader, "special");
  CHECK_THAT(error_of(make_elf(spec)), Contains("'special'"));
  spec = small_xen_kernel();
  spec.notes[2] = text_note(kNoteXenVersion, "xen-2.0");
  CHECK_THAT(error_of(make_elf(spec)), Contains("xen-2.0"));
  spec = small_xen_kernel();
  spec.notes = {number_note(kNotePhys32Entry, 0x1000, 4)};
  CHECK_THAT(error_of(make_elf(spec)), Contains("PVH"));
  spec = small_xen_kernel();
  spec.notes.push_back(text_note(kNoteFeatures, "writable_page_tables|!auto_translated_physmap"));
  CHECK_THAT(error_of(make_elf(spec)), Contains("auto_translated_physmap"));
  spec.notes.back() = text_note(kNoteFeatures, "!pae_pgdir_above_4gb|auto_translated_physmap");
  CHECK(error_of(make_elf(spec)).empty());
}

TEST_CASE("addresses follow libelf's rules") {
  ElfSpec spec = small_xen_kernel();
  const uint64_t base = 0xffffffff80000000ull;
  spec.segments = {{base + 0x1000000, 0x1000000, std::vector<uint8_t>(100, 1), 0x3000}};
  spec.notes[3] = number_note(kNoteVirtBase, base);
  spec.notes.push_back(number_note(kNoteEntry, base + 0x1000040));
  spec.notes.push_back(number_note(kNoteHypercallPage, base + 0x1001000));
  spec.notes.push_back(number_note(kNoteInitP2m, 0x8000000000));
  spec.notes.push_back(number_note(kNoteModStartPfn, 1));
  const auto kernel = read_xen_kernel("k", make_elf(spec));
  REQUIRE(kernel.has_value());
  CHECK(kernel->virtual_start == base + 0x1000000);
  CHECK(kernel->virtual_end == base + 0x1003000);
  CHECK(kernel->entry == base + 0x1000040);
  CHECK(*kernel->hypercall_page == base + 0x1001000);
  CHECK(*kernel->p2m_base == 0x8000000000);
  CHECK(kernel->ramdisk_unmapped);

  spec.notes[4] = number_note(kNoteEntry, base);
  CHECK_THAT(error_of(make_elf(spec)), Contains("do not fit"));
  spec.notes[4] = number_note(kNoteEntry, base + 0x1000000);
  spec.notes[5] = number_note(kNoteHypercallPage, base + 0x1001001);
  CHECK_THAT(error_of(make_elf(spec)), Contains("hypercall page"));
}

TEST_CASE("the legacy section is understood where there are no notes") {
  ElfSpec spec = small_xen_kernel();
  spec.notes.clear();
  const uint64_t base = 0xc0000000;
  // Old kernels have the base in their physical addresses, too: ELF_PADDR_OFFSET is the base by default.
  spec.segments = {{base, base, std::vector<uint8_t>(0x2000, 0x90), 0}};
  spec.entry = base + 4;
  spec.guest_section =
      "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0xc0000000,HYPERCALL_PAGE=0x1,LOADER=generic,PAE=yes";
  const auto kernel = read_xen_kernel("k", make_elf(spec));
  REQUIRE(kernel.has_value());
  CHECK(kernel->virtual_start == base);
  CHECK(kernel->entry == base + 4);
  CHECK(*kernel->hypercall_page == base + 0x1000);
}

TEST_CASE("damaged files are refused or understood, never crash") {
  ElfSpec spec = small_xen_kernel();
  spec.guest_section = "GUEST_OS=linux,XEN_VER=xen-3.0";
  const std::vector<uint8_t> file = make_elf(spec);
  Random random(0x656c66);
  unsigned refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<uint8_t> changed = file;
    const uint64_t changes = 1 + random.below(4);
    for (uint64_t i = 0; i < changes; ++i) {
      // Mostly in the headers and notes: the page of code says nothing.
      const uint64_t at = random.below(2) != 0 ? random.below(176) : 4272 + random.below(file.size() - 4272);
      changed[at] = static_cast<uint8_t>(random.below(256));
    }
    if (random.below(8) == 0) changed.resize(random.below(changed.size()));
    if (!read_xen_kernel("k", changed)) ++refused;
  }
  CHECK(refused > 5000);
  CHECK(refused < 20000);
}

// Feeds any bytes to the loader of paravirtual kernels. It must answer with a kernel or an error, and what it
// answers must lie within the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "boot/elf_notes.h"
#include "fuzz/driver.h"
#include "tests/support/elf_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> file(data, size);
  const auto kernel = ringside::read_xen_kernel("fuzz", file);
  if (!kernel) return kernel.error().message.empty() ? std::abort(), 0 : 0;
  for (const ringside::ElfSegment& segment : kernel->image.segments) {
    if (segment.contents.empty()) continue;
    const uint8_t* first = segment.contents.data();
    if (first < data || segment.contents.size() > size - static_cast<size_t>(first - data)) std::abort();
    if (segment.contents.size() > segment.memory_size) std::abort();
  }
  if (kernel->virtual_end < kernel->virtual_start || kernel->entry < kernel->virtual_start) std::abort();
  return 0;
}

namespace ringside {

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  ElfSpec with_notes = small_xen_kernel();
  with_notes.segments[0].contents.resize(64);
  with_notes.notes.push_back(number_note(kNoteEntry, 16));
  with_notes.notes.push_back(number_note(kNoteInitP2m, 0x8000000000));
  with_notes.notes.push_back(text_note(kNoteFeatures, "!pae_pgdir_above_4gb|writable_page_tables"));
  ElfSpec legacy = with_notes;
  legacy.notes.clear();
  legacy.guest_section = "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x0,HYPERCALL_PAGE=0x0,LOADER=generic";
  return {make_elf(with_notes), make_elf(legacy)};
}

}  // namespace ringside

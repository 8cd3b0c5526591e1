// Feeds any bytes to the loader of paravirtual kernels. It must answer with a kernel or an error, and what it
// answers must lie within the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "hv-model/pv/elf_notes.h"

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

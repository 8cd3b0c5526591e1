#include "boot/elf_notes.h"

#include <elf.h>
#include <fmt/format.h>
#include <xen/elfnote.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "sim/ids.h"

namespace ringside {

namespace {

struct Parameters {
  std::optional<uint64_t> entry, virtual_base, physical_offset;
  bool from_notes = false;
  bool only_pvh = false;  // PHYS32_ENTRY was seen
};

template <class Take>
void for_each_xen_note(std::span<const uint8_t> region, const Take& take) {
  size_t at = 0;
  while (region.size() - at >= sizeof(Elf64_Nhdr)) {  // notes of 32-bit files have the same header
    Elf64_Nhdr note;
    std::memcpy(&note, region.data() + at, sizeof note);
    at += sizeof note;
    const uint64_t name_space = (uint64_t{note.n_namesz} + 3) & ~uint64_t{3};
    const uint64_t value_space = (uint64_t{note.n_descsz} + 3) & ~uint64_t{3};
    if (name_space > region.size() - at || note.n_descsz > region.size() - at - name_space) break;
    const bool is_xen = note.n_namesz == 4 && std::memcmp(region.data() + at, "Xen", 4) == 0;
    at += name_space;
    if (is_xen) take(note.n_type, region.subspan(at, note.n_descsz));
    if (value_space > region.size() - at) break;
    at += value_space;
  }
}

uint64_t numeric(std::span<const uint8_t> value) {
  uint64_t number = 0;
  if (value.size() == 1 || value.size() == 2 || value.size() == 4 || value.size() == 8) {
    std::memcpy(&number, value.data(), value.size());
  }
  return number;
}

std::string text(std::span<const uint8_t> value) {
  const auto* start = reinterpret_cast<const char*>(value.data());
  constexpr size_t kTextMax = 200;
  return std::string(start, strnlen(start, std::min(value.size(), kTextMax)));
}

void take_note(uint32_t type, std::span<const uint8_t> value, Parameters& parameters, XenKernel& kernel) {
  switch (type) {
    case XEN_ELFNOTE_ENTRY: parameters.entry = numeric(value); break;
    case XEN_ELFNOTE_HYPERCALL_PAGE: kernel.hypercall_page = numeric(value); break;
    case XEN_ELFNOTE_VIRT_BASE: parameters.virtual_base = numeric(value); break;
    case XEN_ELFNOTE_PADDR_OFFSET: parameters.physical_offset = numeric(value); break;
    case XEN_ELFNOTE_XEN_VERSION: kernel.xen_version = text(value); break;
    case XEN_ELFNOTE_GUEST_OS: kernel.guest_os = text(value); break;
    case XEN_ELFNOTE_GUEST_VERSION: kernel.guest_version = text(value); break;
    case XEN_ELFNOTE_LOADER: kernel.loader = text(value); break;
    case XEN_ELFNOTE_FEATURES: kernel.features = text(value); break;
    case XEN_ELFNOTE_INIT_P2M: kernel.p2m_base = numeric(value); break;
    case XEN_ELFNOTE_MOD_START_PFN: kernel.ramdisk_unmapped = numeric(value) != 0; break;
    case XEN_ELFNOTE_PHYS32_ENTRY: parameters.only_pvh = true; break;
    // PAE_MODE and L1_MFN_VALID speak of 32-bit guests, SUSPEND_CANCEL and SUPPORTED_FEATURES of what the
    // toolstack may do later, HV_START_LOW and BSD_SYMTAB of what a 64-bit guest here does not have.
    default: break;
  }
}

// True when a note of Xen's was in the region.
bool read_notes(std::span<const uint8_t> region, Parameters& parameters, XenKernel& kernel) {
  bool found = false;
  for_each_xen_note(region, [&](uint32_t type, std::span<const uint8_t> value) {
    take_note(type, value, parameters, kernel);
    found = true;
  });
  return found;
}

// "GUEST_OS=linux,XEN_VER=xen-3.0,VIRT_BASE=0x...".
void read_guest_section(std::string_view section, Parameters& parameters, XenKernel& kernel) {
  std::optional<uint64_t> hypercall_frame;
  while (!section.empty()) {
    const std::string_view item = section.substr(0, section.find(','));
    section.remove_prefix(std::min(item.size() + 1, section.size()));
    const size_t equals = item.find('=');
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? "" : item.substr(equals + 1);
    uint64_t number = 0;
    const bool hex = value.starts_with("0x") || value.starts_with("0X");
    const std::string_view digits = hex ? value.substr(2) : value;
    std::from_chars(digits.data(), digits.data() + digits.size(), number, hex ? 16 : 10);
    if (key == "LOADER") kernel.loader = value;
    if (key == "GUEST_OS") kernel.guest_os = value;
    if (key == "GUEST_VER") kernel.guest_version = value;
    if (key == "XEN_VER") kernel.xen_version = value;
    if (key == "FEATURES") kernel.features = value;
    if (key == "VIRT_BASE") parameters.virtual_base = number;
    if (key == "VIRT_ENTRY") parameters.entry = number;
    if (key == "ELF_PADDR_OFFSET") parameters.physical_offset = number;
    if (key == "HYPERCALL_PAGE") hypercall_frame = number;
  }
  // Here it is a page number, relative to the base.
  if (hypercall_frame) {
    kernel.hypercall_page = (*hypercall_frame << kPageShift) + parameters.virtual_base.value_or(0);
  }
}

// Features that a kernel may insist on ("!name") and that no 64-bit paravirtual guest gets. Others are no
// reason to refuse it: Linux insists on writable_page_tables, which Xen reports to translated guests only,
// and boots all the same.
constexpr std::string_view kFeaturesRefused[] = {"auto_translated_physmap", "supervisor_mode_kernel"};

Result<> check_features(const std::string& name, std::string_view features) {
  while (!features.empty()) {
    std::string_view item = features.substr(0, features.find('|'));
    features.remove_prefix(std::min(item.size() + 1, features.size()));
    if (!item.starts_with('!')) continue;
    item.remove_prefix(1);
    if (std::find(std::begin(kFeaturesRefused), std::end(kFeaturesRefused), item) !=
        std::end(kFeaturesRefused)) {
      return fail(fmt::format(
          "kernel '{}' insists on the Xen feature '{}', which a paravirtual guest does not get", name, item));
    }
  }
  return {};
}

Result<> check_names(const std::string& name, const XenKernel& kernel, const Parameters& parameters) {
  if (parameters.only_pvh && kernel.xen_version.empty()) {
    return fail(
        fmt::format("kernel '{}' can only boot as a PVH guest (its only entry is PHYS32_ENTRY)", name));
  }
  if (!kernel.loader.starts_with("generic") && !kernel.guest_os.starts_with("linux")) {
    return fail(
        fmt::format("kernel '{}' asks for the loader '{}' (guest '{}'): only 'generic', or guest 'linux', "
                    "can be loaded",
                    name, kernel.loader, kernel.guest_os));
  }
  if (!kernel.xen_version.starts_with("xen-3.0")) {
    return fail(fmt::format("kernel '{}' is for the Xen interface '{}': only 'xen-3.0' is known", name,
                            kernel.xen_version));
  }
  return check_features(name, kernel.features);
}

// elf_xen_addr_calc_check.
Result<> compute_addresses(const std::string& name, const Parameters& parameters, XenKernel& kernel) {
  uint64_t start = ~uint64_t{0}, end = 0;
  for (const ElfSegment& segment : kernel.image.segments) {
    start = std::min(start, segment.physical_address);
    end = std::max(end, segment.physical_address + segment.memory_size);
  }
  kernel.virtual_base = parameters.virtual_base.value_or(0);
  kernel.physical_offset =
      parameters.physical_offset.value_or(parameters.from_notes ? 0 : kernel.virtual_base);
  const uint64_t offset = kernel.virtual_base - kernel.physical_offset;
  kernel.virtual_start = start + offset;
  kernel.virtual_end = end + offset;
  kernel.entry = parameters.entry.value_or(kernel.image.entry);
  if (kernel.virtual_start > kernel.virtual_end || kernel.entry < kernel.virtual_start ||
      kernel.entry > kernel.virtual_end || kernel.virtual_base > kernel.virtual_start) {
    return fail(
        fmt::format("kernel '{}' has addresses that do not fit: base {:#x}, kernel {:#x}-{:#x}, entry {:#x}",
                    name, kernel.virtual_base, kernel.virtual_start, kernel.virtual_end, kernel.entry));
  }
  if (kernel.virtual_base % kPageSize != 0) {
    return fail(
        fmt::format("kernel '{}' has a base {:#x} that is not page-aligned", name, kernel.virtual_base));
  }
  if (kernel.p2m_base && (*kernel.p2m_base % kPageSize != 0 || (*kernel.p2m_base >= kernel.virtual_start &&
                                                                *kernel.p2m_base < kernel.virtual_end))) {
    return fail(fmt::format("kernel '{}' wants its p2m list at {:#x}, in itself", name, *kernel.p2m_base));
  }
  if (kernel.hypercall_page &&
      (*kernel.hypercall_page % kPageSize != 0 || *kernel.hypercall_page < kernel.virtual_start ||
       *kernel.hypercall_page >= kernel.virtual_end)) {
    return fail(fmt::format("kernel '{}' wants its hypercall page at {:#x}, outside of itself", name,
                            *kernel.hypercall_page));
  }
  return {};
}

}  // namespace

std::optional<uint32_t> read_pvh_entry(const ElfImage& image) {
  std::optional<uint32_t> entry;
  for (const auto& region : image.note_regions) {
    for_each_xen_note(region, [&](uint32_t type, std::span<const uint8_t> value) {
      if (type == XEN_ELFNOTE_PHYS32_ENTRY && !entry) entry = static_cast<uint32_t>(numeric(value));
    });
  }
  return entry;
}

Result<XenKernel> read_xen_kernel(const std::string& name, std::span<const uint8_t> file) {
  auto image = read_elf_image(name, file, {});
  if (!image) return tl::unexpected(image.error());
  XenKernel kernel;
  kernel.image = std::move(*image);
  Parameters parameters;
  for (const auto& region : kernel.image.note_regions) {
    parameters.from_notes = read_notes(region, parameters, kernel);
    if (parameters.from_notes) break;
  }
  if (!parameters.from_notes) {
    if (!kernel.image.guest_section) {
      return fail(
          fmt::format("kernel '{}' is an ELF file without Xen notes: it is not built as a paravirtual guest "
                      "(Linux: CONFIG_XEN_PV)",
                      name));
    }
    read_guest_section(*kernel.image.guest_section, parameters, kernel);
  }
  SIM_TRY(check_names(name, kernel, parameters));
  SIM_TRY(compute_addresses(name, parameters, kernel));
  return kernel;
}

}  // namespace ringside

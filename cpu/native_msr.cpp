#include "cpu/native_msr.h"

#include <algorithm>
#include <array>

#include "cpu/native_walker.h"

namespace ringside {
namespace {

constexpr uint64_t kAll = ~0ull;
constexpr uint64_t kAboveAddress = ~kPhysicalMask;

constexpr MsrRow range_base(uint32_t index, const char* name) {
  return {index, name, 0, (kPhysicalMask & ~0xfffull) | 7, kAboveAddress | 0xff8};
}
constexpr MsrRow range_mask(uint32_t index, const char* name) {
  return {index, name, 0, kPhysicalMask & ~0x7ffull, kAboveAddress | 0x7ff};
}

// Sorted by index.
constexpr MsrRow kRows[] = {
    {0x0000'008b, "PATCH_LEVEL", 0x0100'00c8, 0, 0},
    {0x0000'00fe, "MTRRcap", 0x508, 0, kAll},  // eight variable ranges, fixed ones, write combining
    {0x0000'0179, "MCG_CAP", 0, 0, kAll},      // no machine-check banks
    {0x0000'017a, "MCG_STAT", 0, 7, ~7ull},
    range_base(0x200, "MTRRphysBase0"),
    range_mask(0x201, "MTRRphysMask0"),
    range_base(0x202, "MTRRphysBase1"),
    range_mask(0x203, "MTRRphysMask1"),
    range_base(0x204, "MTRRphysBase2"),
    range_mask(0x205, "MTRRphysMask2"),
    range_base(0x206, "MTRRphysBase3"),
    range_mask(0x207, "MTRRphysMask3"),
    range_base(0x208, "MTRRphysBase4"),
    range_mask(0x209, "MTRRphysMask4"),
    range_base(0x20a, "MTRRphysBase5"),
    range_mask(0x20b, "MTRRphysMask5"),
    range_base(0x20c, "MTRRphysBase6"),
    range_mask(0x20d, "MTRRphysMask6"),
    range_base(0x20e, "MTRRphysBase7"),
    range_mask(0x20f, "MTRRphysMask7"),
    {0x0000'0250, "MTRRfix64K_00000", 0, kAll, 0},
    {0x0000'0258, "MTRRfix16K_80000", 0, kAll, 0},
    {0x0000'0259, "MTRRfix16K_A0000", 0, kAll, 0},
    {0x0000'0268, "MTRRfix4K_C0000", 0, kAll, 0},
    {0x0000'0269, "MTRRfix4K_C8000", 0, kAll, 0},
    {0x0000'026a, "MTRRfix4K_D0000", 0, kAll, 0},
    {0x0000'026b, "MTRRfix4K_D8000", 0, kAll, 0},
    {0x0000'026c, "MTRRfix4K_E0000", 0, kAll, 0},
    {0x0000'026d, "MTRRfix4K_E8000", 0, kAll, 0},
    {0x0000'026e, "MTRRfix4K_F0000", 0, kAll, 0},
    {0x0000'026f, "MTRRfix4K_F8000", 0, kAll, 0},
    {0x0000'02ff, "MTRRdefType", 0, 0xcff, ~0xcffull},
    // No performance counters (c001'0000 to 0007): a kernel that finds them would use RDPMC.
    {0xc001'0010, "SYS_CFG", 0x0016'0000, 0x007f'0000, 0},
    {0xc001'0015, "HWCR", 0x0100'0000, 0x0f00'0010, 0},  // TscFreqSel: the TSC counts at P0
    {0xc001'001a, "TOP_MEM", 0, kPhysicalMask & ~0x7f'ffffull, 0},
    {0xc001'001d, "TOP_MEM2", 0, kPhysicalMask & ~0x7f'ffffull, 0},
    {0xc001'001f, "NB_CFG", 0, kAll, 0},
    {0xc001'0020, "PATCH_LOADER", 0, 0, 0},
    {0xc001'0048, "MC4_CTL_MASK", 0, kAll, 0},
    {0xc001'0055, "INTPND", 0, 0, 0},
    {0xc001'0058, "MMIO_CONF_BASE", 0, 0, 0},
    {0xc001'0111, "SMM_BASE", 0x3'0000, 0, 0},
    {0xc001'0112, "SMM_ADDR", 0, 0, 0},
    {0xc001'0113, "SMM_MASK", 0, 0, 0},
    {0xc001'0114, "VM_CR", 0x10, 0, 0},  // SVMDIS: there is no SVM
    {0xc001'0140, "OSVW_ID_LENGTH", 4, 0, 0},
    {0xc001'0141, "OSVW_STATUS", 0, 0, 0},
    {0xc001'1022, "DC_CFG", 0, kAll, 0},
    {0xc001'1023, "BU_CFG", 0, kAll, 0},
    {0xc001'1029, "DE_CFG", 2, kAll, 0},  // LFENCE is serialising
    {0xc001'102a, "BU_CFG2", 0, kAll, 0},
};

}  // namespace

std::span<const MsrRow> msr_table() { return kRows; }

NativeMsrs::NativeMsrs() { reset(); }

void NativeMsrs::reset() {
  values_.clear();
  for (const MsrRow& row : kRows) values_.push_back(row.reset);
}

namespace {
const MsrRow* find(uint32_t index) {
  const auto* row = std::lower_bound(std::begin(kRows), std::end(kRows), index,
                                     [](const MsrRow& a, uint32_t wanted) { return a.index < wanted; });
  return row != std::end(kRows) && row->index == index ? row : nullptr;
}
}  // namespace

std::optional<uint64_t> NativeMsrs::read(uint32_t index) const {
  const MsrRow* row = find(index);
  if (row == nullptr) return std::nullopt;
  return values_[static_cast<size_t>(row - kRows)];
}

bool NativeMsrs::write(uint32_t index, uint64_t value) {
  const MsrRow* row = find(index);
  if (row == nullptr || (value & row->reserved) != 0) return false;
  uint64_t& held = values_[static_cast<size_t>(row - kRows)];
  held = (held & ~row->writable) | (value & row->writable);
  return true;
}

void NativeMsrs::visit_state(StateVisitor& visitor) const {
  for (size_t i = 0; i < values_.size(); ++i) visitor.number(kRows[i].name, values_[i]);
}

}  // namespace ringside

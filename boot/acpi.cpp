#include "boot/acpi.h"

#include "boot/acpi_fixed.h"
#include "boot/acpi_table.h"
#include "sim/assert.h"

namespace ringside {

namespace {

constexpr size_t kTableAlignment = 64;  // the FACS needs it
constexpr size_t kRootBytes = 36;

uint64_t round_up(uint64_t value) { return (value + kTableAlignment - 1) & ~uint64_t{kTableAlignment - 1}; }

}  // namespace

AcpiTables::AcpiTables(const AcpiConfig& config) {
  const uint32_t facs = add_table(acpi_facs(), false);
  const uint32_t dsdt = add_table(acpi_dsdt());
  const uint32_t fadt = add_table(acpi_fadt(config, facs, dsdt));
  pointers_.push_back({Part::tables, fadt + kFadtFacs, 4});
  pointers_.push_back({Part::tables, fadt + kFadtDsdt, 4});
  pointers_.push_back({Part::tables, fadt + kFadtDsdt64, 8});
  std::vector<uint32_t> listed = {fadt, add_table(acpi_madt(config))};
  if (config.hpet) listed.push_back(add_table(acpi_hpet(config)));

  // RSDT (5.2.7) and XSDT (5.2.8): the same list with 4 and with 8 bytes for each.
  ByteTable rsdt = begin_acpi_table("RSDT", 1), xsdt = begin_acpi_table("XSDT", 1);
  for (const uint32_t table : listed) {
    rsdt.append(table);
    xsdt.append(uint64_t{table});
  }
  const uint32_t rsdt_at = add_table(finish_acpi_table(std::move(rsdt)));
  const uint32_t xsdt_at = add_table(finish_acpi_table(std::move(xsdt)));
  for (uint32_t i = 0; i < listed.size(); ++i) {
    pointers_.push_back({Part::tables, rsdt_at + static_cast<uint32_t>(kAcpiHeaderBytes) + 4 * i, 4});
    pointers_.push_back({Part::tables, xsdt_at + static_cast<uint32_t>(kAcpiHeaderBytes) + 8 * i, 8});
  }
  add_root(rsdt_at, xsdt_at);
}

uint32_t AcpiTables::add_table(std::span<const uint8_t> table, bool has_checksum) {
  tables_.resize(round_up(tables_.size()));
  const auto at = static_cast<uint32_t>(tables_.size());
  tables_.insert(tables_.end(), table.begin(), table.end());
  if (has_checksum) {
    tables_[at + kAcpiChecksumOffset] = 0;
    checksums_.push_back({Part::tables, at + static_cast<uint32_t>(kAcpiChecksumOffset), at,
                          static_cast<uint32_t>(table.size())});
  }
  return at;
}

// RSDP, revision 2 (5.2.5.3). The first 20 bytes are the structure of ACPI 1.0, with a checksum of their own.
void AcpiTables::add_root(uint32_t rsdt, uint32_t xsdt) {
  ByteTable root(kRootBytes);
  root.put_text(0, "RSD PTR ", 8).put_text(9, kAcpiOem, 6).put(15, uint8_t{2}).put(16, rsdt);
  root.put(20, static_cast<uint32_t>(kRootBytes)).put(24, uint64_t{xsdt});
  root_ = root.take();
  pointers_.push_back({Part::root, 16, 4});
  pointers_.push_back({Part::root, 24, 8});
  checksums_.push_back({Part::root, 8, 0, 20});
  checksums_.push_back({Part::root, 32, 0, kRootBytes});
}

GuestPhys AcpiTables::place(Memory& memory, GuestPhys base, uint64_t space) const {
  const uint64_t tables_at = base.value + round_up(root_.size());
  SIM_ASSERT(base.value % kTableAlignment == 0 && round_up(root_.size()) + tables_.size() <= space);
  ByteTable root(root_.size()), tables(tables_.size());
  root.put_bytes(0, root_);
  tables.put_bytes(0, tables_);
  const auto part = [&](Part which) -> ByteTable& { return which == Part::root ? root : tables; };
  for (const Pointer& pointer : pointers_) {
    ByteTable& in = part(pointer.in);
    if (pointer.size == 4) {
      in.put(pointer.offset,
             static_cast<uint32_t>(tables_at + number_at<uint32_t>(in.bytes(), pointer.offset)));
    } else {
      in.put(pointer.offset, tables_at + number_at<uint64_t>(in.bytes(), pointer.offset));
    }
  }
  for (const Checksum& sum : checksums_) part(sum.in).put_checksum(sum.offset, sum.start, sum.length);
  memory.write(base, root.bytes().data(), root.size());
  memory.write(GuestPhys{tables_at}, tables.bytes().data(), tables.size());
  return base;
}

}  // namespace ringside

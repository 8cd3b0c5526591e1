#include "boot/acpi_loader.h"

#include "boot/bytes.h"

namespace ringside {

namespace {

constexpr size_t kCommandBytes = 128;
constexpr size_t kNameBytes = 56;
constexpr uint32_t kAllocate = 1, kAddPointer = 2, kAddChecksum = 3;
enum class Zone : uint8_t { high = 1, f_segment = 2 };

std::string_view file_of(AcpiTables::Part part) {
  return part == AcpiTables::Part::root ? kAcpiRootFile : kAcpiTablesFile;
}

struct Script {
  std::vector<uint8_t> bytes;

  void add(const ByteTable& command) {
    bytes.insert(bytes.end(), command.bytes().begin(), command.bytes().end());
  }
  void allocate(std::string_view file, uint32_t alignment, Zone zone) {
    ByteTable command(kCommandBytes);
    command.put(0, kAllocate).put_text(4, file, kNameBytes, '\0');
    command.put(4 + kNameBytes, alignment).put(8 + kNameBytes, static_cast<uint8_t>(zone));
    add(command);
  }
  void add_pointer(const AcpiTables::Pointer& pointer) {
    ByteTable command(kCommandBytes);
    command.put(0, kAddPointer).put_text(4, file_of(pointer.in), kNameBytes, '\0');
    command.put_text(4 + kNameBytes, kAcpiTablesFile, kNameBytes, '\0');
    command.put(4 + 2 * kNameBytes, pointer.offset).put(8 + 2 * kNameBytes, pointer.size);
    add(command);
  }
  void add_checksum(const AcpiTables::Checksum& sum) {
    ByteTable command(kCommandBytes);
    command.put(0, kAddChecksum).put_text(4, file_of(sum.in), kNameBytes, '\0');
    command.put(4 + kNameBytes, sum.offset).put(8 + kNameBytes, sum.start).put(12 + kNameBytes, sum.length);
    add(command);
  }
};

}  // namespace

std::vector<uint8_t> acpi_loader_script(const AcpiTables& tables) {
  Script script;
  script.allocate(kAcpiRootFile, 16, Zone::f_segment);
  script.allocate(kAcpiTablesFile, 64, Zone::high);
  for (const AcpiTables::Pointer& pointer : tables.pointers()) script.add_pointer(pointer);
  for (const AcpiTables::Checksum& sum : tables.checksums()) script.add_checksum(sum);
  return std::move(script.bytes);
}

}  // namespace ringside

#include "devices/disk/payloads.h"

#include <array>
#include <cstddef>
#include <iterator>

#include "devices/disk/ata_bits.h"
#include "devices/disk/ata_commands.h"

namespace ringside {

namespace {

constexpr FieldName kStatusBits[] = {{ata::kBsy, "BSY"}, {ata::kDrdy, "DRDY"}, {ata::kDf, "DF"},
                                     {ata::kDsc, "DSC"}, {ata::kDrq, "DRQ"},   {ata::kErr, "ERR"}};
constexpr FieldName kErrorBits[] = {
    {ata::kIcrc, "ICRC"}, {ata::kUnc, "UNC"}, {ata::kIdnf, "IDNF"}, {ata::kAbrt, "ABRT"}};

constexpr auto kOpcodes = [] {
  std::array<FieldName, std::size(AtaCommands::kRows)> names{};
  for (size_t i = 0; i < names.size(); ++i)
    names[i] = {AtaCommands::kRows[i].opcode, AtaCommands::kRows[i].name};
  return names;
}();

constexpr Field kCommandFields[] = {
    {"command", offsetof(AtaCommandRecord, opcode), 1, FieldFormat::enumeration, kOpcodes},
    {"lba", offsetof(AtaCommandRecord, lba), 8},
    {"count", offsetof(AtaCommandRecord, count), 4},
    {"features", offsetof(AtaCommandRecord, features), 2, FieldFormat::hex},
    {"device", offsetof(AtaCommandRecord, device), 1, FieldFormat::hex},
    {"dma", offsetof(AtaCommandRecord, dma), 1},
};
constexpr Field kCompletionFields[] = {
    {"command", offsetof(AtaCompletionRecord, opcode), 1, FieldFormat::enumeration, kOpcodes},
    {"status", offsetof(AtaCompletionRecord, status), 1, FieldFormat::flags, kStatusBits},
    {"error", offsetof(AtaCompletionRecord, error), 1, FieldFormat::flags, kErrorBits},
    {"lba", offsetof(AtaCompletionRecord, lba), 8},
    {"count", offsetof(AtaCompletionRecord, count), 4},
    {"latency", offsetof(AtaCompletionRecord, latency), 8, FieldFormat::duration},
    {"interrupt_lost", offsetof(AtaCompletionRecord, interrupt_lost), 1},
};

// The Error register's bits, by their names in ATA/ATAPI-7.
constexpr NamedFault kCommandFaults[] = {
    {"ABRT", "the command is aborted", "fail(4)"},
    {"IDNF", "the sector is not found", "fail(16)"},
    {"UNC", "the sector cannot be read", "fail(64)"},
    {"torn_write", "one sector is stored, and all is well", "corrupt(count,1)"},
    {"slow_sector", "the drive tries again and again", "delay(2s)"},
};
constexpr NamedFault kCompletionFaults[] = {
    {"ABRT", "the command has been aborted", "fail(4)"},
    {"UNC", "a sector could not be read", "fail(64)"},
    {"ICRC", "the data was damaged on the cable", "fail(132)"},
    {"DF", "the device has failed", "corrupt(status,112)"},
    {"lost_interrupt", "the command ends without INTRQ", "corrupt(interrupt_lost,1)"},
};

}  // namespace

const PayloadType kAtaCommandPayload{.id = 210,
                                     .name = "ata_command",
                                     .title = "An ATA command, as the drive took it",
                                     .size = sizeof(AtaCommandRecord),
                                     .fields = kCommandFields,
                                     .group = "ata",
                                     .faults = kCommandFaults,
                                     .is_answer = true};  // to the host: a command may be aborted
const PayloadType kAtaCompletionPayload{.id = 211,
                                        .name = "ata_completion",
                                        .title = "The end of an ATA command",
                                        .size = sizeof(AtaCompletionRecord),
                                        .fields = kCompletionFields,
                                        .group = "ata",
                                        .faults = kCompletionFaults};

void register_disk_payload_types() {
  for (const PayloadType* type : {&kAtaCommandPayload, &kAtaCompletionPayload}) {
    PayloadRegistry::instance().add(*type);
  }
}

}  // namespace ringside

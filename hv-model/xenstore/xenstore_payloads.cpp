#include "hv-model/xenstore/xenstore_payloads.h"

#include <array>
#include <cstddef>

#include "hv-model/xen_abi.h"

namespace ringside {

namespace {

constexpr auto kTypes = std::to_array<FieldName>({
    {XS_CONTROL, "XS_CONTROL"},
    {XS_DIRECTORY, "XS_DIRECTORY"},
    {XS_READ, "XS_READ"},
    {XS_GET_PERMS, "XS_GET_PERMS"},
    {XS_WATCH, "XS_WATCH"},
    {XS_UNWATCH, "XS_UNWATCH"},
    {XS_TRANSACTION_START, "XS_TRANSACTION_START"},
    {XS_TRANSACTION_END, "XS_TRANSACTION_END"},
    {XS_INTRODUCE, "XS_INTRODUCE"},
    {XS_RELEASE, "XS_RELEASE"},
    {XS_GET_DOMAIN_PATH, "XS_GET_DOMAIN_PATH"},
    {XS_WRITE, "XS_WRITE"},
    {XS_MKDIR, "XS_MKDIR"},
    {XS_RM, "XS_RM"},
    {XS_SET_PERMS, "XS_SET_PERMS"},
    {XS_WATCH_EVENT, "XS_WATCH_EVENT"},
    {XS_ERROR, "XS_ERROR"},
    {XS_IS_DOMAIN_INTRODUCED, "XS_IS_DOMAIN_INTRODUCED"},
    {XS_RESUME, "XS_RESUME"},
    {XS_SET_TARGET, "XS_SET_TARGET"},
    {XS_RESET_WATCHES, "XS_RESET_WATCHES"},
    {XS_DIRECTORY_PART, "XS_DIRECTORY_PART"},
});

constexpr auto kFields = std::to_array<Field>({
    {"type", offsetof(xsd_sockmsg, type), 4, FieldFormat::enumeration, kTypes},
    {"req_id", offsetof(xsd_sockmsg, req_id), 4},
    {"tx_id", offsetof(xsd_sockmsg, tx_id), 4},
    {"len", offsetof(xsd_sockmsg, len), 4},
});
constexpr NamedFault kFaults[] = {
    {"EAGAIN", "another transaction was quicker", "fail(-11)"},
    {"ENOENT", "there is no such node", "fail(-2)"},
    {"ENOSPC", "a quota is used up", "fail(-28)"},
};

}  // namespace

const PayloadType kXenStoreMessage{.id = 120,
                                   .name = "xenstore_message",
                                   .title = "XenStore message",
                                   .size = sizeof(xsd_sockmsg),
                                   .fields = kFields,
                                   .tail = TailKind::text,
                                   .tail_name = "body",
                                   .group = "xenstore",
                                   .faults = kFaults,
                                   .is_answer = true};

void register_xenstore_payload_types() { PayloadRegistry::instance().add(kXenStoreMessage); }

}  // namespace ringside

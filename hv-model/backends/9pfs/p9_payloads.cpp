// Wireshark's "exported PDU" (wireshark/epan/exported_pdu.h) is a list of tags, each with a number and a
// length of two bytes, big-endian, and a value; what follows tag 0 is the packet of the dissector that they
// name. The 9P dissector of Debian 12's tshark 4.0 has no name that a tag could give: it is found by TCP's
// port 564.
//
// All rings of a share are one conversation of Wireshark's, because all carry one session of 9P: tags and
// fids are the share's. So the ring has a tag of its own, which Wireshark passes over.
#include "hv-model/backends/9pfs/p9_payloads.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include "host/9p/message_renderer.h"

namespace ringside {

namespace {

constexpr uint16_t kNinePPort = 564;
constexpr uint16_t kClientPort = 49152;  // the first that IANA leaves to clients
// 192.0.2.9 (RFC 5737: for documentation) serves 10.<domain, two bytes>.<device + 1>.
constexpr std::array<uint8_t, 4> kServer{192, 0, 2, 9};

class TagWriter {
 public:
  explicit constexpr TagWriter(std::span<uint8_t> into) : into_(into) {}
  constexpr void put(uint16_t tag, std::span<const uint8_t> value) {
    number(tag, 2);
    number(static_cast<uint32_t>(value.size()), 2);
    for (const uint8_t byte : value) into_[at_++] = byte;
  }
  constexpr void put(uint16_t tag, uint32_t value) {
    number(tag, 2);
    number(4, 2);
    number(value, 4);
  }
  constexpr size_t written() const { return at_; }

 private:
  constexpr void number(uint32_t value, unsigned bytes) {
    while (bytes-- > 0) into_[at_++] = static_cast<uint8_t>(value >> (8 * bytes));
  }
  std::span<uint8_t> into_;
  size_t at_ = 0;
};

enum Tag : uint16_t {
  end = 0,
  dissector_table = 14,
  ipv4_source = 20,
  ipv4_destination = 21,
  port_type = 24,
  source_port = 25,
  destination_port = 26,
  table_number = 32,
  ring = 0x5239,  // ours: "R9"
};
constexpr size_t kPrefixSize = 72;
constexpr uint32_t kPortTypeTcp = 2;
constexpr std::array<uint8_t, 8> kTable{'t', 'c', 'p', '.', 'p', 'o', 'r', 't'};

constexpr size_t write_tags(std::span<uint8_t> prefix, const P9MessageRecord& record, bool request) {
  const std::array<uint8_t, 4> client{10, static_cast<uint8_t>(record.domain >> 8),
                                      static_cast<uint8_t>(record.domain),
                                      static_cast<uint8_t>(record.device + 1)};
  TagWriter tags(prefix);
  tags.put(dissector_table, kTable);
  tags.put(table_number, kNinePPort);
  tags.put(ipv4_source, request ? client : kServer);
  tags.put(ipv4_destination, request ? kServer : client);
  tags.put(port_type, kPortTypeTcp);
  tags.put(source_port, request ? kClientPort : kNinePPort);
  tags.put(destination_port, request ? kNinePPort : kClientPort);
  tags.put(ring, uint32_t{record.ring});
  tags.put(end, std::span<const uint8_t>());
  return tags.written();
}

static_assert([] {
  std::array<uint8_t, kPrefixSize> prefix{};
  return write_tags(prefix, {}, true);
}() == kPrefixSize);

template <bool request>
void write_prefix(std::span<const uint8_t> bytes, std::span<uint8_t> prefix) {
  P9MessageRecord record;
  std::memcpy(&record, bytes.data(), sizeof record);
  write_tags(prefix, record, request);
}

// Takes from the prefix what varies, and asks whether that is all that does.
template <bool request>
bool read_prefix(std::span<const uint8_t> prefix, std::span<uint8_t> bytes) {
  constexpr size_t kClient = request ? 24 : 32, kRing = 67;
  const P9MessageRecord record{static_cast<uint16_t>(prefix[kClient + 1] << 8 | prefix[kClient + 2]),
                               static_cast<uint8_t>(prefix[kClient + 3] - 1), prefix[kRing]};
  std::array<uint8_t, kPrefixSize> expected{};
  write_tags(expected, record, request);
  std::memcpy(bytes.data(), &record, sizeof record);
  return std::equal(expected.begin(), expected.end(), prefix.begin(), prefix.end());
}

template <bool request>
constexpr PacketFraming kFraming{kPrefixSize, write_prefix<request>, read_prefix<request>};

// The wire's name has the domain and the share.
constexpr Field kMessageFields[] = {
    {"ring", offsetof(P9MessageRecord, ring), 1},
};
constexpr Field kIndicesFields[] = {
    {"out_prod", offsetof(P9IndicesRecord, out_prod), 4},
    {"out_cons", offsetof(P9IndicesRecord, out_cons), 4},
    {"in_prod", offsetof(P9IndicesRecord, in_prod), 4},
    {"in_cons", offsetof(P9IndicesRecord, in_cons), 4},
    {"in_flight", offsetof(P9IndicesRecord, in_flight), 4},
    {"waiting", offsetof(P9IndicesRecord, waiting), 4},
};
constexpr NamedFault kResponseFaults[] = {
    {"EIO", "Rlerror with EIO in the place of the answer", "fail(-5)"},
    {"ENOSPC", "Rlerror with ENOSPC in the place of the answer", "fail(-28)"},
};

}  // namespace

const PayloadType kP9RequestPayload{.id = 180,
                                    .name = "9p_request",
                                    .title = "A T message, as the backend took it from a ring",
                                    .size = sizeof(P9MessageRecord),
                                    .fields = kMessageFields,
                                    .tail = TailKind::bytes,
                                    .tail_name = "message",
                                    .group = "9pfs",
                                    .link_type = link_type::exported_pdu,
                                    .framing = &kFraming<true>,
                                    .make_renderer = make_ninep_renderer};
const PayloadType kP9ResponsePayload{.id = 181,
                                     .name = "9p_response",
                                     .title = "An R message, as the backend puts it into a ring",
                                     .size = sizeof(P9MessageRecord),
                                     .fields = kMessageFields,
                                     .tail = TailKind::bytes,
                                     .tail_name = "message",
                                     .group = "9pfs",
                                     .link_type = link_type::exported_pdu,
                                     .framing = &kFraming<false>,
                                     .make_renderer = make_ninep_renderer,
                                     .faults = kResponseFaults,
                                     .is_answer = true};
const PayloadType kP9IndicesPayload{.id = 182,
                                    .name = "9pfs_indices",
                                    .title = "The indices of a 9P share's ring, sampled by the backend",
                                    .size = sizeof(P9IndicesRecord),
                                    .fields = kIndicesFields,
                                    .group = "9pfs"};

void register_9pfs_payload_types() {
  for (const PayloadType* type : {&kP9RequestPayload, &kP9ResponsePayload, &kP9IndicesPayload}) {
    PayloadRegistry::instance().add(*type);
  }
}

}  // namespace ringside

// What the crossings mean: the state of rings, event channels, grants, XenStore, XenBus and 9P behind any
// row, and which crossings belong together. All of it is derived from the table alone; where a session does
// not have a wire (capture policy `none`), what hangs on it is not there, and says so by being empty.
//
// A state is asked for by row: "behind this crossing". Each kind of state goes over its own wires' rows only,
// keeps copies as it goes (history.h), and so finds any row's state in well under a frame. References hold
// until the next call of the same function. update() first, whenever the table has grown or been truncated.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "viewer/session/crossing_table.h"

namespace ringside::viewer {

// --- Rings ---

enum class SlotState : uint8_t { empty, published, taken, answered };

struct RingSlot {
  SlotState state = SlotState::empty;
  uint32_t index = 0;      // the free-running index of the request that it holds, or held last
  Row published = kNoRow;  // the indices' crossing that showed req_prod behind it
  Row request = kNoRow;    // taken by the backend
  // What lies in its place now: rsp_prod says where, so that where answers come out of order it may be
  // another request's.
  Row response = kNoRow;
};

struct RingState {
  enum class Kind : uint8_t { blk, net_tx, net_rx, bytes, descriptors };
  std::string name;    // "dom1/ring/xvda", "dom1/ring/share/0", "dom1/console", "dom1/nic/eth0/receive"
  std::string device;  // "xvda", "share", "console", "xenstore", "eth0"
  Kind kind = Kind::blk;
  // What is shown does not stand in the session as indices, and was reckoned from messages (console,
  // XenStore).
  bool is_estimate = false;
  // Slots (a power of two), or of a descriptor ring the descriptors; 0 until the first indices are known.
  uint32_t size = 0;
  // blk, net: free-running, as in struct blkif_sring. rsp_cons is reckoned: a frontend keeps it to itself,
  // and shows it by rsp_event, and by slots that it uses again.
  uint32_t req_prod = 0, rsp_prod = 0, req_cons = 0, rsp_cons = 0, req_event = 0, rsp_event = 0;
  std::vector<RingSlot> slots;
  // bytes: two rings of `bytes` each: out (requests) and in.
  struct Bytes {
    uint32_t size = 0, prod = 0, cons = 0;  // size 0: not known
  };
  Bytes out, in;
  // descriptors: head is the device's, tail the driver's; between them the device's own.
  uint32_t head = 0, tail = 0;
  Row last = kNoRow;  // the last crossing that changed any of it
  std::vector<uint32_t> wires;
};

// --- Event channels ---

struct PortState {
  uint32_t port = 0;
  enum class Kind : uint8_t { closed, unbound, interdomain, virq, pirq, ipi } kind = Kind::closed;
  uint16_t remote_domain = 0;
  uint32_t remote_port = 0;  // virq: its number
  // pending: sent (or raised) and not delivered since. masked: as far as hypercalls show; a guest masks by
  // plain stores too, which no wire tells of.
  bool pending = false, masked = false;
  uint32_t sent = 0, delivered = 0;  // how often
  Row bound = kNoRow, last_send = kNoRow, last_delivery = kNoRow;
  std::string use;  // "xvda", "console", "xenstore", where XenStore or a ring tells
};
struct DomainPorts {
  std::string domain;            // "dom1"
  std::vector<PortState> ports;  // by number
};

// --- Grants ---

struct GrantUse {
  uint32_t ref = 0;
  uint16_t by = 0;  // the domain that mapped or copied
  uint64_t frame = 0;
  uint16_t flags = 0;   // GTF_*
  bool mapped = false;  // now
  bool writable = false;
  bool failed = false;  // the last operation
  uint32_t uses = 0;    // maps and copies so far
  Row first = kNoRow, last = kNoRow;
  Row since = kNoRow;  // of the map, where mapped
  std::string use;     // "xvda" where a request or XenStore named it
};
struct DomainGrants {
  std::string domain;          // who grants
  std::vector<GrantUse> refs;  // by number
};

// --- XenStore, XenBus ---

struct StoreNode {
  std::string name;  // the last part
  std::string value;
  Row changed = kNoRow;  // last
  bool removed = false;
  std::map<std::string, StoreNode> children;
};
struct StoreState {
  StoreNode root;  // what messages have shown: reads, writes, directories
  struct Watch {
    std::string domain, path, token;
    Row set = kNoRow, fired = kNoRow;
  };
  std::vector<Watch> watches;
  uint32_t transactions_open = 0;
};

// Of devices that have no wire for it (shares, consoles) as far as messages of XenStore show it: a backend's
// state from when its frontend reads it.
struct XenbusState {
  std::string device;  // "dom1/xvda"
  struct End {
    uint8_t state = 0;  // enum xenbus_state
    Row since = kNoRow;
    std::vector<std::pair<uint8_t, Row>> path;  // every state up to here
  };
  End frontend, backend;
};

// --- 9P ---

struct NinePState {
  std::string share;  // "dom1/9p/share"
  struct Fid {
    uint32_t fid = 0;
    std::string path;
    bool open = false;
    Row since = kNoRow;
  };
  struct Tag {
    uint16_t tag = 0;
    uint8_t type = 0;  // of the T message
    Row request = kNoRow;
  };
  std::vector<Fid> fids;
  std::vector<Tag> in_flight;
  struct TypeLatency {
    uint8_t type = 0;  // T
    std::string name;
    uint64_t count = 0, errors = 0;
    Tick sum, smallest, largest;
    std::vector<uint32_t> histogram;  // by powers of two of nanoseconds, from 1 ns
  };
  std::vector<TypeLatency> latencies;  // by type
};

// --- What belongs together ---

// A request from begin to end: blkif and netif requests (published to response; a receive buffer from when it
// is used), 9P (T to R), hypercalls (call to return), XenStore (request to reply), ATA commands.
struct Span {
  Row begin = kNoRow, end = kNoRow;  // end kNoRow: not answered by the end of the table
  uint32_t lane = 0;                 // index into Story::lanes()
  uint8_t level = 0;                 // overlapping spans of one lane have different ones, from 0
  bool failed = false;
};
struct Lane {
  std::string name;         // "dom1/ring/xvda", "dom1/hypercall", "dom1/9p/share"
  std::vector<Span> spans;  // by begin
  uint8_t levels = 0;
};

// A crossing that is another's cause: event sent -> delivered; request -> image -> response -> event.
struct Link {
  enum class Kind : uint8_t { event, handler, completion };
  Row from = kNoRow, to = kNoRow;
  Kind kind = Kind::event;
};

class Story {
 public:
  explicit Story(const CrossingTable& table);
  ~Story();

  // Takes in what has been added to the table, for about so many rows at most; false where there is more.
  bool update(size_t rows_max = SIZE_MAX);

  const std::vector<std::string>& rings() const;
  const RingState* ring(const std::string& name, Row behind);
  const std::vector<DomainPorts>& ports(Row behind);
  const std::vector<DomainGrants>& grants(Row behind);
  const StoreState& store(Row behind);
  const std::vector<XenbusState>& xenbus(Row behind);
  const std::vector<NinePState>& ninep(Row behind);
  // What a domain's console has printed by then, at most its last 64 KiB. Of several the first has the
  // domain's name, others the name of their wire ("dom1/debugcon").
  std::string console(const std::string& domain, Row behind);
  const std::vector<std::string>& consoles() const;

  const std::vector<Lane>& lanes() const;
  // The span that a row begins or ends (of several that begin there the first), or the one whose request the
  // backend takes there; null. Holds until the next update().
  const Span* span_of(Row row) const;
  // Links that begin or end in [first, last], at most `most`. Looks at a bounded number of rows, from `first`
  // on, so that a range of many thousands may give only those of its beginning.
  std::vector<Link> links(Row first, Row last, size_t most) const;
  // Rows that stand out: faults that struck, notices, violations.
  struct Highlight {
    Row row;
    enum class Kind : uint8_t { fault, notice, violation } kind;
  };
  const std::vector<Highlight>& highlights() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside::viewer

// Xen's split drivers without a processor: the test is a frontend against our backends, or the backend for a
// frontend that the test plays (or that a driver's own code plays on the shared pages). Grants, event
// channels, XenStore and the walk of XenBus states are the hypervisor model's own, and visible.
//
//   XenBench bench;
//   BlkRing& ring = bench.add_blk({.name = "xvda", .sectors = 4096});
//   ring.connect();
//   GrantedPage page = bench.grant_page();
//   ring.push(blk::read{2048, {page}});
//   ring.evtchn().notify();
//   ring.expect(blk::response{blk::ok});
#pragma once

#include <initializer_list>
#include <optional>

#include "ringside/device.h"

namespace ringside::test {

class XenBench;

namespace house {
struct XenBench;
struct BlkRing;
struct NetRing;
struct StoreClient;
}  // namespace house

// --- Pages, events, XenStore ---

// A page of the frontend's domain, granted to domain 0.
class RINGSIDE_API GrantedPage : public Buffer {
 public:
  GrantedPage() = default;
  uint32_t ref() const { return ref_; }
  uint64_t frame() const { return address() >> 12; }
  // Whether the other end has it mapped, or copies from it, now.
  bool in_use() const;
  void expect_unused(SourcePlace place = SourcePlace::current()) const;
  // Takes the grant back; false while it is in use.
  bool revoke() const;

  GrantedPage(house::XenBench& bench, const Buffer& page, uint32_t ref)
      : Buffer(page), bench_(&bench), ref_(ref) {}

 private:
  house::XenBench* bench_ = nullptr;
  uint32_t ref_ = 0;
};

// One end of an event channel: the frontend's, or (of a ring whose backend the test plays) domain 0's.
class RINGSIDE_API EventChannel {
 public:
  uint32_t port() const;
  void notify(SourcePlace place = SourcePlace::current()) const;
  // Whether an event has arrived since the last take().
  bool pending() const;
  bool take() const;
  // That one is pending, or becomes so within that time; it is taken.
  void expect(Duration within = Duration{0}, SourcePlace place = SourcePlace::current()) const;
  void expect_none(Duration duration = Duration{0}, SourcePlace place = SourcePlace::current()) const;

  EventChannel(house::XenBench& bench, bool of_domain_0, uint32_t port)
      : bench_(&bench), of_domain_0_(of_domain_0), port_(port) {}

 private:
  house::XenBench* bench_;
  bool of_domain_0_;
  uint32_t port_;
};

// A client of XenStore, as the frontend's domain or as domain 0. What changes something returns the error by
// XenStore's name ("EACCES"), or "" where there was none.
class RINGSIDE_API StoreClient {
 public:
  ~StoreClient();
  std::optional<std::string> read(const std::string& path, uint32_t transaction = 0) const;
  std::string write(const std::string& path, const std::string& value, uint32_t transaction = 0) const;
  std::string make_directory(const std::string& path, uint32_t transaction = 0) const;
  std::string remove(const std::string& path, uint32_t transaction = 0) const;
  std::vector<std::string> directory(const std::string& path, uint32_t transaction = 0) const;
  std::string set_permissions(const std::string& path, const std::vector<std::string>& permissions) const;
  uint32_t begin() const;
  std::string commit(uint32_t transaction) const;
  std::string abort(uint32_t transaction) const;
  // Paths for which watches have fired come into watch_events(), the first one at once.
  std::string watch(const std::string& path) const;
  std::string unwatch(const std::string& path) const;
  std::vector<std::string> take_watch_events() const;

 private:
  friend class XenBench;
  explicit StoreClient(std::unique_ptr<house::StoreClient> made);
  std::unique_ptr<house::StoreClient> house_;
};

// enum xenbus_state of public/io/xenbus.h.
enum class BusState : uint8_t {
  unknown,
  initialising,
  init_wait,
  initialised,
  connected,
  closing,
  closed,
  reconfiguring,
  reconfigured,
};

// A device's two folders in XenStore, from the end that the test plays.
class RINGSIDE_API XenBus {
 public:
  const std::string& own_folder() const { return own_; }
  const std::string& other_folder() const { return other_; }
  std::optional<std::string> read(const std::string& name) const;  // of the own folder
  std::optional<std::string> read_other(const std::string& name) const;
  void write(const std::string& name, const std::string& value,
             SourcePlace place = SourcePlace::current()) const;
  // Writes the state; what the other end does about it takes time.
  void set_state(BusState state, SourcePlace place = SourcePlace::current()) const;
  BusState state() const;
  BusState other_state() const;
  void expect_other(BusState state, Duration within = Duration{0},
                    SourcePlace place = SourcePlace::current()) const;

  XenBus(house::XenBench& bench, const StoreClient& store, std::string own, std::string other)
      : bench_(&bench), store_(&store), own_(std::move(own)), other_(std::move(other)) {}

 private:
  house::XenBench* bench_;
  const StoreClient* store_;
  std::string own_, other_;
};

// The four indices that a ring's two ends share.
struct RingIndices {
  uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

// --- Block devices (public/io/blkif.h) ---

struct BlkSegment {
  BlkSegment(const GrantedPage& page, uint8_t first_sector = 0, uint8_t last_sector = 7)
      : grant(page.ref()), first(first_sector), last(last_sector) {}
  BlkSegment(uint32_t grant_ref, uint8_t first_sector, uint8_t last_sector)
      : grant(grant_ref), first(first_sector), last(last_sector) {}
  uint32_t grant;
  uint8_t first, last;
};

struct BlkRequest {
  uint8_t operation = 0;  // BLKIF_OP_: 0 read, 1 write, 3 flush, 5 discard
  uint64_t sector = 0;
  std::vector<BlkSegment> segments = {};
  std::optional<uint64_t> id = {};           // push() gives numbers from 1 where there is none
  std::optional<uint16_t> nr_segments = {};  // another count than there are, for requests that lie
  uint64_t sectors = 0;                      // of a discard
  uint8_t flag = 0;                          // of a discard
};

struct BlkResponse {
  uint64_t id = 0;
  uint8_t operation = 0;
  int16_t status = 0;
};

namespace blk {
inline constexpr int16_t ok = 0, error = -1, not_supported = -2;  // BLKIF_RSP_

struct read : BlkRequest {
  read(uint64_t at, std::vector<BlkSegment> into) : BlkRequest{0, at, std::move(into), {}, {}, 0, 0} {}
};
struct write : BlkRequest {
  write(uint64_t at, std::vector<BlkSegment> from) : BlkRequest{1, at, std::move(from), {}, {}, 0, 0} {}
};
struct flush : BlkRequest {
  flush() : BlkRequest{3, 0, {}, {}, {}, 0, 0} {}
};
struct discard : BlkRequest {
  discard(uint64_t at, uint64_t count) : BlkRequest{5, at, {}, {}, {}, count, 0} {}
};
// With an id: the response to that request, whenever it comes. Without: the next one.
struct response {
  int16_t status = ok;
  std::optional<uint64_t> id = {};
};
}  // namespace blk

struct BlkOptions {
  std::string name = "xvda";
  uint64_t sectors = 4096;  // of a medium in memory, all zeros
  std::string image = {};   // or a file, which is only read
  bool read_only = false;
  bool discard = false, flush = true, persistent = true;
  uint32_t indirect_segments = 256;
  bool played = false;  // there is no backend of ours: the test plays it, by BlkRing::backend()
};

// The backend's end of a blkif ring, played by the test.
class RINGSIDE_API BlkBackEnd {
 public:
  XenBus xenbus() const;
  EventChannel evtchn() const;
  // Follows the frontend through its states to Connected: takes its ring and its event channel.
  void connect(SourcePlace place = SourcePlace::current());
  // The next request as it lies in the ring; nothing when there is none.
  std::optional<BlkRequest> take();
  BlkRequest expect_request(Duration within = Duration{0}, SourcePlace place = SourcePlace::current());
  // Puts a response and publishes it; true where the frontend wants an event for it.
  bool respond(const BlkRequest& request, int16_t status);
  // The granted page behind a reference, as this end maps it; throws where it is no such grant.
  Buffer map(uint32_t grant, bool read_only = true, SourcePlace place = SourcePlace::current());
  void unmap(uint32_t grant);

  explicit BlkBackEnd(house::BlkRing& ring) : ring_(&ring) {}

 private:
  house::BlkRing* ring_;
};

// The frontend's end, played by the test.
class RINGSIDE_API BlkRing {
 public:
  ~BlkRing();
  XenBus xenbus() const;
  EventChannel evtchn() const;
  // All of the walk: the ring's page and the event channel, the nodes, the states until both are Connected.
  void connect(SourcePlace place = SourcePlace::current());
  // Steps of it: makes ring and channel; writes ring-ref, event-channel and protocol.
  void make_ring(uint32_t first_index = 0);
  void publish_nodes(SourcePlace place = SourcePlace::current());
  void disconnect(SourcePlace place = SourcePlace::current());

  // Puts a request into the next slot and publishes it: the backend sees it once it looks. Returns its id.
  uint64_t push(const BlkRequest& request, SourcePlace place = SourcePlace::current());
  // The same, unpublished; publish() is true where the backend wants an event.
  uint64_t put(const BlkRequest& request, SourcePlace place = SourcePlace::current());
  bool publish();
  // The next response; nothing when there is none.
  std::optional<BlkResponse> take();
  // Waits for it; the virtual time limit is generous for a disk.
  BlkResponse expect(const blk::response& wanted, Duration within = std::chrono::seconds(1),
                     SourcePlace place = SourcePlace::current());
  void expect_none(Duration duration, SourcePlace place = SourcePlace::current());

  RingIndices indices() const;
  void set_indices(const RingIndices& indices);  // whatever they say
  uint32_t slots() const;
  GrantedPage page() const;
  Disk& disk();           // of our backend
  BlkBackEnd& backend();  // where the test plays it

 private:
  friend class XenBench;
  explicit BlkRing(std::unique_ptr<house::BlkRing> made);
  std::unique_ptr<house::BlkRing> house_;
  std::unique_ptr<BlkBackEnd> backend_;
};

// --- Network interfaces (public/io/netif.h) ---

namespace net {
inline constexpr int16_t ok = 0, error = -1, dropped = -2;                        // NETIF_RSP_
inline constexpr uint16_t checksum_blank = 1, data_validated = 2, more_data = 4;  // NETTXF_, NETRXF_

struct transmit {
  uint32_t grant = 0;
  uint16_t offset = 0, size = 0;
  uint16_t flags = 0, id = 0;
};
struct transmitted {
  int16_t status = ok;
  std::optional<uint16_t> id = {};
};
struct receive {
  uint32_t grant = 0;
  uint16_t id = 0;
};
// A negative status is an error, any other the size.
struct received {
  uint16_t id, offset, flags;
  int16_t status;
};
}  // namespace net

struct NetOptions {
  std::string name = "vif0";
  Mac mac = {0x00, 0x16, 0x3e, 0x00, 0x00, 0x01};
  bool split_event_channels = true;
  bool played = false;
};

// The backend's ends of both rings, played by the test.
class RINGSIDE_API NetBackEnd {
 public:
  XenBus xenbus() const;
  EventChannel evtchn_tx() const;
  EventChannel evtchn_rx() const;
  void connect(SourcePlace place = SourcePlace::current());
  std::optional<net::transmit> take_transmit();
  net::transmit expect_transmit(Duration within = Duration{0}, SourcePlace place = SourcePlace::current());
  bool respond(const net::transmit& request, int16_t status);
  std::optional<net::receive> take_receive();
  net::receive expect_receive(Duration within = Duration{0}, SourcePlace place = SourcePlace::current());
  // Copies the frame into the granted page, as netback does, and responds; true: an event is wanted.
  bool deliver(const net::receive& buffer, std::span<const uint8_t> frame, uint16_t flags = 0,
               SourcePlace place = SourcePlace::current());
  // The bytes of a transmit request.
  Bytes fetch(const net::transmit& request, SourcePlace place = SourcePlace::current());

  explicit NetBackEnd(house::NetRing& ring) : ring_(&ring) {}

 private:
  house::NetRing* ring_;
};

class RINGSIDE_API NetRing {
 public:
  ~NetRing();
  XenBus xenbus() const;
  EventChannel evtchn_tx() const;
  EventChannel evtchn_rx() const;  // the same where they are not split
  void connect(SourcePlace place = SourcePlace::current());
  void make_rings(uint32_t first_index = 0);
  void publish_nodes(SourcePlace place = SourcePlace::current());
  void disconnect(SourcePlace place = SourcePlace::current());

  // --- Out: requests are published; notify by evtchn_tx() ---
  void push(const net::transmit& request, SourcePlace place = SourcePlace::current());
  std::optional<net::transmitted> take_transmitted();
  net::transmitted expect(const net::transmitted& wanted, Duration within = std::chrono::milliseconds(10),
                          SourcePlace place = SourcePlace::current());
  // --- In: buffers, and what has come into them ---
  void push(const net::receive& buffer, SourcePlace place = SourcePlace::current());
  std::optional<net::received> take_received();
  net::received expect_received(Duration within = std::chrono::milliseconds(10),
                                SourcePlace place = SourcePlace::current());
  RingIndices tx_indices() const;
  RingIndices rx_indices() const;
  void set_tx_indices(const RingIndices& indices);
  void set_rx_indices(const RingIndices& indices);

  // --- The cable behind our backend ---
  const std::vector<Frame>& sent() const;
  std::vector<Frame> take_sent();
  void expect_sent(std::span<const uint8_t> bytes, Duration within = std::chrono::milliseconds(10),
                   SourcePlace place = SourcePlace::current());
  void deliver(std::span<const uint8_t> bytes);
  NetBackEnd& backend();

 private:
  friend class XenBench;
  explicit NetRing(std::unique_ptr<house::NetRing> made);
  std::unique_ptr<house::NetRing> house_;
  std::unique_ptr<NetBackEnd> backend_;
};

// --- The bench: Xen, XenStore, domain 0, and the frontend's domain 1 ---

class RINGSIDE_API XenBench : public Bench {
 public:
  explicit XenBench(const BenchOptions& options = {});
  ~XenBench() override;

  BlkRing& add_blk(const BlkOptions& options = {});
  NetRing& add_net(const NetOptions& options = {});

  // A zeroed page of the frontend's domain, and a grant of it for domain 0.
  GrantedPage grant_page(bool read_only = false);
  // Another grant of the same page.
  GrantedPage grant_again(const Buffer& page, bool read_only = false);
  unsigned grants_in_use() const;
  void expect_no_grant_in_use(SourcePlace place = SourcePlace::current()) const;

  StoreClient& xenstore();  // as the frontend's domain
  StoreClient& xenstore_of_domain_0();

 private:
  house::XenBench& own() const;
  std::unique_ptr<StoreClient> store_, store_0_;
  std::vector<std::unique_ptr<BlkRing>> blks_;
  std::vector<std::unique_ptr<NetRing>> nets_;
};

}  // namespace ringside::test

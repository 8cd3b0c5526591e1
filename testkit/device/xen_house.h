// The inside of a XenBench: hypervisor, XenStore, domain 0's ends, and the frontend's domain. For
// testkit/device/*.cpp only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "host/network/network.h"
#include "hv-model/backends/blk/blk_backend.h"
#include "hv-model/backends/net/net_backend.h"
#include "hv-model/hypervisor.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/client.h"
#include "ringside/ring.h"
#include "testkit/device/device_house.h"
#include "testkit/device/front_ring.h"

namespace ringside::test::house {

inline constexpr DomainId kDomain0{0};

struct StoreClient {
  StoreClient(XenStore& store, Bench& bench, DomainId domain)
      : client(store, bench.events, bench.clock, microseconds(1), domain) {}
  std::deque<std::string> events;
  XenStoreClient client;
};

// A page of the frontend's that domain 0 has mapped.
struct MappedPage {
  uint32_t handle = 0;
  Mfn frame;
};

struct XenBench final : Bench {
  explicit XenBench(const BenchOptions& options);
  ~XenBench() override;

  Memory* ram() override { return memory.get(); }
  Buffer new_page(const SourcePlace& place = {});
  GrantedPage grant(const Buffer& page, bool read_only);
  void write_grant(uint32_t ref, const grant_entry_v1_t& entry);
  grant_entry_v1_t read_grant(uint32_t ref) const;
  Buffer page_of(Mfn frame);

  uint32_t alloc_event(const SourcePlace& place);
  // Domain 0's end of a channel of the frontend's, with events counted.
  uint32_t bind_from_domain_0(uint32_t remote_port, const SourcePlace& place);
  void unbind_domain_0(uint32_t port);
  void end_channel(uint32_t port);  // the frontend's end
  void unmap(const MappedPage& page);

  std::unique_ptr<Memory> memory;
  Hypervisor hypervisor;
  XenStore store;
  XenStoreClient toolstack;
  Domain* domain = nullptr;
  uint32_t next_ref = 8;                         // GNTTAB_NR_RESERVED_ENTRIES
  std::map<uint32_t, uint64_t> domain_0_events;  // by port: not yet taken
  test::StoreClient* as_frontend = nullptr;
  test::StoreClient* as_domain_0 = nullptr;
};

// What a device has, whoever plays its backend.
struct XenDevice {
  XenDevice(XenBench& the_bench, std::string_view kind, uint32_t number);
  XenBus frontend_bus() const { return {bench, *bench.as_frontend, front_folder, back_folder}; }
  XenBus backend_bus() const { return {bench, *bench.as_domain_0, back_folder, front_folder}; }
  // Makes the nodes of both ends, for a backend that the test plays, which then waits (InitWait).
  void create_played(const std::vector<std::pair<std::string_view, std::string>>& backend_nodes);
  // A number that the frontend has written; fails where there is none.
  uint32_t frontend_number(const std::string& name, const SourcePlace& place) const;
  // The frontend's Closing and Closed, answered by whoever is the backend.
  void close(bool played, const SourcePlace& place);

  XenBench& bench;
  const uint32_t number;
  std::string front_folder, back_folder;
};

MappedPage map_grant(XenBench& bench, uint32_t ref, bool read_only, const SourcePlace& place);

struct BlkRing : XenDevice {
  BlkRing(XenBench& the_bench, const BlkOptions& options);
  ~BlkRing();

  const BlkOptions options;
  std::unique_ptr<test::Disk> disk;
  std::unique_ptr<BlkBackend> backend;
  // The frontend's end.
  GrantedPage page;
  uint32_t port = 0;
  FrontRing<blkif_request, blkif_response> front;
  uint64_t last_id = 0;
  std::map<uint64_t, std::vector<GrantedPage>> lists;  // of indirect requests under way
  std::deque<BlkResponse> responses;                   // taken and not yet asked for
  // The backend's end, where the test plays it.
  struct Played {
    Played() {}  // else clang knows its initialisers only behind the whole class
    MappedPage page;
    uint32_t port = 0;
    std::optional<ringside::BackRing<blkif_request, blkif_response>> ring;
    std::map<uint32_t, MappedPage> mapped;
    Wire *request_wire = nullptr, *response_wire = nullptr;
  };
  std::optional<Played> played;
};

struct NetRing : XenDevice {
  NetRing(XenBench& the_bench, const NetOptions& options);
  ~NetRing();

  const NetOptions options;
  EthernetSwitch network;
  SwitchPort& port;
  SwitchPort& peer;
  std::unique_ptr<NetBackend> backend;
  std::vector<Frame> sent;
  GrantedPage tx_page, rx_page;
  uint32_t tx_port = 0, rx_port = 0;
  FrontRing<netif_tx_request, netif_tx_response> tx;
  FrontRing<netif_rx_request, netif_rx_response> rx;
  struct Played {
    Played() {}
    MappedPage tx_page, rx_page;
    uint32_t tx_port = 0, rx_port = 0;
    std::optional<ringside::BackRing<netif_tx_request, netif_tx_response>> tx;
    std::optional<ringside::BackRing<netif_rx_request, netif_rx_response>> rx;
  };
  std::optional<Played> played;
};

}  // namespace ringside::test::house

// What a frontend and a backend have told each other of a device by XenBus (public/io/xenbus.h, blkif.h,
// netif.h, 9pfs.h; docs/misc/xenstore-paths.pandoc): read from XenStore as it stands, by names that the
// interfaces give, so that checkers need nothing of the models.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv-model/domain.h"
#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

class XenStore;

enum class DeviceKind : uint8_t { vbd, vif, p9, console, other };

// "/local/domain/1/device/vbd/51712/ring-ref", or "/local/domain/0/backend/vbd/1/51712/state".
struct DeviceNode {
  bool backend = false;
  DeviceKind kind = DeviceKind::other;
  DomainId domain;          // the frontend's
  std::string_view device;  // "51712"
  std::string_view folder;  // "/local/domain/1/device/vbd/51712"
  std::string_view name;    // behind it: "ring-ref", "queue-0/ring-ref"; empty for the folder itself
};
// Nothing for a path that is no device's.
std::optional<DeviceNode> device_node(std::string_view path);

// The folders of both ends.
struct DeviceFolders {
  std::string frontend, backend;
};
DeviceFolders device_folders(const DeviceNode& node);

// enum xenbus_state, 0 where there is no such node; nothing for a value that is no state.
std::optional<unsigned> xenbus_state(const XenStore& store, std::string_view folder);
inline constexpr unsigned kInitialising = 1, kInitWait = 2, kInitialised = 3, kConnected = 4, kClosing = 5,
                          kClosed = 6, kReconfiguring = 7, kReconfigured = 8;
std::string_view xenbus_state_name(unsigned state);

std::optional<uint64_t> number_node(const XenStore& store, const std::string& path);

// A ring that a frontend has offered.
enum class RingKind : uint8_t { blk, net_tx, net_rx, p9, console };
struct OfferedRing {
  RingKind kind = RingKind::blk;
  std::optional<uint32_t> queue;  // of several: "queue-0/"; of 9pfs: which ring
  std::vector<GrantRef> refs;     // its pages, in order
  EventPort port;                 // the frontend's
  bool native = true;             // its slots are laid out as on x86-64
  bool operator==(const OfferedRing&) const = default;
};
std::vector<OfferedRing> offered_rings(const XenStore& store, const DeviceNode& node);

// The devices of a domain that a frontend has ever offered rings for.
class OfferedDevices {
 public:
  void on_store_change(const XenStore& store, const std::string& path);
  // There were some, and each has been closed, or is gone.
  bool all_closed(const XenStore& store, uint16_t domain) const;

 private:
  std::vector<std::pair<uint16_t, std::string>> folders_;
};

// The rings that frontends have offered, for as long as they stay connected. A backend whose domain is killed
// (no state any more) leaves a frontend that stays so; the next backend takes the rings over as they are,
// from their last response on (xen_blkif_map of xen-blkback, xenvif_connect_data of xen-netback).
class Connections {
 public:
  // Whether the frontend has said just now that it offers rings.
  bool on_frontend_state(const std::string& frontend, unsigned state, std::vector<OfferedRing> rings);
  // A backend says Connected.
  enum class Served : uint8_t { first, again, other_rings };
  Served serve(const std::string& frontend, std::vector<OfferedRing> rings);

 private:
  struct Connection {
    std::vector<OfferedRing> rings;
    bool served = false;
  };
  std::map<std::string, Connection, std::less<>> connections_;  // by the frontend's folder
};

// An entry of a grant table, as the guest has it now; flags with those of its status word in version 2.
struct GrantEntry {
  uint16_t flags = 0;
  DomainId domain;
  Mfn frame;
};
std::optional<GrantEntry> grant_entry(const Memory& memory, const Domain& granter, GrantRef ref);
// Whether it is one of version 1 that permits access to this frame: the common case, at less cost.
inline bool still_permits(const Memory& memory, const Domain& granter, GrantRef ref, Mfn frame) {
  const GrantTable& table = granter.grants;
  const size_t of = ref.value / GrantTable::kEntriesPerFrame, at = ref.value % GrantTable::kEntriesPerFrame;
  if (table.version != 1 || of >= table.frames.size()) return false;
  // struct grant_entry_v1: flags, domain and frame.
  const auto entry = memory.load<uint64_t>(table.frames[of].address() + at * sizeof(uint64_t));
  constexpr uint64_t kTypeMask = 3, kPermitAccess = 1;
  return (entry & kTypeMask) == kPermitAccess && entry >> 32 == frame.value;
}

}  // namespace ringside

// What frontends have written into XenStore about their devices: grants of rings, their size, event channels.
// A fact holds from its row on. And which of the scenario's names a device has: wires bear those, XenStore
// has numbers.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "viewer/story/story_wires.h"

namespace ringside::viewer {

enum class DeviceClass : uint8_t { vbd, vif, ninepfs, console, other };
enum class FactKind : uint8_t { ring_pages, ring_ref, port };
enum class RingWay : uint8_t { both, tx, rx, control };

struct DeviceFact {
  Row row = kNoRow;
  uint32_t domain = kNone;  // StoryWires::domains()
  DeviceClass device_class = DeviceClass::other;
  uint32_t device = 0;     // its number
  uint32_t queue = kNone;  // of several, and of 9P its ring
  FactKind kind = FactKind::port;
  RingWay way = RingWay::both;
  uint32_t value = 0;
};

// An end of a device in a state, as a message has shown it: the frontend's writes, and what it reads of the
// backend.
struct DeviceState {
  Row row = kNoRow;
  uint32_t domain = kNone;  // the frontend's
  DeviceClass device_class = DeviceClass::other;
  uint32_t device = 0;
  bool backend = false;
  uint8_t state = 0;
};

class DeviceFacts {
 public:
  explicit DeviceFacts(const StoryWires& wires) : wires_(wires) {}
  // A crossing of a XenStore wire; in order. Those that it knows are passed over.
  void take(const CrossingTable& table, Row row);
  // An answer of XenStore, and the request that it answers.
  void take_answer(const CrossingTable& table, Row request, Row answer);
  // All rows before `end` have been taken.
  void done(Row end) { done_ = std::max(done_, end); }
  Row done() const { return done_; }
  void truncate(Row first);
  // Wires came: names may be known now that were not.
  void forget_names() { names_.clear(); }

  const std::vector<DeviceFact>& all() const { return facts_; }
  const std::vector<DeviceState>& states() const { return states_; }
  // Those before `end` are all()'s first so many.
  size_t count_before(Row end) const;
  // "xvda"; "vbd/51712" where no wire bears its name.
  const std::string& name_of(const CrossingTable& table, uint32_t domain, DeviceClass device_class,
                             uint32_t device) const;
  const std::string& name_of(const CrossingTable& table, const DeviceFact& fact) const {
    return name_of(table, fact.domain, fact.device_class, fact.device);
  }

  // The last fact of a ring's device before `end`; null. Looks at a bounded number of them.
  const DeviceFact* last_of(const CrossingTable& table, const KnownRing& ring, FactKind kind, Row end) const;
  // Slots of a block device's ring, as it was agreed before `end`.
  std::optional<uint32_t> block_slots(const CrossingTable& table, const KnownRing& ring, Row end) const;
  // Bytes of each way of a 9P ring: as many data pages as the backend has mapped behind the one that ring-ref
  // names (public/io/9pfs.h).
  std::optional<uint32_t> share_ring_bytes(const CrossingTable& table, const KnownRing& ring, Row end) const;

 private:
  static constexpr size_t kFactsMax = 65536, kStatesMax = 4096, kLookBack = 1024;
  bool matches(const CrossingTable& table, const DeviceFact& fact, const KnownRing& ring) const;
  std::string find_name(const CrossingTable& table, uint32_t domain, DeviceClass device_class,
                        uint32_t device) const;
  bool read_folder(std::string_view& path, uint32_t wire_domain, DeviceState& place) const;

  const StoryWires& wires_;
  Row done_ = 0;
  std::vector<DeviceFact> facts_;    // by row
  std::vector<DeviceState> states_;  // by row
  mutable std::map<std::tuple<uint32_t, DeviceClass, uint32_t>, std::string> names_;
};

}  // namespace ringside::viewer

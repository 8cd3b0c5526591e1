// What the wires of a session are to the story: by payload type, which stands in the file, and by name, which
// says what belongs together ("dom1/ring/xvda/request" and "dom1/ring/xvda/response"). Names may be anything.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "viewer/story/story.h"

namespace ringside::viewer {

inline constexpr uint32_t kNone = UINT32_MAX;

enum class WirePart : uint8_t {
  none,
  hypercall,
  events,
  grants,
  xenstore,
  xenbus,
  console_out,
  console_in,
  text,  // other consoles' output
  image,
  indices,
  request,
  first_request,  // of the first sessions: the same record without all of its end
  response,
  net_request,
  net_response,
  control_request,
  control_response,
  byte_indices,
  ninep_request,
  ninep_response,
  descriptors,
  ata_command,
  ata_completion,
  notice,
  fault,
};

struct WireRole {
  WirePart part = WirePart::none;
  uint32_t domain = kNone;
  uint32_t ring = kNone;  // of descriptors: the first of two
  uint32_t lane = kNone;
  uint32_t share = kNone;
};

// Rings, shares and lanes are numbered as their first wire came. Others keep references to their wires.
struct KnownRing {
  std::string name, device;
  RingState::Kind kind = RingState::Kind::blk;
  uint32_t domain = kNone, lane = kNone;
  uint32_t queue = kNone;  // of several; a 9P ring's number
  bool is_estimate = false;
  uint32_t indices = kNone, request = kNone, response = kNone;  // wires; console: out and in
  std::vector<uint32_t> wires;
};
struct KnownShare {
  std::string name, device;
  uint32_t domain = kNone, request = kNone;
  std::vector<uint32_t> wires;
};
struct KnownConsole {
  std::string name;
  int rank = 0;  // of a domain's consoles: the least has the domain's name
  std::string domain;
  uint32_t wire = kNone;
};
struct KnownXenbus {
  std::string name;  // "dom1/xvda"
  uint32_t wire = kNone;
};
struct KnownDomain {
  std::string name;
  uint16_t number = 0;
  uint32_t events = kNone, grants = kNone;
  std::vector<std::string> disks, nics, consoles;
};

class StoryWires {
 public:
  // Takes in the wires that are new, and consoles that have printed. True where there were new wires.
  bool update(const CrossingTable& table);

  const WireRole& role(uint32_t wire) const { return roles_[wire]; }
  const std::deque<KnownRing>& rings() const { return rings_; }
  const std::vector<std::string>& ring_names() const { return ring_names_; }
  // kNone
  uint32_t find_ring(const std::string& name) const;
  const std::deque<KnownShare>& shares() const { return shares_; }
  const std::vector<KnownDomain>& domains() const { return domains_; }
  const std::vector<KnownXenbus>& xenbus() const { return xenbus_; }
  // Of those that have printed anything, each with the wire that it prints to.
  const std::vector<std::string>& console_names() const { return console_names_; }
  const std::vector<uint32_t>& console_wires() const { return console_wires_; }
  const std::vector<std::string>& lanes() const { return lanes_; }
  // Wires of a part, in order; `grant_story`: of grants, and of the requests that name them.
  const std::vector<uint32_t>& events() const { return events_; }
  const std::vector<uint32_t>& grant_story() const { return grant_story_; }
  const std::vector<uint32_t>& stores() const { return stores_; }
  // Of the links: those that may be an end of one.
  const std::vector<uint32_t>& linked() const { return linked_; }
  // The domain with that number; kNone.
  uint32_t domain_of_number(uint16_t number) const;
  // "image/xvda"; kNone.
  uint32_t image_of(const std::string& device) const;

 private:
  void add(const CrossingTable& table, uint32_t wire);
  void add_to_ring(uint32_t wire, std::string name, std::string device, RingState::Kind kind, WirePart part);
  void add_slot_wire(uint32_t wire, const std::string& name, WirePart part, bool net);
  void add_byte_ring(uint32_t wire, const std::string& name);
  void add_share_wire(uint32_t wire, const std::string& name, WirePart part);
  void add_console(uint32_t wire, const std::string& name, int rank);
  void add_console_ring(uint32_t wire, const std::string& name);
  void add_descriptors(uint32_t wire, const std::string& name);
  void name_consoles(const CrossingTable& table);
  uint32_t domain(std::string_view name);
  uint32_t lane(const std::string& name);
  uint32_t ring(const std::string& name);

  std::vector<WireRole> roles_;
  std::deque<KnownRing> rings_;
  std::vector<std::string> ring_names_;
  std::deque<KnownShare> shares_;
  std::vector<KnownDomain> domains_;
  std::vector<KnownXenbus> xenbus_;
  std::vector<KnownConsole> consoles_;
  std::vector<std::string> console_names_, lanes_;
  std::vector<uint32_t> console_wires_, events_, grant_story_, stores_, linked_;
  std::unordered_map<std::string, uint32_t> rings_by_name_, lanes_by_name_, domains_by_name_, shares_by_name_,
      images_;
};

}  // namespace ringside::viewer

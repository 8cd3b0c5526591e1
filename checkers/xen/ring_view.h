// A ring as both ends share it, and what a checker remembers of it between two looks: rings of slots
// (public/io/ring.h, with the slots of blkif.h and netif.h) and rings of bytes (9pfs.h, console.h,
// xs_wire.h). Everything is read from the shared pages, so that it holds whatever a fault has made of a
// message.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checkers/xen/xen_device.h"
#include "hv-model/ring.h"
#include "sim/clock.h"
#include "sim/wire.h"

namespace ringside {

// Indices run freely over 32 bits: whether `a` lies before `b`.
constexpr bool index_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }
// RING_PUSH_*_AND_CHECK_NOTIFY: whether going from `old` to `now` asks for an event at `event`.
constexpr bool asks_event(uint32_t old, uint32_t now, uint32_t event) { return now - event < now - old; }

// Which requests are in flight, by their ids: 64 bits of the frontend's choice (blkif), or 16 (netif).
class RequestIds {
 public:
  explicit RequestIds(bool narrow) : bits_(narrow ? kNarrow : kFew) {}
  // False where it is there already, or is not, and nothing is done.
  bool add(uint64_t id) {
    if (id / 64 >= bits_.size()) [[unlikely]]
      return add_to_list(id);
    const uint64_t bit = uint64_t{1} << id % 64, before = std::exchange(bits_[id / 64], bits_[id / 64] | bit);
    if (before & bit) return false;
    ++count_;
    return true;
  }
  bool remove(uint64_t id) {
    if (id / 64 >= bits_.size()) [[unlikely]]
      return remove_from_list(id);
    const uint64_t bit = uint64_t{1} << id % 64,
                   before = std::exchange(bits_[id / 64], bits_[id / 64] & ~bit);
    if (!(before & bit)) return false;
    note_removed(id);
    return true;
  }
  size_t count() const { return count_; }
  // Among the last that were removed.
  bool was_removed(uint64_t id) const;

 private:
  // Words of bits: for all ids of 16 bits, or for the small ones that most frontends choose.
  static constexpr size_t kNarrow = 65536 / 64, kFew = 1024 / 64;
  bool add_to_list(uint64_t id);
  bool remove_from_list(uint64_t id);
  void note_removed(uint64_t id) {
    --count_;
    removed_[removals_++ % removed_.size()] = id;
  }
  std::vector<uint64_t> bits_;
  std::vector<uint64_t> list_;  // ids beyond them
  std::array<uint64_t, 16> removed_{};
  size_t removals_ = 0;
  size_t count_ = 0;
};

struct SlotRing {
  SlotRing(const OfferedRing& offered, DomainId the_domain, std::string the_frontend,
           std::vector<const uint8_t*> the_pages);

  RingIndices indices() const {
    RingIndices now;
    std::memcpy(&now, first_page, sizeof now);
    return now;
  }
  bool begins_with(const uint8_t* shown) const {
    return std::memcmp(first_page, shown, sizeof(RingIndices)) == 0;
  }
  // The frontend has told the backend all that it asked for, and the next response brings an event.
  bool may_wait() const {
    const RingIndices now = indices();
    return !asks_event(told, now.req_prod, now.req_event) && index_before(now.rsp_prod, now.rsp_event);
  }
  uint32_t slot(uint32_t index) const { return index & (slots - 1); }
  // The first bytes of a slot; in a ring of several pages a slot may lie across two.
  template <class Value>
  Value slot_value(uint32_t index) const {
    Value value;
    const size_t place = place_of(index);
    if (only_slots != nullptr) [[likely]] {
      std::memcpy(&value, only_slots + place, sizeof value);
    } else {
      copy_slot(place, &value, sizeof value);
    }
    return value;
  }
  // Ids and counts need not agree, and that is nobody's misdeed here.
  bool unsure() const { return meddled || taken_over; }
  // What a slot's bytes were when they were noted.
  void note(uint32_t index) {
    const size_t place = place_of(index);
    if (only_slots != nullptr) [[likely]] {
      std::memcpy(noted_slots.data() + place, only_slots + place, slot_bytes);
    } else {
      copy_slot(place, noted_slots.data() + place, slot_bytes);
    }
  }
  bool is_as_noted(uint32_t index) const {
    const size_t place = place_of(index);
    const uint8_t* noted_slot = noted_slots.data() + place;
    if (only_slots != nullptr) [[likely]]
      return std::memcmp(only_slots + place, noted_slot, slot_bytes) == 0;
    return is_same_across_pages(place, noted_slot);
  }
  // A netif_rx_request begins with its id.
  uint16_t noted_id(uint32_t index) const {
    uint16_t id;
    std::memcpy(&id, noted_slots.data() + place_of(index), sizeof id);
    return id;
  }

  // Of a slot, behind the indices.
  size_t place_of(uint32_t index) const { return size_t{slot(index)} * slot_bytes; }
  void copy_slot(size_t place, void* into, size_t length) const;
  bool is_same_across_pages(size_t place, const uint8_t* as) const;

  const RingKind kind;
  const DomainId domain;
  const std::string frontend;  // its folder
  const std::optional<uint32_t> queue;
  const EventPort port;
  const std::vector<const uint8_t*> pages;
  const uint8_t* const first_page;
  const uint8_t* const only_slots;  // where the first slot is, if all are in one page
  const uint32_t slot_bytes, slots;
  const Wire* wire = nullptr;  // of its indices, once it is known which that is

  // As seen last.
  uint32_t req_prod = 0, rsp_prod = 0;
  uint32_t told = 0;                   // req_prod when the backend was told, or looked, last
  uint32_t rsp_written = 0;            // behind the responses that may stand in slots, published or not
  uint32_t rsp_event_before = 0;       // when the frontend got its last event
  std::optional<Tick> event_due_from;  // the backend has published what the frontend wants an event for
  bool event_lost = false;             // a fault has taken the frontend's last event away
  bool meddled = false;                // a fault has changed messages: ids and counts need not agree
  bool lost = false;                   // a fault has taken a message away
  // A backend has taken the ring over from one that had died, with requests behind the last response. It does
  // all of them anew, those that had been answered out of order included. Their second answers go to whatever
  // the frontend has rightly given the same id meanwhile, so that the two do not agree about ids any more.
  bool taken_over = false;
  bool halted = false;  // its indices are broken: nothing more is read from it
  Tick moved_at;        // when an index changed last

  // What published requests were like: noted up to `noted`, and from `fresh` on not compared yet.
  std::vector<uint8_t> noted_slots;
  uint32_t noted = 0, fresh = 0;
  RequestIds ids;
};

struct ByteRing {
  struct Layout {
    uint16_t out_prod, out_cons, in_prod, in_cons;  // where the indices are in the page
    uint32_t out_size, in_size;
  };
  // In the pages, too, each consumer stands right before its producer.
  struct Indices {
    uint32_t in_cons = 0, in_prod = 0, out_cons = 0, out_prod = 0;
    bool operator==(const Indices&) const = default;
  };
  Indices indices() const {
    const auto load = [this](uint16_t offset) {
      uint32_t value;
      std::memcpy(&value, page + offset, sizeof value);
      return value;
    };
    return {load(layout.in_cons), load(layout.in_prod), load(layout.out_cons), load(layout.out_prod)};
  }

  bool is_as_seen() const {
    constexpr size_t kBoth = 2 * sizeof(uint32_t);
    return std::memcmp(page + layout.in_cons, &seen.in_cons, kBoth) == 0 &&
           std::memcmp(page + layout.out_cons, &seen.out_cons, kBoth) == 0;
  }

  const char* name;  // "console"
  DomainId domain;
  std::string frontend;  // its folder; empty for those that the domain builder makes
  std::optional<uint32_t> queue;
  std::optional<EventPort> port;  // nothing: not known
  const uint8_t* page;
  Layout layout;
  const Wire* wire = nullptr;
  Indices seen{};
  uint32_t told = 0;  // out_prod when the backend was told, or looked, last
  // XenStore's guest sends no event while the server has not read what it was told of before (Linux's
  // xb_write): who has not looked a while later will not.
  uint32_t doubted = 0;  // out_prod
  Tick doubted_at;
  bool halted = false;
};
// For a page of 9pfs the size stands in the page.
ByteRing::Layout p9_layout(const uint8_t* page);
ByteRing::Layout console_layout();
ByteRing::Layout xenstore_layout();

}  // namespace ringside

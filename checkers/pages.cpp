// The checker `pages`: what else is in a page that a guest hands over. Who maps a granted page, or copies
// from it, can read all of it (grant_table.h knows no smaller unit in version 1); a frontend that grants the
// page of a small request grants what its memory held before as well. That was the complaint of xen-devel's
// threads on netfront's flipped pages: one domain's data in another one's hands.
//
// The checker knows what backends have delivered: what blkback has read into a page, what netback has put
// into one. It keeps the hash of each 64 bytes of that, by frame and place. When a page is handed over, bytes
// outside of the request that still are what another device delivered are such data. So a finding is exact:
// those bytes came in there, and nobody has written them since. What the guest has copied elsewhere before is
// not followed.
//
// Stock Linux does hand over such pages, so the rules are silent unless [check] asks for them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <unordered_map>

#include "checkers/device_checkers.h"
#include "checkers/device_wires.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "sim/hash.h"
#include "sim/ids.h"
#include "sim/memory.h"

namespace ringside {

namespace {

constexpr std::string_view kName = "pages";
constexpr std::string_view kStale = "stale_data_handed_over", kShort = "response_exceeds_fill";

constexpr size_t kBlockBytes = 64, kBlocks = kPageSize / kBlockBytes;
constexpr size_t kFramesKept = 4096;    // of the machine's: the latest ones, by their number's lower bits
constexpr size_t kRequestsKept = 4096;  // of a domain, that wait for their grants
constexpr uint32_t kSectorBytes = 512;

using Source = uint8_t;  // a device, from 1; 0: none that is known
constexpr size_t kSourcesMax = 256;

// What was delivered into a frame, block by block.
struct Delivered {
  Mfn frame{~uint64_t{0}};
  std::array<uint32_t, kBlocks> hashes{};  // 0: nothing, or zeros
  std::array<Source, kBlocks> sources{};
};

struct PageSpan {
  uint32_t first = 0, end = 0;
};

struct GuestDomain {
  std::string name;
  // The part of a granted page that a request is about, until the grant is used.
  struct Asked {
    PageSpan span;
    Source source;
  };
  std::unordered_map<uint32_t, Asked> asked;  // by reference
  std::unordered_map<uint32_t, Mfn> frames;   // that each reference stood for when it was mapped last
  struct Read {
    Source source;
    std::vector<std::pair<uint32_t, PageSpan>> segments;  // references and places
  };
  std::map<std::pair<Source, uint64_t>, Read> reads;  // by device and id, until they are answered
  struct {
    Mfn frame;
    uint32_t length = 0;
    bool valid = false;
  } copied;  // netback's last copy into a page
};

uint32_t hash_block(const uint8_t* bytes) {
  static constexpr std::array<uint8_t, kBlockBytes> kZeros{};
  if (std::memcmp(bytes, kZeros.data(), kBlockBytes) == 0) return 0;
  const auto hash = static_cast<uint32_t>(hash64({bytes, kBlockBytes}));
  return hash != 0 ? hash : 1;
}

class PagesChecker final : public Checker {
 public:
  explicit PagesChecker(Checkers& checkers) : Checker(checkers, kName) {}

  std::vector<std::string> wires() const override {
    if (!asked_for(kStale) && !asked_for(kShort)) return {};
    return {"ring/*", "grant"};
  }
  bool wants(const Wire& wire) const override {
    const uint16_t id = wire.payload_type().id;
    return id == kGrantPayload.id || id == kBlkRequestPayload.id || id == kBlkResponsePayload.id ||
           id == kNetTxRequestPayload.id || id == kNetRxResponsePayload.id;
  }
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

 private:
  struct Entry {
    GuestDomain* domain = nullptr;
    Source source = 0;
  };
  const Memory* memory() const;
  void grant_used(const Wire& wire, const Crossing& crossing, GuestDomain& domain);
  void blk_asked(const Crossing& crossing, const Entry& entry);
  void blk_answered(const Crossing& crossing, const Entry& entry);
  void net_sends(const Crossing& crossing, const Entry& entry);
  void net_delivered(const Wire& wire, const Crossing& crossing, const Entry& entry);
  void ask(GuestDomain& domain, uint32_t ref, PageSpan span, Source source);
  void deliver(Mfn frame, PageSpan span, Source source);
  void judge(const Wire& wire, const Crossing& crossing, const GrantRecord& grant, PageSpan covered,
             Source source);

  std::vector<Entry> entries_;  // by the wire's number
  std::map<std::string, std::unique_ptr<GuestDomain>> domains_;
  std::vector<std::string> sources_{""};  // "dom1/ring/xvda", by their number
  std::vector<Delivered> delivered_;
};

// All paravirtual domains share one.
const Memory* PagesChecker::memory() const {
  if (!machine().memory) return nullptr;
  for (const auto& [name, domain] : domains_) {
    if (const Memory* found = machine().memory(name)) return found;
  }
  return nullptr;
}

void PagesChecker::on_wire_added(const Wire& wire) {
  const std::string domain(domain_of(wire.name()));
  auto& found = domains_[domain];
  if (!found) found = std::make_unique<GuestDomain>(GuestDomain{.name = domain});
  Entry entry{found.get(), 0};
  if (wire.payload_type().id != kGrantPayload.id) {
    // "dom1/ring/vif0/tx/request" is of "dom1/ring/vif0".
    const size_t end = wire.name().find('/', domain.size() + 6);
    const std::string device = wire.name().substr(0, end);
    const auto known = std::find(sources_.begin(), sources_.end(), device) - sources_.begin();
    const auto number = static_cast<size_t>(known);
    if (number == sources_.size() && number < kSourcesMax) sources_.push_back(device);
    if (number < sources_.size()) entry.source = static_cast<Source>(number);
  }
  if (wire.index() >= entries_.size()) entries_.resize(wire.index() + 1);
  entries_[wire.index()] = entry;
}

void PagesChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  if (!genuine(crossing) || !arrives(verdict)) return;
  const Entry entry = entries_[wire.index()];
  const uint16_t id = wire.payload_type().id;
  if (id == kGrantPayload.id) return grant_used(wire, crossing, *entry.domain);
  if (id == kBlkRequestPayload.id) return blk_asked(crossing, entry);
  if (id == kBlkResponsePayload.id) return blk_answered(crossing, entry);
  if (id == kNetTxRequestPayload.id) return net_sends(crossing, entry);
  net_delivered(wire, crossing, entry);
}

void PagesChecker::ask(GuestDomain& domain, uint32_t ref, PageSpan span, Source source) {
  if (domain.asked.size() >= kRequestsKept) domain.asked.clear();
  domain.asked[ref] = {span, source};
}

void PagesChecker::blk_asked(const Crossing& crossing, const Entry& entry) {
  BlkRequestRecord request;
  if (!read_record(crossing, request)) return;
  const std::span<const uint8_t> tail = crossing.bytes().subspan(sizeof request);
  GuestDomain::Read read{.source = entry.source, .segments = {}};
  for (size_t at = 0; at + sizeof(BlkSegmentRecord) <= tail.size(); at += sizeof(BlkSegmentRecord)) {
    BlkSegmentRecord segment;
    std::memcpy(&segment, tail.data() + at, sizeof segment);
    const bool data = static_cast<BlkSegmentKind>(segment.kind) == BlkSegmentKind::data;
    if (data && (segment.last_sect >= kPageSize / kSectorBytes || segment.first_sect > segment.last_sect))
      return;
    const PageSpan span =
        data ? PageSpan{segment.first_sect * kSectorBytes, (segment.last_sect + 1) * kSectorBytes}
             : PageSpan{0, kPageSize};
    ask(*entry.domain, segment.gref, span, entry.source);
    if (data) read.segments.emplace_back(segment.gref, span);
  }
  const uint8_t operation = request.operation == BLKIF_OP_INDIRECT ? request.indirect_op : request.operation;
  if (operation != BLKIF_OP_READ) return;
  auto& reads = entry.domain->reads;
  if (reads.size() >= kRequestsKept) reads.clear();
  reads[{entry.source, request.id}] = std::move(read);
}

void PagesChecker::blk_answered(const Crossing& crossing, const Entry& entry) {
  BlkResponseRecord response;
  if (!read_record(crossing, response)) return;
  const auto read = entry.domain->reads.find({entry.source, response.id});
  if (read == entry.domain->reads.end()) return;
  if (response.status == BLKIF_RSP_OKAY) {
    for (const auto& [ref, span] : read->second.segments) {
      const auto frame = entry.domain->frames.find(ref);
      if (frame != entry.domain->frames.end()) deliver(frame->second, span, read->second.source);
    }
  }
  entry.domain->reads.erase(read);
}

void PagesChecker::net_sends(const Crossing& crossing, const Entry& entry) {
  NetTxRequestRecord request;
  if (!read_record(crossing, request)) return;
  const uint32_t end = std::min<uint32_t>(uint32_t{request.offset} + request.size, kPageSize);
  ask(*entry.domain, request.gref, {std::min<uint32_t>(request.offset, end), end}, entry.source);
}

// Netback copies, and answers at once.
void PagesChecker::net_delivered(const Wire& wire, const Crossing& crossing, const Entry& entry) {
  NetRxResponseRecord response;
  if (!read_record(crossing, response)) return;
  auto& copied = entry.domain->copied;
  const bool valid = std::exchange(copied.valid, false);
  if (response.status <= 0) return;
  if (valid) deliver(copied.frame, {0, copied.length}, entry.source);
  const auto bytes = static_cast<uint32_t>(response.status);
  if (asked_for(kShort) && (!valid || bytes > copied.length))
    violate(
        kShort, wire, &crossing,
        fmt::format("the response says {} bytes, but {} were put into the page: the rest is what the page "
                    "held before",
                    bytes, valid ? copied.length : 0));
}

void PagesChecker::deliver(Mfn frame, PageSpan span, Source source) {
  const Memory* from = memory();
  if (from == nullptr || !from->contains(frame) || span.end > kPageSize) return;
  if (delivered_.empty()) delivered_.resize(kFramesKept);
  Delivered& kept = delivered_[frame.value % kFramesKept];
  if (kept.frame != frame) kept = {.frame = frame};
  const uint8_t* page = from->at(frame.address(), kPageSize);
  for (size_t block = (span.first + kBlockBytes - 1) / kBlockBytes; (block + 1) * kBlockBytes <= span.end;
       ++block) {
    kept.hashes[block] = hash_block(page + block * kBlockBytes);
    kept.sources[block] = source;
  }
}

void PagesChecker::grant_used(const Wire& wire, const Crossing& crossing, GuestDomain& domain) {
  GrantRecord grant;
  if (!read_record(crossing, grant) || grant.status != GNTST_okay) return;
  const auto operation = static_cast<GrantOperation>(grant.operation);
  if (operation == GrantOperation::copy_to) {
    domain.copied = {Mfn{grant.frame}, grant.length, true};
    return;
  }
  const bool reads = operation == GrantOperation::map || operation == GrantOperation::copy_from ||
                     operation == GrantOperation::transfer;
  if (!reads) return;
  GuestDomain::Asked asked{};
  const auto found = domain.asked.find(grant.ref);
  if (found != domain.asked.end()) asked = found->second;
  // A frame's first part is copied, and the rest of it may be, by the same request.
  if (found != domain.asked.end() && operation == GrantOperation::map) domain.asked.erase(found);
  if (operation == GrantOperation::map) {
    if (domain.frames.size() >= 2 * kRequestsKept) domain.frames.clear();
    domain.frames[grant.ref] = Mfn{grant.frame};
  }
  if (asked_for(kStale)) judge(wire, crossing, grant, asked.span, asked.source);
}

// What was delivered by the device that now gets it back is no news to it.
void PagesChecker::judge(const Wire& wire, const Crossing& crossing, const GrantRecord& grant,
                         PageSpan covered, Source source) {
  const Mfn frame{grant.frame};
  if (delivered_.empty()) return;
  Delivered& kept = delivered_[frame.value % kFramesKept];
  const Memory* from = memory();
  if (kept.frame != frame || from == nullptr || !from->contains(frame)) return;
  const uint8_t* page = from->at(frame.address(), kPageSize);
  size_t stale = 0, first = 0;
  Source deliverer = 0;
  for (size_t block = 0; block < kBlocks; ++block) {
    if (kept.hashes[block] == 0 || kept.sources[block] == source) continue;
    const size_t begin = block * kBlockBytes;
    if (begin < covered.end && covered.first < begin + kBlockBytes) continue;
    if (hash_block(page + begin) != kept.hashes[block]) {
      kept.hashes[block] = 0;
      continue;
    }
    if (stale++ == 0) {
      first = begin;
      deliverer = kept.sources[block];
    }
  }
  if (stale != 0)
    violate(kStale, wire, &crossing,
            fmt::format(
                "the page granted as {} to domain {}{} holds {} bytes besides, from offset {:#x}, that {} "
                "has delivered there",
                grant.ref, grant.by, source != 0 ? " for a request of " + sources_[source] : "",
                stale * kBlockBytes, first, sources_[deliverer]));
}

}  // namespace

KnownChecker pages_checker() {
  return {
      kName, "what else is in a page that is handed over",
      [](Checkers& checkers) -> std::unique_ptr<Checker> { return std::make_unique<PagesChecker>(checkers); },
      []() -> std::vector<CheckerRule> {
        return {
            {kStale, "a granted page holds what another device has delivered", true},
            {kShort, "a response says more bytes than were put into the page", true},
        };
      }};
}

}  // namespace ringside

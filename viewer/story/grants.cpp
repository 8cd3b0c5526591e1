#include "viewer/story/grants.h"

#include <unordered_map>

#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/backends/net/net_payloads.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "viewer/story/device_facts.h"
#include "viewer/story/record.h"

namespace ringside::viewer {

namespace {

uint32_t ref_at(std::span<const uint8_t> payload, size_t offset) {
  uint32_t ref = 0;
  std::memcpy(&ref, payload.data() + offset, sizeof ref);
  return ref;
}

}  // namespace

GrantsTrack::Entry* GrantsTrack::entry(uint32_t domain, uint32_t ref) {
  if (ref >= kRefsMax) return nullptr;
  if (domains_.size() <= domain) domains_.resize(domain + 1);
  std::vector<Entry>& entries = domains_[domain].entries;
  if (entries.size() <= ref) {
    // All domains of a hostile file together have a bound as well.
    if (entries_ + ref + 1 - entries.size() > 4 * size_t{kRefsMax}) return nullptr;
    entries_ += ref + 1 - entries.size();
    entries.resize(ref + 1);
  }
  return &entries[ref];
}

void GrantsTrack::apply(const StoryParts& parts, Row row, uint32_t wire) {
  const WireRole& role = parts.wires.role(wire);
  if (role.part == WirePart::grants) {
    use(parts, row, role.domain);
  } else {
    name(parts, row, role.domain, role.ring);
  }
}

void GrantsTrack::use(const StoryParts& parts, Row row, uint32_t domain) {
  GrantRecord record;
  if (!read_record(parts.table.payload(row), record)) return;
  const auto operation = static_cast<GrantOperation>(record.operation);
  if (operation < GrantOperation::map || operation > GrantOperation::transfer) return;
  Entry* const place = entry(domain, record.ref);
  if (place == nullptr) return;
  domains_[domain].known = true;
  place->by = record.by;
  place->last = row;
  if (place->first == kNoRow) place->first = row;
  place->failed = record.status != 0 || (parts.table.flags(row) & Crossing::kFailed) != 0;
  if (place->failed) return;
  place->frame = record.frame;
  place->flags = record.flags;
  if (operation == GrantOperation::unmap) {
    if (place->maps > 0 && --place->maps == 0) place->since = kNoRow;
    if (place->maps == 0) place->writable = false;
    return;
  }
  ++place->uses;
  if (operation != GrantOperation::map) return;
  if (place->maps == 0) place->since = row;
  if (place->maps < UINT16_MAX) ++place->maps;
  place->writable = (record.flags & GTF_writing) != 0;
}

// A request says which pages it is about.
void GrantsTrack::name(const StoryParts& parts, Row row, uint32_t domain, uint32_t ring) {
  const auto payload = parts.table.payload(row);
  const auto name_one = [&](uint32_t ref) {
    if (Entry* const place = entry(domain, ref)) place->named_by = ring;
  };
  const WirePart part = parts.wires.role(parts.table.wire(row)).part;
  if (part == WirePart::net_request) {
    if (payload.size() >= sizeof(uint32_t)) name_one(ref_at(payload, 0));
    return;
  }
  const size_t head =
      part == WirePart::first_request ? sizeof(FirstBlkRequestRecord) : sizeof(BlkRequestRecord);
  constexpr size_t kSegmentsMax = 256 + 1;  // of an indirect request, and its page
  for (size_t at = head, i = 0; at + sizeof(BlkSegmentRecord) <= payload.size() && i < kSegmentsMax; ++i) {
    name_one(ref_at(payload, at));
    at += sizeof(BlkSegmentRecord);
  }
}

std::vector<DomainGrants> GrantsTrack::shown(const StoryParts& parts, Row end) const {
  std::vector<std::unordered_map<uint32_t, const DeviceFact*>> facts(domains_.size());
  const std::vector<DeviceFact>& all = parts.facts.all();
  for (size_t i = 0; i < parts.facts.count_before(end); ++i) {
    if (all[i].kind == FactKind::ring_ref && all[i].domain < facts.size())
      facts[all[i].domain][all[i].value] = &all[i];
  }
  std::vector<DomainGrants> shown;
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (!domains_[i].known) continue;
    DomainGrants& domain = shown.emplace_back();
    domain.domain = parts.wires.domains()[i].name;
    for (size_t ref = 0; ref < domains_[i].entries.size(); ++ref) {
      const Entry& entry = domains_[i].entries[ref];
      if (entry.first == kNoRow) continue;
      GrantUse& use = domain.refs.emplace_back(GrantUse{.ref = static_cast<uint32_t>(ref),
                                                        .by = entry.by,
                                                        .frame = entry.frame,
                                                        .flags = entry.flags,
                                                        .mapped = entry.maps > 0,
                                                        .writable = entry.writable,
                                                        .failed = entry.failed,
                                                        .uses = entry.uses,
                                                        .first = entry.first,
                                                        .last = entry.last,
                                                        .since = entry.since});
      const auto fact = facts[i].find(use.ref);
      if (entry.named_by != kNone) {
        use.use = parts.wires.rings()[entry.named_by].device;
      } else if (fact != facts[i].end()) {
        use.use = parts.facts.name_of(parts.table, *fact->second);
      }
    }
  }
  return shown;
}

}  // namespace ringside::viewer

#include "machine/drive/blk_frontend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv-model/backends/blk/virtual_device.h"
#include "hv-model/backends/device_nodes.h"
#include "hv-model/ring.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr Tick kLatency = microseconds(2);
constexpr uint64_t kSector = kBlkSectorBytes;
// A reference that is in no grant table.
constexpr uint32_t kNoGrant = 0x7fffffff;

uint64_t bytes_of(uint8_t first, uint8_t last) {
  return first <= last && last < kPageSize / kSector ? (last - first + uint64_t{1}) * kSector : 0;
}

}  // namespace

BlkDriveFrontend::BlkDriveFrontend(DriveStage& stage, std::unique_ptr<Memory> memory)
    : stage_(stage),
      memory_(std::move(memory)),
      hypervisor_(HypervisorConfig{}, *memory_, stage.clock, stage.events, stage.wiring),
      toolstack_(store_, stage.events, stage.clock, kLatency) {}

BlkDriveFrontend::~BlkDriveFrontend() {
  // The backend's rings cancel their events.
  backend_.reset();
}

Result<std::unique_ptr<BlkDriveFrontend>> BlkDriveFrontend::create(DriveStage& stage, DiskImage& image,
                                                                   const BlkBackendConfig& config) {
  auto memory = Memory::create(GuestPhys{uint64_t{4} << 30}, kMemoryBytes);
  if (!memory) return tl::unexpected(memory.error());
  std::unique_ptr<BlkDriveFrontend> frontend(new BlkDriveFrontend(stage, std::move(*memory)));
  if (!frontend->make_domain()) return fail("no memory for the frontend that is driven");
  const auto number = virtual_device_number(config.name);
  if (!number) return fail(fmt::format("'{}' is no name of a virtual disk", config.name));
  const DevicePaths paths = device_paths("vbd", frontend->domain_->id, *number);
  frontend->frontend_path_ = paths.frontend;
  frontend->backend_path_ = paths.backend;
  frontend->backend_ = std::make_unique<BlkBackend>(frontend->hypervisor_, frontend->toolstack_,
                                                    *frontend->domain_, image, config);
  return frontend;
}

bool BlkDriveFrontend::make_domain() {
  domain_ = &hypervisor_.create_domain();
  domain_->max_pages = kMemoryBytes / kPageSize;
  const auto shared = hypervisor_.frames.allocate(domain_->id);
  if (!shared || !hypervisor_.grants.create(*domain_)) return false;
  domain_->shared_info = *shared;
  const std::string home = fmt::format("/local/domain/{}", domain_->id.value);
  (void)toolstack_.make_directory(home);
  (void)toolstack_.set_permissions(home, {fmt::format("n{}", domain_->id.value)});
  store_.introduce(domain_->id);
  guest_ = std::make_unique<XenStoreClient>(store_, stage_.events, stage_.clock, kLatency, domain_->id);
  return hypervisor_.grants.grow(*domain_, kGrantFrames);
}

GuestPhys BlkDriveFrontend::entry(uint32_t reference) const {
  const auto& frames = domain_->grants.frames;
  return frames[reference / GrantTable::kEntriesPerFrame].address() +
         reference % GrantTable::kEntriesPerFrame * sizeof(grant_entry_v1_t);
}

// Each page has a grant of its own, for as long as it is there.
std::optional<BlkDriveFrontend::Page> BlkDriveFrontend::take_page() {
  if (!free_pages_.empty()) {
    const Page page = free_pages_.back();
    free_pages_.pop_back();
    return page;
  }
  if (next_reference_ >= domain_->grants.entries()) return std::nullopt;
  const auto frame = hypervisor_.frames.allocate(domain_->id);
  if (!frame) return std::nullopt;
  const Page page{*frame, next_reference_++};
  grant_entry_v1_t granted{};
  granted.flags = GTF_permit_access;
  granted.frame = static_cast<uint32_t>(frame->value);
  memory_->store(entry(page.reference), granted);
  return page;
}

void BlkDriveFrontend::free(InFlight& request) {
  for (const Segment& segment : request.segments) {
    if (segment.page) free_pages_.push_back(*segment.page);
  }
  free_pages_.insert(free_pages_.end(), request.lists.begin(), request.lists.end());
}

std::string BlkDriveFrontend::node(const std::string& path) { return guest_->read(path).value_or(""); }

bool BlkDriveFrontend::write_node(const std::string& name, const std::string& value) {
  return guest_->write(frontend_path_ + "/" + name, value).has_value();
}

GuestPhys BlkDriveFrontend::ring_address(uint64_t offset) const {
  return ring_[offset / kPageSize].frame.address() + offset % kPageSize;
}

// Slots may lie across pages.
void BlkDriveFrontend::write_ring(uint64_t offset, std::span<const uint8_t> bytes) {
  while (!bytes.empty()) {
    const size_t length = std::min<uint64_t>(bytes.size(), kPageSize - offset % kPageSize);
    memory_->write(ring_address(offset), bytes.data(), length);
    offset += length;
    bytes = bytes.subspan(length);
  }
}

Result<> BlkDriveFrontend::connect() {
  run(milliseconds(10));
  const auto order_text = node(backend_path_ + "/max-ring-page-order");
  const uint32_t order =
      order_text.empty() ? 0 : std::min<uint32_t>(4, static_cast<uint32_t>(order_text[0] - '0'));
  for (uint32_t page = 0; page < 1u << order; ++page) {
    const auto taken = take_page();
    if (!taken) return fail("no memory for the frontend's ring");
    ring_.push_back(*taken);
  }
  slots_ = BackRingIndices::slots_in(ring_.size() * kPageSize, layout_.slot_bytes);
  const RingIndices start{.req_prod = 0, .req_event = 1, .rsp_prod = 0, .rsp_event = 1};
  memory_->store(ring_address(0), start);
  const int64_t port = hypervisor_.channels.alloc_unbound(domain_->id, DomainId{0});
  if (port < 0) return fail("no port for the frontend");
  port_ = EventPort{static_cast<uint32_t>(port)};
  bool written = write_node("protocol", "x86_64-abi") && write_node("event-channel", std::to_string(port));
  if (order != 0) written = written && write_node("ring-page-order", std::to_string(order));
  for (size_t page = 0; page < ring_.size(); ++page) {
    const std::string name = order == 0 ? "ring-ref" : fmt::format("ring-ref{}", page);
    written = written && write_node(name, std::to_string(ring_[page].reference));
  }
  written = written && write_node("state", "3");
  run(milliseconds(10));
  if (!written || parse_xenbus_state(node(backend_path_ + "/state")) != XenbusState::connected) {
    return fail(fmt::format("the backend did not connect: it has state {} ({})",
                            node(backend_path_ + "/state"),
                            node(fmt::format("/local/domain/0/error/{}/error", backend_path_.substr(1)))));
  }
  (void)write_node("state", "4");
  run(milliseconds(1));
  return {};
}

std::optional<uint64_t> BlkDriveFrontend::put(const BlkRequest& recorded, std::span<const uint8_t> written,
                                              const std::vector<uint32_t>& refused) {
  BlkRequest request = recorded;
  InFlight made;
  const uint64_t number = ++last_number_;
  request.head.id = number;
  for (BlkSegmentRecord& segment : request.segments) {
    const bool bad = std::find(refused.begin(), refused.end(), segment.gref) != refused.end();
    Segment own{std::nullopt, segment.first_sect, segment.last_sect};
    if (!bad) {
      own.page = take_page();
      if (!own.page) {
        free(made);
        return std::nullopt;
      }
    }
    segment.gref = bad ? kNoGrant : own.page->reference;
    made.segments.push_back(own);
    const uint64_t length = std::min<uint64_t>(bytes_of(own.first, own.last), written.size());
    if (own.page && length != 0) {
      memory_->write(own.page->frame.address() + own.first * kSector, written.data(), length);
    }
    written = written.subspan(length);
  }
  for (size_t page = 0; page < request.indirect_pages(); ++page) {
    const auto list = take_page();
    if (!list) {
      free(made);
      return std::nullopt;
    }
    made.lists.push_back(*list);
    request.indirect_grefs[page] = list->reference;
    for (size_t i = 0; i < kBlkSegmentsPerPage; ++i) {
      const size_t place = page * kBlkSegmentsPerPage + i;
      if (place >= request.segments.size()) break;
      blkif_request_segment segment{};
      segment.gref = request.segments[place].gref;
      segment.first_sect = request.segments[place].first_sect;
      segment.last_sect = request.segments[place].last_sect;
      memory_->store(list->frame.address() + i * sizeof segment, segment);
    }
  }
  std::vector<uint8_t> slot(layout_.slot_bytes);
  write_blk_request(layout_, request, slot);
  write_ring(BackRingIndices::kSlotsOffset + uint64_t{req_prod_ & (slots_ - 1)} * layout_.slot_bytes, slot);
  in_flight_.emplace(number, std::move(made));
  memory_->store(ring_address(offsetof(RingIndices, req_prod)), ++req_prod_);
  (void)hypervisor_.channels.send(domain_->id, port_);
  return number;
}

std::vector<BlkDriveFrontend::Answer> BlkDriveFrontend::take() {
  std::vector<Answer> answers;
  const uint32_t produced = index(offsetof(RingIndices, rsp_prod));
  // A backend under test may put anything there.
  for (uint32_t i = 0; rsp_cons_ != produced && i < slots_; ++i, ++rsp_cons_) {
    std::array<uint8_t, 12> bytes{};
    const uint64_t at =
        BackRingIndices::kSlotsOffset + uint64_t{rsp_cons_ & (slots_ - 1)} * layout_.slot_bytes;
    for (size_t byte = 0; byte < bytes.size(); ++byte)
      bytes[byte] = memory_->load<uint8_t>(ring_address(at + byte));
    Answer answer{};
    std::memcpy(&answer.number, bytes.data(), 8);
    answer.operation = bytes[8];
    std::memcpy(&answer.status, bytes.data() + 10, 2);
    const auto found = in_flight_.find(answer.number);
    if (found == in_flight_.end()) {
      ++strays_;
      continue;
    }
    for (const Segment& segment : found->second.segments) {
      const uint64_t length = bytes_of(segment.first, segment.last);
      if (!segment.page || length == 0) continue;
      const size_t had = answer.data.size();
      answer.data.resize(had + length);
      memory_->read(segment.page->frame.address() + segment.first * kSector, answer.data.data() + had,
                    length);
    }
    free(found->second);
    in_flight_.erase(found);
    answers.push_back(std::move(answer));
  }
  memory_->store(ring_address(offsetof(RingIndices, rsp_event)), rsp_cons_ + 1);
  return answers;
}

}  // namespace ringside

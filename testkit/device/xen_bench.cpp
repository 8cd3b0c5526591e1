#include <fmt/format.h>

#include "hv-model/backends/device_nodes.h"
#include "hv-model/xenbus.h"
#include "testkit/device/xen_house.h"

namespace ringside::test {

namespace house {

namespace {

constexpr std::string_view kWatching[] = {"ring", "grants", "events", "xenbus"};
// Frames begin behind the first MiB, as those of a domain do.
constexpr uint64_t kMemoryBase = 0x100000;
constexpr uint32_t kEntriesPerFrame = GrantTable::kEntriesPerFrame;

}  // namespace

XenBench::XenBench(const BenchOptions& given)
    : Bench(given, kWatching),
      memory(value_or_error(Memory::create(GuestPhys{kMemoryBase}, given.memory & ~(kPageSize - 1)))),
      hypervisor(HypervisorConfig{}, *memory, clock, events, wiring),
      toolstack(store, events, clock, microseconds(1)) {
  if (options.domain != "dom1") throw Error("the frontend's domain of a XenBench is called dom1");
  domain = &hypervisor.create_domain();
  domain->max_pages = memory->frames();
  domain->shared_info = hypervisor.frames.allocate(domain->id).value();
  if (!hypervisor.grants.create(*domain)) throw Error("the bench has no memory for a grant table");
  store.introduce(domain->id);
  (void)toolstack.make_directory("/local/domain/1");
  (void)toolstack.set_permissions("/local/domain/1", {"n1"});
  if (checkers) checkers->set_hypervisor(hypervisor, store);
}

// The checkers look into the store, which is no longer there in the base's end.
XenBench::~XenBench() { checkers.reset(); }

Buffer XenBench::page_of(Mfn frame) {
  const uint64_t address = frame.address().value;
  memory->set_frame_flags(frame, Memory::touched);
  return {address, std::span(memory->data() + (address - memory->base().value), kPageSize)};
}

Buffer XenBench::new_page(const SourcePlace&) {
  const auto frame = hypervisor.frames.allocate(domain->id);
  if (!frame) throw Error("the bench has no page of memory left; make BenchOptions::memory larger");
  return page_of(*frame);
}

void XenBench::write_grant(uint32_t ref, const grant_entry_v1_t& entry) {
  if (!hypervisor.grants.grow(*domain, ref / kEntriesPerFrame + 1))
    throw Error(fmt::format("the domain cannot have grant {}: its table ends before", ref));
  memory->store(
      domain->grants.frames[ref / kEntriesPerFrame].address() + ref % kEntriesPerFrame * sizeof entry, entry);
}

grant_entry_v1_t XenBench::read_grant(uint32_t ref) const {
  if (ref / kEntriesPerFrame >= domain->grants.frames.size()) return {};
  return memory->load<grant_entry_v1_t>(domain->grants.frames[ref / kEntriesPerFrame].address() +
                                        ref % kEntriesPerFrame * sizeof(grant_entry_v1_t));
}

GrantedPage XenBench::grant(const Buffer& page, bool read_only) {
  const uint32_t ref = next_ref++;
  grant_entry_v1_t entry{};
  entry.flags = static_cast<uint16_t>(GTF_permit_access | (read_only ? GTF_readonly : 0));
  entry.frame = static_cast<uint32_t>(page.address() >> kPageShift);
  write_grant(ref, entry);
  return {*this, page, ref};
}

uint32_t XenBench::alloc_event(const SourcePlace& place) {
  const int64_t port = hypervisor.channels.alloc_unbound(domain->id, kDomain0);
  if (port < 0) fail_expectation(place, fmt::format("no event channel could be made: error {}", port));
  return static_cast<uint32_t>(port);
}

uint32_t XenBench::bind_from_domain_0(uint32_t remote_port, const SourcePlace& place) {
  const int64_t port =
      hypervisor.channels.bind_interdomain(kDomain0, domain->id, ringside::EventPort{remote_port});
  if (port < 0)
    fail_expectation(place,
                     fmt::format("the backend could not bind to event channel {} of the frontend: error {}",
                                 remote_port, port));
  const auto own = static_cast<uint32_t>(port);
  domain_0_events[own] = 0;
  hypervisor.channels.set_handler(ringside::EventPort{own}, [this, own] { ++domain_0_events[own]; });
  return own;
}

void XenBench::unbind_domain_0(uint32_t port) {
  if (domain_0_events.erase(port) != 0) (void)hypervisor.channels.close(kDomain0, ringside::EventPort{port});
}

void XenBench::end_channel(uint32_t port) {
  if (port != 0) (void)hypervisor.channels.close(domain->id, ringside::EventPort{port});
}

void XenBench::unmap(const MappedPage& page) { (void)hypervisor.grants.unmap(kDomain0, page.handle); }

MappedPage map_grant(XenBench& bench, uint32_t ref, bool read_only, const SourcePlace& place) {
  const auto mapped = bench.hypervisor.grants.map(kDomain0, bench.domain->id, GrantRef{ref}, read_only);
  if (!mapped)
    fail_expectation(place,
                     fmt::format("the backend could not map grant {}: status {}", ref, mapped.error()));
  return {mapped->handle, mapped->frame};
}

XenDevice::XenDevice(XenBench& the_bench, std::string_view kind, uint32_t the_number)
    : bench(the_bench), number(the_number) {
  const DevicePaths paths = device_paths(kind, bench.domain->id, number);
  front_folder = paths.frontend;
  back_folder = paths.backend;
}

void XenDevice::create_played(const std::vector<std::pair<std::string_view, std::string>>& backend_nodes) {
  create_device_nodes(bench.toolstack, {back_folder, front_folder}, bench.domain->id, {}, backend_nodes);
  backend_bus().set_state(BusState::init_wait);
}

uint32_t XenDevice::frontend_number(const std::string& name, const SourcePlace& place) const {
  const std::optional<std::string> text = backend_bus().read_other(name);
  const std::optional<uint32_t> value = text ? parse_unsigned(*text) : std::nullopt;
  if (!value)
    fail_expectation(place, fmt::format("the frontend's node {} {}", name,
                                        text ? "is no number: " + *text : "is not there"));
  return *value;
}

void XenDevice::close(bool played, const SourcePlace& place) {
  constexpr Duration kLimit = std::chrono::milliseconds(100);
  for (const BusState state : {BusState::closing, BusState::closed}) {
    frontend_bus().set_state(state, place);
    if (played) backend_bus().set_state(state, place);
    frontend_bus().expect_other(state, kLimit, place);
  }
}

}  // namespace house

// --- Grants ---

bool GrantedPage::in_use() const {
  return (bench_->read_grant(ref_).flags & (GTF_reading | GTF_writing)) != 0;
}

void GrantedPage::expect_unused(SourcePlace place) const {
  if (in_use())
    house::fail_expectation(place, fmt::format("grant {} is still in use by the other end", ref_));
}

bool GrantedPage::revoke() const {
  if (in_use()) return false;
  bench_->write_grant(ref_, {});
  return true;
}

// --- Event channels ---

uint32_t EventChannel::port() const { return port_; }

void EventChannel::notify(SourcePlace place) const {
  const DomainId domain = of_domain_0_ ? house::kDomain0 : bench_->domain->id;
  const int64_t result = bench_->hypervisor.channels.send(domain, ringside::EventPort{port_});
  if (result != 0)
    house::fail_expectation(place,
                            fmt::format("event channel {} could not be notified: error {}", port_, result));
}

bool EventChannel::pending() const {
  if (of_domain_0_) return bench_->domain_0_events[port_] != 0;
  return bench_->hypervisor.channels.is_pending(*bench_->domain, ringside::EventPort{port_});
}

bool EventChannel::take() const {
  if (!pending()) return false;
  if (of_domain_0_) {
    bench_->domain_0_events[port_] = 0;
    return true;
  }
  // As a handler does: clears the bit of evtchn_pending.
  const GuestPhys word =
      bench_->domain->shared_info.address() + (offsetof(shared_info, evtchn_pending) + port_ / 64 * 8);
  const auto bits = bench_->memory->load<uint64_t>(word);
  bench_->memory->store(word, bits & ~(uint64_t{1} << port_ % 64));
  return true;
}

void EventChannel::expect(Duration within, SourcePlace place) const {
  if (!bench_->wait_for([&] { return pending(); }, within))
    house::fail_expectation(place,
                            fmt::format("expected an event on port {} within {}", port_, to_string(within)));
  take();
}

void EventChannel::expect_none(Duration duration, SourcePlace place) const {
  if (bench_->wait_for([&] { return pending(); }, duration))
    house::fail_expectation(place, fmt::format("expected no event on port {}; there is one", port_));
}

// --- XenBus ---

namespace {

std::string_view name_of(BusState state) {
  return ringside::to_string(static_cast<ringside::XenbusState>(state));
}

BusState state_in(const StoreClient& store, const std::string& folder) {
  const auto text = store.read(folder + "/state");
  return text ? static_cast<BusState>(ringside::parse_xenbus_state(*text)) : BusState::unknown;
}

}  // namespace

std::optional<std::string> XenBus::read(const std::string& name) const {
  return store_->read(own_ + "/" + name);
}
std::optional<std::string> XenBus::read_other(const std::string& name) const {
  return store_->read(other_ + "/" + name);
}

void XenBus::write(const std::string& name, const std::string& value, SourcePlace place) const {
  const std::string error = store_->write(own_ + "/" + name, value);
  if (!error.empty())
    house::fail_expectation(place, fmt::format("{}/{} could not be written: {}", own_, name, error));
}

void XenBus::set_state(BusState state, SourcePlace place) const {
  write("state", std::to_string(static_cast<unsigned>(state)), place);
}

BusState XenBus::state() const { return state_in(*store_, own_); }
BusState XenBus::other_state() const { return state_in(*store_, other_); }

void XenBus::expect_other(BusState state, Duration within, SourcePlace place) const {
  if (bench_->wait_for([&] { return other_state() == state; }, within)) return;
  const auto error =
      bench_->toolstack.read("error" + other_.substr(std::string_view("/local/domain/0").size()) + "/error");
  house::fail_expectation(place, fmt::format("expected {} to become {} within {}; it is {}{}", other_,
                                             name_of(state), to_string(within), name_of(other_state()),
                                             error ? ", with the error: " + *error : ""));
}

// --- The bench ---

XenBench::XenBench(const BenchOptions& options) : Bench(std::make_unique<house::XenBench>(options)) {
  store_.reset(new StoreClient(std::make_unique<house::StoreClient>(own().store, own(), own().domain->id)));
  store_0_.reset(new StoreClient(std::make_unique<house::StoreClient>(own().store, own(), house::kDomain0)));
  own().as_frontend = store_.get();
  own().as_domain_0 = store_0_.get();
}
XenBench::~XenBench() = default;

house::XenBench& XenBench::own() const { return static_cast<house::XenBench&>(*house_); }

BlkRing& XenBench::add_blk(const BlkOptions& options) {
  blks_.push_back(std::unique_ptr<BlkRing>(new BlkRing(std::make_unique<house::BlkRing>(own(), options))));
  return *blks_.back();
}

NetRing& XenBench::add_net(const NetOptions& options) {
  nets_.push_back(std::unique_ptr<NetRing>(new NetRing(std::make_unique<house::NetRing>(own(), options))));
  return *nets_.back();
}

GrantedPage XenBench::grant_page(bool read_only) { return own().grant(own().new_page(), read_only); }
GrantedPage XenBench::grant_again(const Buffer& page, bool read_only) { return own().grant(page, read_only); }

unsigned XenBench::grants_in_use() const {
  unsigned count = 0;
  for (const ActiveGrant& active : own().domain->grants.active)
    count += active.readers + active.writers != 0 ? 1 : 0;
  return count;
}

void XenBench::expect_no_grant_in_use(SourcePlace place) const {
  const auto& all = own().domain->grants.active;
  for (size_t ref = 0; ref < all.size(); ++ref) {
    if (all[ref].readers + all[ref].writers != 0)
      house::fail_expectation(place,
                              fmt::format("grant {} is still in use, and {} in all", ref, grants_in_use()));
  }
}

StoreClient& XenBench::xenstore() { return *store_; }
StoreClient& XenBench::xenstore_of_domain_0() { return *store_0_; }

// --- XenStore ---

namespace {
std::string error_of(const XenStoreClient::Outcome& outcome) {
  return outcome ? std::string() : outcome.error();
}
template <class T>
std::optional<T> optional_of(tl::expected<T, std::string> result) {
  return result ? std::optional<T>(std::move(*result)) : std::nullopt;
}
}  // namespace

StoreClient::StoreClient(std::unique_ptr<house::StoreClient> made) : house_(std::move(made)) {}
StoreClient::~StoreClient() = default;

std::optional<std::string> StoreClient::read(const std::string& path, uint32_t transaction) const {
  return optional_of(house_->client.read(path, transaction));
}
std::string StoreClient::write(const std::string& path, const std::string& value,
                               uint32_t transaction) const {
  return error_of(house_->client.write(path, value, transaction));
}
std::string StoreClient::make_directory(const std::string& path, uint32_t transaction) const {
  return error_of(house_->client.make_directory(path, transaction));
}
std::string StoreClient::remove(const std::string& path, uint32_t transaction) const {
  return error_of(house_->client.remove(path, transaction));
}
std::vector<std::string> StoreClient::directory(const std::string& path, uint32_t transaction) const {
  return optional_of(house_->client.directory(path, transaction)).value_or(std::vector<std::string>());
}
std::string StoreClient::set_permissions(const std::string& path,
                                         const std::vector<std::string>& permissions) const {
  return error_of(house_->client.set_permissions(path, permissions));
}
uint32_t StoreClient::begin() const { return house_->client.begin(); }
std::string StoreClient::commit(uint32_t transaction) const {
  return error_of(house_->client.end(transaction, true));
}
std::string StoreClient::abort(uint32_t transaction) const {
  return error_of(house_->client.end(transaction, false));
}
std::string StoreClient::watch(const std::string& path) const {
  return error_of(house_->client.watch(
      path, path, [house = house_.get()](const std::string& fired) { house->events.push_back(fired); }));
}
std::string StoreClient::unwatch(const std::string& path) const {
  return error_of(house_->client.unwatch(path, path));
}
std::vector<std::string> StoreClient::take_watch_events() const {
  std::vector<std::string> all(house_->events.begin(), house_->events.end());
  house_->events.clear();
  return all;
}

}  // namespace ringside::test

#include "viewer/story/story.h"

#include <map>

#include "viewer/story/consoles.h"
#include "viewer/story/device_facts.h"
#include "viewer/story/grants.h"
#include "viewer/story/links.h"
#include "viewer/story/ninep.h"
#include "viewer/story/ports.h"
#include "viewer/story/rings.h"
#include "viewer/story/spans.h"
#include "viewer/story/store.h"
#include "viewer/story/xenbus.h"

namespace ringside::viewer {

struct Story::Impl {
  explicit Impl(const CrossingTable& the_table) : table(the_table) {}

  // A state is reckoned over rows that update() has seen: what it learns of them is needed.
  Row seen(Row row) const {
    return row == kNoRow || facts.done() == 0 ? kNoRow : std::min(row, facts.done() - 1);
  }
  // Rows before this one are those up to `row`.
  Row end_of(Row row) const { return seen(row) + 1; }
  void truncate();

  const CrossingTable& table;
  uint64_t history = 0;
  StoryWires wires;
  DeviceFacts facts{wires};
  const StoryParts parts{table, wires, facts};
  Spans spans{table, wires};
  Links linked{parts, spans};

  // Made when they are asked for.
  struct AskedRing {
    size_t wires = 0;  // that it began with
    std::unique_ptr<RingHistory> history;
  };
  std::map<uint32_t, AskedRing> rings;
  std::optional<History<PortsTrack>> ports;
  std::optional<History<GrantsTrack>> grants;
  std::optional<StoreHistory> store;
  std::vector<std::unique_ptr<NinePHistory>> shares;
  XenbusStory xenbus;

  // What the last call gave. Reckoned anew where the state is another one, or something else is known of it.
  template <class Shown>
  struct Given {
    Row end = kNoRow;
    size_t facts = 0;
    Shown shown;
  };
  template <class Track, class Shown>
  const Shown& show(std::optional<History<Track>>& track_history, Given<Shown>& given, Row behind) {
    const Track& track = track_history->at(seen(behind));
    const size_t known = facts.count_before(end_of(behind));
    if (given.end != track_history->end() || given.facts != known)
      given = {track_history->end(), known, track.shown(parts, end_of(behind))};
    return given.shown;
  }
  Given<std::vector<DomainPorts>> given_ports;
  Given<std::vector<DomainGrants>> given_grants;
  Given<std::vector<NinePState>> given_shares;
  void forget_given() { given_ports.end = given_grants.end = given_shares.end = kNoRow; }
};

Story::Story(const CrossingTable& table) : impl_(new Impl(table)) {}
Story::~Story() = default;

// Rows from the first that went on are others, whatever came behind; spans begin anew, since what was open
// then is not kept.
void Story::Impl::truncate() {
  const Row first = table.kept_since(history);
  history = table.history();
  facts.truncate(first);
  for (auto& [number, ring] : rings) ring.history->truncate(first);
  if (ports) ports->truncate(first);
  if (grants) grants->truncate(first);
  if (store) store->truncate(first);
  for (const auto& share : shares) share->truncate(first);
  xenbus.truncate(parts, first);
  if (spans.done() > first) spans.clear();
}

bool Story::update(size_t rows_max) {
  Impl& impl = *impl_;
  if (impl.history != impl.table.history()) impl.truncate();
  if (impl.wires.update(impl.table)) impl.facts.forget_names();
  const Row left = impl.table.size() - impl.spans.done();
  const Row end = impl.spans.done() + static_cast<Row>(std::min<size_t>(left, rows_max));
  impl.spans.update(end, impl.facts);
  impl.forget_given();
  impl.linked.forget();
  return end == impl.table.size();
}

const std::vector<std::string>& Story::rings() const { return impl_->wires.ring_names(); }

const RingState* Story::ring(const std::string& name, Row behind) {
  Impl& impl = *impl_;
  const uint32_t number = impl.wires.find_ring(name);
  if (number == kNone) return nullptr;
  const KnownRing& known = impl.wires.rings()[number];
  Impl::AskedRing& ring = impl.rings[number];
  if (ring.wires != known.wires.size())
    ring = {known.wires.size(),
            std::make_unique<RingHistory>(impl.parts, known.wires, RingTrack(known, number))};
  return &ring.history->at(impl.seen(behind)).shown();
}

const std::vector<DomainPorts>& Story::ports(Row behind) {
  Impl& impl = *impl_;
  if (!impl.ports) impl.ports.emplace(impl.parts, impl.wires.events(), PortsTrack{});
  return impl.show(impl.ports, impl.given_ports, behind);
}

const std::vector<DomainGrants>& Story::grants(Row behind) {
  Impl& impl = *impl_;
  if (!impl.grants) impl.grants.emplace(impl.parts, impl.wires.grant_story(), GrantsTrack{});
  return impl.show(impl.grants, impl.given_grants, behind);
}

const StoreState& Story::store(Row behind) {
  Impl& impl = *impl_;
  if (!impl.store) impl.store.emplace(impl.parts, impl.wires.stores(), StoreTrack{});
  return impl.store->at(impl.seen(behind)).shown();
}

const std::vector<XenbusState>& Story::xenbus(Row behind) {
  return impl_->xenbus.at(impl_->parts, impl_->end_of(behind));
}

const std::vector<NinePState>& Story::ninep(Row behind) {
  Impl& impl = *impl_;
  const std::deque<KnownShare>& known = impl.wires.shares();
  for (size_t i = impl.shares.size(); i < known.size(); ++i)
    impl.shares.push_back(std::make_unique<NinePHistory>(impl.parts, known[i].wires, NinePTrack{}));
  const Row end = impl.end_of(behind);
  if (impl.given_shares.end == end) return impl.given_shares.shown;
  impl.given_shares = {end, 0, {}};
  for (size_t i = 0; i < known.size(); ++i) {
    impl.given_shares.shown.push_back(impl.shares[i]->at(impl.seen(behind)).shown());
    impl.given_shares.shown.back().share = known[i].name;
  }
  return impl.given_shares.shown;
}

std::string Story::console(const std::string& domain, Row behind) {
  return console_text(impl_->parts, domain, impl_->end_of(behind));
}
const std::vector<std::string>& Story::consoles() const { return impl_->wires.console_names(); }

const std::vector<Lane>& Story::lanes() const { return impl_->spans.lanes(); }
const Span* Story::span_of(Row row) const { return impl_->spans.span_of(row); }
std::vector<Link> Story::links(Row first, Row last, size_t most) const {
  return impl_->linked.find(first, last, most);
}
const std::vector<Story::Highlight>& Story::highlights() const { return impl_->spans.highlights(); }

}  // namespace ringside::viewer

// Proves what the event channels and grants of a table are behind a row. Masks that a guest writes by plain
// stores show in no crossing.
#include "tests/unit/viewer/story/story_table.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::story_test;

namespace {

const PortState& port_of(Story& story, Row row, uint32_t number, size_t domain = 0) {
  for (const PortState& port : story.ports(row)[domain].ports) {
    if (port.port == number) return port;
  }
  FAIL("there is no port " << number);
  return story.ports(row)[domain].ports[0];
}

const GrantUse& grant_of(Story& story, Row row, uint32_t ref) {
  for (const GrantUse& grant : story.grants(row)[0].refs) {
    if (grant.ref == ref) return grant;
  }
  FAIL("there is no grant " << ref);
  return story.grants(row)[0].refs[0];
}

}  // namespace

TEST_CASE("a port goes from unbound to interdomain to closed, and counts its events") {
  Rows rows;
  rows.indices(0, 0, 0, 1);
  rows.event(EventOperation::alloc_unbound, 1, ChannelState::unbound);
  rows.event(EventOperation::bind_interdomain, 1);
  rows.event(EventOperation::alloc_unbound, 2, ChannelState::unbound);
  rows.event(EventOperation::bind_interdomain, 2);
  rows.event(EventOperation::unmask, 2);
  const Row made = rows.event(EventOperation::alloc_unbound, 3, ChannelState::unbound);
  const Row told = rows.write("device/vbd/51712/event-channel", "3");
  const Row bound = rows.event(EventOperation::bind_interdomain, 3);
  const Row sent = rows.event(EventOperation::send, 3);
  const Row delivered = rows.event(EventOperation::deliver, 3);
  const Row lost = rows.event(EventOperation::deliver, 3, ChannelState::interdomain, "dom1", 0, 0,
                              Crossing::kCanonical | Crossing::kInjected | Crossing::kDropped);
  const Row closed = rows.event(EventOperation::close, 3, ChannelState::unbound);
  const Row reused = rows.event(EventOperation::alloc_unbound, 3, ChannelState::unbound);
  const Row virq = rows.add("dom1/evtchn", 101, Direction::out,
                            bytes_of(EventRecord{4, static_cast<uint8_t>(EventOperation::bind_virq),
                                                 static_cast<uint8_t>(ChannelState::virq), 0, VIRQ_TIMER}));
  Story story(rows.table);
  story.update();
  CHECK(story.ports(kNoRow).empty());
  REQUIRE(story.ports(made).size() == 1);
  CHECK(story.ports(made)[0].domain == "dom1");
  CHECK(port_of(story, made, 1).use == "xenstore");
  CHECK(port_of(story, made, 2).use == "console");
  CHECK(port_of(story, made, 3).use.empty());
  CHECK(port_of(story, made, 3).kind == PortState::Kind::unbound);
  CHECK(port_of(story, told, 3).use == "xvda");
  CHECK(port_of(story, bound, 3).kind == PortState::Kind::interdomain);
  CHECK(port_of(story, bound, 3).use == "xvda");
  CHECK(port_of(story, bound, 3).bound == bound);
  CHECK(port_of(story, sent, 3).sent == 1);
  CHECK(port_of(story, sent, 3).last_send == sent);
  CHECK_FALSE(port_of(story, sent, 3).pending);
  CHECK(port_of(story, delivered, 3).delivered == 1);
  CHECK(port_of(story, delivered, 3).last_delivery == delivered);
  CHECK(port_of(story, lost, 3).pending);
  CHECK(port_of(story, lost, 3).delivered == 1);
  CHECK(port_of(story, closed, 3).kind == PortState::Kind::closed);
  // A number that is given anew is another channel.
  CHECK(port_of(story, reused, 3).use.empty());
  CHECK(port_of(story, reused, 3).sent == 0);
  CHECK(port_of(story, virq, 4).kind == PortState::Kind::virq);
  CHECK(port_of(story, virq, 4).remote_port == VIRQ_TIMER);
}

TEST_CASE("an event for another domain is pending there until it is delivered") {
  Rows rows;
  const auto bind = [&](const char* domain, uint16_t remote, uint32_t port, uint32_t remote_port) {
    rows.event(EventOperation::bind_interdomain, port, ChannelState::interdomain, domain, remote,
               remote_port);
  };
  bind("dom1", 2, 5, 6);
  bind("dom2", 1, 6, 5);
  const Row sent = rows.event(EventOperation::send, 5, ChannelState::interdomain, "dom1", 2, 6);
  const Row delivered = rows.event(EventOperation::deliver, 6, ChannelState::interdomain, "dom2", 1, 5);
  Story story(rows.table);
  story.update();
  CHECK(port_of(story, sent, 6, 1).pending);
  CHECK_FALSE(port_of(story, sent, 5, 0).pending);
  CHECK_FALSE(port_of(story, delivered, 6, 1).pending);
  const auto links = story.links(sent, sent, 10);
  REQUIRE(links.size() == 1);
  CHECK(links[0].to == delivered);
  CHECK(links[0].kind == Link::Kind::event);
}

TEST_CASE("a split interface has an event channel each way") {
  Rows rows;
  rows.add("dom1/eth/vif0/tx", 220, Direction::out, Bytes(60));
  rows.event(EventOperation::alloc_unbound, 7, ChannelState::unbound);
  rows.event(EventOperation::alloc_unbound, 8, ChannelState::unbound);
  rows.write("device/vif/0/event-channel-tx", "7");
  rows.write("/local/domain/1/device/vif/0/event-channel-rx", "8");
  const Row last = rows.write("device/vif/3/event-channel", "9");
  rows.event(EventOperation::unmask, 9);
  Story story(rows.table);
  story.update();
  CHECK(port_of(story, last, 7).use == "vif0");
  CHECK(port_of(story, last, 8).use == "vif0");
  CHECK(port_of(story, last + 1, 9).use == "vif/3");
}

TEST_CASE("a grant is mapped as long as it is mapped, and counts its uses") {
  Rows rows;
  rows.write("device/vbd/51712/ring-ref", "8");
  const Row ring = rows.grant(GrantOperation::map, 8, 0, GTF_permit_access | GTF_reading | GTF_writing);
  rows.request(0, 1, 1, 32, 0, 12);
  const Row mapped = rows.grant(GrantOperation::map, 12, 0, GTF_permit_access | GTF_reading, 0x777);
  const Row twice = rows.grant(GrantOperation::map, 12);
  const Row once = rows.grant(GrantOperation::unmap, 12);
  const Row none = rows.grant(GrantOperation::unmap, 12);
  const Row copied = rows.grant(GrantOperation::copy_to, 13);
  const Row refused = rows.grant(GrantOperation::map, 13, GNTST_bad_gntref);
  rows.grant(GrantOperation::setup_table, 0);
  const Row absurd = rows.grant(GrantOperation::map, 0xfffffff0);
  Story story(rows.table);
  story.update();
  CHECK(grant_of(story, ring, 8).use == "xvda");
  CHECK(grant_of(story, ring, 8).writable);
  CHECK(grant_of(story, mapped, 12).mapped);
  CHECK_FALSE(grant_of(story, mapped, 12).writable);
  CHECK(grant_of(story, mapped, 12).frame == 0x777);
  CHECK(grant_of(story, mapped, 12).use == "xvda");
  CHECK(grant_of(story, twice, 12).uses == 2);
  CHECK(grant_of(story, once, 12).mapped);
  CHECK(grant_of(story, once, 12).since == mapped);
  CHECK_FALSE(grant_of(story, none, 12).mapped);
  CHECK(grant_of(story, none, 12).since == kNoRow);
  CHECK(grant_of(story, copied, 13).uses == 1);
  CHECK_FALSE(grant_of(story, copied, 13).mapped);
  CHECK(grant_of(story, refused, 13).failed);
  CHECK(grant_of(story, refused, 13).uses == 1);
  CHECK(grant_of(story, refused, 13).first == copied);
  CHECK(story.grants(absurd)[0].refs.size() == 3);
}

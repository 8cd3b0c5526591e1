// Proves that a switch finishes what a sender has left to do of a frame, for those who cannot, and hands it
// on as it is to those who can. Sums are checked from the bytes, by RFC 1071. Cannot show: what a guest's own
// stack makes of the segments (scenarios/linux-pv).
#include "host/network/offload.h"

#include <catch2/catch.hpp>

#include "host/network/internet.h"
#include "host/network/network.h"

namespace ringside {

namespace {

using Bytes = std::vector<uint8_t>;

// TCP or UDP over IPv6, behind `extensions`, which begin with the number of what follows them.
Bytes ipv6_frame(uint8_t protocol, size_t payload, const Bytes& extensions = {}, uint8_t first = 0) {
  const size_t transport = 14 + 40 + extensions.size(), header = protocol == 6 ? 20 : 8;
  Bytes frame(transport + header + payload);
  std::fill_n(frame.begin(), 6, 0xff);
  frame[11] = 2;
  store_be16(frame, 12, 0x86dd);
  frame[14] = 0x60;
  store_be16(frame, 18, static_cast<uint16_t>(frame.size() - 54));
  frame[20] = extensions.empty() ? protocol : first;
  for (size_t i = 0; i < 32; ++i) frame[22 + i] = static_cast<uint8_t>(i * 5 + 1);
  std::copy(extensions.begin(), extensions.end(), frame.begin() + 54);
  if (protocol == 6) frame[transport + 12] = 0x50;
  for (size_t i = transport + header; i < frame.size(); ++i) frame[i] = static_cast<uint8_t>(i * 3);
  return frame;
}

uint16_t plain_sum(std::span<const uint8_t> bytes, uint64_t sum) {
  for (size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] << 8 : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

bool ipv6_sum_is_right(const Bytes& frame, size_t transport, uint8_t protocol) {
  const auto all = std::span(frame);
  const uint64_t pseudo = plain_sum(all.subspan(22, 32), 0) + (frame.size() - transport) + protocol;
  return plain_sum(all.subspan(transport), pseudo) == 0xffff;
}

}  // namespace

TEST_CASE("offload: sums over any length are those of the plain algorithm") {
  Bytes bytes(1500);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * i * 7 + i / 3);
  for (size_t length = 0; length < 80; ++length) {
    for (size_t from = 0; from < 5; ++from) {
      const auto part = std::span<const uint8_t>(bytes).subspan(from, length);
      REQUIRE(checksum_of(checksum_sum(part, 77)) == static_cast<uint16_t>(~plain_sum(part, 77)));
    }
  }
  CHECK(checksum_of(checksum_sum(bytes)) == static_cast<uint16_t>(~plain_sum(bytes, 0)));
  CHECK(checksum_of(checksum_sum(Bytes(10))) == 0xffff);
  CHECK(checksum_of(checksum_sum(Bytes(10, 0xff))) == 0);
}

TEST_CASE("offload: TCP and UDP over IPv6 are found behind extension headers") {
  const Bytes hop_by_hop{6, 0, 1, 4, 0, 0, 0, 0};
  const auto place = find_transport(ipv6_frame(6, 10, hop_by_hop, 0));
  REQUIRE(place);
  CHECK(place->ipv6);
  CHECK(place->protocol == 6);
  CHECK(place->transport == 62);
  CHECK(find_transport(ipv6_frame(17, 10)));
  const Bytes whole{17, 0, 0, 0, 0, 0, 0, 9}, piece{17, 0, 0, 1, 0, 0, 0, 9}, later{17, 0, 0, 8, 0, 0, 0, 9};
  CHECK(find_transport(ipv6_frame(17, 10, whole, 44)));
  CHECK_FALSE(find_transport(ipv6_frame(17, 10, piece, 44)));
  CHECK_FALSE(find_transport(ipv6_frame(17, 10, later, 44)));
  const Bytes endless{0, 200, 0, 0, 0, 0, 0, 0};
  CHECK_FALSE(find_transport(ipv6_frame(17, 10, endless, 0)));
  CHECK_FALSE(find_transport(ipv6_frame(58, 30)));
}

TEST_CASE("offload: no length of a frame reads behind its end") {
  for (const Bytes& whole : {ipv6_frame(6, 10, {6, 0, 0, 0, 0, 0, 0, 0}, 0), ipv6_frame(17, 3)}) {
    for (size_t length = 0; length <= whole.size(); ++length) {
      const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
      (void)finish_frame(cut, FrameOffload{.checksum_blank = true}, [](auto) {});
      (void)finish_frame(cut, FrameOffload{.checksum_blank = true, .segment_bytes = 3}, [](auto) {});
    }
  }
}

TEST_CASE("offload: segments of IPv6 have their lengths and sums") {
  Bytes frame = ipv6_frame(6, 4000, {6, 0, 1, 4, 0, 0, 0, 0}, 0);
  frame[62 + 13] = 0x81;  // CWR and FIN
  const auto place = find_transport(frame);
  REQUIRE(place);
  put_pseudo_sum(frame, *place);
  std::vector<Bytes> segments;
  REQUIRE(finish_frame(frame, FrameOffload{.checksum_blank = true, .segment_bytes = 1400},
                       [&](std::span<const uint8_t> one) { segments.emplace_back(one.begin(), one.end()); }));
  REQUIRE(segments.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(load_be16(segments[i], 18) == segments[i].size() - 54);
    CHECK(ipv6_sum_is_right(segments[i], 62, 6));
    CHECK(load_be32(segments[i], 66) == i * 1400);
    CHECK(segments[i][75] == (i == 0 ? 0x80 : i == 2 ? 0x01 : 0));
  }
}

TEST_CASE("offload: a checksum of 0 is written as the other zero") {
  Bytes frame = ipv6_frame(17, 2);
  const auto place = find_transport(frame);
  REQUIRE(place);
  put_pseudo_sum(frame, *place);
  // The payload that makes the sum come out as 0xffff, whose complement is 0.
  store_be16(frame, 62, 0);
  const uint16_t rest = plain_sum(std::span(frame).subspan(54), 0);
  store_be16(frame, 62, static_cast<uint16_t>(0xffff - rest));
  complete_checksum(frame, *place);
  CHECK(load_be16(frame, 60) == 0xffff);
}

TEST_CASE("offload: what cannot be cut is not") {
  Bytes frame = ipv6_frame(6, 4000);
  FrameOffload offload{.checksum_blank = true, .segment_bytes = 1000};
  SECTION("UDP") { frame = ipv6_frame(17, 4000); }
  SECTION("a TCP header that is too short") { frame[54 + 12] = 0x40; }
  SECTION("a TCP header that is longer than the frame") {
    frame = ipv6_frame(6, 10);
    frame[54 + 12] = 0xf0;
  }
  SECTION("too many segments") { offload.segment_bytes = 3; }
  unsigned handed_on = 0;
  CHECK_FALSE(finish_frame(frame, offload, [&](auto) { ++handed_on; }));
  CHECK(handed_on == 0);
}

TEST_CASE("offload: each port of a switch gets what it can take") {
  Clock clock;
  EventQueue events;
  EthernetSwitch ethernet("net0", microseconds(1), clock, events);
  SwitchPort &sender = ethernet.attach("a"), &plain = ethernet.attach("b"), &able = ethernet.attach("c");
  std::vector<Bytes> finished;
  std::vector<std::pair<Bytes, FrameOffload>> unfinished;
  plain.set_receiver([&](std::span<const uint8_t> one) { finished.emplace_back(one.begin(), one.end()); });
  able.set_offload_receiver([&](std::span<const uint8_t> one, const FrameOffload& offload) {
    unfinished.emplace_back(Bytes(one.begin(), one.end()), offload);
  });
  Bytes frame = ipv6_frame(6, 60'000);
  const auto place = find_transport(frame);
  REQUIRE(place);
  put_pseudo_sum(frame, *place);
  const uint64_t before = state_digest(ethernet);
  sender.transmit(frame, FrameOffload{.checksum_blank = true, .segment_bytes = 1440});
  CHECK(state_digest(ethernet) != before);
  clock.now = milliseconds(1);
  events.run_due(clock.now);
  CHECK(finished.size() == 42);
  for (const Bytes& one : finished) CHECK(ipv6_sum_is_right(one, 54, 6));
  REQUIRE(unfinished.size() == 1);
  CHECK(unfinished[0].first == frame);
  CHECK(unfinished[0].second.segment_bytes == 1440);
  // Nothing so long passes that is not to be cut.
  sender.transmit(frame, FrameOffload{.checksum_blank = true});
  clock.now = milliseconds(2);
  events.run_due(clock.now);
  CHECK(unfinished.size() == 1);
  CHECK(ethernet.lost() == 1);
}

}  // namespace ringside

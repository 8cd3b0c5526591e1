// The responder's answers byte by byte, against frames that are built here and checksums that are added up
// here (and one that RFC 1071 gives); what it does with frames that are wrong; latency and loss by the seed.
// Whether a real network stack likes the answers, the scenarios with Linux say.
#include <catch2/catch.hpp>

#include "host/network/responder.h"
#include "sim/random.h"
#include "tests/unit/host/network_bench.h"

using namespace ringside;
using namespace ringside::network_bench;

namespace {

constexpr uint16_t kIpv4 = 0x0800, kArp = 0x0806;

struct Bench : Segment {
  explicit Bench(const ResponderConfig& config = {}, uint64_t seed = 1)
      : responder("peer0", config, lan.attach("peer0"), clock, events, seed) {
    responder.set_complaint([this](const std::string& what) { complaints.push_back(what); });
  }
  // The frames that came back.
  std::vector<Bytes> ask(const Bytes& request, Tick wait = milliseconds(1)) {
    const size_t before = me.heard.size();
    me.port.transmit(request);
    run_for(wait);
    std::vector<Bytes> answers;
    for (size_t i = before; i < me.heard.size(); ++i) answers.push_back(me.heard[i].frame);
    return answers;
  }
  std::vector<Bytes> ask_ipv4(const Bytes& packet) { return ask(frame(mac(1), mac(15), kIpv4, packet)); }

  Station me{*this, "me"};
  Responder responder;
  std::vector<std::string> complaints;
};

Bytes arp_request() {
  return {0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 0, 0, 15, 10, 0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 1};
}

// What stands in an IPv4 answer of the responder: its header checked, and the message.
Bytes message_of(const Bytes& answer, uint8_t protocol) {
  REQUIRE(answer.size() >= 34);
  CHECK(part(answer, 0, 14) == Bytes{0x52, 0x54, 0, 0, 0, 15, 0x52, 0x54, 0, 0, 0, 1, 8, 0});
  CHECK(answer[14] == 0x45);
  CHECK(answer[22] == 64);
  CHECK(answer[23] == protocol);
  CHECK(part(answer, 26, 8) == Bytes{10, 0, 2, 1, 10, 0, 2, 15});
  CHECK(reference_checksum(part(answer, 14, 20)) == 0);
  const size_t length = static_cast<size_t>(answer[16] << 8 | answer[17]);
  REQUIRE(length <= answer.size() - 14);
  return part(answer, 34, length - 20);
}

// Over the pseudo header of an answer and the message, which a sound checksum makes 0.
uint16_t sum_of_answer(uint8_t protocol, const Bytes& message) {
  Bytes all = {10, 0, 2, 1, 10, 0, 2, 15, 0, protocol};
  append(all, {static_cast<uint8_t>(message.size() >> 8), static_cast<uint8_t>(message.size())});
  append(all, message);
  return reference_checksum(all);
}

}  // namespace

TEST_CASE("the Internet checksum: the example of RFC 1071, odd lengths, and sums in pieces") {
  const Bytes example = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};  // section 3: the sum is ddf2
  CHECK(checksum_of(checksum_sum(example)) == static_cast<uint16_t>(~0xddf2));
  CHECK(checksum_of(checksum_sum(part(example, 4, 4), checksum_sum(part(example, 0, 4)))) == 0x220d);
  CHECK(checksum_of(checksum_sum(Bytes{0x12})) == static_cast<uint16_t>(~0x1200));
  CHECK(checksum_of(checksum_sum(Bytes{})) == 0xffff);
  CHECK(checksum_of(checksum_sum(Bytes(65535, 0xff))) == reference_checksum(Bytes(65535, 0xff)));
}

TEST_CASE("ARP: a request for its address gets a reply of 60 bytes, 10 us later") {
  Bench bench;
  const auto answers = bench.ask(frame(kEverybody, mac(15), kArp, arp_request()));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0] == frame(mac(15), mac(1), kArp, {0, 1, 8, 0,    6,    4, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 10,
                                                    0, 2, 1, 0x52, 0x54, 0, 0, 0, 15,   10,   0, 2, 15}));
  CHECK(answers[0].size() == 60);
  CHECK(bench.me.heard[0].at == microseconds(1 + 10 + 1));
  // Not for another's address, and not for a reply.
  Bytes other = arp_request();
  other[27] = 2;
  CHECK(bench.ask(frame(kEverybody, mac(15), kArp, other)).empty());
  Bytes reply = arp_request();
  reply[7] = 2;
  CHECK(bench.ask(frame(mac(1), mac(15), kArp, reply)).empty());
  CHECK(bench.complaints.empty());
}

TEST_CASE("ICMP echo: the same identifier, number and data come back") {
  Bench bench;
  for (const size_t size : {0u, 1u, 56u, 1472u}) {
    Bytes data(size);
    for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i * 7);
    const auto answers = bench.ask_ipv4(ipv4(1, ping(0x1234, 7, data)));
    REQUIRE(answers.size() == 1);
    CHECK(message_of(answers[0], 1) == ping(0x1234, 7, data, 0));
  }
  CHECK(bench.ask_ipv4(ipv4(1, ping(1, 1, {}, 0))).empty());   // a reply
  CHECK(bench.ask_ipv4(ipv4(1, ping(1, 1, {}, 13))).empty());  // a timestamp request
}

TEST_CASE("UDP: echo on port 7, nothing from port 9, port unreachable from others") {
  Bench bench;
  const Bytes data = {'h', 'e', 'l', 'l', 'o'};
  auto answers = bench.ask_ipv4(ipv4(17, udp(4000, 7, data)));
  REQUIRE(answers.size() == 1);
  Bytes message = message_of(answers[0], 17);
  CHECK(sum_of_answer(17, message) == 0);
  CHECK(part(message, 0, 6) == Bytes{0, 7, 0x0f, 0xa0, 0, 13});
  CHECK(part(message, 8, 5) == data);

  CHECK(bench.ask_ipv4(ipv4(17, udp(4000, 9, data))).empty());
  CHECK(bench.responder.counts().discarded == 1);

  const Bytes request = ipv4(17, udp(4000, 53, data));
  answers = bench.ask_ipv4(request);
  REQUIRE(answers.size() == 1);
  message = message_of(answers[0], 1);
  CHECK(reference_checksum(message) == 0);
  CHECK(part(message, 0, 2) == Bytes{3, 3});
  CHECK(part(message, 8, message.size() - 8) == part(request, 0, 28));
}

TEST_CASE("UDP without a checksum is taken, and a checksum that would be 0 is sent as ffff") {
  Bench bench;
  Bytes datagram = udp(4000, 7, {1, 2});
  datagram[6] = datagram[7] = 0;
  auto answers = bench.ask_ipv4(ipv4(17, datagram));
  REQUIRE(answers.size() == 1);
  CHECK(sum_of_answer(17, message_of(answers[0], 17)) == 0);
  // The last word makes the sum of the rest up to ffff, so that the checksum would be 0.
  datagram = udp(4000, 7, {0, 0});
  put16(datagram, 8, static_cast<size_t>(datagram[6] << 8 | datagram[7]));
  datagram = with_checksum(
      17,
      [&] {
        Bytes blank = datagram;
        blank[6] = blank[7] = 0;
        return blank;
      }(),
      6);
  REQUIRE((datagram[6] | datagram[7]) == 0);
  answers = bench.ask_ipv4(ipv4(17, datagram));
  REQUIRE(answers.size() == 1);
  CHECK(part(message_of(answers[0], 17), 6, 2) == Bytes{0xff, 0xff});
}

TEST_CASE("two responders do not echo each other for ever") {
  Bench bench;
  CHECK(bench.ask_ipv4(ipv4(17, udp(7, 7, {1}))).empty());
}

TEST_CASE("TCP is reset: by the acknowledgment's number, or acknowledging the segment") {
  Bench bench;
  const auto segment = [](uint8_t flags, const Bytes& data) {
    Bytes bytes = {0x0f, 0xa0, 0,    80,    0,    0, 0x10, 0, 0xaa, 0xbb,
                   0xcc, 0xdd, 0x50, flags, 0x20, 0, 0,    0, 0,    0};
    append(bytes, data);
    return with_checksum(6, bytes, 16);
  };
  auto answers = bench.ask_ipv4(ipv4(6, segment(0x02, {})));  // SYN
  REQUIRE(answers.size() == 1);
  Bytes reset = message_of(answers[0], 6);
  CHECK(sum_of_answer(6, reset) == 0);
  CHECK(part(reset, 0, 14) == Bytes{0, 80, 0x0f, 0xa0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0x50, 0x14});
  answers = bench.ask_ipv4(ipv4(6, segment(0x01, {1, 2, 3})));  // FIN with data
  REQUIRE(answers.size() == 1);
  CHECK(part(message_of(answers[0], 6), 8, 6) == Bytes{0, 0, 0x10, 4, 0x50, 0x14});
  answers = bench.ask_ipv4(ipv4(6, segment(0x18, {1})));  // PSH ACK
  REQUIRE(answers.size() == 1);
  CHECK(part(message_of(answers[0], 6), 4, 10) == Bytes{0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0, 0, 0x50, 0x04});
  CHECK(bench.ask_ipv4(ipv4(6, segment(0x14, {}))).empty());  // RST
}

TEST_CASE("an unknown protocol is unreachable") {
  Bench bench;
  const auto answers = bench.ask_ipv4(ipv4(132, {1, 2, 3, 4}));
  REQUIRE(answers.size() == 1);
  CHECK(part(message_of(answers[0], 1), 0, 2) == Bytes{3, 2});
}

TEST_CASE("what is for others, or for all, gets no answer") {
  Bench bench;
  CHECK(bench.ask(frame(mac(2), mac(15), kIpv4, ipv4(1, ping(1, 1, {})))).empty());
  CHECK(bench.ask(frame(kEverybody, mac(15), kIpv4, ipv4(1, ping(1, 1, {})))).empty());
  CHECK(bench.ask(frame(mac(1), mac(15), kIpv4, ipv4(1, ping(1, 1, {}), {10, 0, 2, 15}, {10, 0, 2, 2})))
            .empty());
  CHECK(bench.ask(frame(mac(1), mac(15), 0x86dd, {0x60})).empty());
  CHECK(bench.complaints.empty());
}

TEST_CASE("a frame that is wrong gets no answer, and the complaint says what is wrong") {
  struct Wrong {
    Bytes frame;
    std::string says;
  };
  const auto damaged = [](Bytes packet, size_t at, uint8_t value, bool mend_header = true) {
    packet[at] = value;
    if (mend_header && at < 20) {
      packet[10] = packet[11] = 0;
      put16(packet, 10, reference_checksum(part(packet, 0, 20)));
    }
    return frame(mac(1), mac(15), kIpv4, packet);
  };
  const Bytes sound = ipv4(1, ping(1, 1, {1, 2, 3}));
  const Bytes datagram = ipv4(17, udp(4000, 7, {1, 2, 3}));
  const Bytes connect = ipv4(6, Bytes(20, 0x50));
  Bytes group_source = frame(mac(1), mac(15), kIpv4, sound);
  group_source[6] |= 1;
  Bytes short_frame = frame(mac(1), mac(15), kIpv4, sound);
  short_frame.resize(14 + 19);
  Bytes short_arp = frame(mac(1), mac(15), kArp, arp_request());
  short_arp.resize(41);
  Bytes token_ring = arp_request();
  token_ring[1] = 6;
  const Wrong wrongs[] = {
      {group_source, "its source is a group address"},
      {short_frame, "IPv4 in 19 bytes"},
      {short_arp, "ARP in 41 bytes, not 42"},
      {frame(kEverybody, mac(15), kArp, token_ring), "ARP for other addresses"},
      {damaged(sound, 0, 0x65), "IPv4 of version 6"},
      {damaged(sound, 0, 0x44), "a header of 16 bytes"},
      {damaged(sound, 0, 0x4f), "a header of 60 bytes"},
      {damaged(sound, 2, 0x40), "with a header of 20 bytes and 16415 in all, in a frame with room for 46"},
      {damaged(sound, 8, 63, false), "IPv4 header checksum"},
      {damaged(sound, 6, 0x20), "a fragment"},
      {damaged(sound, 7, 0x01), "a fragment"},
      {damaged(sound, 12, 224), "IPv4 from 224.0.2.15"},
      {damaged(sound, 12, 127), "nobody's address"},
      {damaged(sound, 28, 9), "ICMP checksum"},
      {frame(mac(1), mac(15), kIpv4, ipv4(1, {8, 0, 0xf7, 0xff})), "ICMP in 4 bytes"},
      {damaged(datagram, 28, 9), "UDP checksum"},
      {damaged(datagram, 24, 1), "UDP of 267 bytes in a packet with 11"},
      {damaged(datagram, 25, 7), "UDP of 7 bytes"},
      {frame(mac(1), mac(15), kIpv4, ipv4(17, {0, 1})), "UDP in 2 bytes"},
      {frame(mac(1), mac(15), kIpv4, connect), "TCP checksum 0x5050 is wrong"},
      {damaged(connect, 32, 0x40), "TCP with a header of 16 bytes"},
      {frame(mac(1), mac(15), kIpv4, ipv4(6, {0, 1})), "TCP in 2 bytes"},
  };
  for (const Wrong& wrong : wrongs) {
    Bench bench;
    INFO("expected: " << wrong.says);
    CHECK(bench.ask(wrong.frame).empty());
    REQUIRE(bench.complaints.size() == 1);
    INFO("said: " << bench.complaints[0]);
    CHECK(bench.complaints[0].find(wrong.says) != std::string::npos);
    CHECK(bench.responder.counts().malformed == 1);
  }
}

TEST_CASE("loss is by the seed: the same answers are lost every time, and others with another seed") {
  const auto lost = [](uint64_t seed, uint32_t ppm) {
    ResponderConfig config;
    config.loss_ppm = ppm;
    Bench bench(config, seed);
    std::string pattern;
    for (uint16_t i = 0; i < 400; ++i) pattern += bench.ask_ipv4(ipv4(1, ping(1, i, {}))).empty() ? '-' : '+';
    CHECK(bench.responder.counts().lost + bench.responder.counts().answers == 400);
    return pattern;
  };
  CHECK(lost(1, 0) == std::string(400, '+'));
  CHECK(lost(1, 1'000'000) == std::string(400, '-'));
  const std::string half = lost(1, 500'000);
  CHECK(half == lost(1, 500'000));
  CHECK(half != lost(2, 500'000));
  const auto count = std::count(half.begin(), half.end(), '-');
  CHECK((count > 150 && count < 250));
}

TEST_CASE("answers that wait are bounded") {
  ResponderConfig config;
  config.latency = seconds(10);
  Bench bench(config);
  for (uint16_t i = 0; i < 5000; ++i) {
    bench.me.port.transmit(frame(mac(1), mac(15), kIpv4, ipv4(1, ping(1, i, {}))));
    bench.run_for(microseconds(2));
  }
  CHECK(bench.responder.counts().dropped == 5000 - 4096);
  bench.run_for(seconds(20));
  CHECK(bench.me.heard.size() == 4096);
}

TEST_CASE("a storm of damaged frames harms nobody, and is the same twice") {
  const auto storm = [](uint64_t seed) {
    ResponderConfig config;
    config.loss_ppm = 100'000;
    Bench bench(config, seed);
    Random random(seed);
    const Bytes seeds[] = {
        frame(kEverybody, mac(15), kArp, arp_request()),
        frame(mac(1), mac(15), kIpv4, ipv4(1, ping(1, 1, Bytes(40)))),
        frame(mac(1), mac(15), kIpv4, ipv4(17, udp(4000, 7, Bytes(300)))),
        frame(mac(1), mac(15), kIpv4, ipv4(17, udp(4000, 7777, Bytes(3)))),
        frame(mac(1), mac(15), kIpv4, ipv4(6, with_checksum(6, Bytes(24, 0x50), 16))),
    };
    for (int i = 0; i < 20'000; ++i) {
      Bytes bytes = seeds[random.below(std::size(seeds))];
      for (uint64_t changes = random.below(4); changes > 0; --changes) {
        bytes[random.below(bytes.size())] = static_cast<uint8_t>(random.next());
      }
      if (random.one_in(4)) bytes.resize(14 + random.below(bytes.size()));
      // Mostly with a sound header checksum, so that what is behind it is reached.
      if (bytes.size() >= 34 && !random.one_in(4)) {
        const size_t length = std::min<size_t>((bytes[14] & 0x0f) * 4u, bytes.size() - 14);
        bytes[24] = bytes[25] = 0;
        put16(bytes, 24, reference_checksum(part(bytes, 14, length)));
      }
      bench.me.port.transmit(bytes);
      bench.run_for(nanoseconds(random.below(3000)));
    }
    bench.run_for(milliseconds(1));
    for (const Heard& heard : bench.me.heard) {
      if (heard.frame.size() < 60) FAIL("an answer of " << heard.frame.size() << " bytes");
    }
    CHECK(bench.responder.counts().answers > 1000);
    CHECK(bench.responder.counts().malformed > 1000);
    return std::pair(state_digest(bench.responder), bench.me.heard);
  };
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    INFO("seed " << seed);
    CHECK(storm(seed) == storm(seed));
  }
}

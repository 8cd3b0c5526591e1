// A host that answers: the other end for a driver's first ping. It has one MAC and one IPv4 address and keeps
// to what RFC 1122 wants of a host, without connections and without reassembly:
//
//   ARP (RFC 826)             a reply to a request for its address
//   ICMP (RFC 792)            an echo reply
//   UDP port 7 (RFC 862)      the datagram back; not to port 7 itself, or two responders would go on for ever
//   UDP port 9 (RFC 863)      nothing
//   other UDP ports           ICMP port unreachable
//   TCP (RFC 9293 3.10.7.1)   RST
//   other protocols           ICMP protocol unreachable
//
// A frame is checked whole: lengths, header and message checksums. One that is wrong gets no answer, and a
// complaint says what is wrong with it, for whoever wrote the driver that sent it.
//
// Each answer is sent `latency` after its request, and lost with the probability `loss_ppm`, by the seed.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "host/network/internet.h"
#include "host/network/network.h"
#include "sim/random.h"
#include "sim/state.h"

namespace ringside {

struct ResponderConfig {
  MacAddress mac = {0x52, 0x54, 0x00, 0x00, 0x00, 0x01};
  Ipv4Address address = {10, 0, 2, 1};
  Tick latency = microseconds(10);  // until it answers: about what a kernel's network stack takes
  uint32_t loss_ppm = 0;            // answers that are lost, of a million
};

class Responder final : public Stateful {
 public:
  using Complaint = std::function<void(const std::string& what)>;
  struct Counts {
    uint64_t frames = 0;     // for us: to our address or to all
    uint64_t malformed = 0;  // of them: complained about
    uint64_t answers = 0;    // sent
    uint64_t lost = 0;       // answers that were lost on purpose
    uint64_t dropped = 0;    // answers for which there was no room (kAnswersMax wait)
    uint64_t discarded = 0;  // UDP port 9
  };
  static constexpr size_t kAnswersMax = 4096;

  // Takes the port's receiver. `seed` is the machine's; the name makes the stream its own.
  Responder(std::string_view name, const ResponderConfig& config, SwitchPort& port, const Clock& clock,
            EventQueue& events, uint64_t seed);
  ~Responder() override;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void set_complaint(Complaint complaint) { complaint_ = std::move(complaint); }
  const Counts& counts() const { return counts_; }
  void visit_state(StateVisitor& visitor) const override;

 private:
  struct Ipv4Packet;

  void receive(std::span<const uint8_t> frame);
  void receive_arp(std::span<const uint8_t> frame);
  void receive_ipv4(std::span<const uint8_t> frame);
  void receive_icmp(const Ipv4Packet& packet);
  void receive_udp(const Ipv4Packet& packet);
  void receive_tcp(const Ipv4Packet& packet);

  void answer_ipv4(const Ipv4Packet& request, uint8_t protocol, std::vector<uint8_t> message);
  void answer_unreachable(const Ipv4Packet& request, uint8_t code);
  void answer(std::vector<uint8_t> frame);
  void send_first();
  void malformed(std::span<const uint8_t> frame, const std::string& what);

  struct Answer {
    std::vector<uint8_t> frame;
    EventQueue::Handle event;
  };

  const ResponderConfig config_;
  SwitchPort& port_;
  const Clock& clock_;
  EventQueue& events_;
  Random random_;
  uint64_t draws_ = 0;  // from random_
  Complaint complaint_;
  std::deque<Answer> answers_;  // in the order of sending, which is that of their events
  uint16_t identification_ = 0;
  Counts counts_;
};

}  // namespace ringside

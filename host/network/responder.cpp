// The responder's link layer: which frames are for it, ARP, and the answers that wait. IPv4 and what it
// carries are in responder_ipv4.cpp.
#include "host/network/responder.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/hash.h"

namespace ringside {

namespace {

// RFC 826, of Ethernet and IPv4: offsets in the frame.
namespace arp {
constexpr size_t hardware = 14, protocol = 16, hardware_length = 18, protocol_length = 19, operation = 20;
constexpr size_t sender_mac = 22, sender_address = 28, target_mac = 32, target_address = 38, end = 42;
constexpr uint16_t hardware_ethernet = 1, request = 1, reply = 2;
}  // namespace arp

constexpr uint64_t kMillion = 1'000'000;

}  // namespace

Responder::Responder(std::string_view name, const ResponderConfig& config, SwitchPort& port,
                     const Clock& clock, EventQueue& events, uint64_t seed)
    : config_(config), port_(port), clock_(clock), events_(events), random_(Random(seed).fork(name)) {
  port_.set_receiver([this](std::span<const uint8_t> frame) { receive(frame); });
}

Responder::~Responder() {
  port_.set_receiver({});
  for (Answer& answer : answers_) events_.cancel(answer.event);
}

void Responder::receive(std::span<const uint8_t> frame) {
  const MacAddress destination = mac_at(frame, 0);
  if (destination != config_.mac && destination != ethernet::broadcast) return;
  ++counts_.frames;
  if (ethernet::is_group(mac_at(frame, 6))) return malformed(frame, "its source is a group address");
  switch (load_be16(frame, 12)) {
    case ethernet::type_arp: return receive_arp(frame);
    case ethernet::type_ipv4: return receive_ipv4(frame);
    default: return;  // IPv6, VLANs, LLDP and so on: not spoken here
  }
}

void Responder::receive_arp(std::span<const uint8_t> frame) {
  if (frame.size() < arp::end)
    return malformed(frame, fmt::format("ARP in {} bytes, not {}", frame.size(), +arp::end));
  if (load_be16(frame, arp::hardware) != arp::hardware_ethernet ||
      load_be16(frame, arp::protocol) != ethernet::type_ipv4 || frame[arp::hardware_length] != 6 ||
      frame[arp::protocol_length] != 4) {
    return malformed(frame, "ARP for other addresses than Ethernet's and IPv4's");
  }
  const uint16_t operation = load_be16(frame, arp::operation);
  if (operation != arp::request && operation != arp::reply) {
    return malformed(frame, fmt::format("ARP operation {}", operation));
  }
  if (operation != arp::request || ipv4_at(frame, arp::target_address) != config_.address) return;
  const MacAddress asker = mac_at(frame, arp::sender_mac);
  if (ethernet::is_group(asker)) return malformed(frame, "ARP whose sender is a group address");

  std::vector<uint8_t> reply(frame.begin(), frame.begin() + arp::end);
  std::copy(asker.begin(), asker.end(), reply.begin());
  std::copy(config_.mac.begin(), config_.mac.end(), reply.begin() + 6);
  store_be16(reply, arp::operation, arp::reply);
  // Sender and target change places; both addresses of a pair stand together.
  std::copy_n(frame.begin() + arp::sender_mac, 10, reply.begin() + arp::target_mac);
  std::copy(config_.mac.begin(), config_.mac.end(), reply.begin() + arp::sender_mac);
  std::copy(config_.address.begin(), config_.address.end(), reply.begin() + arp::sender_address);
  answer(std::move(reply));
}

void Responder::answer(std::vector<uint8_t> frame) {
  if (config_.loss_ppm != 0) {
    ++draws_;
    if (random_.below(kMillion) < config_.loss_ppm) {
      ++counts_.lost;
      return;
    }
  }
  if (answers_.size() >= kAnswersMax) {
    ++counts_.dropped;
    return;
  }
  if (frame.size() < ethernet::frame_bytes_min) frame.resize(ethernet::frame_bytes_min);
  Answer& waiting = answers_.emplace_back();
  waiting.frame = std::move(frame);
  waiting.event = events_.schedule(saturating_add(clock_.now, config_.latency), "responder/answer",
                                   [this] { send_first(); });
}

void Responder::send_first() {
  const Answer first = std::move(answers_.front());
  answers_.pop_front();
  ++counts_.answers;
  port_.transmit(first.frame);
}

void Responder::malformed(std::span<const uint8_t> frame, const std::string& what) {
  ++counts_.malformed;
  if (complaint_)
    complaint_(fmt::format("a frame from {} gets no answer: {}", to_string(mac_at(frame, 6)), what));
}

void Responder::visit_state(StateVisitor& visitor) const {
  uint64_t waiting = answers_.size();
  for (const Answer& answer : answers_) {
    waiting = hash_mix(hash_mix(waiting, hash64(std::span<const uint8_t>(answer.frame))), answer.event.at.ps);
  }
  visitor.number("answers_waiting", waiting);
  visitor.number("identification", identification_);
  visitor.number("draws", draws_);
  visitor.number("frames", counts_.frames);
  visitor.number("malformed", counts_.malformed);
  visitor.number("answers", counts_.answers);
  visitor.number("lost", counts_.lost);
  visitor.number("dropped", counts_.dropped);
  visitor.number("discarded", counts_.discarded);
}

}  // namespace ringside

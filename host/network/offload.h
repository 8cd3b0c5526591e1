// What a sender may leave undone of a frame for whoever carries it: the checksum of a TCP or UDP message, and
// cutting a long TCP packet into segments. A paravirtual frontend does (netif.h: NETTXF_csum_blank and the
// GSO extra); a frame with something left to do goes unchanged to a port that can take it, and is finished
// for all others, as Linux does behind a backend (net/core/dev.c, skb_checksum_help; net/ipv4/tcp_offload.c).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace ringside {

struct FrameOffload {
  // The checksum field holds the ones' complement sum of the pseudo header; the message is not in it yet.
  bool checksum_blank = false;
  // Longer than a segment: to be cut so that each piece carries so many bytes at most. 0: one frame. Such a
  // frame is TCP, and its checksum is blank.
  uint16_t segment_bytes = 0;
  // Nothing to do: the sender vouches for the checksum, so that nobody behind it need look.
  bool validated = false;
  bool empty() const { return !checksum_blank && segment_bytes == 0; }
};

// Where the transport header of a TCP or UDP frame stands.
struct TransportPlace {
  bool ipv6 = false;
  uint8_t protocol = 0;
  size_t network = 0;      // offset of the IP header
  size_t transport = 0;    // of the TCP or UDP header
  size_t checksum_at = 0;  // of its checksum
};

// Nothing for what is no whole TCP or UDP header over IPv4 or IPv6, and for fragments: nobody can finish
// those (skb_checksum_setup).
std::optional<TransportPlace> find_transport(std::span<const uint8_t> frame);

// Puts the pseudo header's sum into the checksum field, for a sender that left it out.
void put_pseudo_sum(std::span<uint8_t> frame, const TransportPlace& place);

// Finishes a blank checksum. The sum goes from the transport header to the frame's end (skb_checksum_help).
void complete_checksum(std::span<uint8_t> frame, const TransportPlace& place);

using FrameSink = std::function<void(std::span<const uint8_t> frame)>;

// Does what is left to do and hands on each frame that comes of it, complete. Segments follow
// tcp_gso_segment: the IPv4 identification counts up, FIN and PSH stand in the last segment only, CWR in the
// first only. False, with nothing handed on, for a frame of which that cannot be done, or that would become
// more than kSegmentsMax. DEVIATES: Linux - a frame that would become more segments is lost; Linux has memory
// for 65,535 of each.
inline constexpr size_t kSegmentsMax = 1024;
bool finish_frame(std::span<const uint8_t> frame, const FrameOffload& offload, const FrameSink& sink);

}  // namespace ringside

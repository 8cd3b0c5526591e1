// As much of the Internet's protocols as an echo needs: ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792), UDP
// (RFC 768).
#pragma once

#include <stddef.h>
#include <stdint.h>

// What the program gives: its card's address, and a way to send a frame.
const uint8_t* card_mac(void);
void card_send(const uint8_t* frame, size_t length);

enum { kUdpEchoPort = 7, kPayloadBytesMax = 1472 };

struct net_counts {
  unsigned arp_answered, pings_answered, datagrams_echoed;              // what others asked of us
  unsigned pings_sent, ping_answers, datagrams_sent, datagram_answers;  // what we asked of them
  unsigned wrong, ignored;
};

uint32_t parse_address(const char* text);  // "10.0.2.15"; host order
void net_start(uint32_t own_address);
// Answers what is asked of us and notes answers to us.
void net_take(const uint8_t* frame, size_t length);
struct net_counts net_counts(void);

// Asks for the peer's Ethernet address; net_is_resolved() says when it is known.
void net_resolve(uint32_t peer_address);
int net_is_resolved(void);
const uint8_t* net_peer_mac(void);
// To the resolved peer, with a payload that depends on the sequence number, and is checked when it comes
// back.
void net_ping(uint16_t sequence, size_t payload_bytes);
void net_send_datagram(uint16_t sequence, size_t payload_bytes);

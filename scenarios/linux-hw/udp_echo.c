// udp_echo ADDRESS BYTES [WINDOW]: sends so many bytes to the UDP echo port (7) of ADDRESS, with up to WINDOW
// datagrams in flight, and checks what comes back byte by byte. Nothing is sent twice: a datagram that has
// not come back within two seconds is a loss. Ends with 0 when there was none.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  kEchoPort = 7,
  kPayloadBytes = 1400,
  kWindowDefault = 16,
  kWindowMax = 64,
  kSilenceMilliseconds = 2000
};

static uint8_t pattern(uint32_t sequence, size_t at) {
  return (uint8_t)(sequence * 131 + at * 7 + (at >> 8));
}

static void fill(uint8_t* payload, uint32_t sequence) {
  memcpy(payload, &sequence, sizeof sequence);
  for (size_t i = sizeof sequence; i < kPayloadBytes; ++i) payload[i] = pattern(sequence, i);
}

static int is_filled(const uint8_t* payload, uint32_t sequence) {
  for (size_t i = sizeof sequence; i < kPayloadBytes; ++i) {
    if (payload[i] != pattern(sequence, i)) return 0;
  }
  return 1;
}

int main(int count, char** arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: udp_echo ADDRESS BYTES [WINDOW]\n");
    return 2;
  }
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(kEchoPort)};
  const uint32_t total = (uint32_t)((strtoull(arguments[2], NULL, 10) + kPayloadBytes - 1) / kPayloadBytes);
  uint32_t window = count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : kWindowDefault;
  if (window == 0 || window > kWindowMax) window = kWindowMax;
  const int wire = socket(AF_INET, SOCK_DGRAM, 0);
  if (inet_pton(AF_INET, arguments[1], &peer.sin_addr) != 1 || wire < 0 ||
      connect(wire, (const struct sockaddr*)&peer, sizeof peer) != 0) {
    perror(arguments[1]);
    return 2;
  }

  uint8_t* seen = calloc(total, 1);
  uint32_t sent = 0, received = 0, wrong = 0;
  while (seen != NULL && received + wrong < total) {
    while (sent < total && sent - received - wrong < window) {
      uint8_t payload[kPayloadBytes];
      fill(payload, sent);
      if (send(wire, payload, sizeof payload, 0) != (ssize_t)sizeof payload) {
        perror("send");
        return 1;
      }
      ++sent;
    }
    struct pollfd incoming = {.fd = wire, .events = POLLIN};
    if (poll(&incoming, 1, kSilenceMilliseconds) != 1) break;
    uint8_t payload[kPayloadBytes + 1];
    const ssize_t length = recv(wire, payload, sizeof payload, 0);
    uint32_t sequence = 0;
    if (length > (ssize_t)sizeof sequence) memcpy(&sequence, payload, sizeof sequence);
    if (length != kPayloadBytes || sequence >= total || seen[sequence] || !is_filled(payload, sequence)) {
      ++wrong;
    } else {
      seen[sequence] = 1;
      ++received;
    }
  }
  printf("udp_echo: %llu bytes in %u datagrams sent, %u came back, %u lost, %u wrong\n",
         (unsigned long long)sent * kPayloadBytes, sent, received, total - received - wrong, wrong);
  return received == total && wrong == 0 ? 0 : 1;
}

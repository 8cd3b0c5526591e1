// A network frontend (public/io/netif.h) with one queue. It sends from buffers of its own, one page each, and
// receives into others, which it gives back to the ring by itself.
#pragma once

#include "runtime.h"

enum {
  kNetTxBuffers = 64,
  kNetRxBuffers = 64,
  kNetFrameMax = 65536,
  kNetHeaders = 14,  // of Ethernet
};

// What came with a frame besides its bytes.
struct net_frame {
  const uint8_t* bytes;  // gone when the function returns
  unsigned length;
  uint16_t flags;                 // NETRXF_* of its first slot
  unsigned slots;                 // extra information included
  struct netif_extra_info extra;  // the last one; type 0 where there is none
};
// Called for each frame, with events masked.
typedef void (*net_receive)(void* data, const struct net_frame* frame);

struct netfront {
  // Set before netfront_connect(): what the frontend asks for and offers.
  int no_csum_offload;  // feature-no-csum-offload: it wants whole frames
  int gso;              // feature-gso-tcpv4
  int single_channel;   // one event channel for both directions

  char frontend[48];  // XenStore folders
  char backend[96];
  uint8_t mac[6];
  unsigned mtu;
  struct netif_tx_front_ring tx;
  struct netif_rx_front_ring rx;
  grant_ref_t tx_ring_grant, rx_ring_grant;
  evtchn_port_t tx_port, rx_port;
  uint8_t* tx_pages[kNetTxBuffers];
  grant_ref_t tx_grants[kNetTxBuffers];
  unsigned tx_free[kNetTxBuffers], tx_free_count;
  uint8_t* rx_pages[kNetRxBuffers];
  grant_ref_t rx_grants[kNetRxBuffers];
  net_receive receive;
  void* data;
  unsigned reserving;
  // Statistics.
  uint64_t sent, received, tx_errors, rx_errors;
};

// Finds the device by its number ("0") and connects. 0, or a line was printed that says why not. Connecting
// again after netfront_close() uses the same pages.
int netfront_connect(struct netfront* front, const char* device, net_receive receive, void* data);
// A free transmit buffer, waiting for one when all are in flight.
unsigned netfront_buffer(struct netfront* front);
// Waits until so many are free: a chain has to be in the ring whole before the backend looks.
void netfront_reserve(struct netfront* front, unsigned buffers);
// Sends `length` bytes of a buffer; flags are NETTXF_csum_blank and so on. The backend is told by
// netfront_kick().
void netfront_send(struct netfront* front, unsigned buffer, unsigned length, uint16_t flags);
// Any request, for chains and for what must be refused. Its response's id is a buffer that becomes free; one
// of kNetTxBuffers and more only counts.
void netfront_put(struct netfront* front, struct netif_tx_request request);
void netfront_put_extra(struct netfront* front, struct netif_extra_info extra);
void netfront_kick(struct netfront* front);
// Waits until nothing is in flight.
void netfront_drain(struct netfront* front);
// Walks both ends to Closed.
void netfront_close(struct netfront* front);

// A network frontend (public/io/netif.h) as a driver should be: one queue, one slot a frame, and no trust in
// its backend nor in events:
//   - each response is checked before it is believed: its id, its size, and that the backend has let go of
//   the page.
//     What cannot be right is counted, and the frame refused;
//   - each page is granted for as long as the backend needs it, and no longer;
//   - events may be lost: the rings are looked at by the clock, too, and the backend told again;
//   - a frame that is not answered for, a backend that talks nonsense, or one that went away: the interface
//   is closed
//     and connected anew with empty rings. Only the closing makes pages safe that were not answered for.
//     Frames under way are lost by that, as on any network.
// netfront.h is the other one: it sends frames in every shape, for those who look at the backend.
#pragma once

#include "runtime.h"

enum {
  kVifTxFrames = 16,
  kVifRxFrames = 256,  // as many as the ring has places
  kVifHeader = 14,     // of Ethernet
};

// Called for each frame, with events masked; the bytes are gone when it returns.
typedef void (*vif_receive)(void* data, const uint8_t* bytes, unsigned length);

struct vif {
  char frontend[48];  // XenStore folders
  char backend[96];
  uint8_t mac[6];
  unsigned mtu;
  vif_receive receive;
  void* data;

  struct netif_tx_sring* tx_shared;
  struct netif_rx_sring* rx_shared;
  struct netif_tx_front_ring tx;
  struct netif_rx_front_ring rx;
  grant_ref_t tx_ring_grant, rx_ring_grant;
  evtchn_port_t port;

  uint8_t* tx_pages[kVifTxFrames];
  grant_ref_t tx_grants[kVifTxFrames];
  uint64_t tx_put_at[kVifTxFrames];  // system_time(); 0: not looked at by the clock yet
  uint32_t tx_free, tx_in_ring;      // a bit for each frame
  int told_again;
  unsigned state_events;  // of the backend's state, that have been looked at
  // By the place in the ring: a response stands where its request stood.
  uint8_t* rx_pages[kVifRxFrames];
  grant_ref_t rx_grants[kVifRxFrames];

  int broken;  // the rings cannot be trusted any more
  int gone;    // given up
  unsigned sent, completed, received;
  // What went wrong and was mended, or left to who sends again.
  unsigned tx_errors, rx_errors, refused, strays, lies, timeouts, reconnects;
};

// Finds the device by its number ("0") and connects. 0, or a line was printed that says why not.
int vif_connect(struct vif* vif, const char* device, vif_receive receive, void* data);
// The number of a free frame, waiting for one when all are under way; its page is tx_pages[number].
unsigned vif_frame(struct vif* vif);
void vif_send(struct vif* vif, unsigned frame, unsigned length);
// Waits until the condition holds or the time (system_time()) has come, and sees to the device. Whether it
// holds.
int vif_wait(struct vif* vif, int (*condition)(void* data), void* data, uint64_t deadline);
// For who has sent again and again, and hears nothing.
void vif_reconnect(struct vif* vif);
// Walks both ends to Closed.
void vif_close(struct vif* vif);

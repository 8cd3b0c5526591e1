// A block frontend (public/io/blkif.h) with one ring page. Requests are numbered by their slot among those in
// flight; each may span up to BLKIF_MAX_SEGMENTS_PER_REQUEST pages.
#pragma once

#include "runtime.h"

struct blkfront;

// Called once for each response, in the order of the ring, with events masked.
typedef void (*blk_done)(void* data, unsigned id, int16_t status);

struct blkfront {
  char frontend[48];  // XenStore folders
  char backend[96];
  struct blkif_front_ring ring;
  grant_ref_t ring_grant;
  evtchn_port_t port;
  int persistent;  // set before connecting: the program uses the same grants again and again
  uint64_t sectors;
  unsigned info;  // VDISK_*
  unsigned in_flight, in_flight_max;
  uint32_t busy;  // a bit for each id
  blk_done done;
  void* done_data;
};

enum { kBlkRequestsMax = 32 };

// Finds the device by its number ("51712") and connects. 0, or a line was printed that says why not.
int blkfront_connect(struct blkfront* front, const char* device, blk_done done, void* done_data);
// A free id, waiting for one when the ring is full.
unsigned blkfront_id(struct blkfront* front);
// Puts a request; its id is set from `id`. The backend is told by blkfront_kick().
void blkfront_put(struct blkfront* front, unsigned id, struct blkif_request request);
void blkfront_kick(struct blkfront* front);
// Waits until nothing is in flight.
void blkfront_drain(struct blkfront* front);
// Walks both ends to Closed.
void blkfront_close(struct blkfront* front);

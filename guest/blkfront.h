// A block frontend (public/io/blkif.h) with one ring page, which trusts neither its backend nor that anything
// arrives:
//   - what a response says is checked before it is believed: its id, its operation, and that the backend has
//     let go of the pages. What is no answer to anything is counted, and passed over;
//   - a request that failed is made again, three times in all, before the program hears of it;
//   - events may be lost: the ring is looked at by the clock, too, and the backend told again;
//   - a request that is not answered at all, a backend that talks nonsense, or one that went away: the device
//   is
//     closed and connected anew with an empty ring, and every request that was under way is made again. Only
//     the closing makes the pages of an unanswered request safe: until then the backend may still write to
//     them.
#pragma once

#include "runtime.h"

// More than the ring has room for: what waits for room has its id already.
enum { kBlkRequestsMax = 48 };

struct blk_segment {
  void* page;
  grant_ref_t grant;    // 0: the driver grants the page for as long as the request takes
  uint8_t first, last;  // sectors of the page
};

struct blk_request {
  uint8_t operation;  // BLKIF_OP_*
  uint8_t segment_count;
  uint64_t sector;
  struct blk_segment segments[BLKIF_MAX_SEGMENTS_PER_REQUEST];
  // A test's: spoils the request in the ring. That it fails is no reason to make it again.
  void (*spoil)(struct blkif_request* request);
};

// Called once for each request, with events masked. BLKIF_RSP_ERROR also for what could not be done because
// the device is gone.
typedef void (*blk_done)(void* data, unsigned id, int16_t status);

struct blkfront {
  int persistent;  // set before connecting: the program uses the same grants again and again

  char frontend[48];  // XenStore folders
  char backend[96];
  struct blkif_sring* shared;
  struct blkif_front_ring ring;
  grant_ref_t ring_grant;
  evtchn_port_t port;
  uint64_t sectors;
  unsigned info;  // VDISK_*
  blk_done done;
  void* done_data;

  uint64_t busy;     // a bit for each id that is taken
  uint64_t in_ring;  // and for each that the backend has not answered
  unsigned in_flight, in_flight_max;
  struct blk_slot {
    struct blk_request request;
    grant_ref_t grants[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    uint64_t put_at;  // system_time(); 0: not looked at by the clock yet
    uint64_t number;  // of all requests: the order in which they are made again
    unsigned tries, told_again;
  } slots[kBlkRequestsMax];
  uint64_t requests_made;
  unsigned state_events;  // of the backend's state, that have been looked at

  unsigned room;  // in the ring, as BUG_RING_FULL_MISCOUNTED counts it
  int broken;     // the ring cannot be trusted any more
  int gone;       // given up
  // What went wrong and was mended.
  unsigned strays, lies, retries, timeouts, reconnects;
};

// Finds the device by its number ("51712") and connects. 0, or a line was printed that says why not.
int blkfront_connect(struct blkfront* front, const char* device, blk_done done, void* done_data);
// A free id, waiting for one when the ring is full.
unsigned blkfront_id(struct blkfront* front);
// Puts a request under its id. The backend is told by blkfront_kick().
void blkfront_put(struct blkfront* front, unsigned id, const struct blk_request* request);
void blkfront_kick(struct blkfront* front);
// Waits until the condition holds, which must depend on requests under way alone, and sees to the device.
void blkfront_wait(struct blkfront* front, int (*condition)(void* data), void* data);
// Waits until nothing is in flight.
void blkfront_drain(struct blkfront* front);
// Walks both ends to Closed.
void blkfront_close(struct blkfront* front);

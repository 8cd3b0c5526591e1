// A blkif ring (public/io/blkif.h) of one page, connected, and no more: for lessons, whose drivers are short
// and to be read. They put requests, take responses and sleep themselves. blkfront.h is a driver for real
// use.
#pragma once

#include "runtime.h"

struct blkring {
  struct blkif_front_ring front;
  evtchn_port_t port;
  uint64_t sectors;

  char frontend[48];  // XenStore folders
  char backend[96];
  grant_ref_t ring_grant;
};

// Finds the device by its number ("51712") and connects; events call the handler. 0, or a line was printed
// that says why not.
int blkring_connect(struct blkring* ring, const char* device, event_handler handler, void* data);
// Puts a read of one page, or of less, into the next place, where there must be room.
void blkring_put_read(struct blkring* ring, uint64_t id, uint64_t sector, unsigned sectors,
                      grant_ref_t grant);
// Shows the backend all that was put, and wakes it where it asks for that.
void blkring_publish(struct blkring* ring);
// Walks both ends to Closed, and takes the ring's page back. 0 when all went well.
int blkring_close(struct blkring* ring);

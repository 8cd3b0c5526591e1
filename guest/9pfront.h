// A frontend of 9P shares (public/io/9pfs.h) with several rings, and a client of the protocol on it: messages
// are put together and taken apart by hand, so that a test can also make wrong ones.
#pragma once

#include "runtime.h"

#include <xen/io/9pfs.h>

enum {
  k9pRingsMax = 8,
  k9pOrderMax = 7,  // what the runtime's grants and pages allow
  k9pMessageMax = 16384,
};

struct p9_ring {
  struct xen_9pfs_data_intf* shared;
  char* pages[1 << k9pOrderMax];  // `in` in the first half, `out` in the second
  grant_ref_t shared_grant;
  grant_ref_t grants[1 << k9pOrderMax];
  evtchn_port_t port;
  uint32_t size;                        // of one direction
  uint32_t out_prod, in_cons, in_prod;  // out_prod is published by p9_kick()
};

struct p9_front {
  char frontend[48];  // XenStore folders
  char backend[96];
  char tag[64];
  unsigned rings_max, order_max;  // as the backend offers
  unsigned rings;
  struct p9_ring ring[k9pRingsMax];
  uint16_t next_tag;
};

// Finds the share by its number ("0") and connects with so many rings of that order. Fewer or less where the
// backend offers no more. 0, or a line was printed that says why not.
int p9_connect(struct p9_front* front, const char* device, unsigned rings, unsigned order);
// The same in parts: waits for the backend's offer; makes the rings, and names them in XenStore; waits until
// the backend is connected.
int p9_find(struct p9_front* front, const char* device);
int p9_share_rings(struct p9_front* front, unsigned rings, unsigned order);
int p9_wait_connected(struct p9_front* front);
// Walks both ends to Closed, and takes the rings back. 0, or the backend still uses some of their pages.
int p9_close(struct p9_front* front);
int p9_publish_rings(struct p9_front* front);

int p9_set_state(struct p9_front* front, unsigned state);
// Sleeps until the backend has this state.
void p9_wait_state(struct p9_front* front, unsigned state);

// --- Bytes ---
// Puts bytes behind what was put; waits for room. The backend sees them after p9_kick().
void p9_put(struct p9_ring* ring, const void* bytes, uint32_t length);
void p9_kick(struct p9_ring* ring);
// Bytes of answers that are there.
uint32_t p9_available(struct p9_ring* ring);
// Copies bytes of the answers, from `offset` behind the first that was not taken.
void p9_peek(struct p9_ring* ring, uint32_t offset, void* into, uint32_t length);
void p9_drop(struct p9_ring* ring, uint32_t length);
// Sleeps until a whole answer is there; returns its size.
uint32_t p9_wait_answer(struct p9_ring* ring);

// --- Messages ---
enum {
  k9pRlerror = 7,
  k9pTlopen = 12,
  k9pTreaddir = 40,
  k9pTversion = 100,
  k9pTattach = 104,
  k9pRerror = 107,
  k9pTwalk = 110,
  k9pTopen = 112,
  k9pTread = 116,
  k9pTclunk = 120,
  k9pNoTag = 0xffff,
};

struct p9_message {
  uint8_t bytes[k9pMessageMax];
  uint32_t size;
};
void p9_begin(struct p9_message* message, uint8_t type, uint16_t tag);
void p9_number(struct p9_message* message, uint64_t value, unsigned bytes);
void p9_text(struct p9_message* message, const char* text);
// A number from the front of what p9_take() has; `at` moves on.
uint64_t p9_get(const struct p9_message* message, uint32_t* at, unsigned bytes);

// Sends it by that ring and takes the answer in its place. 0, or the error's number (1 for an Rerror).
int p9_call(struct p9_front* front, unsigned ring, struct p9_message* message);

// --- Calls ---
enum { k9pBase, k9pLinux };  // dialects
int p9_version(struct p9_front* front, unsigned dialect, uint32_t msize);
int p9_attach(struct p9_front* front, unsigned dialect, uint32_t fid);
int p9_walk(struct p9_front* front, uint32_t fid, uint32_t newfid, const char* name);
int p9_open(struct p9_front* front, unsigned dialect, uint32_t fid);  // for reading
// At most `length` bytes from `offset`; `got` is how many came.
int p9_read(struct p9_front* front, uint32_t fid, uint64_t offset, void* into, uint32_t length,
            uint32_t* got);
int p9_clunk(struct p9_front* front, uint32_t fid);

/* A client of 9P2000.L over Xen's transport (public/io/9pfs.h): one ring, up to 32 requests in flight. */
#ifndef P9CLIENT_H
#define P9CLIENT_H

#include <stdint.h>

enum { P9_IN_FLIGHT = 32, P9_READ_MAX = 512 };

/* Called for each read, in a handler: how many bytes came, or minus the server's errno. */
typedef void (*p9_done)(void* data, int got);

struct p9;

/* Connects to the share of that number, and attaches its root. NULL: it was said why not. */
struct p9* p9_mount(const char* device);
/* Opens a file of the root for reading: 0, or minus the server's errno. */
int p9_open(struct p9* p9, const char* name, uint32_t fid);
/* At most P9_READ_MAX bytes. Sleeps while 32 are in flight. */
void p9_read(struct p9* p9, uint32_t fid, uint64_t offset, void* into, uint32_t length, p9_done done,
             void* data);
/* Sleeps until nothing is in flight. */
void p9_drain(struct p9* p9);
int p9_clunk(struct p9* p9, uint32_t fid);
unsigned p9_most_in_flight(const struct p9* p9);
void p9_unmount(struct p9* p9);

#endif

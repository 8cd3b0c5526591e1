/* A frontend for Xen's block devices (public/io/blkif.h): one ring page, up to 32 requests in flight, a page
 * each. */
#ifndef BLKFRONT_H
#define BLKFRONT_H

#include <stdint.h>

enum { BLK_IN_FLIGHT = 32, BLK_SECTORS_PER_PAGE = 8, BLK_SECTOR_BYTES = 512 };

/* Called for each request, in a handler: status 0, or the backend's error. */
typedef void (*blk_done)(void* data, int status);

struct blkfront;

/* Connects to the device of that number ("51712" is xvda). NULL: it was said why not. */
struct blkfront* blk_open(const char* device);
uint64_t blk_sectors(const struct blkfront* front);
unsigned blk_most_in_flight(const struct blkfront* front);
/* A page (rs_alloc_pages) of sectors. These sleep while 32 are in flight. */
void blk_read(struct blkfront* front, uint64_t sector, void* page, blk_done done, void* data);
void blk_write(struct blkfront* front, uint64_t sector, const void* page, blk_done done, void* data);
/* Sleeps until nothing is in flight. */
void blk_drain(struct blkfront* front);
void blk_close(struct blkfront* front);

#endif

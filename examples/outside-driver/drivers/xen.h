/* Xen's public headers, which want to know the barriers. */
#ifndef DRIVERS_XEN_H
#define DRIVERS_XEN_H

#include <ringside/hosted.h>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
#define xen_mb() rs_mb()
#define xen_rmb() rs_rmb()
#define xen_wmb() rs_wmb()
#include <string.h>
#include <xen/grant_table.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/xen.h>

#define STATE(name) (1u << XenbusState##name)
enum { DOMAIN_0 = 0 };
static const uint64_t XENBUS_LIMIT = 100000000; /* ns: a backend that takes longer is stuck */

#endif

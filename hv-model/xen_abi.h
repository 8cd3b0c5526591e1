// Xen's ABI, from Debian's libxen-dev and never retyped. Included by .cpp files and by headers of hv-model
// only; what other folders see uses our own types.
#pragma once

#include <cstdint>

#define __XEN_INTERFACE_VERSION__ 0x00040e00
// The ring macros want barriers. All memory accesses of a guest and of the model happen on one host thread.
#define xen_mb() __asm__ volatile("" ::: "memory")
#define xen_rmb() __asm__ volatile("" ::: "memory")
#define xen_wmb() __asm__ volatile("" ::: "memory")

extern "C" {
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/io/blkif.h>
#include <xen/io/console.h>
#include <xen/io/netif.h>
#include <xen/io/ring.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#include <xen/xen.h>
}

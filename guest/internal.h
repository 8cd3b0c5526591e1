// What the parts of the runtime know of each other.
#pragma once

#include "runtime.h"

// A page of the program's own at whose address another frame is mapped. Hosted, nothing can be mapped: it is
// a pointer to where the frame is.
#ifdef RINGSIDE_HOSTED
#define MAPPED_PAGE(type, name) type* name RUNTIME_STATE
#define DECLARE_MAPPED_PAGE(type, name) extern type* name
#define MAP_FRAME(name, frame) (name = frame_at(frame))
void* frame_at(uint64_t frame);  // makes the same hypercall as map_frame()
void* pool_of_pages(void);       // the driver's
unsigned pool_page_count(void);
#else
#define MAPPED_PAGE(type, name) type name[GUEST_PAGE_SIZE / sizeof(type)] __attribute__((aligned(4096)))
#define DECLARE_MAPPED_PAGE(type, name) extern type name[]
#define MAP_FRAME(name, frame) map_frame(name, frame)
#endif

// The frame that the domain shares with Xen, once events_start() has mapped it.
DECLARE_MAPPED_PAGE(char, shared_info_page);
#define HYPERVISOR_shared_info ((shared_info_t*)shared_info_page)

// Where Xen enters the program (boot.S).
#ifdef RINGSIDE_HOSTED
#include "machine/hosted/native_calls.h"
#define EVENT_ENTRY HOSTED_EVENT_ENTRY
#define FAILSAFE_ENTRY HOSTED_FAILSAFE_ENTRY
#define TRAP_ENTRY(vector) HOSTED_TRAP_ENTRY(vector)
#define DECLARE_TRAP(vector)
#else
extern char event_entry[], failsafe_entry[];
#define EVENT_ENTRY (uint64_t) event_entry
#define FAILSAFE_ENTRY (uint64_t) failsafe_entry
#define TRAP_ENTRY(vector) (unsigned long)trap_entry_##vector
#define DECLARE_TRAP(vector) extern char trap_entry_##vector[];
#endif
void handle_events(void);

void events_start(void);
void console_start(void);
void grants_start(void);
void xenstore_start(void);

// Sleeps until any bound port has an event, or that time has come. With events held back.
void poll_ports(uint64_t deadline);

// Waits until what was printed has been taken.
void console_drain(void);

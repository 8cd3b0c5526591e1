// What the parts of the runtime know of each other.
#pragma once

#include "runtime.h"

// The frame that the domain shares with Xen, once events_start() has mapped it.
extern char shared_info_page[];
#define HYPERVISOR_shared_info ((shared_info_t*)shared_info_page)

void events_start(void);
void console_start(void);
void grants_start(void);
void xenstore_start(void);

// Sleeps until any bound port has an event, or that time has come. With events held back.
void poll_ports(uint64_t deadline);

// Waits until what was printed has been taken.
void console_drain(void);

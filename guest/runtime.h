// What a guest program gets: it defines guest_main() and uses what is declared here. There is one vCPU; an
// event interrupts the program like an interrupt handler would, and no event interrupts a handler.
#pragma once

#include "text.h"
#include "xen.h"

// --- The program ---
// Runs once everything below works. When it returns, the domain powers off.
void guest_main(void);

// What stands in the command line behind "key=", up to the end of the line; null: no such word. For a word
// without a value any non-null says that it is there.
const char* option(const char* key);
unsigned option_number(const char* key, unsigned otherwise);

// --- Ending (runtime.c) ---
__attribute__((noreturn)) void guest_shutdown(unsigned reason);  // SHUTDOWN_*
// Prints, then ends the domain as crashed.
__attribute__((noreturn, format(printf, 1, 2))) void guest_panic(const char* format, ...);

// --- Text (console.c; format_text() and more in text.h) ---
__attribute__((format(printf, 1, 2))) void print(const char* format, ...);

// --- Memory (pages.c) ---
extern start_info_t* start_info;
// A zeroed page from the program's own; never given back.
void* allocate_page(void);
uint64_t frame_of(const void* address);      // the machine frame behind an address of the program
void* address_of_frame(uint64_t frame);      // for frames that the domain builder mapped
void map_frame(void* page, uint64_t frame);  // puts another frame at an address of the program

// --- Grants (grants.c) ---
// Lets domain 0 use a page; references are given out one after another.
grant_ref_t grant_page(const void* page, int read_only);
grant_ref_t grant_page_to(const void* page, uint16_t domain, int read_only);
int grants_left(void);
// 0 when the page is still in use by domain 0. The reference may be given out again from then on, as late as
// possible.
int end_grant(grant_ref_t reference);
// Without a look whether it is in use, which no driver must do: for planted bugs.
void revoke_grant(grant_ref_t reference);
// Domain 0 has mapped it, or copies right now.
int grant_in_use(grant_ref_t reference);

// --- Events (events.c) ---
typedef void (*event_handler)(void* data);
// Sets the handler of a port and unmasks it.
void bind_handler(evtchn_port_t port, event_handler handler, void* data);
int try_bind_handler(evtchn_port_t port, event_handler handler, void* data);  // 0 where that is not possible
void notify(evtchn_port_t port);
int try_notify(evtchn_port_t port);  // 0 where Xen refuses: for those who will try again
// An unbound port that domain 0 may bind.
evtchn_port_t allocate_port(void);
void close_port(evtchn_port_t port);
// Sleeps until `condition` holds; it is looked at again after each event.
void wait_until(int (*condition)(void* data), void* data);
// The same with a limit, in nanoseconds of system_time(). Whether the condition holds. Who cannot trust that
// an event comes looks again by this.
int wait_until_time(int (*condition)(void* data), void* data, uint64_t deadline);
// Holds events back; they come at the unlock.
void lock_events(void);
void unlock_events(void);

// --- Time (time.c): nanoseconds since Xen's start ---
uint64_t system_time(void);
enum { kMicrosecond = 1000, kMillisecond = 1000 * 1000 };

// --- XenStore (xenstore.c): each returns 0, or the error's number in XenStore's own list (EINVAL is 1) ---
// A request that gets no answer in time is made again; kXenstoreSilent: several have got none.
enum {
  kXenstoreInvalid = 1,
  kXenstoreExists = 3,
  kXenstoreIo = 8,
  kXenstoreUnknown = 10,
  kXenstoreAgain = 13,
  kXenstoreSilent = 98
};
int xenstore_read(const char* path, char* value, size_t size);
int xenstore_write(const char* path, const char* value);
int xenstore_watch(const char* path, const char* token);
// Any request (XS_*): `first` with its 0, then `length` bytes of `second`; the reply's body is cut to fit.
int xenstore_request(uint32_t type, uint32_t transaction, const char* first, const char* second,
                     size_t length, char* reply, size_t size);
// How many events have come for tokens that begin with this character.
unsigned xenstore_events(char token);
// Sleeps until a watch has fired since the last call.
void xenstore_wait_for_watch(void);
// The same, until that system_time() at the latest. Whether one has.
int xenstore_wait_for_watch_until(uint64_t time);

// What every frontend of ours does alike on XenBus (public/io/xenbus.h). Each says on the console what went
// wrong, and returns 0 when nothing did.
#pragma once

#include "runtime.h"

int xenbus_read(const char* folder, const char* name, char* value, size_t size);
int xenbus_write_number(const char* folder, const char* name, uint64_t value);
int xenbus_switch_state(const char* frontend, unsigned state);  // tries it more than once
// Waits until the backend is in the state `wanted`. One that it will not come back from ends the wait: any
// behind `wanted`, but for Closed, from which a backend starts again.
int xenbus_wait_for_backend(const char* backend, unsigned wanted);

// For frontends that do not trust their backend to be there: waits until it is in one of `states` (a bit for
// each), for so many nanoseconds at most. Says nothing. Returns the state in which it is then,
// XenbusStateUnknown where there is none.
unsigned xenbus_backend_state(const char* backend, unsigned states, uint64_t limit);
#define XENBUS_STATE(name) (1u << XenbusState##name)

// What every frontend of ours does alike on XenBus (public/io/xenbus.h). Each says on the console what went
// wrong, and returns 0 when nothing did.
#pragma once

#include "runtime.h"

int xenbus_read(const char* folder, const char* name, char* value, size_t size);
int xenbus_write_number(const char* folder, const char* name, uint64_t value);
// Waits until the backend is in the state `wanted`. One that it will not come back from ends the wait: any
// behind `wanted`, but for Closed, from which a backend starts again.
int xenbus_wait_for_backend(const char* backend, unsigned wanted);

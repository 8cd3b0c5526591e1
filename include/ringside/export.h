// What libringside.so shows to its users: everything else in it is hidden.
#pragma once

#if defined(__GNUC__)
#define RINGSIDE_API __attribute__((visibility("default")))
#else
#define RINGSIDE_API
#endif

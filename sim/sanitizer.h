// RINGSIDE_ADDRESS_SANITIZER is 1 where AddressSanitizer is built in: g++ says so by a macro, clang by a
// feature.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define RINGSIDE_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RINGSIDE_ADDRESS_SANITIZER 1
#endif
#endif

// What both runtimes have of the C library: text from numbers, and what the compiler may call by itself.
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

// What a program keeps in variables is its domain's. On a core that is all that there is; hosted
// (guest/hosted/), several domains share one process: then what each has lies in this section.
#ifdef RINGSIDE_HOSTED
#define RUNTIME_STATE __attribute__((section("rs_state")))
#else
#define RUNTIME_STATE
#endif

// --- Text (format.c) ---
// %d %u %x with l, %s, %c, %p and %%; widths with an optional leading 0. Returns the length that was wanted.
__attribute__((format(printf, 3, 4))) int format_text(char* into, size_t size, const char* format, ...);
int format_text_list(char* into, size_t size, const char* format, va_list arguments);

// --- The C library's share (string.c) ---
void* memcpy(void* into, const void* from, size_t length);
void* memset(void* into, int value, size_t length);
int memcmp(const void* a, const void* b, size_t length);
void* memmove(void* into, const void* from, size_t length);
size_t strlen(const char* text);
int strcmp(const char* a, const char* b);
uint64_t parse_number(const char* text);

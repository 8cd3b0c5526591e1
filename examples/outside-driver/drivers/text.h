/* What a driver needs of a C library, on the core as well. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Joins texts, up to a NULL. */
static inline char* join(char* into, size_t size, const char* const* parts) {
  size_t length = 0;
  for (; *parts; ++parts) {
    for (const char* from = *parts; *from && length + 1 < size; ++from) into[length++] = *from;
  }
  into[length] = 0;
  return into;
}
#define JOIN(into, ...) join(into, sizeof(into), (const char* const[]){__VA_ARGS__, 0})

static inline uint64_t number_of(const char* text) {
  uint64_t number = 0;
  for (; *text >= '0' && *text <= '9'; ++text) number = number * 10 + (uint64_t)(*text - '0');
  return number;
}

#endif

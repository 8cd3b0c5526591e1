// What the compiler may call by itself, and little more.
#include "text.h"

void* memcpy(void* into, const void* from, size_t length) {
  void* const result = into;
  __asm__ volatile("rep movsb" : "+D"(into), "+S"(from), "+c"(length) : : "memory");
  return result;
}

void* memset(void* into, int value, size_t length) {
  void* const result = into;
  __asm__ volatile("rep stosb" : "+D"(into), "+c"(length) : "a"(value) : "memory");
  return result;
}

void* memmove(void* into, const void* from, size_t length) {
  if ((uintptr_t)into - (uintptr_t)from >= length) return memcpy(into, from, length);
  char* last = (char*)into + length;
  const char* source = (const char*)from + length;
  while (length-- != 0) *--last = *--source;
  return into;
}

int memcmp(const void* a, const void* b, size_t length) {
  const unsigned char *left = a, *right = b;
  for (size_t i = 0; i < length; ++i) {
    if (left[i] != right[i]) return left[i] - right[i];
  }
  return 0;
}

size_t strlen(const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  return length;
}

int strcmp(const char* a, const char* b) {
  while (*a && *a == *b) {
    ++a;
    ++b;
  }
  return (unsigned char)*a - (unsigned char)*b;
}

uint64_t parse_number(const char* text) {
  uint64_t value = 0;
  while (*text >= '0' && *text <= '9') value = value * 10 + (uint64_t)(*text++ - '0');
  return value;
}

// What the compiler may call by itself, and little more.
#include "text.h"

// Eight bytes at a time, then what is left.
void* memcpy(void* into, const void* from, size_t length) {
  void* const result = into;
  size_t words = length / 8, bytes = length % 8;
  __asm__ volatile("rep movsq" : "+D"(into), "+S"(from), "+c"(words) : : "memory");
  if (bytes != 0) __asm__ volatile("rep movsb" : "+D"(into), "+S"(from), "+c"(bytes) : : "memory");
  return result;
}

void* memset(void* into, int value, size_t length) {
  void* const result = into;
  const uint64_t word = (uint8_t)value * 0x0101010101010101ull;
  size_t words = length / 8, bytes = length % 8;
  __asm__ volatile("rep stosq" : "+D"(into), "+c"(words) : "a"(word) : "memory");
  if (bytes != 0) __asm__ volatile("rep stosb" : "+D"(into), "+c"(bytes) : "a"(word) : "memory");
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
  uint64_t left_word, right_word;
  for (; length >= 8; length -= 8, left += 8, right += 8) {
    __builtin_memcpy(&left_word, left, 8);
    __builtin_memcpy(&right_word, right, 8);
    if (left_word != right_word) break;  // the loop below finds where
  }
  for (; length != 0; --length, ++left, ++right) {
    if (*left != *right) return *left - *right;
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

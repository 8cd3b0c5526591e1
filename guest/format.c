// Text from numbers.
#include "text.h"

struct output {
  char* into;
  size_t size, length;
};

static void put(struct output* output, char byte) {
  if (output->length + 1 < output->size) output->into[output->length] = byte;
  ++output->length;
}

static void put_number(struct output* output, uint64_t value, unsigned base, unsigned width, char fill) {
  char digits[24];
  unsigned count = 0;
  do {
    digits[count++] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  for (unsigned i = count; i < width; ++i) put(output, fill);
  while (count != 0) put(output, digits[--count]);
}

int format_text_list(char* into, size_t size, const char* format, va_list arguments) {
  struct output output = {into, size, 0};
  for (; *format; ++format) {
    if (*format != '%') {
      put(&output, *format);
      continue;
    }
    ++format;
    const char fill = *format == '0' ? '0' : ' ';
    unsigned width = 0;
    while (*format >= '0' && *format <= '9') width = width * 10 + (unsigned)(*format++ - '0');
    int is_long = 0;
    while (*format == 'l' || *format == 'z') {
      is_long = 1;
      ++format;
    }
    switch (*format) {
      case 'i':
      case 'd': {
        int64_t value = is_long ? va_arg(arguments, int64_t) : va_arg(arguments, int);
        if (value < 0) put(&output, '-');
        put_number(&output, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width, fill);
        break;
      }
      case 'u':
      case 'x': {
        const uint64_t value = is_long ? va_arg(arguments, uint64_t) : va_arg(arguments, unsigned);
        put_number(&output, value, *format == 'x' ? 16 : 10, width, fill);
        break;
      }
      case 'p': put_number(&output, (uint64_t)va_arg(arguments, void*), 16, 16, '0'); break;
      case 's':
        for (const char* text = va_arg(arguments, const char*); *text; ++text) put(&output, *text);
        break;
      case 'c': put(&output, (char)va_arg(arguments, int)); break;
      case 0: --format; break;
      default: put(&output, *format); break;
    }
  }
  if (size != 0) into[output.length < size ? output.length : size - 1] = 0;
  return (int)output.length;
}

int format_text(char* into, size_t size, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = format_text_list(into, size, format, arguments);
  va_end(arguments);
  return length;
}

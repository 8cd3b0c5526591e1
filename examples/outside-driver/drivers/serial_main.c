/* What the serial driver is asked to do under test: it greets, echoes a line that is typed, and greets back.
 */
#include <ringside/hosted.h>

#include "serial.h"

static void print(struct serial* serial, const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  serial_write(serial, text, length);
}

void rs_main(void) {
  static struct serial serial;
  char name[64];
  unsigned length = 0;
  if (serial_open(&serial, 0x3f8, 4, 1)) rs_panic("no 16550A at 0x3f8");
  print(&serial, "hello from the driver\r\n");
  if (rs_option("ask")) {
    print(&serial, "who are you, and what brings you here? ");
    for (;;) {
      const int byte = serial_read(&serial, RS_FOREVER);
      if (byte == '\r') break;
      if (length < sizeof name - 1) name[length++] = (char)byte;
      serial_write(&serial, (char[]){(char)byte}, 1);
    }
    name[length] = 0;
    print(&serial, "\r\nwelcome, ");
    print(&serial, name);
    print(&serial, "\r\n");
  }
  serial_close(&serial);
}

// A driver for Intel's 82540EM Ethernet controller: both rings with legacy descriptors, by interrupts or
// polled. Sections are those of the PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's
// Manual (317453-006).
#pragma once

#include <stddef.h>
#include <stdint.h>

struct e1000_counts {
  uint64_t received, sent, received_bytes, sent_bytes;
  unsigned interrupts, link_changes, receive_errors, transmit_ring_full;
};

// Finds the controller, resets it, reads its address from the EEPROM, waits for the link, starts both rings.
// Ends the program where something is missing.
void e1000_start(int by_interrupts);
const uint8_t* e1000_mac(void);
// A copy of the frame goes out; shorter ones are padded by the controller. When the ring is full it waits for
// room.
void e1000_send(const void* frame, size_t length);
// The oldest received frame is given to `take` and its buffer back to the controller. Returns whether there
// was one.
int e1000_receive(void (*take)(const uint8_t* frame, size_t length));
// Sleeps until a frame has come, or the time is over.
void e1000_wait(uint64_t microseconds);
// Stops both rings, and compares what the controller counted with what the driver did.
void e1000_stop(void);
struct e1000_counts e1000_counts(void);

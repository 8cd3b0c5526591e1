// The way of a frame out: copied into a buffer of the ring, its descriptor filled, the tail moved behind it;
// the controller fetches both by DMA, sends, and writes the status back (DD). The way in: the controller
// fills the buffer of the descriptor at its head, writes length and status back, and interrupts; the driver
// takes all that are done and moves the tail, which gives their buffers back.
#include "scenarios/nic-echo/e1000.h"

#include "guest/pc/interrupts.h"
#include "guest/pc/pc.h"
#include "guest/pc/pci.h"
#include "guest/pc/ports.h"
#include "guest/pc/timers.h"
#include "scenarios/nic-echo/e1000_registers.h"

enum {
  kIntel = 0x8086,
  k82540em = 0x100e,
  kReceiveRing = 32,  // 3.2.6: the length in bytes is a multiple of 128
  kTransmitRing = 16,
  kBufferBytes = 2048,
  kFrameBytesMax = 1514,
  kMicrosecondsMax = 5000000,
};

static volatile uint8_t* registers;
static uint8_t mac[6];
static struct e1000_counts counts;
static int uses_interrupts;

// The controller writes these, so the compiler must look each time.
static volatile struct receive_descriptor* receive_ring;
static volatile struct transmit_descriptor* transmit_ring;
static uint8_t *receive_buffers, *transmit_buffers;
static unsigned receive_next;   // the descriptor that is done next
static unsigned transmit_next;  // the descriptor that is filled next

static uint32_t read_register(unsigned offset) { return mmio_read32(registers + offset); }
static void write_register(unsigned offset, uint32_t value) { mmio_write32(registers + offset, value); }

static void wait_for(unsigned offset, uint32_t bit, uint32_t wanted, const char* what) {
  const uint64_t start = microseconds_now();
  while ((read_register(offset) & bit) != wanted) {
    if (microseconds_now() - start > kMicrosecondsMax) fail("no %s within 5 s", what);
    delay_microseconds(10);
  }
}

// 5.6: the first three words of the EEPROM are the address, low byte first.
static uint16_t read_eeprom(unsigned word) {
  write_register(kEepromRead, kEepromStart | word << kEepromAddressShift);
  wait_for(kEepromRead, kEepromDone, kEepromDone, "word from the EEPROM");
  return (uint16_t)(read_register(kEepromRead) >> kEepromDataShift);
}

static void set_address(void) {
  for (unsigned i = 0; i < 3; ++i) {
    const uint16_t word = read_eeprom(i);
    mac[2 * i] = (uint8_t)word;
    mac[2 * i + 1] = (uint8_t)(word >> 8);
  }
  write_register(kReceiveAddressLow,
                 mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24);
  write_register(kReceiveAddressHigh, mac[4] | (uint32_t)mac[5] << 8 | kReceiveAddressValid);
  for (unsigned i = 0; i < 128; ++i) write_register(kMulticastTable + 4 * i, 0);
}

// 14.4: receive initialisation. The controller owns the descriptors from head to tail, the tail not included:
// one is held back, or a full ring would look like an empty one.
static void start_receiver(void) {
  receive_ring = allocate(kReceiveRing * sizeof *receive_ring, 128);
  receive_buffers = allocate(kReceiveRing * kBufferBytes, 2048);
  for (unsigned i = 0; i < kReceiveRing; ++i)
    receive_ring[i].address = (uint64_t)(receive_buffers + i * kBufferBytes);
  write_register(kReceiveBaseLow, (uint32_t)(uintptr_t)receive_ring);
  write_register(kReceiveBaseHigh, 0);
  write_register(kReceiveLength, kReceiveRing * sizeof *receive_ring);
  write_register(kReceiveHead, 0);
  write_register(kReceiveTail, kReceiveRing - 1);
  write_register(kReceiveDelay, 0);
  write_register(kReceiveControl, kReceiveEnable | kReceiveBroadcast | kReceiveStripChecksum);
}

// 14.5: transmit initialisation.
static void start_transmitter(void) {
  transmit_ring = allocate(kTransmitRing * sizeof *transmit_ring, 128);
  transmit_buffers = allocate(kTransmitRing * kBufferBytes, 2048);
  // An unused descriptor looks like one that is done.
  for (unsigned i = 0; i < kTransmitRing; ++i) transmit_ring[i].status = kDescriptorDone;
  write_register(kTransmitBaseLow, (uint32_t)(uintptr_t)transmit_ring);
  write_register(kTransmitBaseHigh, 0);
  write_register(kTransmitLength, kTransmitRing * sizeof *transmit_ring);
  write_register(kTransmitHead, 0);
  write_register(kTransmitTail, 0);
  write_register(kTransmitGap, kTransmitGapCopper);
  write_register(kTransmitControl,
                 kTransmitEnable | kTransmitPadShort | kTransmitCollisions | kTransmitDistance);
}

// The line may be shared with other functions of PCI: a cause of 0 is not ours. Reading the causes lets the
// line go.
static void on_interrupt(void* data) {
  (void)data;
  const uint32_t causes = read_register(kInterruptCause);
  if (causes == 0) return;
  ++counts.interrupts;
  if (causes & kCauseLinkChange) ++counts.link_changes;
  // Frames are taken by the program, which is awake now.
}

static int is_link_up(void* data) {
  (void)data;
  return (read_register(kStatus) & kStatusLinkUp) != 0;
}

void e1000_start(int by_interrupts) {
  struct pci_function nic;
  if (!pci_find(kIntel, k82540em, 0, &nic)) fail("no 82540EM on the PCI bus");
  const struct pci_bar bar = pci_bar(nic, 0);
  if (bar.is_ports || bar.length < 0x20000) fail("BAR 0 is not 128 KiB of memory");
  pci_enable(nic, kPciCommandMemory | kPciCommandMaster);
  registers = (volatile uint8_t*)bar.address;

  // 14.3: everything off, reset, off again, since the reset sets defaults.
  write_register(kInterruptClear, 0xffffffffu);
  write_register(kControl, read_register(kControl) | kControlReset);
  delay_microseconds(1000);
  wait_for(kControl, kControlReset, 0, "end of the reset");
  write_register(kInterruptClear, 0xffffffffu);
  read_register(kInterruptCause);

  set_address();
  write_register(kControl, read_register(kControl) | kControlLinkUp | kControlAutoSpeed | kControlFullDuplex);
  // Autonegotiation takes a second or more: long enough to sleep.
  if (!wait_until(is_link_up, 0, kMicrosecondsMax)) fail("no link within 5 s");
  read_register(kMissedPackets);
  read_register(kGoodReceived);
  read_register(kGoodSent);
  start_receiver();
  start_transmitter();

  uses_interrupts = by_interrupts;
  if (!by_interrupts) return;
  bind_irq(pci_route_interrupt(nic), on_interrupt, 0);
  // 13.4.18: at most one interrupt in 20 us.
  write_register(kInterruptThrottle, 20000 / 256);
  write_register(kInterruptSet, kCauseReceiveTimer | kCauseReceiveMinimum | kCauseReceiveOverrun |
                                    kCauseLinkChange | kCauseTransmitWrittenBack);
}

const uint8_t* e1000_mac(void) { return mac; }
struct e1000_counts e1000_counts(void) {
  return counts;
}

static int transmit_room(void* data) {
  (void)data;
  return transmit_ring[transmit_next].status & kDescriptorDone;
}

// By interrupts it sleeps meanwhile; polled it asks.
static int wait_while(int (*condition)(void* data), uint64_t microseconds) {
  if (uses_interrupts) return wait_until(condition, 0, microseconds);
  const uint64_t start = microseconds_now();
  while (!condition(0)) {
    if (microseconds_now() - start > microseconds) return 0;
    __asm__ volatile("pause");
  }
  return 1;
}

void e1000_send(const void* frame, size_t length) {
  if (length > kFrameBytesMax) fail("a frame of %lu bytes", length);
  if (!transmit_room(0)) {
    ++counts.transmit_ring_full;
    if (!wait_while(transmit_room, kMicrosecondsMax)) fail("the transmit ring stays full");
  }
  uint8_t* buffer = transmit_buffers + transmit_next * kBufferBytes;
  memcpy(buffer, frame, length);
  transmit_ring[transmit_next] = (struct transmit_descriptor){
      .address = (uint64_t)buffer,
      .length = (uint16_t)length,
      .command = kCommandEndOfPacket | kCommandInsertChecksum | kCommandReportStatus};
  transmit_next = (transmit_next + 1) % kTransmitRing;
  write_register(kTransmitTail, transmit_next);  // with a barrier: the descriptor before the tail
  ++counts.sent;
  counts.sent_bytes += length;
}

static int has_received(void* data) {
  (void)data;
  return receive_ring[receive_next].status & kDescriptorDone;
}

int e1000_receive(void (*take)(const uint8_t* frame, size_t length)) {
  volatile struct receive_descriptor* descriptor = &receive_ring[receive_next];
  if (!has_received(0)) return 0;
  read_barrier();  // the status before what it vouches for
  if (descriptor->errors != 0 || !(descriptor->status & kReceiveEndOfPacket)) {
    ++counts.receive_errors;
  } else {
    ++counts.received;
    counts.received_bytes += descriptor->length;
    take(receive_buffers + receive_next * kBufferBytes, descriptor->length);
  }
  descriptor->status = 0;
  write_register(kReceiveTail, receive_next);
  receive_next = (receive_next + 1) % kReceiveRing;
  return 1;
}

void e1000_wait(uint64_t microseconds) { wait_while(has_received, microseconds); }

// The head moves when a descriptor has been fetched, and its frame may then still be on its way: what counts
// is the controller's own count of frames that it has sent.
static uint64_t counted_sent;

static int all_sent(void* data) {
  (void)data;
  counted_sent += read_register(kGoodSent);
  return counted_sent >= counts.sent;
}

void e1000_stop(void) {
  const int in_time = wait_while(all_sent, kMicrosecondsMax);
  if (!in_time || counted_sent != counts.sent)
    fail("the controller counted %lu frames sent, the driver %lu", counted_sent, counts.sent);
  write_register(kInterruptClear, 0xffffffffu);
  write_register(kReceiveControl, 0);
  write_register(kTransmitControl, 0);
  const uint32_t missed = read_register(kMissedPackets);
  if (missed != 0) fail("the controller missed %u frames", missed);
}

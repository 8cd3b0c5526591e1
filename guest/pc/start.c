// From the loader's word to guest_main(): command line, memory, console, descriptor tables, interrupt
// controllers.
#include "apic.h"
#include "internal.h"
#include "interrupts.h"

// Needs the integer types to be there.
#include <xen/arch-x86/hvm/start_info.h>

enum { kCommandLineMax = 1024, kPoolBytes = 4 << 20 };

struct machine machine;
static char command_line[kCommandLineMax];
static uint8_t pool[kPoolBytes] __attribute__((aligned(4096)));
static size_t pool_used;

static __attribute__((noreturn)) void run(const char* line) {
  // A copy, because the loader's memory may be what the program uses next.
  size_t length = 0;
  while (line && line[length] && length + 1 < sizeof command_line) {
    command_line[length] = line[length];
    ++length;
  }
  machine.command_line = command_line;
  console_start();
  exceptions_start();
  pic_start();
  apic_virtual_wire();
  guest_main();
  pass();
}

// Called by start.S.
__attribute__((noreturn)) void start_bare(const char* line, uint64_t memory_bytes, const uint8_t* ramdisk,
                                          uint64_t ramdisk_bytes) {
  machine.memory_bytes = memory_bytes;
  machine.ramdisk = ramdisk_bytes ? ramdisk : 0;
  machine.ramdisk_bytes = ramdisk_bytes;
  run(line);
}

// Called by start.S.
__attribute__((noreturn)) void start_pvh(const struct hvm_start_info* info) {
  if (info->version >= 1) {
    const struct hvm_memmap_table_entry* map = (const void*)info->memmap_paddr;
    for (uint32_t i = 0; i < info->memmap_entries; ++i) {
      if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM && map[i].addr + map[i].size > machine.memory_bytes)
        machine.memory_bytes = map[i].addr + map[i].size;
    }
  }
  if (info->nr_modules != 0) {
    const struct hvm_modlist_entry* module = (const void*)info->modlist_paddr;
    machine.ramdisk = (const uint8_t*)module->paddr;
    machine.ramdisk_bytes = module->size;
  }
  run((const char*)info->cmdline_paddr);
}

// The place behind `start` at the beginning of one of the words, or null.
static const char* find_word(const char* start) {
  const size_t length = strlen(start);
  for (const char* at = command_line; *at;) {
    if (strlen(at) >= length && memcmp(at, start, length) == 0) return at + length;
    while (*at && *at != ' ') ++at;
    while (*at == ' ') ++at;
  }
  return 0;
}

int has_word(const char* word) {
  // The first word that begins so need not be the word: "dma" and "dma=1".
  const size_t length = strlen(word);
  for (const char* at = command_line; *at;) {
    const char* end = at;
    while (*end && *end != ' ') ++end;
    if ((size_t)(end - at) == length && memcmp(at, word, length) == 0) return 1;
    at = end;
    while (*at == ' ') ++at;
  }
  return 0;
}

uint64_t number_of(const char* key, uint64_t otherwise) {
  const char* at = find_word(key);
  if (!at || *at != '=') return otherwise;
  ++at;
  if (at[0] != '0' || at[1] != 'x') return parse_number(at);
  uint64_t value = 0;
  for (at += 2;; ++at) {
    if (*at >= '0' && *at <= '9') {
      value = value * 16 + (uint64_t)(*at - '0');
    } else if (*at >= 'a' && *at <= 'f') {
      value = value * 16 + (uint64_t)(*at - 'a') + 10;
    } else {
      return value;
    }
  }
}

void* allocate(size_t bytes, size_t alignment) {
  const size_t at = (pool_used + alignment - 1) & ~(alignment - 1);
  if (alignment > 4096 || bytes > sizeof pool || at > sizeof pool - bytes)
    fail("out of memory: %lu bytes", bytes);
  pool_used = at + bytes;
  return &pool[at];
}

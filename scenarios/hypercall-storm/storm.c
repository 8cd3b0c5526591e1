// A hostile guest: seeded hypercalls from a grammar, until `count` have been made. README.md says what it
// shows.
#include "storm.h"

enum {
  kHostileOf8 = 3,
  kHealEvery = 8192,
  kAbuseEvery = 16,
  kUsualWeight = 8,
  kFullCount = 1000000,
  kFullLeast = 100
};

struct operation* const all_operations[] = {
    mmu_operations,   mmuext_operations, memory_operations, event_operations, grant_operations,
    sched_operations, cpu_operations,    other_operations,  long_operations,  0};
uint64_t hypercalls;
uint64_t self;

static unsigned failures;

static char noted[8][96];

void note_failure(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  if (failures < 8) format_text_list(noted[failures], sizeof noted[0], format, arguments);
  va_end(arguments);
  ++failures;
}

// Through Xen's console too, which no abuse of ours reaches.
void give_up_all(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  format_text_list(text, sizeof text, format, arguments);
  va_end(arguments);
  call(__HYPERVISOR_console_io, CONSOLEIO_write, strlen(text), (uint64_t)text, 0);
  abuse_heal();
  events_heal();
  guest_panic("%s", text);
}

// "name=123" in the command line.
static uint64_t number_option(const char* name, uint64_t otherwise) {
  const char* text = (const char*)start_info->cmd_line;
  const size_t length = strlen(name);
  for (; *text; ++text) {
    if (memcmp(text, name, length) == 0 && text[length] == '=') return parse_number(text + length + 1);
  }
  return otherwise;
}

void unexpected_trap(uint64_t vector, const uint64_t* frame) {
  give_up_all("exception %lu outside of any attempt: stack %lx %lx %lx %lx", vector, frame[0], frame[1],
              frame[2], frame[3]);
}

static uint64_t total_weight(void) {
  uint64_t total = 0;
  for (unsigned part = 0; all_operations[part]; ++part) {
    for (struct operation* row = all_operations[part]; row->name; ++row) {
      if (row->weight == 0) row->weight = kUsualWeight;
      if (row->weight != kBeforehand) total += row->weight;
    }
  }
  return total;
}

static struct operation* choose(uint64_t total) {
  uint64_t left = random_below(total);
  for (unsigned part = 0;; ++part) {
    for (struct operation* row = all_operations[part]; row->name; ++row) {
      if (row->weight == kBeforehand) continue;
      if (left < row->weight) return row;
      left -= row->weight;
    }
  }
}

static void heal(void) {
  cpu_heal();
  abuse_heal();
  events_heal();
  grants_heal();
  frames_heal();
  grants_heal();
}

static uint64_t sum_of_code(void) {
  extern char guest_base[];
  extern char hypercall_page[];
  uint64_t sum = 0;
  for (const uint64_t* word = (const uint64_t*)guest_base; word < (const uint64_t*)hypercall_page; ++word) {
    sum = (sum ^ *word) * 0x100000001b3ul;
  }
  return sum;
}

static void attempt(struct operation* row) {
  const int hostile = random_below(8) < kHostileOf8;
  const long result = row->run(row->argument, hostile);
  if (result >= 0)
    ++row->successes;
  else
    ++row->failures;
}

static void run_beforehand(uint64_t count) {
  for (unsigned part = 0; all_operations[part]; ++part) {
    for (struct operation* row = all_operations[part]; row->name; ++row) {
      for (uint64_t i = 0; row->weight == kBeforehand && i < count / 2000; ++i) attempt(row);
    }
  }
}

static void run(uint64_t count) {
  const uint64_t total = total_weight();
  run_beforehand(count);
  uint64_t next_heal = kHealEvery;
  while (hypercalls < count) {
    lock_events();
    attempt(choose(total));
    if (one_in(kAbuseEvery)) abuse_once(hypercalls > count / 2);
    if (hypercalls >= next_heal) {
      heal();
      next_heal = hypercalls + kHealEvery;
    }
  }
}

static void judge(const struct operation* row, uint64_t least) {
  static const char* const kinds[] = {"", "  refused", "  cannot fail"};
  print("%8lu %8lu  %s%s\n", row->successes, row->failures, row->name, kinds[row->kind]);
  if (row->kind != kRefused && row->successes < least) {
    ++failures;
    print("FAIL: %s succeeded only %lu times\n", row->name, row->successes);
  }
  if (row->kind != kCannotFail && row->failures < least) {
    ++failures;
    print("FAIL: %s failed only %lu times\n", row->name, row->failures);
  }
  if ((row->kind == kRefused && row->successes != 0) || (row->kind == kCannotFail && row->failures != 0)) {
    ++failures;
    print("FAIL: %s came out otherwise than it must\n", row->name);
  }
}

static void report(uint64_t count) {
  const uint64_t least = count >= kFullCount ? kFullLeast : count * kFullLeast / kFullCount / 2;
  for (unsigned i = 0; i < failures && i < 8; ++i) print("FAIL: %s\n", noted[i]);
  uint64_t rows = 0, successes = ~0ul, refusals = ~0ul;
  print("    good      bad  sub-operation\n");
  for (unsigned part = 0; all_operations[part]; ++part) {
    for (const struct operation* row = all_operations[part]; row->name; ++row, ++rows) {
      judge(row, least);
      if (row->kind != kRefused && row->successes < successes) successes = row->successes;
      if (row->kind != kCannotFail && row->failures < refusals) refusals = row->failures;
    }
  }
  print("   quiet   faults  without a hypercall (%lu NMIs)\n", nmis);
  for (const struct abuse* abuse = abuses; abuse->name; ++abuse) {
    print("%8lu %8lu  %s\n", abuse->quiet, abuse->faults, abuse->name);
  }
  print("storm: %lu hypercalls, %lu sub-operations, min successes %lu, min failures %lu\n", hypercalls, rows,
        successes, refusals);
  print("hypercall-storm: %s\n", failures == 0 ? "PASS" : "FAIL");
}

void guest_main(void) {
  char number[16] = "";
  const uint64_t count = number_option("count", kFullCount);
  if (xenstore_read("domid", number, sizeof number) != 0) give_up_all("no domid in XenStore");
  self = parse_number(number);
  print("hypercall-storm: %lu hypercalls from seed %lu\n", count, number_option("seed", 1));
  lock_events();
  random_seed(number_option("seed", 1));
  arguments_start();
  frames_start();
  events_setup();
  grants_setup();
  abuse_start();
  cpu_heal();
  const uint64_t code = sum_of_code();
  run(count);
  // Memory stays as it is: whoever checks its counts afterwards shall have something to count.
  cpu_heal();
  abuse_heal();
  events_heal();

  if (sum_of_code() != code) note_failure("the program's own code has changed");
  report(count);
  die(number_option("death", 0));
}

// memory_op: how the domain's memory grows, shrinks, is exchanged and described. A reservation call counts as
// a success when it has dealt with all of its extents.
#include "storm.h"

enum { kListMax = 4, kClaimPages = 24 };

static long operate(unsigned command, const void* argument, size_t size, int hostile) {
  const uint64_t at = hostile && one_in(2) ? place_badly(argument, size) : place(argument, size);
  return call(__HYPERVISOR_memory_op, command, at, 0, 0);
}

static domid_t domain(int hostile) {
  if (!hostile || one_in(2)) return one_in(2) ? DOMID_SELF : (domid_t)self;
  return one_in(2) ? 0 : (domid_t)random_word();
}

static xen_pfn_t list[kListMax];  // read by Xen, and written

static xen_pfn_t* list_for(int hostile) { return hostile && one_in(3) ? (xen_pfn_t*)wild_address() : list; }

static long reservation(unsigned command, const struct xen_memory_reservation* request, int hostile) {
  const long result = operate(command, request, sizeof *request, hostile);
  return result == (long)request->nr_extents && result != 0 ? result : -1;
}

static void adopt(uint64_t mfn) {
  for (unsigned i = 0; i < kPoolFrames; ++i) {
    if (pool[i].use == kGone) {
      pool[i] = (struct frame){mfn, kIdle};
      return;
    }
  }
}

static long give_up(unsigned unused, int hostile) {
  (void)unused;
  struct frame* frame = unmapped_frame();
  unsigned idle = 0;
  for (unsigned i = 0; i < kPoolFrames; ++i) idle += pool[i].use == kIdle;
  struct xen_memory_reservation request = {.nr_extents = 1, .domid = domain(hostile)};
  list[0] = hostile && one_in(2) ? (one_in(8) ? frame_of(list) : wild_frame()) : frame ? frame->mfn : 0;
  set_xen_guest_handle(request.extent_start, list_for(hostile));
  if (hostile && one_in(4)) request.extent_order = (unsigned)bend(0);
  if (hostile && one_in(4)) request.nr_extents = bend(request.nr_extents);
  const long result = reservation(XENMEM_decrease_reservation, &request, hostile);
  if (result > 0) {
    struct frame* gone = frame_by_number(list[0]);
    if (gone) gone->use = kGone;
  }
  // The pool is kept at half its size at least.
  if (idle < kPoolFrames / 2) {
    xen_pfn_t mfn = 0;
    struct xen_memory_reservation back = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(back.extent_start, &mfn);
    if (call(__HYPERVISOR_memory_op, XENMEM_increase_reservation, (uint64_t)&back, 0, 0) == 1) adopt(mfn);
  }
  return result;
}

// There must be room below the domain's maximum.
static void make_room(unsigned frames) {
  while (frames-- != 0) {
    struct frame* frame = unmapped_frame();
    if (!frame) return;
    xen_pfn_t mfn = frame->mfn;
    struct xen_memory_reservation one = {.nr_extents = 1, .domid = DOMID_SELF};
    set_xen_guest_handle(one.extent_start, &mfn);
    if (call(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uint64_t)&one, 0, 0) == 1)
      frame->use = kGone;
  }
}

static long grow(unsigned command, int hostile) {
  struct xen_memory_reservation request = {.nr_extents = 1 + random_below(2), .domid = domain(hostile)};
  if (!hostile) {
    make_room((unsigned)request.nr_extents);
  } else {
    if (one_in(3)) request.extent_order = (unsigned)random_below(12);
    if (one_in(3)) request.mem_flags = (unsigned)random_word();
    if (one_in(3)) request.nr_extents = bend(request.nr_extents);
  }
  for (unsigned i = 0; i < kListMax; ++i) list[i] = random_below(4096);
  xen_pfn_t* given = list_for(hostile);
  // A list that is not ours could run into what is; ours ends with a few entries.
  if (given == list && request.nr_extents > kListMax) given = (xen_pfn_t*)unreadable_address();
  set_xen_guest_handle(request.extent_start, given);
  const long result = reservation(command, &request, hostile);
  for (long i = 0; given == list && request.extent_order == 0 && i < result; ++i) adopt(list[i]);
  return result;
}

static long exchange(unsigned unused, int hostile) {
  (void)unused;
  static xen_pfn_t in[2], out[2];
  struct frame* frames[2] = {unmapped_frame(), unmapped_frame()};
  if (!frames[0]) return -1;
  const unsigned count = frames[0] == frames[1] ? 1 : 1 + (unsigned)random_below(2);
  in[0] = frames[0]->mfn;
  in[1] = frames[1]->mfn;
  out[0] = random_below(4096);
  out[1] = random_below(4096);
  struct xen_memory_exchange request = {.in = {.nr_extents = count, .domid = domain(hostile)}};
  request.out = request.in;
  set_xen_guest_handle(request.in.extent_start, in);
  set_xen_guest_handle(request.out.extent_start, out);
  if (hostile) {
    switch (random_below(6)) {
      case 0: in[0] = wild_frame(); break;
      case 1: request.in.extent_order = (unsigned)random_below(11); break;
      case 2: request.out.extent_order = (unsigned)random_below(11); break;
      case 3: request.nr_exchanged = random_word(); break;
      case 4: set_xen_guest_handle(request.in.extent_start, (xen_pfn_t*)wild_address()); break;
      default: set_xen_guest_handle(request.out.extent_start, (xen_pfn_t*)unreadable_address()); break;
    }
  }
  const long result = operate(XENMEM_exchange, &request, sizeof request, hostile);
  // What went away is found out by the next healing when it failed in the middle.
  for (unsigned i = 0; i < count && result == 0; ++i) {
    if (frames[i]) *frames[i] = (struct frame){out[i], kIdle};
  }
  return result;
}

static long query(unsigned command, int hostile) {
  domid_t named = domain(hostile);
  return operate(command, &named, sizeof named, hostile);
}

static long describe(unsigned command, int hostile) {
  static char buffer[20 * 128];
  struct xen_foreign_memory_map map = {.domid = domain(hostile)};
  map.map.nr_entries = (unsigned)random_below(129);
  set_xen_guest_handle(map.map.buffer, hostile && one_in(2) ? (void*)unreadable_address() : (void*)buffer);
  if (hostile && one_in(3)) map.map.nr_entries = (unsigned)random_word();
  if (command == XENMEM_set_memory_map) return operate(command, &map, sizeof map, hostile);
  if (map.map.nr_entries > 128 && one_in(2)) map.map.nr_entries = 128;
  // What a former call has set is no longer than the buffer.
  return operate(command, &map.map, sizeof map.map, hostile);
}

static long machphys(unsigned command, int hostile) {
  static xen_pfn_t frames[16];
  struct xen_machphys_mfn_list request = {.max_extents = (unsigned)random_below(17)};
  struct xen_machphys_mapping mapping = {0, 0, 0};
  if (command == XENMEM_machphys_mapping) return operate(command, &mapping, sizeof mapping, hostile);
  set_xen_guest_handle(request.extent_start,
                       hostile && one_in(2) ? (xen_pfn_t*)unreadable_address() : frames);
  return operate(command, &request, sizeof request, hostile);
}

static long add_batch(unsigned unused, int hostile) {
  (void)unused;
  static xen_ulong_t indices[8];
  static xen_pfn_t frames[8];
  static int errors[8];
  struct xen_add_to_physmap_batch request = {.domid = domain(hostile), .space = XENMAPSPACE_gmfn};
  request.size = (uint16_t)random_below(9);
  set_xen_guest_handle(request.idxs, indices);
  set_xen_guest_handle(request.gpfns, hostile && one_in(3) ? (xen_pfn_t*)unreadable_address() : frames);
  set_xen_guest_handle(request.errs, hostile && one_in(3) ? (int*)unreadable_address() : errors);
  return operate(XENMEM_add_to_physmap_batch, &request, sizeof request, hostile);
}

static long remove_from(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_in_use(kIdle);
  struct xen_remove_from_physmap request = {.domid = domain(hostile), .gpfn = frame ? frame->mfn : 0};
  if (hostile && one_in(2)) request.gpfn = wild_frame();
  return operate(XENMEM_remove_from_physmap, &request, sizeof request, hostile);
}

// Bytes as they come; nothing of it may succeed.
static long refused(unsigned command, int hostile) {
  uint64_t words[12];
  for (unsigned i = 0; i < 12; ++i) words[i] = one_in(2) ? 0 : random_word();
  if (one_in(2)) words[0] = DOMID_SELF;
  return operate(command == 63 ? 29 + (unsigned)random_below(35) : command, words, sizeof words, hostile);
}

static long highest_frame(unsigned unused, int hostile) {
  (void)unused;
  return operate(XENMEM_maximum_ram_page, "", 1, hostile);
}

struct operation memory_operations[] = {
    {"memory_op increase_reservation", grow, XENMEM_increase_reservation, kBoth, 0, 0, 0},
    {"memory_op decrease_reservation", give_up, 0, kBoth, 0, 0, 0},
    {"memory_op populate_physmap", grow, XENMEM_populate_physmap, kBoth, 0, 0, 0},
    {"memory_op exchange", exchange, 0, kBoth, 0, 0, 0},
    {"memory_op maximum_ram_page", highest_frame, 0, kCannotFail, 0, 0, 0},
    {"memory_op current_reservation", query, XENMEM_current_reservation, kBoth, 0, 0, 0},
    {"memory_op maximum_reservation", query, XENMEM_maximum_reservation, kBoth, 0, 0, 0},
    {"memory_op maximum_gpfn", query, XENMEM_maximum_gpfn, kBoth, 0, 0, 0},
    {"memory_op machphys_mfn_list", machphys, XENMEM_machphys_mfn_list, kBoth, 0, 0, 0},
    {"memory_op machphys_mapping", machphys, XENMEM_machphys_mapping, kBoth, 0, 0, 0},
    {"memory_op memory_map", describe, XENMEM_memory_map, kBoth, 0, 0, 0},
    {"memory_op set_memory_map", describe, XENMEM_set_memory_map, kBoth, 0, 0, 0},
    {"memory_op add_to_physmap_batch", add_batch, 0, kBoth, 0, 0, 0},
    {"memory_op remove_from_physmap", remove_from, 0, kBoth, 0, 0, 0},
    {"memory_op add_to_physmap", refused, XENMEM_add_to_physmap, kRefused, 0, 0, 0},
    {"memory_op machine_memory_map", refused, XENMEM_machine_memory_map, kRefused, 0, 0, 0},
    {"memory_op set_pod_target", refused, XENMEM_set_pod_target, kRefused, 0, 0, 0},
    {"memory_op get_pod_target", refused, XENMEM_get_pod_target, kRefused, 0, 0, 0},
    {"memory_op claim_pages", refused, kClaimPages, kRefused, 0, 0, 0},
    {"memory_op get_vnumainfo", refused, XENMEM_get_vnumainfo, kRefused, 0, 0, 0},
    {"memory_op acquire_resource", refused, XENMEM_acquire_resource, kRefused, 0, 0, 0},
    {"memory_op unknown", refused, 63, kRefused, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};

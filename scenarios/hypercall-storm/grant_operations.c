// grant_table_op. The domain grants its pages to itself: it is both ends of every operation.
#include "storm.h"

enum { kFirstRef = 16, kMapRefs = 200, kSwapRefs = 400, kRefs = 512, kTableFrames = 4 };
static grant_entry_v1_t entries[kRefs] __attribute__((aligned(4096)));

// What is mapped, by its place in the window: kPlainPages + its index.
static struct mapping {
  int used;
  grant_handle_t handle;
  uint64_t address, mfn;
  uint32_t flags;
} mappings[kGrantPages];

// One element, or several times the same one; what came out, with the status of the first.
static long operate(unsigned command, const void* argument, size_t size, size_t status_at, int hostile) {
  const uint64_t at = hostile && one_in(3) ? place_badly(argument, size) : place(argument, size);
  const uint64_t count = hostile && one_in(8) ? bend(1) & 0xffffffff80000001 : 1;
  const long result = call(__HYPERVISOR_grant_table_op, command, at, count, 0);
  if (result != 0 || (uint32_t)count == 0) return -1;
  if (status_at == 0) return 0;
  int16_t status = 0;
  memcpy(&status, placed + status_at, sizeof status);
  return status;
}

static grant_ref_t ref_between(unsigned first, unsigned last) {
  return first + (grant_ref_t)random_below(last - first);
}

static void write_entry(grant_ref_t ref, uint16_t flags, domid_t domain, uint64_t mfn) {
  volatile grant_entry_v1_t* entry = &entries[ref];
  entry->flags = 0;
  entry->domid = domain;
  entry->frame = (uint32_t)mfn;
  xen_wmb();
  entry->flags = flags;
}

static grant_ref_t wild_ref(void) {
  return one_in(2) ? (grant_ref_t)random_below(40000) : (grant_ref_t)random_word();
}

// An entry with something wrong.
static grant_ref_t broken_ref(void) {
  const grant_ref_t ref = ref_between(kFirstRef, kMapRefs);
  if (one_in(3)) return wild_ref();
  write_entry(ref, (uint16_t)random_word(), one_in(2) ? (domid_t)self : (domid_t)random_word(), wild_frame());
  return ref;
}

static grant_ref_t good_ref(int read_only) {
  const struct frame* frame = frame_in_use(kIdle);
  const grant_ref_t ref = ref_between(kFirstRef, kMapRefs);
  write_entry(ref, GTF_permit_access | (read_only ? GTF_readonly : 0), (domid_t)self, frame ? frame->mfn : 0);
  return ref;
}

static domid_t domain(int hostile) { return hostile && one_in(2) ? (domid_t)random_word() : DOMID_SELF; }

static struct gnttab_unmap_grant_ref unmap_of(const struct mapping* mapping) {
  return (struct gnttab_unmap_grant_ref){
      .host_addr = mapping->address, .handle = mapping->handle, .status = -128};
}

// The entry may be somebody else's by now: put back, it can be taken away as it should.
static void drop(struct mapping* mapping) {
  for (int attempt = 0; attempt < 2 && mapping->used; ++attempt) {
    struct gnttab_unmap_grant_ref op = unmap_of(mapping);
    if (call(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, (uint64_t)&op, 1, 0) == 0 &&
        op.status == 0) {
      mapping->used = 0;
    } else {
      set_slot(kPlainPages + (unsigned)(mapping - mappings),
               mapping->mfn << 12 | kPteP | kPteA | kPteD | (mapping->flags & GNTMAP_readonly ? 0 : kPteW));
    }
  }
  mapping->used = 0;
}

static struct mapping* a_mapping(int used) {
  const unsigned start = (unsigned)random_below(kGrantPages);
  for (unsigned i = 0; i < kGrantPages; ++i) {
    if (mappings[(start + i) % kGrantPages].used == used) return &mappings[(start + i) % kGrantPages];
  }
  if (used) return 0;
  drop(&mappings[start]);
  return &mappings[start];
}

static long map_one(struct mapping* mapping, int hostile) {
  const unsigned slot = kPlainPages + (unsigned)(mapping - mappings);
  const int read_only = one_in(3);
  struct gnttab_map_grant_ref op = {.flags = GNTMAP_host_map | (read_only ? GNTMAP_readonly : 0),
                                    .dom = (domid_t)self};
  op.ref = hostile && one_in(2) ? broken_ref() : good_ref(read_only);
  op.host_addr = (uint64_t)window[slot];
  op.status = -128;
  if (one_in(4)) {
    op.flags |= GNTMAP_contains_pte;
    op.host_addr = slot_entry_address(slot);
  }
  if (one_in(4)) op.flags |= GNTMAP_application_map;
  if (hostile) {
    if (one_in(3)) op.flags ^= 1u << random_below(8);
    if (one_in(3)) op.dom = (domid_t)bend(op.dom);
    // Never an entry of our own.
    if (one_in(3))
      op.host_addr =
          op.flags & GNTMAP_contains_pte ? wild_frame() << 12 | random_below(4096) : wild_address_to_map();
  }
  // What flipped flags make of the address must not be ours either.
  if (!(op.flags & GNTMAP_contains_pte) && is_critical(op.host_addr >> 12)) op.host_addr = 0;
  const long status =
      operate(GNTTABOP_map_grant_ref, &op, sizeof op, offsetof(struct gnttab_map_grant_ref, status), hostile);
  if (status != 0) return status;
  const struct gnttab_map_grant_ref* done = (const struct gnttab_map_grant_ref*)placed;
  *mapping = (struct mapping){1, done->handle, op.host_addr, done->dev_bus_addr >> 12, op.flags};
  return 0;
}

static long map(unsigned unused, int hostile) {
  (void)unused;
  return map_one(a_mapping(0), hostile);
}

static struct mapping* mapping_for_use(void) {
  struct mapping* mapping = a_mapping(1);
  if (mapping) return mapping;
  mapping = a_mapping(0);
  return map_one(mapping, 0) == 0 ? mapping : 0;
}

static long unmap(unsigned unused, int hostile) {
  (void)unused;
  struct mapping* mapping = mapping_for_use();
  if (!mapping) return -1;
  struct gnttab_unmap_grant_ref op = unmap_of(mapping);
  if (hostile) {
    if (one_in(2)) op.handle = (grant_handle_t)bend(op.handle);
    if (one_in(2)) op.host_addr = one_in(2) ? wild_address_to_map() : op.host_addr ^ 8;
  }
  const long status = operate(GNTTABOP_unmap_grant_ref, &op, sizeof op,
                              offsetof(struct gnttab_unmap_grant_ref, status), hostile);
  if (status == 0 && op.handle == mapping->handle && op.host_addr != 0) mapping->used = 0;
  return status;
}

static long unmap_and_replace(unsigned unused, int hostile) {
  (void)unused;
  struct mapping* mapping = mapping_for_use();
  if (!mapping) return -1;
  struct gnttab_unmap_and_replace op = {.host_addr = mapping->address,
                                        .new_addr = (uint64_t)window[random_slot()],
                                        .handle = mapping->handle,
                                        .status = -128};
  if (mapping->flags & GNTMAP_contains_pte || one_in(4)) op.new_addr = 0;
  if (hostile) {
    if (one_in(2)) op.handle = (grant_handle_t)bend(op.handle);
    if (one_in(2)) op.new_addr = one_in(2) ? mapping->address : wild_address_to_map();
    if (one_in(2)) op.host_addr = wild_address_to_map();
  }
  const long status = operate(GNTTABOP_unmap_and_replace, &op, sizeof op,
                              offsetof(struct gnttab_unmap_and_replace, status), hostile);
  if (status == 0 && op.handle == mapping->handle && op.host_addr != 0) mapping->used = 0;
  return status;
}

static long setup_table(unsigned unused, int hostile) {
  (void)unused;
  static xen_pfn_t frames[kTableFrames];
  struct gnttab_setup_table op = {
      .dom = domain(hostile), .nr_frames = 1 + (uint32_t)random_below(kTableFrames), .status = -128};
  if (hostile && one_in(3)) op.nr_frames = 65 + (uint32_t)random_word() % 1000000;
  set_xen_guest_handle(op.frame_list, hostile && one_in(2) ? (xen_pfn_t*)unreadable_address() : frames);
  const long status =
      operate(GNTTABOP_setup_table, &op, sizeof op, offsetof(struct gnttab_setup_table, status), hostile);
  return status;
}

static long transfer(unsigned unused, int hostile) {
  (void)unused;
  struct frame* frame = unmapped_frame();
  if (!frame) return -1;
  const grant_ref_t ref = ref_between(kMapRefs, kSwapRefs);
  write_entry(ref, GTF_accept_transfer, (domid_t)self, 0);
  struct gnttab_transfer op = {.mfn = frame->mfn, .domid = (domid_t)self, .ref = ref, .status = -128};
  if (hostile) {
    if (one_in(2)) op.mfn = wild_frame();
    if (one_in(2)) op.domid = (domid_t)bend(op.domid);
    if (one_in(2)) op.ref = wild_ref();
  }
  const long status =
      operate(GNTTABOP_transfer, &op, sizeof op, offsetof(struct gnttab_transfer, status), hostile);
  if (status == 0) {
    struct frame* given = frame_by_number(op.mfn);
    if (given) *given = (struct frame){entries[ref].frame, kIdle};
  }
  return status;
}

static long copy(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_copy op = {.status = -128};
  const struct frame* source = frame_in_use(kIdle);
  const struct frame* target = frame_in_use(kIdle);
  op.source.domid = op.dest.domid = DOMID_SELF;
  op.source.u.gmfn = source ? source->mfn : 0;
  op.dest.u.gmfn = target ? target->mfn : 0;
  if (one_in(2)) {
    op.flags |= GNTCOPY_source_gref;
    op.source.domid = (domid_t)self;
    op.source.u.gmfn = 0;
    op.source.u.ref = good_ref(one_in(2));
  }
  if (one_in(2)) {
    op.flags |= GNTCOPY_dest_gref;
    op.dest.domid = (domid_t)self;
    op.dest.u.gmfn = 0;
    op.dest.u.ref = good_ref(0);
  }
  op.len = (uint16_t)random_below(4097);
  op.source.offset = (uint16_t)random_below(4097u - op.len);
  op.dest.offset = (uint16_t)random_below(4097u - op.len);
  if (hostile) {
    switch (random_below(6)) {
      case 0: op.len = (uint16_t)bend(op.len); break;
      case 1: op.source.offset = (uint16_t)random_word(); break;
      case 2: op.dest.offset = (uint16_t)random_word(); break;
      case 3: op.flags ^= (uint16_t)(1u << random_below(4)); break;
      case 4: op.source.domid = (domid_t)bend(op.source.domid); break;
      default: op.dest.domid = (domid_t)bend(op.dest.domid); break;
    }
    if (one_in(2)) op.source.u.gmfn = op.flags & GNTCOPY_source_gref ? broken_ref() : wild_frame();
    if (one_in(2)) op.dest.u.gmfn = op.flags & GNTCOPY_dest_gref ? broken_ref() : wild_frame();
  }
  return operate(GNTTABOP_copy, &op, sizeof op, offsetof(struct gnttab_copy, status), hostile);
}

static long query_size(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_query_size op = {.dom = domain(hostile), .status = -128};
  return operate(GNTTABOP_query_size, &op, sizeof op, offsetof(struct gnttab_query_size, status), hostile);
}

// Back from version 2, of which nobody else here knows. A wild mapping of a status frame keeps it.
static void first_version(void) {
  struct gnttab_set_version op = {.version = 1};
  if (grant_table_op(GNTTABOP_set_version, &op, 1) == 0) return;
  grants_heal();
  frames_heal();
  op.version = 1;
  if (grant_table_op(GNTTABOP_set_version, &op, 1) != 0) give_up_all("the grant table keeps version 2");
}

static long set_version(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_set_version op = {.version = hostile ? (uint32_t)bend(1) : 1};
  const long result = operate(GNTTABOP_set_version, &op, sizeof op, 0, hostile);
  if (hostile) first_version();
  return result;
}

// Entries of the second version, of any kind: whole pages, parts of them, grants of grants.
static grant_ref_t any_entry(int good) {
  const grant_ref_t ref = ref_between(kFirstRef, kMapRefs);
  grant_entry_v2_t* entry = (grant_entry_v2_t*)entries + ref;
  const struct frame* frame = frame_in_use(kIdle);
  for (unsigned word = 0; word < 4; ++word) entry->__spacer[word] = (uint32_t)random_word();
  if (good || one_in(2)) entry->full_page.frame = frame ? frame->mfn : 0;
  if (good || one_in(2)) entry->hdr.domid = (domid_t)self;
  if (good || one_in(2)) entry->hdr.flags = GTF_permit_access | (one_in(2) ? GTF_sub_page : 0);
  return ref;
}

static long second_version(unsigned unused, int hostile) {
  (void)unused;
  grants_heal();
  struct gnttab_set_version op = {.version = hostile ? (uint32_t)bend(2) : 2};
  const long result = operate(GNTTABOP_set_version, &op, sizeof op, 0, hostile);
  for (unsigned i = 0; i < 16; ++i) {
    const struct frame* frame = frame_in_use(kIdle);
    struct gnttab_copy copy = {.len = (uint16_t)random_below(64), .flags = GNTCOPY_source_gref};
    copy.source.u.ref = any_entry(one_in(2));
    copy.source.domid = (domid_t)self;
    copy.source.offset = (uint16_t)random_below(128);
    copy.dest.domid = DOMID_SELF;
    copy.dest.u.gmfn = frame ? frame->mfn : 0;
    call(__HYPERVISOR_grant_table_op, GNTTABOP_copy, (uint64_t)&copy, 1, 0);
  }
  first_version();
  return result;
}

static long get_version(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_get_version op = {.dom = domain(hostile)};
  return operate(GNTTABOP_get_version, &op, sizeof op, 0, hostile);
}

static long get_status_frames(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_get_status_frames op = {.dom = domain(hostile), .status = -128};
  if (hostile && one_in(2)) op.nr_frames = (uint32_t)random_below(64);
  return operate(GNTTABOP_get_status_frames, &op, sizeof op,
                 offsetof(struct gnttab_get_status_frames, status), hostile);
}

static long swap(unsigned unused, int hostile) {
  (void)unused;
  struct gnttab_swap_grant_ref op = {ref_between(kSwapRefs, kRefs), ref_between(kSwapRefs, kRefs), -128};
  if (hostile) {
    if (one_in(2))
      op.ref_a = wild_ref() + 2048;
    else
      op.ref_b = wild_ref() + 2048;
  }
  return operate(GNTTABOP_swap_grant_ref, &op, sizeof op, offsetof(struct gnttab_swap_grant_ref, status),
                 hostile);
}

static long cache_flush(unsigned unused, int hostile) {
  (void)unused;
  const struct frame* frame = frame_in_use(kIdle);
  struct gnttab_cache_flush op = {.op = GNTTAB_CACHE_CLEAN};
  op.a.dev_bus_addr = (frame ? frame->mfn : 0) << 12;
  op.length = (uint16_t)random_below(4097);
  op.offset = (uint16_t)random_below(4096u - op.length + (op.length == 4096));
  if (hostile) {
    switch (random_below(4)) {
      case 0: op.a.dev_bus_addr = wild_frame() << 12; break;
      case 1: op.length = (uint16_t)random_word(); break;
      case 2: op.offset = (uint16_t)random_word(); break;
      default: op.op = (uint32_t)random_word(); break;
    }
  }
  return operate(GNTTABOP_cache_flush, &op, sizeof op, 0, hostile);
}

static long refused(unsigned command, int hostile) {
  uint64_t words[8];
  for (unsigned i = 0; i < 8; ++i) words[i] = random_word();
  return operate(command ? command : 13 + (unsigned)random_below(1u << 30), words, sizeof words, 0, hostile);
}

void grants_setup(void) {
  xen_pfn_t frames[kTableFrames] = {0};
  struct gnttab_setup_table op = {.dom = DOMID_SELF, .nr_frames = kTableFrames};
  set_xen_guest_handle(op.frame_list, frames);
  if (grant_table_op(GNTTABOP_setup_table, &op, 1) != 0 || op.status != 0) give_up_all("no grant table");
  for (unsigned i = 0; i < kTableFrames; ++i) set_critical(frames[i]);
  map_frame(entries, frames[0]);
}

void grants_heal(void) {
  for (unsigned i = 0; i < kGrantPages; ++i) drop(&mappings[i]);
}

struct operation grant_operations[] = {
    {"grant_table_op map_grant_ref", map, 0, kBoth, 24, 0, 0},
    {"grant_table_op unmap_grant_ref", unmap, 0, kBoth, 16, 0, 0},
    {"grant_table_op setup_table", setup_table, 0, kBoth, 0, 0, 0},
    {"grant_table_op dump_table", refused, GNTTABOP_dump_table, kRefused, 0, 0, 0},
    {"grant_table_op transfer", transfer, 0, kBoth, 0, 0, 0},
    {"grant_table_op copy", copy, 0, kBoth, 0, 0, 0},
    {"grant_table_op query_size", query_size, 0, kBoth, 0, 0, 0},
    {"grant_table_op unmap_and_replace", unmap_and_replace, 0, kBoth, 0, 0, 0},
    {"grant_table_op set_version", set_version, 0, kBoth, 0, 0, 0},
    {"grant_table_op set_version 2", second_version, 0, kBoth, kBeforehand, 0, 0},
    {"grant_table_op get_status_frames", get_status_frames, 0, kBoth, 0, 0, 0},
    {"grant_table_op get_version", get_version, 0, kBoth, 0, 0, 0},
    {"grant_table_op swap_grant_ref", swap, 0, kBoth, 0, 0, 0},
    {"grant_table_op cache_flush", cache_flush, 0, kBoth, 0, 0, 0},
    {"grant_table_op unknown", refused, 0, kRefused, 0, 0, 0},
    {0, 0, 0, kBoth, 0, 0, 0},
};

// Two domains: dom1 lies on its XenStore ring in every way that leaves it a ring, and at last in one that
// ends the connection; dom2 reads and writes meanwhile and must see nothing of it.
#include "guest/runtime.h"

static volatile struct xenstore_domain_interface* ring;

static void put(const void* bytes, size_t length) {
  const char* from = bytes;
  for (size_t i = 0; i < length; ++i) {
    ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = from[i];
    ring->req_prod = ring->req_prod + 1;
  }
}

static void pause(void) {
  for (volatile int i = 0; i < 20000; ++i) {
  }
}

static void flood(void) {
  // Requests that are never read the answers of; then half a message that stays half.
  struct xsd_sockmsg header = {.type = XS_READ, .len = 2};
  for (int i = 0; i < 400; ++i) {
    while (ring->req_prod - ring->req_cons + sizeof header + 2 > XENSTORE_RING_SIZE) {
      notify(start_info->store_evtchn);
      pause();
      // The server has stopped reading: its answers are taken away unread.
      if (ring->req_prod - ring->req_cons + sizeof header + 2 > XENSTORE_RING_SIZE)
        ring->rsp_cons = ring->rsp_prod;
    }
    header.type = (uint32_t)i % 40;
    put(&header, sizeof header);
    put(i & 1 ? "/" : "\0\0", 2);
    notify(start_info->store_evtchn);
  }
}

static void lie(void) {
  ring = address_of_frame(start_info->store_mfn);
  flood();
  for (int i = 0; i < 50; ++i) {
    notify(start_info->store_evtchn);
    ring->rsp_cons = ring->rsp_prod;
    pause();
  }
  const struct xsd_sockmsg huge = {.type = XS_WRITE, .len = 0xffffffff};
  put(&huge, sizeof huge);
  notify(start_info->store_evtchn);
  pause();
  while (ring->error == XENSTORE_ERROR_NONE) pause();
  print("liar: ended with error %u\n", ring->error);
  ring->req_prod = ring->req_cons + 123456;
  ring->rsp_cons = ring->rsp_prod + 99;
  for (int i = 0; i < 50; ++i) notify(start_info->store_evtchn);
}

static void behave(void) {
  char path[32], value[16], got[16];
  unsigned wrong = 0;
  for (int i = 0; i < 300; ++i) {
    format_text(path, sizeof path, "data/n%d", i % 50);
    format_text(value, sizeof value, "v%d", i);
    got[0] = 0;
    if (xenstore_write(path, value) != 0 || xenstore_read(path, got, sizeof got) != 0 ||
        strcmp(got, value) != 0)
      ++wrong;
  }
  print("honest: %s\n", wrong == 0 ? "PASS" : "FAIL");
}

void guest_main(void) {
  char id[8] = "";
  xenstore_read("domid", id, sizeof id);
  if (strcmp(id, "1") == 0) {
    lie();
  } else {
    behave();
  }
}

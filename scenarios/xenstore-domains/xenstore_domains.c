// Two domains run this: README.md says what they prove. Errors are numbers of XenStore's own list, as
// guest/runtime.h has them.
#include "guest/runtime.h"

enum { EINVAL = 1, EACCES = 2, ENOENT = 5, ENOSPC = 7, E2BIG = 15, EPERM = 16 };

#define SECRET "/local/domain/1/data/secret"
#define OPEN "/local/domain/1/data/open"

static unsigned failures;
static char reply[4200];

static void check(const char* what, int got, int wanted) {
  if (got == wanted) return;
  ++failures;
  print("wrong: %s gives %d, not %d\n", what, got, wanted);
}

static int ask(uint32_t type, const char* path) {
  return xenstore_request(type, 0, path, "", 0, reply, sizeof reply);
}
static int set_permissions(const char* path, const char* list, size_t length) {
  return xenstore_request(XS_SET_PERMS, 0, path, list, length, reply, sizeof reply);
}

// Asks until a node has a value: the other domain's sign.
static void wait_for(const char* path, const char* value) {
  char now[32];
  do {
    now[0] = 0;
    xenstore_read(path, now, sizeof now);
  } while (strcmp(now, value) != 0);
}

static void forbidden(void) {
  check("reading", ask(XS_READ, SECRET), EACCES);
  check("reading what is not there", ask(XS_READ, "/local/domain/1/data/none"), EACCES);
  check("listing", ask(XS_DIRECTORY, "/local/domain/1/data"), EACCES);
  check("writing", xenstore_write(SECRET, "mine"), EACCES);
  check("creating", xenstore_write("/local/domain/1/data/new", "mine"), EACCES);
  check("making", ask(XS_MKDIR, "/local/domain/1/data/new"), EACCES);
  check("removing", ask(XS_RM, SECRET), EACCES);
  check("looking at permissions", ask(XS_GET_PERMS, SECRET), EACCES);
  check("taking over", set_permissions(SECRET, "n2", 3), EACCES);
  check("writing what may be read", xenstore_write(OPEN, "mine"), EACCES);
  check("giving away", set_permissions("data", "n1", 3), EPERM);
  check("releasing", ask(XS_RELEASE, "1"), EACCES);
  check("introducing", xenstore_request(XS_INTRODUCE, 0, "3", "1\0005", 4, reply, sizeof reply), EACCES);
  check("controlling", ask(XS_CONTROL, "check"), EACCES);
  check("writing at the root", xenstore_write("/mine", "1"), EACCES);
  check("reading what is open", ask(XS_READ, OPEN), 0);
}

static void watches_of_others(void) {
  check("watching a secret", xenstore_watch(SECRET, "s"), 0);
  check("watching what is open", xenstore_watch(OPEN, "o"), 0);
  // Each fires once at once.
  while (xenstore_events('s') < 1 || xenstore_events('o') < 1) ask(XS_READ, "data");
  xenstore_write("data/go", "1");
  wait_for(OPEN, "changed");
  while (xenstore_events('o') < 2) ask(XS_READ, "data");
  check("events of a secret", (int)xenstore_events('s'), 1);
}

static void limits(void) {
  char path[2200], number[16];
  // Some in each folder: a folder's list of names counts for its size.
  int made = 0, error = 0;
  while (made < 2000 && error == 0) {
    format_text(path, sizeof path, "data/d%d/n%d", made / 100, made);
    error = ask(XS_MKDIR, path);
    if (error == 0) ++made;
  }
  check("a node too many", error, ENOSPC);
  // 1,000 with the folders and what it had before; xl gives a domain some of its own.
  check("nodes before it", made > 970 && made < 990, 1);
  check("removing some", ask(XS_RM, "data/d0"), 0);
  int watches = 2;
  for (error = 0; watches < 500 && error == 0; ++watches) {
    format_text(number, sizeof number, "w%d", watches);
    error = xenstore_watch("data", number);
  }
  check("a watch too many", error, E2BIG);
  check("watches before it", watches - 1, 129);
  int transactions = 0;
  while (transactions < 50 && (error = ask(XS_TRANSACTION_START, "")) == 0) ++transactions;
  check("a transaction too many", error, ENOSPC);
  check("transactions before it", transactions, 11);
  memset(path, 'v', 2100);
  path[2100] = 0;
  check("a node too large", xenstore_write("data/go", path), ENOSPC);
  check("a path too long", ask(XS_READ, path), EINVAL);
  check("permissions too many", set_permissions("data/go", "n2\0r1\0r1\0r1\0r1\0r1", 18), ENOSPC);
}

static void owner(void) {
  check("writing one's own", xenstore_write("data/secret", "mine"), 0);
  check("writing one's own", xenstore_write("data/open", "first"), 0);
  check("opening it", set_permissions("data/open", "n1\0r2", 6), 0);
  wait_for("/local/domain/2/data/go", "1");
  xenstore_write("data/secret", "changed");
  xenstore_write("data/open", "changed");
  wait_for("/local/domain/2/data/done", "1");
  check("reading one's own", ask(XS_READ, "data/secret"), 0);
  if (strcmp(reply, "changed") != 0) check("the secret", 1, 0);
}

static void stranger(void) {
  // What dom1 may read of it: signs.
  check("making signs", xenstore_write("data/go", "0"), 0);
  check("making signs", xenstore_write("data/done", "0"), 0);
  check("opening them", set_permissions("data/go", "n2\0r1", 6), 0);
  check("opening them", set_permissions("data/done", "n2\0r1", 6), 0);
  wait_for(OPEN, "first");
  forbidden();
  watches_of_others();
  limits();
  check("the last sign", xenstore_write("data/done", "1"), 0);
}

void guest_main(void) {
  char id[8] = "";
  xenstore_read("domid", id, sizeof id);
  const int first = strcmp(id, "1") == 0;
  if (first) {
    owner();
  } else {
    stranger();
  }
  print("%s: %s\n", first ? "owner" : "stranger", failures == 0 ? "PASS" : "FAIL");
}

#!/bin/bash
# A domain that lies on its XenStore ring (floods, half and impossible messages, indices that cannot be) loses its own
# connection, with XENSTORE_ERROR_PROTO in its ring and a notice; the domain beside it is served all the time, and the
# session replays.
source "$(dirname "$0")/common.sh" "$@"

mkdir s
{
  echo 'name = "hostile-xenstore"'
  for domain in dom1 dom2; do
    printf '[[domain]]\nname = "%s"\nmemory = "8M"\nkernel = "%s/guest/hostile-xenstore.elf"\n' "$domain" "$build_dir"
  done
  printf '[check]\nallow = ["ring/*"]\n[expect]\nconsole = ["liar: ended with error 3", "honest: PASS"]\nshutdown = "poweroff"\nwithin = "20s"\n'
} >s/scenario.toml
expect 0 "$ringside" run s -o a.pcapng --no-console
expect 0 "$ringside" show a.pcapng --wire dom1/notice
says out "the connection is ignored from now on: a message of 4294967295 bytes"
expect 0 "$ringside" show a.pcapng --wire dom2/notice
if grep -q xenstore out; then fail "the honest domain has a notice: $(grep xenstore out)"; fi
expect 0 "$ringside" replay a.pcapng --disturb 2
says out "replay: identical ("
finish

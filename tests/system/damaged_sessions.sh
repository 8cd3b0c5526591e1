#!/bin/bash
# A flipped byte anywhere in a session is damage (exit 2). A bit of guest memory that flips during a replay is
# found at the next digest that covers memory (exit 3).
source "$(dirname "$0")/common.sh" "$@"

expect 0 "$ringside" run "$source_dir/scenarios/grub-pv" -o a.pcapng
size=$(stat -c %s a.pcapng)
RANDOM=7
for _ in $(seq 25); do
  offset=$(((RANDOM * 32768 + RANDOM) % size))
  cp a.pcapng b.pcapng
  byte=$(od -An -tu1 -j "$offset" -N 1 a.pcapng)
  printf "\\x$(printf %x $((byte ^ 0x40)))" | dd of=b.pcapng bs=1 seek="$offset" conv=notrunc status=none
  expect 2 "$ringside" replay b.pcapng
  says err "b.pcapng"
done

expect 3 "$ringside" replay a.pcapng --flip-memory-bit-after-epoch 5
says err "memory"
epoch=$(sed -n 's/^replay: diverged in epoch \([0-9]*\) .*/\1/p' err)
first_full=$("$ringside" show a.pcapng --digests --wire none | sed -n 's/.* epoch=\([0-9]*\) .* memory=.*/\1/p' |
  awk '$1 > 5' | head -n 1)
[[ $epoch == "$first_full" ]] || fail "found in epoch '$epoch', not in the next full one, '$first_full'"
finish

#!/bin/bash
# A session cut at any of 200 random places replays up to the cut, warns, and exits 0; cut within its header it
# is refused.
source "$(dirname "$0")/common.sh" "$@"

expect 0 "$ringside" run "$source_dir/scenarios/blk-read" -o a.pcapng
size=$(stat -c %s a.pcapng)
# The header ends before the first crossing: a cut behind it must replay.
RANDOM=11
refused=0
identical=0
for _ in $(seq 200); do
  at=$(((RANDOM * 32768 + RANDOM) % size))
  head -c "$at" a.pcapng >cut.pcapng
  "$ringside" replay cut.pcapng >out 2>err </dev/null
  case $? in
    0)
      identical=$((identical + 1))
      grep -q "replay: identical" out || fail "cut at $at: no word of it"
      grep -q "warning" err || fail "cut at $at: no warning"
      ;;
    2) refused=$((refused + 1)) ;;
    *) fail "cut at $at: $(cat err)" ;;
  esac
done
((refused <= 5)) || fail "$refused of 200 cuts were refused"
echo "$identical replayed, $refused refused"
finish

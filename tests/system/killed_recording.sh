#!/bin/bash
# `kill -9` of a recording leaves a file that replays to its last complete epoch.
source "$(dirname "$0")/common.sh" "$@"

replayed=0
for delay in 0.1 0.15 0.2 0.25 0.3 0.35; do
  rm -f a.pcapng
  "$ringside" run "$source_dir/scenarios/grub-pv" -o a.pcapng >/dev/null 2>&1 </dev/null &
  pid=$!
  sleep "$delay"
  kill -9 "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
  [[ -s a.pcapng ]] || continue
  "$ringside" replay a.pcapng >out 2>err </dev/null
  code=$?
  # Killed before its first epoch was complete, it holds nothing to replay, and that is said.
  if [[ $code == 2 ]] && ! "$ringside" show a.pcapng --digests --wire none 2>/dev/null | grep -q "digest epoch="; then
    continue
  fi
  [[ $code == 0 ]] || fail "killed after $delay s: replay exits $code: $(cat err)"
  grep -q "replay: identical" out && replayed=$((replayed + 1))
done
((replayed >= 3)) || fail "only $replayed killed recordings were replayed"
finish

#!/bin/bash
# Equal runs give equal bytes: from another folder, in another environment, with load beside, with random
# pauses of the host, random flushes of the emulator's TLB and random extra stops. Cannot show: another
# machine.
source "$(dirname "$0")/common.sh" "$@"

for scenario in grub-pv blk-read; do
  expect 0 "$ringside" run "$source_dir/scenarios/$scenario" -o "$work/plain.pcapng"
  same() { cmp "$work/plain.pcapng" "$1" || fail "$scenario: $1 differs"; }

  expect 0 "$ringside" run "$source_dir/scenarios/$scenario" -o "$work/again.pcapng"
  same again.pcapng

  mkdir -p "$work/elsewhere"
  cd "$work/elsewhere" || exit 1
  ln -sfn "$source_dir/scenarios/$scenario" link
  expect 0 env -i LANG=tr_TR.UTF-8 TZ=Asia/Tokyo X="$(head -c 3000 /dev/zero | tr '\0' x)" \
    "$ringside" run link/scenario.toml -o ../elsewhere.pcapng
  cd "$work" || exit 1
  same elsewhere.pcapng

  for _ in 1 2 3; do (while :; do :; done) & done
  expect 0 "$ringside" run "$source_dir/scenarios/$scenario" -o "$work/load.pcapng"
  kill $(jobs -p)
  wait 2>/dev/null
  same load.pcapng

  for seed in 1 2 3; do
    expect 0 "$ringside" run "$source_dir/scenarios/$scenario" --disturb "$seed" -o "$work/disturbed.pcapng"
    same disturbed.pcapng
  done
  expect 0 "$ringside" replay plain.pcapng --disturb 9
  says out "replay: identical"
done
finish

#!/bin/bash
# Debian's GRUB for Xen boots, reads a file from a disk over a blkif ring and powers off; the session replays
# identically, shows the requests, and equals itself. Cannot show: that GRUB's other drivers work.
source "$(dirname "$0")/common.sh" "$@"

expect 0 "$ringside" run "$source_dir/scenarios/grub-pv" -o a.pcapng
says out "hello from a real disk"
says err "poweroff"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
digests=$(sed -n 's/^replay: identical (\([0-9]*\) digests)$/\1/p' out)
((${digests:-0} > 100)) || fail "only '$digests' digests were compared"
expect 0 "$ringside" show a.pcapng --wire 'ring/*/request'
says out "operation=READ"
says out "segments=[{gref="
((line_count=$(wc -l <out)))
((line_count > 20)) || fail "only $line_count requests"
expect 0 "$ringside" show a.pcapng --wire 'console/out' --json
says out '"wire":"dom1/console/out"'
expect 0 "$ringside" diff a.pcapng a.pcapng
expect 0 "$ringside" run "$source_dir/scenarios/grub-pv" --seed 2 -o b.pcapng
expect 1 "$ringside" diff a.pcapng b.pcapng
expect 0 "$ringside" replay a.pcapng --until 1ms
expect 0 "$ringside" run "$source_dir/scenarios/grub-pv" --json
says out '"reason": "poweroff"'
expect 4 "$ringside" run "$source_dir/scenarios/grub-pv" --set expect.within=1ms
says err "the guest hung"
expect 1 "$ringside" run "$source_dir/scenarios/grub-pv" --set 'expect.console=["no such text"]'
says err 'the console never showed "no such text"'
finish

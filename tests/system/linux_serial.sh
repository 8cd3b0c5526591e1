#!/bin/bash
# Debian's cloud kernel, unmodified, boots to a shell on ttyS0, finds the right sum and powers off without a word of
# trouble; a second run gives the same bytes, and the session replays. Skipped where scripts/fetch-guests has not
# been. Cannot show: other kernels, or hardware of which this one has no driver.
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-serial/vmlinuz guests/busybox
expect 0 "$ringside" run "$source_dir/scenarios/linux-serial" -o a.pcapng
says out "x86_64 GNU/Linux"
says out "$(md5sum <"$build_dir/guests/busybox" | cut -d' ' -f1)  /bin/busybox"
says out "/bin/busybox: OK"
says out "reboot: Power down"
says err "run: poweroff at"
if grep -aE 'BUG|Oops|Call Trace|WARNING|general protection|segfault|unexpected|tsc: Marking TSC unstable' out; then
  fail "the kernel complains"
fi

expect 0 "$ringside" run "$source_dir/scenarios/linux-serial" -o b.pcapng
cmp a.pcapng b.pcapng || fail "two runs differ"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
digests=$(sed -n 's/^replay: identical (\([0-9]*\) digests)$/\1/p' out)
((${digests:-0} > 100)) || fail "only '$digests' digests were compared"
expect 0 "$ringside" diff a.pcapng b.pcapng
finish

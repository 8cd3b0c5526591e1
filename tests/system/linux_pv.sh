#!/bin/bash
# Debian's kernel, unmodified, boots as a paravirtual guest from its ext4 disk: the sums of the files there are the
# host's, pings come back, it powers off without a word of trouble. A second run gives the same bytes, the session
# replays, and each command of the toolstack does what xl's does. Skipped where scripts/fetch-guests has not been.
# Cannot show: other kernels, several vCPUs.
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-pv/vmlinux linux-pv/root.img
expect 0 "$ringside" run "$source_dir/scenarios/linux-pv" -o a.pcapng
says out "x86_64 GNU/Linux"
while read -r sum name; do
  says out "$name: OK"
  [[ -n $sum ]] || fail "no sum for $name"
done <"$build_dir/scenarios/linux-pv/sums.md5"
says out "5 packets transmitted, 5 packets received, 0% packet loss"
says out "reboot: "
says err "run: poweroff at"
if grep -aE 'BUG|Oops|Call Trace|WARNING|general protection|segfault|unexpected|Error -|I/O error|EXT4-fs error' out; then
  fail "the kernel complains"
fi
# What the host's busybox has for a sum is in the list that the guest compared with.
grep -q "^$(md5sum <"$build_dir/guests/busybox" | cut -d' ' -f1)  /bin/busybox" \
  "$build_dir/scenarios/linux-pv/sums.md5" || fail "sums.md5 is not the host's"

expect 0 "$ringside" run "$source_dir/scenarios/linux-pv" -o b.pcapng
cmp a.pcapng b.pcapng || fail "two runs differ"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("

# The toolstack: the guest's balloon follows, a save is refused and survived, then it shuts down in order.
expect 0 "$ringside" run "$source_dir/scenarios/linux-pv" -o c.pcapng --set 'expect.console=["still here"]' \
  --set 'input=[{wire="toolstack", at="5s", send="mem-set 96M"},
                {wire="toolstack", at="7s", send="save"},
                {wire="console", at="9s", send="grep MemTotal /proc/meminfo; echo still here\r"},
                {wire="toolstack", at="10s", send="shutdown"}]'
says err "run: poweroff at"
total=$(tr -d '\r' <out | awk '/^MemTotal:/ {print $2}')
((${total:-0} > 40000 && ${total:-0} < 98304)) || fail "the balloon has left '$total' KiB"
expect 0 "$ringside" show c.pcapng --wire notice
says out "its suspension is cancelled"
expect 0 "$ringside" replay c.pcapng
says out "replay: identical ("
finish

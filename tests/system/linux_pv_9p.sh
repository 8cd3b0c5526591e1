#!/bin/bash
# Debian's kernel works with 5,000 files over 9P: what comes of it is what the host gets that runs the same script in a
# copy, and the shared folder stays as it was. Two runs give the same bytes, the session replays, and tshark finds as many
# 9P messages in it as there are by the file's own bytes, none of them malformed. Skipped where scripts/fetch-guests has
# not been. Cannot show: other clients than Linux's.
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-pv/vmlinux linux-pv-9p/initramfs.cpio
shared=$build_dir/scenarios/linux-pv-9p/shared
before=$(find "$shared" -printf '%P %m %s %T@\n' | sort | md5sum)
expect 0 "$ringside" run "$source_dir/scenarios/linux-pv-9p" -o a.pcapng
says out "linux-pv-9p: PASS"
sh "$source_dir/scenarios/linux-pv-9p/run-on-host" "$build_dir/guests/busybox" \
  "$source_dir/scenarios/linux-pv-9p" "$shared" >expected || fail "the script fails on the host"
while read -r line; do says out "$line"; done <expected
[[ $(wc -l <expected) == 4 ]] || fail "the host's run has $(wc -l <expected) lines"
[[ $(find "$shared" -printf '%P %m %s %T@\n' | sort | md5sum) == "$before" ]] || fail "the shared folder has changed"

expect 0 "$ringside" run "$source_dir/scenarios/linux-pv-9p" -o b.pcapng
cmp a.pcapng b.pcapng || fail "two runs differ"
rm -f b.pcapng
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("

read -r requests responses wrong < <("$build_dir/tests/system/count_9p" a.pcapng)
[[ $wrong == 0 && $requests == "$responses" && $requests -gt 20000 ]] ||
  fail "the file holds $requests T and $responses R messages, and $wrong others"
expect 0 tshark -r a.pcapng -Y '9p || _ws.malformed' -T fields -e frame.number -e _ws.malformed
[[ $(wc -l <out) == $((requests + responses)) ]] ||
  fail "tshark finds $(wc -l <out) messages, the file holds $((requests + responses))"
[[ -z $(awk '$2 != ""' out) ]] || fail "tshark: malformed: $(awk '$2 != ""' out | head -3)"
finish

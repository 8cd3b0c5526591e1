#!/bin/bash
# Debian's xen-blkfront, unmodified: it takes persistent grants, indirect requests and a ring of four pages from our
# backend; a second disk is attached, read whole, grown, written to and trimmed, detached, attached again and taken away
# by force, all by the toolstack's commands while the guest runs; the session replays. Skipped where
# scripts/fetch-guests has not been. Cannot show: several queues (the guest has one processor), barriers and the 32-bit
# layout, which it does not use (tests/unit/hv-model does); a disk that is taken away by force while it is mounted
# (this driver then waits for ever for what it still wants to write).
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-pv/vmlinux linux-pv/root.img
expect 0 "$ringside" run "$source_dir/scenarios/linux-pv" -o a.pcapng \
  --set 'domain.cmdline="console=hvc0 blkfront=max_ring_page_order=2"' \
  --set 'expect.console=["AWAY"]' --set 'expect.within="12s"' \
  --set 'disk=[{name="xvda", image="root.img"}, {name="xvdb", image="root.img", attached=false, discard=true}]' \
  --set 'input=[
    {wire="console", when="linux-pv# ", send="until [ -b /dev/xvdb ]; do sleep 0.02; done; echo SECTORS $(cat /sys/block/xvdb/size)\r"},
    {wire="toolstack", when="until", send="block-attach xvdb"},
    {wire="console", when="linux-pv# ", send="md5sum </dev/xvdb; until [ $(cat /sys/block/xvdb/size) = 131072 ]; do sleep 0.02; done; echo GROWN\r"},
    {wire="toolstack", when="  -", send="block-resize xvdb 64M"},
    {wire="console", when="linux-pv# ", send="mount -o rw,discard /dev/xvdb /mnt; cp /data/numbers /mnt/copy; rm /mnt/data/numbers; sync; fstrim /mnt; umount /mnt; mount /dev/xvdb /mnt; cmp /data/numbers /mnt/copy && echo SAME; umount /mnt\r"},
    {wire="console", when="linux-pv# ", send="while [ -b /dev/xvdb ]; do sleep 0.02; done; echo GONE; until [ -b /dev/xvdb ]; do sleep 0.02; done; echo THERE; while [ -b /dev/xvdb ]; do sleep 0.02; done; echo AWAY\r"},
    {wire="toolstack", when="while", send="block-detach xvdb"},
    {wire="toolstack", when="GONE\r\n", send="block-attach xvdb"},
    {wire="toolstack", when="THERE\r\n", send="block-detach xvdb --force"},
    {wire="console", when="linux-pv# ", send="dmesg | grep -a blkfront; poweroff -f\r"}]'
says out "SECTORS 65536"
says out "$(md5sum <"$build_dir/scenarios/linux-pv/root.img" | cut -d' ' -f1)  -"
for word in GROWN SAME GONE THERE AWAY; do
  grep -aq "^$word" out || fail "the guest did not come to $word"
done
for disk in xvda xvdb; do
  says out "blkfront: $disk: flush diskcache: enabled; persistent grants: enabled; indirect descriptors: enabled"
done
says err "run: poweroff at"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("

# The session shows what was agreed upon, and requests of more than eleven segments.
expect 0 "$ringside" show a.pcapng
says out 'device/vbd/51712/ring-page-order\02'
says out 'device/vbd/51712/ring-ref3\0'
says out 'operation=INDIRECT indirect_op=READ'
says out 'kind=indirect_page} {gref='
says out 'operation=DISCARD'
says out 'commands="block-detach xvdb --force"'
finish

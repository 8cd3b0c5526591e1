#!/bin/bash
# Recorded sessions stand in for one side. A changed driver runs against a recording of a share, of a disk, of
# XenStore and of another domain's event channel, and finds what the recorded one found; what a recording cannot
# answer is named and is exit code 1. Recorded frontends drive backends: an unchanged one answers as recorded, and of
# a changed one exactly the change is found. Sessions with stand-ins replay and pack.
source "$(dirname "$0")/common.sh" "$@"

cp "$source_dir"/tests/system/standins/*.toml .
cp "$build_dir"/guest/{share-otherwise,blk-otherwise,event-pair}.elf .

# --- 9P ---
expect 0 "$ringside" run "$source_dir/scenarios/share-read" --no-check -o share.pcapng
expect 0 "$ringside" run share-otherwise.toml -o other.pcapng
says out "share-otherwise: PASS"
expect 0 "$ringside" replay other.pcapng
expect 1 "$ringside" run share-otherwise.toml --set domain.cmdline=more -o more.pcapng
says err 'not in the recording: 1 request'
says err 'share/share: Twalk / wname="unknown.txt" (nobody has walked to /unknown.txt)'
says out "share-otherwise: PASS"
expect 0 "$ringside" show more.pcapng --wire notice
says out 'share.pcapng cannot answer Twalk / wname=\"unknown.txt\"'
expect 0 "$ringside" replay more.pcapng
# The recording is an input: another one is refused by name, and a packed session needs none.
cp other.pcapng packed.pcapng
expect 0 "$ringside" pack other.pcapng -o packed.pcapng
mv share.pcapng away.pcapng
expect 0 "$ringside" replay packed.pcapng
cp more.pcapng share.pcapng
expect 2 "$ringside" replay other.pcapng
says err "'share.pcapng' has changed"
mv away.pcapng share.pcapng

expect 0 "$ringside" drive share.pcapng --wire '9p/share/*'
says out 'all as recorded'
sed 's/deep\\n/deel\\n/' "$source_dir/scenarios/share-read/scenario.toml" >altered.toml
expect 1 "$ringside" drive share.pcapng --wire '9p/share/T' --scenario altered.toml
# It is read twice, once in each dialect.
says out '2 differ'
says out 'recorded: Rread 5 bytes, at 3: 700a'
says out 'found:    Rread 5 bytes, at 3: 6c0a'
says out '/folder/deep.txt offset=0'

# --- blkif: the recording has no data, so it is executed again for it ---
head -c 1M /dev/urandom >disk.img
expect 0 "$ringside" run blk-otherwise.toml -o blk.pcapng
grep -o 'before.*\|after.*' out >first
expect 0 "$ringside" run blk-otherwise.toml --set domain.cmdline=other \
  --set disk.xvda.backend=session:blk.pcapng -o blk-other.pcapng
grep -o 'before.*\|after.*' out >second
cmp first second || fail "the changed driver read something else: $(cat first second)"
expect 0 "$ringside" replay blk-other.pcapng
expect 0 "$ringside" replay blk.pcapng --data -o full.pcapng
expect 0 "$ringside" replay full.pcapng
expect 1 "$ringside" run blk-otherwise.toml --set 'domain.cmdline=other more' \
  --set disk.xvda.backend=session:full.pcapng
says err 'disk/xvda: read of 8 sectors at 200 (the recording has no such read of sector 200)'
says err 'disk/xvda: write of 8 sectors at 16 (sector 16 was written with other data)'
# Another image is not looked at by a stand-in, and is found by a driven backend.
expect 0 "$ringside" drive full.pcapng --wire 'ring/xvda/*' --scenario blk-otherwise.toml
says out 'all as recorded'
cp disk.img flipped.img
byte=$(od -An -tu1 -j $((40 * 512 + 77)) -N 1 disk.img)
printf "\\$(printf %o $((byte ^ 1)))" | dd of=flipped.img bs=1 seek=$((40 * 512 + 77)) conv=notrunc status=none
expect 1 "$ringside" drive full.pcapng --wire 'ring/xvda/request' --scenario blk-otherwise.toml \
  --set disk.xvda.image=flipped.img
# It is read before the write and behind it.
says out '2 differ'
says out 'sector 40 byte 77: '
mv flipped.img disk.img
expect 2 "$ringside" run blk-otherwise.toml --set disk.xvda.backend=session:blk.pcapng
says err 'ringside replay blk.pcapng --data -o FULL.pcapng'
expect 0 "$ringside" run blk-otherwise.toml --set domain.cmdline=other \
  --set disk.xvda.backend=session:full.pcapng

# An ATA disk: a driver that moves data by DMA, on what one that reads it word by word has left behind.
expect 0 "$ringside" run "$source_dir/scenarios/disk-read" --no-check -o pio.pcapng
expect 0 "$ringside" run "$source_dir/scenarios/disk-read/dma.toml" --no-check \
  --set "disk.hda.backend=session:$work/pio.pcapng"
says out "disk-read: PASS"

# --- XenStore ---
expect 0 "$ringside" run share-otherwise.toml --set 'share.share.backend=session:share.pcapng' -o xs.pcapng
expect 0 "$ringside" run share-otherwise.toml --set 'xenstore.backend="session:xs.pcapng"' -o xs-alone.pcapng
expect 0 "$ringside" replay xs-alone.pcapng

# --- Event channels ---
expect 0 "$ringside" run event-pair.toml -o pair.pcapng
says out 'event-pair: 9 events came'
expect 0 "$ringside" run event-alone.toml -o alone.pcapng
says out 'event-pair: 9 events came'
expect 0 "$ringside" replay alone.pcapng
expect 1 "$ringside" run event-alone.toml --set 'domain.cmdline=otherwise more'
says err 'events: event 7 on port 3 (the recorded domain sent 6)'
expect 0 "$ringside" drive pair.pcapng --wire '*/evtchn'
says out 'all as recorded'
# An event that a fault doubled in the recording, and that event channels do not double.
expect 0 "$ringside" run event-pair.toml --fault 'dom2/evtchn[op=send]@7 duplicate' -o doubled.pcapng
expect 1 "$ringside" drive doubled.pcapng --wire 'dom1/evtchn'
says out 'dom1/evtchn port 3: event 10'
says out 'found:    never arrived'
says out '1 differs'

# --- A UART: its driver's register accesses ---
expect 0 "$ringside" run "$source_dir/scenarios/uart-hello/interrupts.toml" -o uart.pcapng
expect 0 "$ringside" drive uart.pcapng --wire pio/uart0
says out 'all as recorded'
# Twice the clock is twice the rate: characters leave sooner, and the status register shows it.
expect 1 "$ringside" drive uart.pcapng --wire pio/uart0 --set 'uart=[{name="uart0", clock="3686400Hz"}]'
says out 'read of port 0x3fd'
expect 2 "$ringside" drive uart.pcapng --wire pio/pit
says err 'a UART can be driven'

# --- What is wrong with a backend is said ---
expect 2 "$ringside" run share-otherwise.toml --set share.share.backend=sessions:x
says err "'sessions:x' is no backend"
expect 2 "$ringside" run share-otherwise.toml --set share.share.backend=session:none.pcapng
says err "session 'none.pcapng' is not there"
expect 2 "$ringside" run share-otherwise.toml --set share.share.backend=session:blk.pcapng
says err "share 'share': blk.pcapng has recorded nothing on a wire like 9p/*/T"
head -c 3000 share.pcapng >cut.pcapng
expect 2 "$ringside" run share-otherwise.toml --set share.share.backend=session:cut.pcapng
printf 'no session' >none.pcapng
expect 2 "$ringside" run share-otherwise.toml --set share.share.backend=session:none.pcapng
expect 2 "$ringside" drive share.pcapng --wire 'ring/xvda/*'
says err 'those that can:'
finish

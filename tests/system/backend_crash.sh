#!/bin/bash
# Backends that die as killed driver domains, and come back: our own blkfront and Debian's frontends get their work done
# all the same, and the session replays without arguments. Debian's stay Connected and find their old rings served
# again; ours closes itself and connects anew. Cannot show: a driver domain with another number (there is domain 0 only).
source "$(dirname "$0")/common.sh" "$@"

blk=$source_dir/scenarios/blk-read
expect 0 "$ringside" run "$blk" --fault 'ring/xvda/request@40 crash(5ms)' -o own.pcapng
says out "blk-read: PASS"
expect 0 "$ringside" replay own.pcapng
says out "replay: identical ("
# One that stays away: the guest cannot end well, and the run says so within its time.
"$ringside" run "$blk" --fault 'ring/xvda/request@40 crash' >out 2>err </dev/null
[[ $? == 0 ]] && fail "a disk that never comes back harmed nobody"

needs_guests linux-pv/vmlinux linux-pv/root.img
sum=$(md5sum <"$build_dir/scenarios/linux-pv/root.img" | cut -d' ' -f1)
# Without checkers: what they say of Debian's frontends is not what is tested.
expect 0 "$ringside" run "$source_dir/scenarios/linux-pv" -o linux.pcapng \
  --fault 'ring/xvdb/request@150 crash(20ms)' --fault 'eth/eth0/tx@4 crash(20ms)' \
  --set 'check.off=["*"]' --set 'expect.console=["DONE"]' --set 'expect.within="20s"' \
  --set 'disk=[{name="xvda", image="root.img"}, {name="xvdb", image="root.img"}]' \
  --set 'input=[
    {wire="console", when="linux-pv# ", send="md5sum </dev/xvdb\r"},
    {wire="console", when="linux-pv# ", send="load net && ifconfig eth0 10.0.2.15 && ping -c 20 -i 0.05 10.0.2.1; echo DONE; poweroff -f\r"}]'
says out "$sum  -"
says err "ring/xvdb/request@150 crash(20ms): struck once"
says err "eth/eth0/tx@4 crash(20ms): struck once"
says err "run: poweroff at"
received=$(grep -ao '[0-9]* packets received' out | cut -d' ' -f1)
[[ ${received:-0} -ge 5 && ${received:-0} -lt 20 ]] || fail "$received of 20 pings were answered: some, not all, were to be"
expect 0 "$ringside" replay linux.pcapng
says out "replay: identical ("
finish

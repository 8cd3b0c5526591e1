#!/bin/bash
# Debian's kernel works in a folder of the host that Debian's diod serves, through the bridge: what it reads is what the
# host put there, and what it leaves is what the same commands leave in a copy on the host. The session replays with no
# diod and no folder, identical; a run without diod says that it cannot be reached. Skipped where diod or what
# scripts/fetch-guests makes is missing. Cannot show: a server that misbehaves (tests/unit/host/9p/bridge.cpp).
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-pv/vmlinux 9p-diod/initramfs.cpio
diod=$(PATH=$PATH:/usr/sbin type -P diod)
if [[ -z $diod ]]; then
  echo "skipped: there is no diod; scripts/setup installs it"
  exit 77
fi
trap '[[ -z ${server:-} ]] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
umask 022

# What the host puts into the folder.
mkdir -p export/many
printf 'hello from diod\n' >export/hello.txt
seq 1 200000 >export/large
: >export/nothing
for i in $(seq 1 300); do printf '%s' "$i" >"export/many/file$i"; done
(cd export && md5sum hello.txt large nothing many/file77 >sums.md5)
cp -a export copy
(cd copy && sh "$source_dir/scenarios/9p-diod/commands") || fail "the commands fail on the host"

# As nobody in particular diod works in its own name, whoever asks.
identity=()
[[ $(id -u) == 0 ]] || identity=(-S -U "$(id -un)")
start_diod() {
  "$diod" -f -n "${identity[@]}" -c /dev/null -L "$work/diod.log" -l "$1" -e "$work/export" &
  server=$!
}
stop_diod() {
  kill "$server"
  wait "$server" 2>/dev/null
  server=
}
# wait_for COMMAND...: until it succeeds, at most ten seconds.
wait_for() {
  for _ in $(seq 100); do
    "$@" 2>/dev/null && return
    sleep 0.1
  done
  fail "diod does not listen: $(cat "$work/diod.log")"
}
run=("$ringside" run "$source_dir/scenarios/9p-diod" --set "domain.cmdline=console=hvc0 aname=$work/export")

start_diod "$work/socket"
wait_for test -S socket
expect 0 "${run[@]}" --set "share.share.bridge=unix:$work/socket" -o a.pcapng
says out "9p-diod: PASS"
says out "large: OK"
stop_diod

describe() { (cd "$1" && find . -printf '%P %y %m %n %l\n' | sort && find . -type f -exec md5sum {} + | sort); }
describe copy >expected
describe export >found
diff expected found >difference || fail "the guest left another tree than the host: $(head -5 difference)"

mv export elsewhere
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" show a.pcapng --wire 'answer/dom1/share/share/bridge'
[[ $(wc -l <out) -gt 500 ]] || fail "only $(wc -l <out) answers of diod were recorded"

# Nobody listens any more.
expect 1 "${run[@]}" --set "share.share.bridge=unix:$work/socket"
says out "9p-diod: FAIL: no mount"
finish

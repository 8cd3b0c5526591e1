#!/bin/bash
# Debian's own xenstore tools talk to the XenStore of a running machine over --xenstore-socket: they list, read, write,
# remove, change permissions and watch; the guest hears what they write, and they what it writes. The machine waits for
# them with nothing else to do; the session replays identical without a socket, and shows every request.
# Cannot show: what a hostile client does (tests/unit/machine/xenstore_socket_test.cpp).
source "$(dirname "$0")/common.sh" "$@"

tools=$build_dir/guests/xen
if [[ ! -x $tools/xenstore-ls ]]; then tools=/usr/bin; fi
if [[ ! -x $tools/xenstore-ls ]]; then
  echo "skipped: there are no xenstore tools; scripts/fetch-guests fetches them"
  exit 77
fi
mkdir s
cat >s/scenario.toml <<TOML
name = "listener"
[[domain]]
memory = "8M"
kernel = "$build_dir/guest/xenstore-listener.elf"
[expect]
console = ["listening", "told: one", "told: end"]
shutdown = "poweroff"
within = "0s"
TOML

"$ringside" run s --xenstore-socket "$work/xs" -o a.pcapng --no-console >run.out 2>run.err </dev/null &
machine=$!
trap 'kill $machine 2>/dev/null; rm -rf "$work"' EXIT
for _ in {1..600}; do
  [[ -S xs ]] && grep -q listening run.out && break
  sleep 0.1
done
export XENSTORED_PATH=$work/xs
ask() { expect "$1" timeout 60 "$tools/xenstore-$2" "${@:3}"; }

ask 0 ls -f -p /local/domain/1
says out '/local/domain/1/name = "dom1"   (n0,r1)'
says out '/local/domain/1/data/greeting = "hello from the guest"   (n1)'
ask 0 read /local/domain/1/data/greeting
says out "hello from the guest"
ask 1 read /local/domain/1/none
says err "couldn't read path /local/domain/1/none"
ask 0 list /local/domain/1/data
says out greeting
ask 0 write /tool/test/a 1 /tool/test/b 2
ask 0 exists /tool/test/a
ask 1 exists /tool/test/none
ask 0 chmod /tool/test/a n0 r1
ask 0 ls -f -p /tool/test
says out '/tool/test/a = "1"   (n0,r1)'
ask 0 rm /tool/test/a
ask 1 exists /tool/test/a

# A watch at work while another client writes and the guest answers.
timeout 60 "$tools/xenstore-watch" -n 3 /local/domain/1/data/answer >watched 2>&1 &
watcher=$!
for _ in {1..600}; do
  grep -q answer watched && break
  sleep 0.1
done
ask 0 write /local/domain/1/data/command one
for _ in {1..600}; do
  grep -q "told: one" run.out && break
  sleep 0.1
done
ask 0 write /local/domain/1/data/command two
wait "$watcher" || fail "xenstore-watch did not see three events"
[[ $(grep -c '^/local/domain/1/data/answer$' watched) == 3 ]] || fail "xenstore-watch printed $(cat watched)"
ask 0 write /local/domain/1/data/command end
wait "$machine" || { fail "the run ended with $?"; tail -n 5 run.err; }
[[ ! -e xs ]] || fail "the socket is still there"

expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" replay a.pcapng --disturb 3
expect 0 "$ringside" show a.pcapng --wire 'dom0/xenstore/socket/*'
says out "type=XS_WATCH"
says out "type=XS_WATCH_EVENT"
says out "/local/domain/1/data/command"
# No XenStore, a path in use.
expect 2 "$ringside" run "$source_dir/scenarios/uart-hello" --xenstore-socket "$work/x2" --no-console
says err "no domain of the scenario is paravirtual"
touch x3
expect 2 "$ringside" run s --xenstore-socket "$work/x3" --no-console
says err "is no socket"
finish

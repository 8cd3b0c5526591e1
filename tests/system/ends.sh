#!/bin/bash
# However a run ends (shutdown, crash, waiting for nothing, its time limit, a signal, the end of a piped console),
# the exit code says so, the session is whole, and its replay is identical and ends the same way.
# Cannot show: a real terminal's keys.
source "$(dirname "$0")/common.sh" "$@"

mkdir s
cp "$build_dir/guest/ways-to-end.elf" s/
cat >s/scenario.toml <<'TOML'
name = "ways-to-end"
[[domain]]
memory = "8M"
kernel = "ways-to-end.elf"
[expect]
within = "50ms"
TOML

replays() {
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
  [[ ! -s err ]] || fail "the replay complains: $(cat err)"
}
ends() {
  local way=$1 code=$2 text=$3
  shift 3
  expect "$code" timeout 60 "$ringside" run s --set "domain.cmdline=$way" -o a.pcapng "$@"
  says err "$text"
  replays
}
ends off 0 "run: poweroff at"
ends reboot 0 "run: reboot at"
ends reboot 1 "expected: dom1 to end by poweroff, but it ended by reboot" --set expect.shutdown=poweroff
ends wait 4 "the guest hung: waiting"
ends wait 4 "the guest hung: waiting" --set expect.within=0s
ends spin 4 "the guest hung: no end within"
ends fault 5 "run: crash at"
ends fault 0 "run: crash at" --set expect.shutdown=crash
ends no-handler 5 "page fault"
ends bytes 0 "run: poweroff at"
expect 0 "$ringside" run s --set domain.cmdline=bytes --json
python3 -c 'import json; assert json.load(open("out"))["reason"] == "poweroff"' || fail "no JSON: $(head -c 200 out)"
expect 0 "$ringside" show a.pcapng --json
python3 -c 'import json
for line in open("out"): json.loads(line)' || fail "a line of show --json is no JSON"

# Signals, in the middle of work and while the guest waits.
mkfifo nobody
for way in spin wait; do
  for signal in INT TERM HUP; do
    timeout 60 "$ringside" run s --set "domain.cmdline=$way" --set expect.within=0s --console -o a.pcapng \
      <>nobody >out 2>err &
    sleep 0.4
    kill -s "$signal" "$(pgrep -P $!)"
    wait $!
    code=$?
    [[ $code == 0 ]] || fail "$way, SIG$signal: exit code $code: $(cat err)"
    says err "stopped by the user"
    replays
  done
done

# A pipe types; its end is the end of a guest that waits for more.
{
  sleep 0.3
  printf 'x'
  sleep 0.3
} | "$ringside" run s --set domain.cmdline=wait --set expect.within=0s --console -o a.pcapng >out 2>err
[[ $? == 4 ]] || fail "a console that ended: $(cat err)"
replays
expect 0 "$ringside" show a.pcapng --wire 'input/*'
says out 'bytes="x"'
printf 'cat (xen/xvda)/hello.txt\rhalt\r' | "$ringside" run "$source_dir/scenarios/grub-pv" --set expect.within=100ms --console \
  -o a.pcapng >out 2>err
replays
finish

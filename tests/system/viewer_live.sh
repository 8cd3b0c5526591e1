#!/bin/bash
# A scenario live in the real window: run, paused, stepped, stepped back, given a fault, saved; what was saved
# replays, with the fault in it. A session's registers come by running it again. No process is left behind.
source "$(dirname "$0")/common.sh" "$@"
export XDG_CONFIG_HOME=$work/config LIBGL_ALWAYS_SOFTWARE=1

view() {
  cat >"$work/view.script"
  xvfb-run -a -s "-screen 0 1600x1000x24" timeout 120 "$ringside" view "$@" --script "$work/view.script" \
    >"$work/out" 2>"$work/err" </dev/null || {
    fail "view $*: exit code $?"
    tail -n 8 "$work/out" "$work/err"
  }
}

view "$source_dir/scenarios/blk-read" --set domain.cmdline=quick --size 1280x720 --layout overview <<'SCRIPT'
wait live.state == paused 100
live step ring/xvda/request
wait live.state == paused 100
expect cursor.wire == dom1/ring/xvda/request
print cursor
live step ring/xvda/request
wait live.state == paused 100
live back ring/xvda/request
wait live.state == paused 100
expect cursor.wire == dom1/ring/xvda/request
live fault ring/xvda/response@3 drop
frames 10
key r
wait live.state == ended 60
expect rows > 1000
key Home
key e
expect cursor.wire == fault
key e
expect cursor.wire == dom1/ring/xvda/response
live save saved.pcapng
wait status ~ saved.pcapng 60
quit
SCRIPT
[[ -s saved.pcapng ]] || fail "nothing was saved"
expect 0 "$ringside" replay saved.pcapng
says out "replay: identical"
expect 0 "$ringside" show saved.pcapng --wire ring/xvda/response
grep -q "dropped" out || fail "the saved session has no dropped response"

# The bar: stepped by its buttons, and a fault from the menu of what the chosen wire takes.
view "$source_dir/scenarios/blk-read" --set domain.cmdline=quick --size 1280x720 --layout overview <<'SCRIPT'
wait live.state == paused 100
live step ring/xvda/response
wait live.state == paused 100
click timeline:wire/dom1/ring/xvda/response
frames 20
click live:step
wait live.state == paused 100
expect cursor.wire == dom1/ring/xvda/response
click live:back
wait live.state == paused 100
expect cursor.sequence < 500
click live:fault
frames 20
click menu:drop
frames 10
expect status ~ drop
click live:run
wait live.state == ended 60
key Home
key e
expect cursor.wire == fault
quit
SCRIPT

"$ringside" run "$source_dir/scenarios/blk-read" --set domain.cmdline=quick -o blk.pcapng >out 2>&1
view blk.pcapng --size 1280x720 --layout cpu --at ring/xvda/request@5 <<'SCRIPT'
wait read == yes 100
wait cursor.wire == dom1/ring/xvda/request
key h
wait live.state == paused 60
wait cpu.rip ~ ffffffff 30
wait live.sequence > 100
quit
SCRIPT
finish

#!/bin/bash
# The real window under Xvfb with software OpenGL, driven by SDL's events: each scenario's session opens; keys, mouse,
# scrubber, filter, panes and layouts do what they should, by the window's own facts and by its pixels; files that are
# cut, damaged, foreign or growing are shown as far as they go, or refused in words; without a display it says what
# can be done. viewer_live.sh has machines that run. Cannot show: how a graphics card draws it.
source "$(dirname "$0")/common.sh" "$@"
export XDG_CONFIG_HOME=$work/config LIBGL_ALWAYS_SOFTWARE=1

# view CODE FILE OPTIONS...: in an X server of its own; a script comes from standard input.
view() {
  local wanted=$1
  shift
  cat >"$work/view.script"
  xvfb-run -a -s "-screen 0 1600x1000x24" timeout 120 "$ringside" view "$@" --script "$work/view.script" \
    >"$work/out" 2>"$work/err" </dev/null
  local got=$?
  if [[ $got != "$wanted" ]]; then
    fail "exit code $got, not $wanted: view $*"
    tail -n 8 "$work/out" "$work/err"
  fi
}
fact() { sed -n "s/^$1=//p" "$work/out" | tail -n 1; }

run() { "$ringside" run "$source_dir/scenarios/$1" -o "$2" >"$work/out" 2>&1 </dev/null; }
run blk-read blk.pcapng
run net-echo-pv net.pcapng
run 9p-walk share.pcapng
rows=$("$ringside" show blk.pcapng --json | grep -c '"wire"')

# --- The cursor: keys, list, scrubber, ruler; forward and back ---
view 0 blk.pcapng --size 1280x720 --layout overview <<SCRIPT
wait read == yes 100
expect rows == $rows
expect cursor.row == none
key Right
key Right
key Right
expect cursor.row == 2
key Left
expect cursor.row == 1
key End
expect cursor.row == $((rows - 1))
key Home
expect cursor.row == none
frames 3
click list:row/5
expect cursor.row == 5
expect-color list:row/5 selection 0.5
click transport:next
expect cursor.row == 6
click transport:scrubber@0.5,0.5
expect cursor.ps > 10000000000
expect-color transport:scrubber cursor 0.0005
click timeline:ruler@0.1,0.5
expect cursor.ps < 5000000000
key g
type #1000
key Return
expect cursor.row == 999
key g
type 2ms
key Return
expect cursor.ps == 2000000000
# The wheel zooms where the mouse is, f shows everything again.
wheel timeline:lane/wire/dom1/ring/xvda/request@0.5,0.5 5
expect range.begin > 0
key f
expect range.begin == 0
# A wire is chosen by its name, and stepped along.
click timeline:wire/dom1/ring/xvda/request
expect wire == dom1/ring/xvda/request
key Home
key Shift+Right
expect cursor.wire == dom1/ring/xvda/request
expect details.field.operation == READ
key Shift+Right
key Shift+Left
expect cursor.wire == dom1/ring/xvda/request
# A field's bytes are marked.
move details:field/sector_number
expect details.marked == 16+8
# Measuring.
key m
key End
key m
expect timeline.mark_b > 20000000000
expect-color timeline:measure accent 0.3
key Shift+m
expect timeline.mark_a == ""
quit
SCRIPT

# --- The filter: as it is typed, its count, its errors, n and Shift+n ---
counted=$("$ringside" show blk.pcapng --wire 'ring/xvda/request' --json | grep '"READ"' | grep -c '"wire"')
view 0 blk.pcapng --size 1280x720 --layout list <<SCRIPT
wait read == yes 100
key /
type wire ~ "ring/xvda/request" && operation == READ
key Escape
wait filter.done == yes
expect filter.found == $counted
expect list.rows == $counted
key Home
key n
expect cursor.wire == dom1/ring/xvda/request
expect-color list:row/0 selection 0.5
quit
SCRIPT
view 0 blk.pcapng --size 1280x720 --layout list <<'SCRIPT'
wait read == yes 100
click top:filter
type operation === 3
expect filter.error ~ character
quit
SCRIPT

# --- Panes: dragged, changed by their menu; presentation, light, help; all of it is remembered by nobody here ---
view 0 net.pcapng --size 1280x720 --layout list <<'SCRIPT'
wait read == yes 100
drag split/0:handle 500,300
expect panes ~ cols(0.3
click pane/details:title
click menu:Split_below
expect panes ~ rows(0.5
key ?
expect help == yes
expect-color help:page accent 0.002
key Escape
expect help == no
key p
expect presentation == yes
expect-color top:filter #ffffff 0.3
key p
key l
expect-color list:row/3 #ffffff 0.3
quit
SCRIPT

# --- Each layout shows something: a picture that is not one colour, in each theme ---
for layout in overview rings list events grants store 9p cpu lesson; do
  for file in blk net share; do
    expect 0 "$ringside" view $file.pcapng --layout $layout --at end --size 1280x720 --screenshot $file-$layout.png
    (($(stat -c %s $file-$layout.png) > 20000)) || fail "$file, $layout: the picture is empty"
  done
done
expect 0 "$ringside" view blk.pcapng --at ring/xvda/request@3 --layout rings --svg ring.svg
grep -q "<svg" ring.svg && grep -q "req_prod" ring.svg || fail "the SVG file has no ring in it"
xmllint --noout ring.svg 2>/dev/null || [[ $? == 127 ]] || fail "the SVG file is no XML"

# --- Every scenario that needs no fetched guest opens, and can be walked through ---
for scenario in blk-buggy disk-read hypercall-storm net-pv nic-echo port-storm share-read uart-hello xenstore-domains \
  lost-interrupt ring-full grant-leak 9p-walk grub-pv; do
  run $scenario one.pcapng
  [[ -s one.pcapng ]] || {
    fail "$scenario left no session"
    continue
  }
  view 0 one.pcapng --size 1280x720 --layout overview <<'SCRIPT'
wait read == yes 100
expect rows > 10
key End
key 2
key 3
key 4
key 5
key 6
key 7
key Left
key 1
expect layout == overview
expect timeline.marks > 0
quit
SCRIPT
  rm -f one.pcapng
done

# --- What the window was like is remembered; a file of settings that cannot be read stays as it is ---
closed() {
  xvfb-run -a -s "-screen 0 1600x1000x24" timeout -s TERM 4 "$ringside" view blk.pcapng "$@" >out 2>err </dev/null
}
closed --layout grants --size 1000x700
says "$XDG_CONFIG_HOME/ringside/view.json" '"layout": "grants"'
says "$XDG_CONFIG_HOME/ringside/view.json" '"width": 1000'
echo '{broken' >"$XDG_CONFIG_HOME/ringside/view.json"
closed
says err "it is no JSON object"
says "$XDG_CONFIG_HOME/ringside/view.json" '{broken'
rm "$XDG_CONFIG_HOME/ringside/view.json"

# --- What is wrong with a file is said, and what is there is shown ---
head -c 300000 blk.pcapng >cut.pcapng
view 0 cut.pcapng --size 1280x720 <<'SCRIPT'
wait rows > 1000
wait problem ~ cut
quit
SCRIPT
cp blk.pcapng damaged.pcapng
printf '\377' | dd of=damaged.pcapng bs=1 seek=400001 conv=notrunc status=none
view 0 damaged.pcapng --size 1280x720 <<'SCRIPT'
wait read == yes 100
expect rows > 1000
expect problem != ""
quit
SCRIPT
expect 2 "$ringside" view /bin/true
says err "ringside: "
expect 2 "$ringside" view nowhere.pcapng
expect 2 env -u DISPLAY -u WAYLAND_DISPLAY "$ringside" view blk.pcapng
says err "--screenshot"
says err "ringside show"
expect 2 "$ringside" view blk.pcapng --layout nonsense --screenshot x.png
says err "overview"
expect 2 "$ringside" view blk.pcapng --at ring/xvdb/request@1 --screenshot x.png
says err "no wire matches"
expect 2 "$ringside" view blk.pcapng --filter 'operation ==' --screenshot x.png

# --- A file that grows is followed ---
head -c 200000 blk.pcapng >growing.pcapng
(
  sleep 3
  tail -c +200001 blk.pcapng >>growing.pcapng
) &
view 0 growing.pcapng --size 1280x720 <<SCRIPT
wait rows > 100
wait rows == $rows 20
expect problem == ""
quit
SCRIPT
wait
finish

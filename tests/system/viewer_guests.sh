#!/bin/bash
# Sessions of Debian's kernels in the real window: each opens, has its devices' lanes, and can be walked through. 9p-diod
# runs without its server here: what is seen of it is a guest that cannot mount. Skipped where the guests are missing.
source "$(dirname "$0")/common.sh" "$@"
needs_guests linux-serial/vmlinuz linux-pv/vmlinux linux-pv/root.img linux-hw/vmlinuz seabios-grub/disk.img
export XDG_CONFIG_HOME=$work/config LIBGL_ALWAYS_SOFTWARE=1

# opens SCENARIO AREA ROWS: the timeline has that area, and the session so many crossings at least.
opens() {
  "$ringside" run "$source_dir/scenarios/$1" --no-console -o one.pcapng >run.out 2>&1 </dev/null
  cat >view.script <<SCRIPT
wait read == yes 100
expect rows > $3
expect problem == ""
move timeline:group/$2
key End
key Left
expect cursor.row > 10
key 2
key 3
key 8
key 1
expect timeline.marks > 10
key /
type notice
key Escape
wait filter.done == yes 60
quit
SCRIPT
  xvfb-run -a -s "-screen 0 1600x1000x24" timeout 200 "$ringside" view one.pcapng --size 1280x900 --layout overview \
    --script view.script >out 2>err </dev/null || {
    fail "$1: exit code $?"
    tail -n 5 run.out err
  }
}
opens linux-serial uart0 10000
opens linux-hw eth0 100000
opens seabios-grub hda 10000
opens linux-pv eth0 10000
opens linux-pv-9p share 10000
opens 9p-diod share 10000
finish

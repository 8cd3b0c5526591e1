#!/bin/bash
# The command line: helps fit 80 columns and show examples, a slip costs one line and no file, and outputs that
# are closed or full are errors, not crashes.
source "$(dirname "$0")/common.sh" "$@"

one_line() {
  [[ $(wc -l <err) == 1 && ! -s out ]] || fail "not one line on stderr: $(cat out err)"
  says err "ringside: "
  for text in "$@"; do says err "$text"; done
}
for command in "" run replay show diff drive pack scenarios; do
  expect 0 "$ringside" $command --help
  says out "Example"
  [[ $(awk 'length > 80' out) == "" ]] || fail "wider than 80 columns: $(awk 'length > 80' out)"
done
expect 0 "$ringside" scenarios
says out "grub-pv"
[[ $(awk 'length > 80' out) == "" ]] || fail "wider than 80 columns: $(cat out)"

expect 2 "$ringside"
one_line "ringside --help"
expect 2 "$ringside" fly
one_line "no command 'fly'"
expect 2 "$ringside" run
one_line "ringside run --help"
for seed in -1 x 1.5 99999999999999999999; do
  expect 2 "$ringside" run grub-pv --seed "$seed"
  one_line "'$seed' is no seed"
done
expect 2 "$ringside" run grub-pv -o ''
one_line "-o needs a file"
expect 2 "$ringside" run grub-pv --set disk.xvdz.image=x
one_line "no disk is named 'xvdz'"
expect 2 "$ringside" replay a.pcapng --until 3parsec
one_line "'3parsec' is not a time"

# Nothing but a session is ever replaced.
mkdir s
cp "$source_dir/scenarios/grub-pv/scenario.toml" "$build_dir/scenarios/grub-pv/disk.img" s/
md5sum s/* >before
expect 2 "$ringside" run s -o s/disk.img
one_line "s/disk.img" "is no session"
expect 2 "$ringside" run s -o s/scenario.toml
one_line "s/scenario.toml" "is no session"
expect 2 "$ringside" run s -o s
one_line "directory"
expect 0 "$ringside" run s -o a.pcapng
expect 0 "$ringside" run s -o a.pcapng
expect 2 "$ringside" pack a.pcapng -o s/disk.img
one_line "s/disk.img"
md5sum --quiet -c before || fail "a file of the scenario changed"

# Outputs.
"$ringside" show a.pcapng 2>err >/dev/full
[[ $? == 2 ]] || fail "show to a full disk: $(cat err)"
says err "No space left"
"$ringside" show a.pcapng >&- 2>/dev/null
[[ $? -lt 3 ]] || fail "show with a closed output ended badly"
"$ringside" run s -o closed.pcapng <&- >&- 2>&-
[[ $? == 0 ]] || fail "a run with everything closed ended badly"
cmp a.pcapng closed.pcapng || fail "closed standard files got into the session"
"$ringside" run s -o pipe.pcapng 2>err </dev/null | head -c 1 >/dev/null
cmp a.pcapng pipe.pcapng || fail "a reader that left cut the session"
finish

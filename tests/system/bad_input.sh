#!/bin/bash
# Each thing that a user can get wrong gives one clear error on stderr and the right exit code.
source "$(dirname "$0")/common.sh" "$@"

scenario() {
  rm -rf s
  mkdir s
  cat >s/scenario.toml
}
one_error() {
  [[ $(wc -l <err) -le 4 ]] || fail "more than one error: $(cat err)"
  says err "ringside: "
  for text in "$@"; do says err "$text"; done
}

expect 2 "$ringside"
expect 2 "$ringside" run
expect 2 "$ringside" fly
expect 2 "$ringside" run no-such-scenario
one_error "no scenario 'no-such-scenario'" "ringside scenarios"

scenario <<<$'name = "a"\n[[domain]]\nkernel = "missing.elf"'
expect 2 "$ringside" run s
one_error "missing.elf" "tried"
scenario <<<$'name = "a"\n[[domain]]\nkernel = "/bin/ls"'
expect 2 "$ringside" run s
one_error "/bin/ls" "Xen"
scenario <<<$'name = "a"\n[[domain]]\nkernel = "/etc/passwd"'
expect 2 "$ringside" run s
one_error "/etc/passwd" "ELF"
scenario <<<$'name = "a"\n[[domain]]\nkernel = "k"\nmemroy = "64M"'
expect 2 "$ringside" run s
one_error "s/scenario.toml:4:" "did you mean 'memory'?"
scenario <<<$'name = "a\n[[domain]]'
expect 2 "$ringside" run s
one_error "s/scenario.toml:1:" "not TOML"
scenario <<<$'name = "a"\n[[domain]]\nkernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin"\n[[disk]]\nname = "xvda"\nimage = "gone.img"'
expect 2 "$ringside" run s
one_error "gone.img"
expect 2 "$ringside" run "$source_dir/scenarios/grub-pv" --set machine.sed=1
one_error "did you mean 'seed'?"
expect 2 "$ringside" run "$source_dir/scenarios/grub-pv" -o /nowhere/at/all.pcapng
one_error "/nowhere/at/all.pcapng"

# An image that changed since, of a scenario that has no other copy of it.
scenario < <(sed 's/^name = "grub-pv"/name = "changing"/' "$source_dir/scenarios/grub-pv/scenario.toml")
cp "$build_dir/scenarios/grub-pv/disk.img" s/disk.img
expect 0 "$ringside" run s -o changed.pcapng
printf x | dd of=s/disk.img bs=1 seek=100000 conv=notrunc status=none
expect 2 "$ringside" replay changed.pcapng
one_error "disk.img" "has changed since the session was recorded"

# A full disk: one error, and what was recorded replays. A limit on the file's size stands for it.
expect 2 "$ringside" run "$source_dir/scenarios/grub-pv" -o /dev/full
one_error "/dev/full"
(
  ulimit -f 64
  "$ringside" run "$source_dir/scenarios/grub-pv" -o full.pcapng >out 2>err </dev/null
)
code=$?
[[ $code == 2 ]] || fail "a full disk: exit code $code"
one_error "full.pcapng"
expect 0 "$ringside" replay full.pcapng
says out "replay: identical ("

# What is no session.
expect 2 "$ringside" replay "$source_dir/README.md"
one_error "README.md"
expect 2 "$ringside" show no-such.pcapng
one_error "no-such.pcapng"
: >empty.pcapng
expect 2 "$ringside" replay empty.pcapng
one_error "empty.pcapng"
finish

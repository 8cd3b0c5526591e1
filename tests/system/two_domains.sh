#!/bin/bash
# Two of Debian's GRUB in one scenario, each with its own disk, read their files and halt; the session is equal from
# run to run whatever disturbs the host, and replays. Cannot show: domains that talk to each other.
source "$(dirname "$0")/common.sh" "$@"

mkdir s
cp "$build_dir/scenarios/grub-pv/disk.img" s/one.img
cp "$build_dir/scenarios/grub-pv/disk.img" s/two.img
domain() {
  cat <<TOML
[[domain]]
name = "dom$1"
kernel = "/usr/lib/grub-xen/grub-x86_64-xen.bin"
memory = "$4"
[[disk]]
name = "$2"
domain = "dom$1"
image = "$3"
[[input]]
domain = "dom$1"
when = "grub> "
send = "cat (xen/$2)/hello.txt\\r"
[[input]]
domain = "dom$1"
when = "grub> "
send = "halt\\r"
TOML
}
{
  echo 'name = "two"'
  domain 1 xvda one.img 48M
  domain 2 xvdb two.img 64M
  printf '[expect]\nconsole = ["hello from a real disk"]\nshutdown = "poweroff"\n'
} >s/scenario.toml

expect 0 "$ringside" run s -o a.pcapng
[[ $(grep -ac "hello from a real disk" out) == 2 ]] || fail "not both disks were read"
for wire in dom1/ring/xvda/request dom2/ring/xvdb/request; do
  expect 0 "$ringside" show a.pcapng --wire "$wire"
  says out "operation=READ"
done
for seed in 1 2; do
  expect 0 "$ringside" run s --disturb "$seed" -o b.pcapng
  cmp a.pcapng b.pcapng || fail "the session differs under disturbance $seed"
  expect 0 "$ringside" replay a.pcapng --disturb "$seed"
  says out "replay: identical ("
done
# One ends, the other does not: it is named.
expect 4 "$ringside" run s --set expect.within=200ms --set 'input=[{domain = "dom1", when = "grub> ", send = "halt\r"}]' -o c.pcapng
says err "dom2 hung: no end within"
expect 0 "$ringside" replay c.pcapng
finish

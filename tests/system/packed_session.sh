#!/bin/bash
# A packed session replays where neither the scenario nor its files are.
source "$(dirname "$0")/common.sh" "$@"

mkdir s
cp "$source_dir/scenarios/grub-pv/scenario.toml" s/
sed -i 's/^name = "grub-pv"/name = "elsewhere"/' s/scenario.toml
cp "$build_dir/scenarios/grub-pv/disk.img" s/
expect 0 "$ringside" run s -o a.pcapng
expect 0 "$ringside" replay a.pcapng
expect 0 "$ringside" pack a.pcapng -o packed.pcapng
rm -r s
expect 2 "$ringside" replay a.pcapng
says err "disk.img"
expect 0 "$ringside" replay packed.pcapng
says out "replay: identical"
expect 0 "$ringside" diff a.pcapng packed.pcapng
finish

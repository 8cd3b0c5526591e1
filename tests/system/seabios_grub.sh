#!/bin/bash
# From the reset vector: SeaBIOS finds an ATA disk, GRUB from its boot sector takes typed commands, lists the
# partition and loads Debian's kernel, which boots to its shell; the session replays. Skipped where
# scripts/fetch-guests has not been. Cannot show: a screen, or a BIOS that boots from something else.
source "$(dirname "$0")/common.sh" "$@"

needs_guests seabios-grub/disk.img
expect 0 "$ringside" run "$source_dir/scenarios/seabios-grub" -o a.pcapng
says out "GNU GRUB"
says out "lost+found/ boot/ vmlinuz initramfs.cpio"
says out "BOOT_IMAGE=/vmlinuz"
says out "/bin/busybox: OK"
says err "run: poweroff at"
# What [[capture]] leaves out is not in the file, and compared all the same.
(($(stat -c %s a.pcapng) < 300000000)) || fail "the session has $(stat -c %s a.pcapng) bytes"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
finish

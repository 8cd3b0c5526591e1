#!/bin/bash
# tshark reads a session without a complaint, and with our dissector lists block requests by operation and
# sector; it finds as many as `ringside show` does.
source "$(dirname "$0")/common.sh" "$@"

lua=$build_dir/wireshark/ringside.lua
expect 0 "$ringside" run "$source_dir/scenarios/grub-pv" -o a.pcapng
expect 0 tshark -r a.pcapng -q -z io,phs
grep -v 'Running as user "root"' err | grep -q . && fail "tshark complains: $(cat err)"
expect 0 tshark -X "lua_script:$lua" -r a.pcapng -Y ringside.blkif
says out "READ"
expect 0 tshark -X "lua_script:$lua" -r a.pcapng -Y 'ringside.blkif.sector_number and frame.interface_name contains "/request"' -T fields \
  -e ringside.blkif.operation -e ringside.blkif.sector_number
listed=$(grep -c . out)
shown=$("$ringside" show a.pcapng --wire 'ring/*/request' | wc -l)
[[ $listed == "$shown" && $listed -gt 20 ]] || fail "tshark lists $listed requests, show lists $shown"
finish

#!/bin/bash
# A guest with a further console ([[console]]): it prints there, is typed at there, closes it and connects it again, and
# lies about its indices; the first console goes on. Lines say whose they are, the session replays.
source "$(dirname "$0")/common.sh" "$@"

mkdir s
cat >s/scenario.toml <<TOML
name = "consoles"
[[domain]]
memory = "8M"
kernel = "$build_dir/guest/further-console.elf"
[[console]]
[[input]]
wire = "console1"
when = "further console"
send = "hello\\r"
[[input]]
wire = "console1"
when = "here again"
send = "end\\r"
[check]
allow = ["ring/index_overrun"]  # it lies
[expect]
console = ["first console", "heard: hello", "here again", "still here"]
shutdown = "poweroff"
within = "5s"
TOML
expect 0 "$ringside" run s -o a.pcapng --no-console
says out "dom1: first console"
says out "dom1/console1: further console"
says out "dom1/console1: heard: hello"
says out "dom1: still here"
expect 0 "$ringside" replay a.pcapng --console
says out "dom1/console1: here again"
says out "replay: identical ("
expect 0 "$ringside" show a.pcapng --wire 'dom1/console1/*'
says out 'text="hello'
expect 0 "$ringside" show a.pcapng --wire dom1/notice
says out "5000 ahead"
expect 2 "$ringside" run s --no-console --set 'input=[{wire = "console2", when = "x", send = "y"}]'
says err "nothing can be sent on 'console2'"
expect 2 "$ringside" run s --no-console --set console.name=console
says err "another wire"
finish

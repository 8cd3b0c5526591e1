#!/bin/bash
# Proves that scripts/check-sources names each kind of breach, at its file and line, and lets what is allowed
# pass. It cannot prove that the rules are the right ones.
set -euo pipefail
root=$1
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# file FOLDER/NAME TEXT: one source file of the tree.
file() {
  mkdir -p "$tree/$(dirname "$1")"
  printf '%b' "$2" >"$tree/$1"
}
# expect STATUS PATTERN: what the check says of the tree; then the tree is emptied.
expect() {
  local status=0 said
  said=$("$root/scripts/check-sources" "$tree" 2>&1) || status=1
  if [[ $status != "$1" ]] || ! grep -qE "$2" <<<"$said"; then
    echo "expected status $1 and '$2'; got status $status and: $said"
    failures=$((failures + 1))
  fi
  rm -rf "${tree:?}"/*
}

file sim/a.cpp '#include "sim/a.h"\n#include <vector>\n'
file sim/a.h '#pragma once\n'
file cpu/unicorn_core.cpp '#include <unicorn/unicorn.h>\n#include "sim/a.h"\n'
file devices/uart/uart_shell.h '#pragma once\n#include <systemc>\n#include "devices/uart/uart.h"\n'
file hv-model/xen_abi.h '#pragma once\n#include <xen/xen.h>\n#include "cpu/cpu.h"\n'
expect 0 '^5 source files keep to the rules$'

file sim/a.cpp '\n#include "cpu/cpu.h"\n'
expect 1 '^sim/a.cpp:2: sim/ may not include "cpu/cpu.h"$'
file cpu/a.cpp '#include "host/a.h"\n'
expect 1 '^cpu/a.cpp:1: cpu/ may not include "host/a.h"$'
file hv-model/a.cpp '#include "cpu/unicorn_core.h"\n'
expect 1 '^hv-model/a.cpp:1: hv-model/ may not include "cpu/unicorn_core.h"$'
file machine/a.cpp '#include "cli/a.h"\n'
expect 1 '^machine/a.cpp:1: machine/ may not include "cli/a.h"$'
file devices/uart/a.cpp '#include "devices/nic/a.h"\n'
expect 1 "^devices/uart/a.cpp:1: one device may not include another's"
file sim/a.cpp '#include "a.h"\n'
expect 1 "^sim/a.cpp:1: include \"a.h\" is not written from the project's root$"
file cpu/code.cpp '#include <unicorn/unicorn.h>\n'
expect 1 '^cpu/code.cpp:1: <unicorn/unicorn.h> may not be included here'
file sim/clock.cpp '#  include <systemc>\n'
expect 1 '^sim/clock.cpp:1: <systemc> may not be included here'
file cli/a.cpp '#include <xen/xen.h>\n'
expect 1 '^cli/a.cpp:1: <xen/xen.h> may not be included here'
file sim/a.h 'int a();\n'
expect 1 "^sim/a.h:1: a header without '#pragma once'$"
file sim/a.cpp '// caf\0303\0251\n'
expect 1 '^sim/a.cpp:1: a character that is not ASCII'
file sim/a.cpp '\n// TO''DO: later\n'
expect 1 '^sim/a.cpp:2: unfinished work'
file sim/a.cpp 'int a; \n'
expect 1 '^sim/a.cpp:1: a blank at the end of the line$'
file sim/a.cpp '\tint a;\n'
expect 1 '^sim/a.cpp:1: a tab$'
file sim/uart_helper.cpp 'int a;\n'
expect 1 '^sim/uart_helper.cpp:1: the name says nothing'
file sim/a.cpp "$(printf 'int a;\\n%.0s' {1..501})"
expect 1 '^sim/a.cpp:501: longer than 500 lines'

[[ $failures == 0 ]] && echo "each breach was named"
exit $((failures != 0))

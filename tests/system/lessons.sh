#!/bin/bash
# Each lesson passes in each of its forms, two machines talking to each other among them; a second run gives the
# same bytes, and the session replays. `--vcd` shows the UART's interrupt line: every edge at the time at which the
# session has it, as often as the guest says that it was interrupted, and GTKWave's own tools read the file.
# Cannot show: how GTKWave draws it.
source "$(dirname "$0")/common.sh" "$@"

lesson() {
  expect 0 "$ringside" run "$source_dir/scenarios/$1" -o a.pcapng
  [[ $(tail -n 1 out) == *": PASS"$'\r' ]] || fail "$1: its last line is '$(tail -n 1 out)'"
  [[ $(tail -c 1 out | od -An -tx1) == " 0a" ]] || fail "$1: the end of its last line is lost"
  expect 0 "$ringside" run "$source_dir/scenarios/$1" -o b.pcapng
  cmp a.pcapng b.pcapng || fail "$1: two runs differ"
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
}
lesson uart-hello
lesson uart-hello/interrupts.toml
lesson disk-read
lesson disk-read/dma.toml
lesson nic-echo
lesson nic-echo/interrupts.toml

lesson nic-echo/two-machines.toml
# Each line stands behind its machine's name, whole.
expect 0 "$ringside" run "$source_dir/scenarios/nic-echo/two-machines.toml"
says out "dom1: nic-echo: PASS"
says out "dom2: nic-echo: PASS"
says out "dom2: 100 pings answered, 100 datagrams echoed"
for wire in dom1/eth/eth0/rx dom1/eth/eth0/tx dom2/eth/eth1/rx dom2/eth/eth1/tx; do
  expect 0 "$ringside" show a.pcapng --wire "$wire"
  # An ARP request or its answer, 100 pings, 100 datagrams; broadcasts and what the other sends beside.
  (($(wc -l <out) >= 201)) || fail "only $(wc -l <out) frames on $wire"
done

# The VCD file against the session's crossings.
expect 0 "$ringside" run "$source_dir/scenarios/uart-hello/interrupts.toml" --vcd irq.vcd -o a.pcapng
grep -q "Info:" out && fail "SystemC speaks in the guest's console"
interrupts=$(sed -n 's/^\([0-9]*\) interrupts: .*/\1/p' out)
expect 0 "$ringside" show a.pcapng --wire irq/4 --json
sed -n 's/.*"at_ps":\([0-9]*\),.*"level":\([01]\).*/\1 \2/p' out >session_edges
awk '
  /^\$timescale/ { getline; scale = $1 $2 }
  /^\$var/ && $5 == "irq4" { id = $4 }
  /^\$dumpvars/ { initial = 1 }
  /^#/ {
    now = substr($1, 2) + 0
    if (now < last) { print "time goes back at " $1; exit }
    last = now
    initial = 0
  }
  /^[01]/ && !initial && substr($1, 2) == id { print substr($1, 1, 1) == "1" ? now " 1" : now " 0" }
  END { if (scale != "1ps") print "the timescale is " scale }
' OFMT=%.0f CONVFMT=%.0f irq.vcd >vcd_edges
cmp session_edges vcd_edges || diff session_edges vcd_edges | head -n 5
cmp -s session_edges vcd_edges || fail "the VCD file's edges are not the session's"
rises=$(grep -c ' 1$' vcd_edges)
((interrupts > 10 && rises >= interrupts)) || fail "$rises rises of irq4, and the guest counted '$interrupts' interrupts"

if command -v vcd2fst >/dev/null; then
  expect 0 vcd2fst irq.vcd irq.fst
  [[ -s irq.fst ]] || fail "vcd2fst made nothing of it"
fi
finish

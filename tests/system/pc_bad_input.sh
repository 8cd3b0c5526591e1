#!/bin/bash
# What a PC cannot start is refused with the file's name and what to do; a guest that breaks its own processor ends
# as crashed, with registers, code and a stack trace by its symbols; one that storms every port and register lives,
# and every notice names what was accessed and the value. Cannot show: all ways to break a machine (the fuzz targets).
source "$(dirname "$0")/common.sh" "$@"

mkdir s
pc() {
  printf 'name = "bad"\n[[domain]]\npersonality = "pc"\nkernel = "%s"\nmemory = "%s"\n[expect]\nwithin = "1s"\n' \
    "$1" "$2" >s/scenario.toml
}
refused() {
  pc "$1" "${2:-64M}"
  expect 2 timeout 60 "$ringside" run s
  [[ ! -s out ]] || fail "a guest ran: $(head -c 100 out)"
  [[ $(wc -l <err) -le 3 ]] || fail "more than one error: $(cat err)"
  says err "ringside: "
  for text in "${@:3}"; do says err "$text"; done
}
storm=$build_dir/scenarios/port-storm/port-storm.elf
echo "This is no kernel, however long it may be." >s/text
refused text 64M "'text'" "bzImage" "ELF"
: >s/nothing
refused nothing 64M "'nothing' is empty"
{ printf '\177ELF\1\1\1' && yes garbage | head -c 5000; } >s/elf32
refused elf32 64M "'elf32'" "x86-64 is needed"
head -c 3000 "$storm" >s/cut-elf
refused cut-elf 64M "'cut-elf' is cut"
refused /bin/ls 64M "/bin/ls" "link it elsewhere"
refused missing 64M "missing" "tried"
refused "$storm" 1M "memory" "8M"
linux=$build_dir/scenarios/linux-serial/vmlinuz
if [[ -e $linux ]]; then
  for size in 700 100000; do
    head -c $size "$linux" >s/truncated
    refused truncated 64M "'truncated' is cut" "$size"
  done
  refused "$linux" 8M "vmlinuz" 'raise `memory` to'
fi

# Three ways to shut a processor down. The scenarios expect it; who does not gets exit code 5.
crash() {
  local scenario=$source_dir/scenarios/port-storm/$1.toml function=$2
  expect 0 "$ringside" run "$scenario"
  expect 5 "$ringside" run "$scenario" --set 'expect.shutdown="poweroff"' -o a.pcapng
  for text in "registers:" "rsp 0" "cr3 " "idt " "code at 0x" "$function+0x" "stack (names by port-storm.elf)" \
    "guest_main+0x" "triple fault"; do
    says err "$text"
  done
  says err "$3"
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
}
crash triple-fault die_by_triple_fault "ud2"
crash bad-idt die_by_bad_idt "ud2"
crash bad-gdt die_by_bad_gdt "mov ds, eax"

# The storm, twice; its output has a hash of all that it read.
expect 0 "$ringside" run "$source_dir/scenarios/port-storm" -o a.pcapng
says out "port-storm: PASS"
mv out first
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" run "$source_dir/scenarios/port-storm"
cmp first out || fail "two storms differ"
expect 0 "$ringside" show a.pcapng --wire notice
awk '{ sub(/.* message=/, ""); print }' out >notices
(($(wc -l <notices) > 1000)) || fail "only $(wc -l <notices) notices"
# Each says which register, and with which value.
grep -vE '[0-9]' notices | head -n 3 >bare
[[ ! -s bare ]] || fail "notices without a value: $(cat bare)"
for text in "a write of 0x" "to port 0x" "a read of port 0x" "to address 0x" "eth0" "RDMSR of 0x"; do says out "$text"; done
finish

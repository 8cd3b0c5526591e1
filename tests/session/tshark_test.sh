#!/bin/sh
# Proves that tshark reads a session without a complaint, and that our dissector names and filters its fields.
# What Wireshark's window makes of it cannot be seen here.
#
# tshark_test.sh TSHARK_SAMPLE DISSECTOR_TEMPLATE GENERATED_DISSECTOR
set -eu
sample=$1 template=$2 generated=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Whatever the user has configured must not matter here.
export HOME="$folder" WIRESHARK_CONFIG_DIR="$folder/config" LC_ALL=C.UTF-8 TZ=UTC
failed=0

"$sample" "$template" "$folder"

# Runs tshark, and shows what it says on stderr unless that is its warning about root.
read_session() {
  tshark -X lua_script:"$folder/sample.lua" -r "$folder/sample.pcapng" "$@" 2>"$folder/stderr" || {
    echo "tshark $* failed:" && cat "$folder/stderr"
    failed=1
  }
  if grep -v '^Running as user "root"' "$folder/stderr"; then
    echo "tshark $* complained (above)"
    failed=1
  fi
}

# expect NAME ACTUAL EXPECTED: the two texts must be equal.
expect() {
  [ "$2" = "$3" ] && return
  printf 'FAILED: %s\n  expected: %s\n  found:    %s\n' "$1" "$3" "$2"
  failed=1
}

fields() {  # FILTER FIELD...: the fields of the frames that match, separated by spaces
  filter=$1
  shift
  list=''
  for field; do list="$list -e $field"; done
  # shellcheck disable=SC2086
  read_session -Y "$filter" -T fields -E separator=/s $list
}

expect "stamps of more than a second keep their nanoseconds" \
  "$(fields 'ringside.sequence == 1' frame.time_epoch ringside.picoseconds)" "1.500000000 123"
expect "a late stamp" "$(fields 'ringside.sequence == 9' frame.time_epoch)" "13.500000001"
expect "a group is a filter" "$(fields ringside.demo ringside.payload_type | tr '\n' ' ')" "65010 65010 65011 65012 65010 "
expect "fields of a group" \
  "$(fields 'ringside.demo.operation == "WRITE"' ringside.sequence ringside.demo.operation | tr '\n' ' ')" "3 1 6 1 "
expect "a field that means something else has its type's name" \
  "$(fields 'ringside.demo_control.operation == "RESET"' ringside.sequence)" "4"
expect "numbers of 64 bits" "$(fields 'ringside.demo.sector_number == 281474976710655' ringside.sequence)" "2"
expect "fields of one name with several widths" \
  "$(fields 'ringside.demo.id == 0x123456789abcdef0 || ringside.sequence == 1' ringside.demo.id | xargs)" \
  "0x000000000000beef 0x123456789abcdef0"
expect "signed numbers" "$(fields 'ringside.demo.offset_bytes == -5 && ringside.sequence == 1' ringside.demo.offset_bytes)" "-5"
expect "single flags" "$(fields 'ringside.demo.flags.read_only == 1 && ringside.demo.flags.top == 1' ringside.sequence | tr '\n' ' ')" "1 2 "
expect "text" "$(fields 'ringside.sequence == 1' ringside.demo.name)" "xvda"
expect "records of a tail" "$(fields 'ringside.demo.segments.gref == 9' ringside.demo.segments.gref | head -1)" "8,9"
expect "bytes of a tail" "$(fields 'ringside.demo.data == de:ad' ringside.sequence)" "3"
expect "what was cut says so" "$(fields ringside.cut ringside.sequence ringside.demo.sector_number | xargs)" "6 77 7"
expect "the wire" "$(fields 'ringside.wire == "dom1/demo/control"' ringside.sequence)" "4"
expect "inputs" "$(fields ringside.input ringside.input.wire ringside.input.data ringside.input.instructions \
  ringside.input.number)" "dom1/console/in 6c730d 123456 1"
expect "the Info column" "$(fields 'ringside.sequence == 1' _ws.col.Info)" \
  'demo_request operation=READ offset_bytes=-5 id=0xbeef sector_number=2048 flags=valid|read-only|top latency=2.000000000500s name="xvda" segments=2'
expect "the Protocol column" "$(fields 'ringside.sequence == 1' _ws.col.Protocol)" "DEMO"
expect "Ethernet dissects by itself" "$(fields arp frame.interface_name frame.len)" "dom1/eth/vif0/tx 60"
expect "9P dissects by itself" "$(fields 9p 9p.msgtype | tr '\n' ' ')" "100 101 104 105 110 111 116 117 116 117 116 117 "
expect "no message of 9P is malformed, not even a large one" "$(fields "9p && _ws.malformed" frame.number)" ""
expect "a message of 9P that was cut has its true length" "$(fields '9p.tag == 4 && 9p.msgtype == 117' frame.cap_len frame.len)" \
  "132 200083"
expect "a message of 9P larger than a packet" "$(fields '9p.tag == 5 && 9p.msgtype == 117' frame.cap_len frame.len)" \
  "262120 400083"
expect "a fid of 9P has its path, by whatever ring" \
  "$(read_session -Y '9p.tag == 3 && 9p.msgtype == 116' -V | sed -n 's/^ *\(Fid: .*\)/\1/p')" "Fid: 1 (/hosts)"
expect "custom blocks are shown" "$(fields frame _ws.col.Protocol | grep -c PCAPNG)" "3"
read_session -q -z io,phs >"$folder/phs"
grep -q 'ringside' "$folder/phs" || { echo "FAILED: the protocol hierarchy has no ringside" && failed=1; }

# The dissector of the house's own payload types loads.
cp "$generated" "$folder/sample.lua"
expect "the generated dissector" "$(fields 'ringside.sequence == 1' _ws.col.Info)" "payload type 65010, 49 bytes"
read_session -q -z io,phs >/dev/null
exit $failed

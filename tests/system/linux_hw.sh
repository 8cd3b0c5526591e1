#!/bin/bash
# Debian's kernel, unmodified, with its own drivers ata_piix and e1000: the disk's sum is the host's, 1000 pings
# and 10 MB of UDP echo are lossless, and tshark finds nothing wrong in the capture: no malformed frame, no wrong
# checksum. The session replays, and a replay writes no capture. Skipped where scripts/fetch-guests has not been.
# Cannot show: that a frame on the wire would have been good enough for another network's hardware.
source "$(dirname "$0")/common.sh" "$@"

needs_guests linux-hw/vmlinuz
# The capture's name is relative: it belongs to the folder in which the command runs.
expect 0 "$ringside" run "$source_dir/scenarios/linux-hw" -o a.pcapng
says out "linux-hw: PASS"
says out "1000 packets transmitted, 1000 packets received, 0% packet loss"
[[ -s linux-hw.pcap ]] || fail "there is no capture"

expect 0 tshark -r linux-hw.pcap -o ip.check_checksum:TRUE -o udp.check_checksum:TRUE -T fields -E separator=, \
  -E occurrence=f -e _ws.malformed -e icmp.type -e icmp.checksum.status -e ip.checksum.status -e udp.checksum.status
awk -F, '
  $1 != "" { ++malformed }
  $2 == 8 { ++requests }
  $2 == 0 && $2 != "" { ++replies }
  $3 == 0 && $3 != "" || $4 == 0 && $4 != "" || $5 == 0 && $5 != "" { ++wrong }
  $5 == 1 { ++datagrams }
  END { print malformed + 0, wrong + 0, requests + 0, replies + 0, (datagrams >= 10000 ? "many" : datagrams + 0) }
' out >counts
[[ $(cat counts) == "0 0 1000 1000 many" ]] ||
  fail "malformed, wrong checksums, echo requests, replies, good datagrams: $(cat counts)"

rm linux-hw.pcap
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
[[ ! -e linux-hw.pcap ]] || fail "the replay wrote a capture"
finish

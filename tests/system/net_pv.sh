#!/bin/bash
# Paravirtual domains on a network: they reach a responder and each other, long TCP frames arrive whole or cut;
# two runs give the same bytes, under disturbance too, and replay. The toolstack takes an interface away and brings
# it back while the domain runs. tshark finds every frame and no wrong checksum where the network has finished
# them, and the responder has no complaint. Cannot show: Linux's netfront (linux_pv.sh).
source "$(dirname "$0")/common.sh" "$@"

for scenario in net-pv net-pv/two-domains.toml net-pv/segments.toml; do
  expect 0 "$ringside" run "$source_dir/scenarios/$scenario" -o a.pcapng
  says out "net-pv: PASS"
  expect 0 "$ringside" run "$source_dir/scenarios/$scenario" --disturb 3 -o b.pcapng
  cmp a.pcapng b.pcapng || fail "$scenario: two runs differ"
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
  expect 0 "$ringside" show a.pcapng --wire '*/notice'
  [[ ! -s out ]] || fail "$scenario: notices: $(head -n 3 out)"
done

# The last one's: segments that the network has cut, and the rings that they came from.
expect 0 "$ringside" show a.pcapng --wire dom2/ring/vif1/tx/extra
[[ $(grep -c "type=GSO .*gso_type=TCPV4 gso_size=1448" out) == 50 ]] || fail "not 50 GSO extras: $(head -n 1 out)"
expect 0 "$ringside" show a.pcapng --wire dom1/eth/vif0/tx
frames=$(wc -l <out)
if command -v tshark >/dev/null; then
  count() { tshark -r a.pcapng -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE \
    -Y "$1" 2>/dev/null | wc -l; }
  # A captured frame is one of Wireshark's protocol eth with the domain's own address.
  [[ $(count "eth.src==00:16:3e:00:00:01 && frame.interface_name==\"dom1/eth/vif0/tx\"") == "$frames" ]] ||
    fail "tshark does not see the $frames frames of dom1/eth/vif0/tx"
  [[ $(count "ip.checksum.status==0") == 0 ]] || fail "IP header checksums are wrong"
  [[ $(count "_ws.malformed") == 0 ]] || fail "malformed frames"
fi

# Taken away and brought back: 100 ms later the guest, which waits for an answer, has none; a fresh one does.
sed -e 's/pings=200 datagrams=200/pings=3000 datagrams=10/' "$source_dir/scenarios/net-pv/scenario.toml" >plug.toml
sed -i -e "s#\"net-pv.elf\"#\"$build_dir/scenarios/net-pv/net-pv.elf\"#" -e '/^console/d' -e 's/^shutdown.*//' plug.toml
cat >>plug.toml <<'TOML'
[[input]]
wire = "toolstack"
at = "8ms"
send = "network-detach vif0 --force"
[[input]]
wire = "toolstack"
at = "20ms"
send = "network-attach vif0"
[[input]]
wire = "toolstack"
at = "30ms"
send = "network-attach vif0"
TOML
expect 4 "$ringside" run plug.toml -o plug.pcapng
expect 0 "$ringside" show plug.pcapng --wire '*/notice'
says out "'vif0' is attached already"
expect 0 "$ringside" replay plug.pcapng
finish

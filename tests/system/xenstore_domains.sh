#!/bin/bash
# scenarios/xenstore-domains: neither of two domains reads, writes or watches what it may not, and a domain's limits are
# xenstored's; the session is equal from run to run and replays.
source "$(dirname "$0")/common.sh" "$@"

scenario=$source_dir/scenarios/xenstore-domains
expect 0 "$ringside" run "$scenario" -o a.pcapng --no-console
says out "dom1: owner: PASS"
says out "dom2: stranger: PASS"
expect 0 "$ringside" run "$scenario" --disturb 1 -o b.pcapng --no-console
cmp a.pcapng b.pcapng || fail "the session differs under disturbance"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" show a.pcapng --wire dom2/xenstore
says out "EACCES"
finish

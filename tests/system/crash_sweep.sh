#!/bin/bash
# Debian's drivers under backends that die come to the verdicts that docs/crash-sweep.md keeps: some of its runs are made
# again, and compared one by one. Cannot show the others; the document has the command that makes all.
source "$(dirname "$0")/common.sh" "$@"
needs_guests linux-pv/vmlinux linux-pv/root.img

kept=$source_dir/tests/system/crash_sweep.verdicts
# Positions of a smaller spread are also positions of the whole sweep's.
"$ringside" campaign "$source_dir/scenarios/linux-pv/crash-sweep.toml" -j 1 --out sweep --sites 'xenbus/eth0@spread(5)' \
  --sites 'ring/xvda/request@spread(10)' --sites 'ring/xvda/response@spread(5)' \
  --sites 'ring/eth0/rx/request@spread(5)' --sites 'ring/eth0/rx/response@spread(5)' >out 2>err </dev/null
code=$?
[[ $code == 0 || $code == 1 ]] || { fail "exit code $code"; tail -n 5 err; }
! grep -q "simulator fault" sweep/results || fail "a simulator fault"
# "dom1/ring/xvda/request@12 survived"
sed -n 's/.*"fault":\["[^"]*","\([^"]*\)",\([0-9]*\),.*"verdict":"\([^"]*\)".*/\1@\2 \3/p' sweep/results | sort >now
[[ $(wc -l <now) -ge 25 ]] || fail "$(wc -l <now) runs, not 25 or more"
sort "$kept" >all
comm -23 now all >other
[[ ! -s other ]] || { fail "other verdicts than crash_sweep.verdicts keeps (another kernel passes other sites):"; cat other; }

# The document says what the list says.
for verdict in survived "driver hung" "guest crashed" "expectation failed" "invariant broken"; do
  count=$(grep -c " $verdict\$" "$kept")
  [[ $count == 0 ]] || says "$source_dir/docs/crash-sweep.md" "$count $verdict"
done
finish

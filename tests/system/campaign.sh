#!/bin/bash
# Campaigns give the same table whatever the number of processes, in one piece, in shards, or stopped and resumed; a
# child that takes the simulator with it is a row like another; what cannot be forked is refused. It does not
# prove that the verdicts are right: the campaigns on drivers with known bugs do that.
source "$(dirname "$0")/common.sh" "$@"
blk=$source_dir/scenarios/blk-read

# Sessions lie in folders of their own; all else must be equal.
table() {
  python3 - "$1" <<'PY'
import json, sys
report = json.load(open(sys.argv[1]))
for entry in report["classes"]:
    entry.pop("session", None)
    entry.pop("command", None)
report.pop("shard")
print(json.dumps(report, indent=1))
PY
}
# campaign FOLDER ARGUMENTS...: its report is in FOLDER.json. Findings or none are both well.
campaign() {
  local folder=$1
  shift
  "$ringside" campaign "$blk" --out "$folder" --json "$@" >"$folder.json" 2>err </dev/null
  local code=$?
  ((code <= 1)) || fail "exit code $code: campaign $*: $(cat err)"
  table "$folder.json" >"$folder.table"
}
same() { cmp -s "$1.table" "$2.table" || fail "$1 and $2 differ: $(diff "$1.table" "$2.table" | head -n 5)"; }

some=(--random 200 --seed 3)
campaign one "${some[@]}"
campaign two "${some[@]}" -j 2
same one two
runs=$(python3 -c 'import json; print(json.load(open("one.json"))["runs"])')
[[ $runs == 200 ]] || fail "$runs runs, not 200"
campaign other --random 200 --seed 4
cmp -s one.table other.table && fail "another seed gives the same table"

for shard in 1 2 3; do campaign "shard$shard" "${some[@]}" --shard "$shard/3" -j "$shard"; done
"$ringside" campaign merge shard1 shard2 shard3 --json --junit merged.xml >merged.json 2>err
table merged.json >merged.table
same one merged
python3 - merged.xml <<'PY' || fail "merged.xml is not what JUnit reads"
import sys, xml.etree.ElementTree as tree
[suite] = tree.parse(sys.argv[1]).getroot().findall("testsuite")
cases = suite.findall("testcase")
assert len(cases) == int(suite.get("tests")) > 0
assert len(suite.findall("testcase/failure")) == int(suite.get("failures"))
assert all(case.get("classname") and case.get("name") for case in cases)
PY
"$ringside" campaign merge shard1 shard3 >out 2>err
says out "PARTIAL: of 3 shards these are missing: 2"

# Each session of a finding replays identically.
shopt -s nullglob
for session in one/*.pcapng; do
  expect 0 "$ringside" replay "$session"
done

# Killed as it goes, it goes on from there; and what it has done is not done again.
for delay in 0.5 0.6 0.7; do
  "$ringside" campaign "$blk" --out killed --json "${some[@]}" >/dev/null 2>&1 </dev/null &
  pid=$!
  sleep "$delay"
  kill -9 "$pid" 2>/dev/null
  wait "$pid" 2>/dev/null
done
campaign killed "${some[@]}"
same one killed
lines=$(wc -l <one/results)
campaign one "${some[@]}"
[[ $(wc -l <one/results) -le $((lines + 2)) ]] || fail "a finished campaign runs again"

# A signal ends it in order, and a budget.
"$ringside" campaign "$blk" --out stopped >out 2>err </dev/null &
pid=$!
sleep 1
kill -TERM "$pid"
wait "$pid"
says out "PARTIAL: it was interrupted"
"$ringside" campaign "$blk" --out spent --budget 1s >out 2>err </dev/null
says out "PARTIAL: --budget is spent"

# A child that takes the simulator with it is a finding of its own; the rest goes on.
point=$(python3 -c '
import json
lines = [json.loads(line[9:]) for line in open("one/results") if len(line) > 10]
print(min(line["point"] for line in lines if "verdict" in line))')
for how in abort assert segv loop; do
  campaign "broken-$how" "${some[@]}" --break-simulator "$point=$how"
  python3 - "broken-$how.json" <<'PY' || fail "broken by $how: $(cat "broken-$how.json")"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["runs"] == 200 and report["verdicts"]["simulator fault"] == 1
PY
done
says broken-assert.json "campaign/trunk.cpp"
says broken-segv.json "signal 11"
says broken-loop.json "host loop"

# Second faults: the same table with one process and with two, stopped in between, and in shards.
pairs=(--pairs --random 30 --seed 5)
campaign pairs1 "${pairs[@]}"
campaign pairs2 "${pairs[@]}" -j 2
same pairs1 pairs2
"$ringside" campaign "$blk" --out pairs3 --budget 1.2s "${pairs[@]}" >/dev/null 2>&1 </dev/null
campaign pairs3 "${pairs[@]}"
same pairs1 pairs3
for shard in 1 2; do campaign "half$shard" "${pairs[@]}" --shard "$shard/2"; done
"$ringside" campaign merge half1 half2 --json >halves.json 2>err
table halves.json >halves.table
same pairs1 halves
python3 -c 'import json; assert json.load(open("pairs1.json"))["pairs"]' || fail "there are no pairs"

# What cannot be done is said, and nothing is written.
expect 2 "$ringside" campaign "$blk" --out refused --set disk.xvda.write=true
says err "write = true"
expect 2 "$ringside" campaign "$blk" --out refused --sites 'ring/xvdb/*'
says err "no such wire"
expect 2 "$ringside" campaign "$blk" --out refused --actions explode
expect 2 "$ringside" campaign "$blk" --out refused --shard 4/3
says err "--shard 4/3"
expect 2 "$ringside" campaign "$blk" --out refused --set expect.console='["never said"]'
says err "fails without any fault"
expect 2 "$ringside" campaign "$blk" --out one --random 100
says err "another campaign"
expect 2 "$ringside" campaign merge one other
expect 2 "$ringside" campaign merge nowhere
[[ ! -e refused ]] || fail "a refused campaign leaves a folder"

# A full disk stops it cleanly, and it goes on once there is room.
(
  ulimit -f 16  # KiB
  "$ringside" campaign "$blk" --out full "${some[@]}" >out 2>err </dev/null
  [[ $? == 2 ]] || echo "not 2" >>err
)
says err "cannot be written"
campaign full "${some[@]}"
same one full
finish

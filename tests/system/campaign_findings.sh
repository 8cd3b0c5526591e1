#!/bin/bash
# A campaign finds each planted bug of blk-buggy and net-buggy: by its signature (kind of site, action, verdict, and
# the checker's rule or what the guest says), with a session that replays and in which the fault and the symptom can be
# seen. On the good drivers it gives exactly the verdicts that their [campaign] lists, over at least 40 sites and 6
# actions. Cannot show: bugs that nobody planted.
source "$(dirname "$0")/common.sh" "$@"

# One line a signature: variant | kind of site | action | verdict | part of the symptom.
blk_signatures='
lost-completion      | evtchn deliver             | drop        | driver hung        | waiting, with nothing pending
ring-full-miscounted | ring/xvda/response READ    | fail        | invariant broken   | ring/index_overrun
grant-leak-on-error  | ring/xvda/response READ    | fail        | invariant broken   | grants/leaked
no-barrier           | evtchn send                | delay       | invariant broken   | ring/id_in_use
double-completion    | ring/xvda/response WRITE   | duplicate   | expectation failed | answered twice
timeout-frees-page   | image/xvda read            | slow_sector | invariant broken   | grants/ended_while_mapped
error-ignored        | image/xvda read            | fail        | expectation failed | wrong: words at sector
old-indices          | ring/xvda/response READ    | drop        | invariant broken   | ring/index_overrun
'
net_signatures='
lost-completion      | evtchn send                | drop        | driver hung        | no end within
ring-full-miscounted | ring/vif/rx/response       | fail        | invariant broken   | ring/index_overrun
grant-leak-on-error  | ring/vif/tx/response       | fail        | invariant broken   | grants/leaked
no-barrier           | evtchn send                | delay       | invariant broken   | ring/id_in_use
double-completion    | ring/vif/tx/response       | duplicate   | expectation failed | frames completed
timeout-frees-page   | ring/vif/tx/request        | delay       | invariant broken   | ring/id_in_use
error-ignored        | ring/vif/rx/response       | fail        | expectation failed | length
old-indices          | ring/vif/rx/response       | drop        | invariant broken   | ring/id_in_use
'

# campaign SCENARIO CODE ARGUMENTS...
campaign() {
  local scenario=$1 expected=$2
  shift 2
  timeout 400 "$ringside" campaign "$source_dir/scenarios/$scenario" -j 2 --json --out "$scenario" "$@" \
    >"$scenario.json" 2>err </dev/null
  local code=$?
  [[ $code == "$expected" ]] || fail "campaign $scenario: exit code $code, not $expected: $(tail -n 3 err)"
}

# Prints a line for each signature that the report does not have, and the sessions of those that it has.
check_signatures() {
  python3 - "$1.json" "$2" <<'PY'
import json, sys
reports = {report["scenario"].split("/")[-1]: report for report in json.load(open(sys.argv[1]))["variants"]}
for line in filter(str.strip, sys.argv[2].splitlines()):
    bug, site, action, verdict, symptom = (part.strip() for part in line.split("|"))
    found = [entry for entry in reports[bug]["classes"]
             if (entry["site"], entry["action"], entry["verdict"]) == (site, action, verdict)
             and symptom in entry["symptom"]]
    if found:
        print("session", found[0].get("session", "none"), found[0]["faults"][0].split()[-1])
    else:
        print("missing", line)
for bug, report in reports.items():
    for complaint in report["complaints"]:
        print("missing", bug, complaint)
PY
}

# With every action it is some 36,000 runs, which find the same bugs.
# buggy SCENARIO ACTIONS SIGNATURES
buggy() {
  campaign "$1" 1 --set "campaign.actions=[$2]"
  local count=0 what rest
  while read -r what rest; do
    if [[ $what == missing ]]; then
      fail "$1: no finding is: $rest"
      continue
    fi
    count=$((count + 1))
    local session=${rest%% *}
    expect 0 "$ringside" replay "$session"
    says out "replay: identical ("
    expect 0 "$ringside" show "$session" --wire fault
    [[ -s out ]] || fail "$session shows no fault"
  done < <(check_signatures "$1" "$3")
  [[ $count -ge 8 ]] || fail "$1: only $count of 8 bugs are found"
}

good() {
  campaign "$1" 0
  python3 - "$1.json" <<'PY' || fail "$1: not 40 sites and 6 actions, or a verdict that is neither survived nor listed"
import json, sys
report = json.load(open(sys.argv[1]))
assert report["sites"] >= 40, report["sites"]
assert len({row["action"].split("(")[0] for row in report["table"]}) >= 6
assert report["runs"] >= 240 and not report["partial"] and not report["complaints"]
assert all(entry["right"] for entry in report["classes"])
PY
}

buggy blk-buggy '"drop", "fail", "duplicate", "slow_sector", "delay(5us)"' "$blk_signatures"
buggy net-buggy '"drop", "fail", "duplicate", "delay(5us)", "delay(100ms)"' "$net_signatures"
good blk-read
good net-echo-pv
finish

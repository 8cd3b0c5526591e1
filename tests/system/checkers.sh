#!/bin/bash
# A guest that breaks a rule ends with exit code 6, a notice right behind the crossing that shows it, and a session
# whose replay finds the same; what is allowed or left out ends nothing; names that there are not are refused, with
# those near to them. Cannot show: that each rule finds what it is for (tests/unit/checkers).
source "$(dirname "$0")/common.sh" "$@"

mkdir s
cp "$build_dir/guest/broken-rules.elf" s/
cat >s/scenario.toml <<'TOML'
name = "broken-rules"
[[domain]]
memory = "8M"
kernel = "broken-rules.elf"
cmdline = "ss"
[expect]
within = "50ms"
TOML

expect 6 "$ringside" run s -o a.pcapng
says err "violation: events/send_to_closed at"
says err "dom1/hypercall #"
says err "port 60 is not open"
says err "run: poweroff; invariant broken: events/send_to_closed, and 1 more at"
says out "broken-rules: done"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" show a.pcapng --wire notice
says out "violation"
says out "events/send_to_closed"

expect 6 "$ringside" run s --json
python3 -c 'import json
report = json.load(open("out"))
assert report["exit_code"] == 6
assert [v["rule"] for v in report["violations"]] == ["events/send_to_closed"] * 2
assert report["violations"][0]["sequence"] > 0 and not report["violations"][0]["allowed"]' || fail "no such JSON"

# Allowed: it is told, and ends nothing; so says the session.
expect 0 "$ringside" run s --allow 'events/send*' -o a.pcapng
says err "2 violations that the scenario allows"
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 0 "$ringside" run s --set 'check.allow=["events/*"]'
expect 6 "$ringside" run s --allow 'ring/*'
for arguments in "--no-check" "--no-check events" "--no-check ev*s"; do
  # shellcheck disable=SC2086
  expect 0 "$ringside" run s $arguments -o a.pcapng
  expect 0 "$ringside" replay a.pcapng
done
expect 6 "$ringside" run s --no-check ring
# A run that breaks no rule says nothing of them; one that crashes has its own exit code.
expect 0 "$ringside" run s --set domain.cmdline=none
! grep -q violation err || fail "violations of nothing: $(cat err)"
expect 1 "$ringside" run s --allow 'events/*' --set 'expect.console=["never"]'
expect 6 "$ringside" run s --set 'expect.console=["never"]'

expect 2 "$ringside" run s --no-check evnts
says err "no checker is called 'evnts'; did you mean"
expect 2 "$ringside" run s --allow events/send_to_close
says err "did you mean 'events/send_to_closed'"

expect 0 "$ringside" checkers
says out "events/lost_wakeup"
expect 0 "$ringside" checkers --json
python3 -c 'import json
for checker in json.load(open("out")): assert checker["title"] and checker["rules"]' || fail "no such JSON"
[[ $("$ringside" checkers | awk "length > 140" | wc -l) == 0 ]] || fail "long lines"
finish

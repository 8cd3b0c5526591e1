#!/bin/bash
# The guests that campaigns are made on: each passes without a fault, gives the same bytes twice, under disturbance too,
# and replays; with a fault that its driver mends it passes and says what it mended. Cannot show: which faults it does not
# mend (campaign_findings.sh).
source "$(dirname "$0")/common.sh" "$@"

# twice SCENARIO ARGUMENTS...
twice() {
  local scenario=$source_dir/scenarios/$1
  shift
  expect 0 "$ringside" run "$scenario" "$@" -o a.pcapng
  expect 0 "$ringside" run "$scenario" "$@" --disturb 5 -o b.pcapng
  cmp a.pcapng b.pcapng || fail "$scenario $*: two runs differ"
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
}

twice net-echo-pv
expect 0 "$ringside" show a.pcapng --wire '*/notice'
[[ ! -s out ]] || fail "net-echo-pv: notices: $(head -n 3 out)"
twice blk-read --set domain.cmdline=quick
for bug in lost-completion ring-full-miscounted grant-leak-on-error no-barrier double-completion timeout-frees-page \
  error-ignored old-indices; do
  for scenario in blk-buggy net-buggy; do
    # The missing barrier shows wherever the backend looks while the driver puts: its variant keeps them apart.
    line=quick
    [[ $scenario == net-buggy ]] && line=count=24
    [[ $bug == no-barrier ]] && line=$(grep -o '"domain.cmdline" = "[^"]*rest=[^"]*"' \
      "$source_dir/scenarios/$scenario/scenario.toml" | cut -d'"' -f4)
    expect 0 "$ringside" run "$source_dir/scenarios/$scenario" --set "domain.kernel=$bug.elf" --set "domain.cmdline=\"$line\""
  done
done

expect 0 "$ringside" run "$source_dir/scenarios/blk-read" --set domain.cmdline=quick --fault 'ring/xvda/response@7 drop'
says out "1 late answers, 1 connections"
expect 0 "$ringside" run "$source_dir/scenarios/blk-read" --set domain.cmdline=quick --fault 'ring/xvda/response@7 fail(-5)'
says out "1 retries"
expect 0 "$ringside" run "$source_dir/scenarios/blk-read" --set domain.cmdline=quick --fault 'ring/xvda/request@7 crash(10ms)'
says out "1 connections"
expect 0 "$ringside" run "$source_dir/scenarios/net-echo-pv" --fault 'eth/vif0/rx@3 corrupt(60,flip)'
says out "1 damaged"
expect 0 "$ringside" run "$source_dir/scenarios/net-echo-pv" --fault 'ring/vif0/tx/response@5 duplicate'
says out "0 lies, 0 late, 1 connections"
expect 0 "$ringside" scenarios
for scenario in blk-buggy net-buggy net-echo-pv; do says out "$scenario"; done
finish

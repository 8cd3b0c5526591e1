#!/bin/bash
# Proves that bench_check_limits takes the least repetition, subtracts and divides, converts units, names each
# figure past its limit, and does not pass what was not measured.
set -euo pipefail
check=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

cat >"$work/results.json" <<'END'
{"benchmarks": [
  {"run_name": "slow/manual_time", "run_type": "iteration", "real_time": 9.0, "time_unit": "ms"},
  {"run_name": "slow/manual_time", "run_type": "iteration", "real_time": 6.0, "time_unit": "ms"},
  {"run_name": "slow/manual_time", "run_type": "aggregate", "real_time": 1.0, "time_unit": "ms"},
  {"run_name": "quick", "run_type": "iteration", "real_time": 3000.0, "time_unit": "us"},
  {"run_name": "three", "run_type": "iteration", "real_time": 1.0, "time_unit": "ms"},
  {"run_name": "three", "run_type": "iteration", "real_time": 7.0, "time_unit": "ms"},
  {"run_name": "three", "run_type": "iteration", "real_time": 3.0, "time_unit": "ms"},
  {"run_name": "large", "run_type": "iteration", "real_time": 1.0, "time_unit": "ms", "MB": 81.5},
  {"run_name": "absent", "run_type": "iteration", "error_occurred": true, "error_message": "not there: qemu"},
  {"run_name": "broken", "run_type": "iteration", "error_occurred": true, "error_message": "no such file"}
]}
END
# expect STATUS PATTERN LIMIT: what is said of one limit.
expect() {
  local status=0 said
  echo "{\"limits\": [$3]}" >"$work/limits.json"
  said=$("$check" "$work/limits.json" "$work/results.json" 2>&1) || status=$?
  [[ $status == "$1" ]] && grep -qE "$2" <<<"$said" && return
  echo "expected status $1 and '$2'; got status $status and: $said"
  failures=$((failures + 1))
}

expect 0 '6.00 ms  limit +6.00 ms  ok' '{"name": "a", "what": "", "figure": "slow", "unit": "ms", "at_most": 6}'
expect 1 '6.00 ms  limit +5.90 ms  PAST' '{"name": "a", "what": "", "figure": "slow", "unit": "ms", "at_most": 5.9}'
expect 1 '3000.00 us .*PAST' \
  '{"name": "a", "what": "", "figure": "slow", "minus": "quick", "unit": "us", "at_most": 2999}'
expect 0 '2.00 x .*ok' '{"name": "a", "what": "", "figure": "slow", "over": "quick", "unit": "x", "at_most": 2}'
expect 0 '81.50 MB .*ok' '{"name": "a", "what": "", "figure": "large", "unit": "MB", "at_most": 82}'
expect 1 'NOT MEASURED: slo$' '{"name": "a", "what": "", "figure": "slo", "unit": "ms", "at_most": 9}'
expect 1 'FAILED: broken: no such file' '{"name": "a", "what": "", "figure": "broken", "unit": "ms", "at_most": 9}'
expect 0 '3.00 ms .*ok' \
  '{"name": "a", "what": "", "figure": "three", "statistic": "median", "unit": "ms", "at_most": 3}'
expect 0 'left out: absent .not there: qemu' '{"name": "a", "what": "", "figure": "absent", "unit": "ms", "at_most": 9}'
expect 2 'error: the files are not' '{"name": "a"}'
rm "$work/results.json"
expect 2 'results.json: cannot be opened' ''

[[ $failures == 0 ]] && echo "limits are held"
exit $((failures != 0))

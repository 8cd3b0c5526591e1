#!/bin/bash
# A run that is stepped at random places, one with 50 breakpoints, one that is forked 20 times (and goes on in the
# child) and one whose host is disturbed write the free run's session, byte for byte: the same crossings at the same
# times, the same digests. Cannot show: a debugger that changes what it looks at.
source "$(dirname "$0")/common.sh" "$@"

# intruded NAME SWITCH...: runs with it, compares, and sets steps, stops, breakpoints and forks.
intruded() {
  local name=$1
  shift
  expect 0 "$ringside" run "$source_dir/scenarios/$name" "$@" -o b.pcapng
  cmp a.pcapng b.pcapng || fail "$name with $*: another session than the free run's"
  read -r steps stops breakpoints forks < <(
    sed -n 's/^intrusion: \([0-9]*\) steps, \([0-9]*\) stops at \([0-9]*\) breakpoints, \([0-9]*\) forks$/\1 \2 \3 \4/p' err
  )
}
all_ways() {
  local name=$1 breakpoints_min=$2 forks_min=$3
  expect 0 "$ringside" run "$source_dir/scenarios/$name" -o a.pcapng
  intruded "$name" --intrude steps
  ((steps > 200)) || fail "$name: only $steps steps"
  intruded "$name" --intrude breakpoints
  ((breakpoints >= breakpoints_min && stops > breakpoints)) ||
    fail "$name: only $stops stops at $breakpoints breakpoints"
  intruded "$name" --intrude forks
  ((forks >= forks_min)) || fail "$name: only $forks forks"
  intruded "$name" --intrude steps --intrude breakpoints --intrude forks --disturb 5
  intruded "$name" --disturb 6
}
# The shortest lesson has ended before all of them are used up.
all_ways uart-hello/interrupts.toml 5 10
all_ways disk-read/dma.toml 30 20
all_ways nic-echo/two-machines.toml 50 20
if [[ -e $build_dir/scenarios/linux-serial/vmlinuz ]]; then
  all_ways linux-serial 50 20
else
  echo "without linux-serial: scripts/fetch-guests has not been"
fi
finish

#!/bin/bash
# Faults from the command line: they strike, are recorded, marked and replayed without an argument; what is wrong
# with one is said with its place and near names. What each model makes of a fault is for the tests of the models.
. "$(dirname "$0")/common.sh"
cd "$work" || exit 1

answer='ring/xvda/response@2'

# Recorded twice: equal bytes, whatever the run makes of it; a replay needs nothing but the session.
record() {
  "$ringside" run blk-read --no-console "${@:2}" -o "$1" >out 2>err </dev/null
  echo $?
}
first=$(record a.pcapng --fault "$answer delay(1ms)" --fault 'ring/xvda/request@chance(50%) delay(10us)')
second=$(record b.pcapng --fault "$answer delay(1ms)" --fault 'ring/xvda/request@chance(50%) delay(10us)')
[[ $first == "$second" ]] || fail "two equal runs exit $first and $second"
cmp a.pcapng b.pcapng || fail "two equal runs with faults give sessions that differ"
says err "fault: $answer delay(1ms): struck once"
expect 0 "$ringside" replay a.pcapng
says out "identical"

# Another seed, another chance.
record c.pcapng --seed 77 --fault 'ring/xvda/request@chance(50%) delay(10us)' >code
expect 0 "$ringside" replay c.pcapng

# What struck stands on the wire fault right before the crossing, which is marked.
expect 0 "$ringside" show a.pcapng --wire fault --wire 'ring/xvda/response'
says out "spec=\"$answer delay(1ms)\""
[[ $(grep -c '\[injected: delayed\]' out) == 1 ]] || fail "not one answer is marked"
grep -A1 "$answer" out | tail -1 | grep -q 'injected: delayed' || fail "the struck crossing does not follow its fault"
expect 0 "$ringside" show a.pcapng --wire 'ring/xvda/response' --json
says out '"fault":["delayed"]'
record d.pcapng --fault "$answer fail(-5)" >code
expect 0 "$ringside" show d.pcapng --wire 'ring/xvda/response'
says out '[injected: failed]'
expect 0 "$ringside" replay d.pcapng
record e.pcapng --fault 'ring/xvda/response@1 drop' --set expect.within=2s >code
expect 0 "$ringside" show e.pcapng --wire 'ring/xvda/response'
says out '[injected: dropped]'
expect 0 "$ringside" replay e.pcapng

# One that never strikes is told, and is no error; nor does it change what happens otherwise.
expect 0 "$ringside" run blk-read --no-console --fault 'ring/xvda/response@1000000 drop'
says err 'never struck'

# A hang by each of the limits.
expect 4 "$ringside" run blk-read --no-console --fault 'ring/xvda/response@1 drop' --set expect.instructions=1000
says err 'instructions'
expect 4 "$ringside" run blk-read --no-console --fault 'ring/xvda/request@1 stall' --set expect.quiet=1us -o q.pcapng
says err 'nothing has crossed a wire'
expect 0 "$ringside" replay q.pcapng

# Wrong ones: exit 2, with the character, the list, or near names.
wrong() {
  expect 2 "$ringside" run blk-read --no-console --fault "$1"
  says err "$2"
}
wrong 'ring/x@0 drop' 'character 8: counts begin with 1'
wrong 'ring/x drp(1)' "did you mean 'drop'"
wrong 'ring/xvda/indices drop' 'makes no sense on dom1/ring/xvda/indices, a sampled wire'
wrong 'ring/xvda/response[idd=3] drop' "did you mean 'id'"
wrong 'ring/xvda/respnse drop' "did you mean 'ring/xvda/response'"
wrong 'ring/xvda/response@after(nobody) drop' "no fault is named 'nobody'"

# What there is to strike, within 80 columns.
expect 0 "$ringside" faults blk-read
says out 'dom1/ring/xvda/response (message'
says err 'places on'
[[ $(wc -L <out) -le 80 ]] || fail "a line of 'ringside faults' has more than 80 columns"
expect 0 "$ringside" faults blk-read --json --wire 'ring/xvda/response'
says out '"fail(-5)"'

finish

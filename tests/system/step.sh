#!/bin/bash
# `ringside step`: a script with every command; that `back` comes to the same digest, and forward again, too; that
# what it saves replays; that a stepped run is the free run; scripts' errors; and that no process is left behind.
# It cannot show what a person sees at a terminal.
source "$(dirname "$0")/common.sh" "$@"

here=$(cd "$(dirname "$0")" && pwd)
blk_read=$source_dir/scenarios/blk-read

# strays: what runs in this test's folder and is not this shell.
strays() {
  local process
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/cwd" 2>/dev/null) == "$work" && ${process#/proc/} != "$$" ]] || continue
    tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q 'ringside step' && echo "${process#/proc/}"
  done
}

expect 0 "$ringside" step "$blk_read" -x "$here/step_blk_read.step"
says out "tbreak 1: xenbus xvda Connected"
says out "published"
says out "state digest"
says out "req_prod of ring xvda:"
says out " nobody"
says out "delay(1us)"
says out "saved saved.pcapng"
awk 'length > 80 {print FILENAME ":" FNR ": " length " columns"; wide = 1} END {exit wide}' out ||
  fail "the output does not fit 80 columns"
# Each place that `where` showed twice has one digest.
grep -A5 '^(step) where' out | awk '/^crossing /{place = $2} /^digest /{if (place in digest && digest[place] != $0) bad = 1
  if (place in digest) again++; digest[place] = $0} END {exit bad || !again}' || fail "a digest differs after back"
# The session that was saved replays, and holds the fault.
expect 0 "$ringside" replay saved.pcapng
says out "identical"
expect 0 "$ringside" show saved.pcapng --wire 'input/*'
says out "delay(1us)"
expect 0 "$ringside" step saved.pcapng -e 'next ring/*' -e 'where' -e 'back' -e 'continue'
says out "identical so far"
says out "stopped by the user"

# A stepped run to the end does what the free run does.
expect 0 "$ringside" run "$blk_read" -o free.pcapng
expect 0 "$ringside" step "$blk_read" -e 'next ring/*' -e 'next 5' -e 'break ring/xvda/response if id == 3' \
  -e 'continue' -e 'back' -e 'delete' -e 'continue' -e 'save stepped.pcapng'
cmp free.pcapng stepped.pcapng || fail "the stepped run's session differs from the free run's"
# A session, from its end back to the last request.
expect 0 "$ringside" step free.pcapng -e 'continue' -e 'back ring/*' -e 'where' -e 'continue'
says out "identical so far"

expect 0 "$ringside" step "$source_dir/scenarios/share-read" -x "$here/step_share_read.step"
says out "requests in flight"
says out "/hello.txt"

# A PC has no rings; what it has, it shows.
expect 0 "$ringside" step "$source_dir/scenarios/uart-hello" -e 'next uart0/tx' -e 'regs' -e 'disas' -e 'bt' \
  -e 'where' -e 'next' -e 'back' -e 'where' -e 'continue' -e 'back uart0/tx'
says out "cr3"
[[ $(grep -c '^digest' out) == 2 && $(grep '^digest' out | sort -u | wc -l) == 1 ]] || fail "a PC's digest differs after back"

# Errors end a script with its file and line.
printf 'next\nnexxt\n' >typo.step
expect 2 "$ringside" step "$blk_read" -x typo.step
says err "typo.step:2: there is no command 'nexxt'; did you mean 'next'"
printf 'next ring/xvad/*\n' >glob.step
expect 2 "$ringside" step "$blk_read" -x glob.step
says err "no wire matches 'ring/xvad/*'"
expect 2 "$ringside" step "$blk_read" -e 'fault ring/xvda/response@0 drop'
says err "character"
expect 2 "$ringside" step "$blk_read" -e 'back'
says err "there is no such crossing"
expect 2 "$ringside" step no-such-scenario -e 'next'
expect 2 "$ringside" step free.pcapng -e 'type hello'
says err "a replay takes its input from the recording"
expect 2 "$ringside" step "$blk_read" -e 'ring nosuch'
# Commands from standard input.
printf 'next\nwhere\n' | "$ringside" step "$blk_read" >out 2>err || fail "standard input: exit code $?"
says out "crossing "

# Neither after an orderly end nor after a kill is any process left.
[[ -z $(strays) ]] || fail "processes are left: $(strays)"
mkfifo hold
"$ringside" step "$blk_read" -e 'next 2000' -e 'where' <hold >out 2>err &
stepper=$!
exec 3>hold
printf 'next 100\n' >&3
sleep 1
kill -KILL "$stepper" 2>/dev/null
wait "$stepper" 2>/dev/null
exec 3>&-
for _ in 1 2 3 4 5 6 7 8 9 10; do
  [[ -z $(strays) ]] && break
  sleep 0.5
done
[[ -z $(strays) ]] || fail "processes are left after a kill: $(strays)"
finish

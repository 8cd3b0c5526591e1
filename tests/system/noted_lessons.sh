#!/bin/bash
# The lessons with notes pass, a second run gives the same bytes, the session replays and holds the notes; what each is
# about is what it shows. Notes change nothing but the header: without them the session is the one that it was before
# there were any. Cannot show: that each step finds its crossing (tests/unit/viewer/story/lessons_test.cpp).
source "$(dirname "$0")/common.sh" "$@"

# says_not FILE TEXT
says_not() { ! grep -aqF -- "$2" "$1" || fail "'$2' is in $1"; }

for lesson in lost-interrupt ring-full grant-leak 9p-walk; do
  expect 0 "$ringside" run "$source_dir/scenarios/$lesson" -o a.pcapng
  [[ $(tail -n 1 out) == "$lesson: PASS"$'\r' ]] || fail "$lesson: its last line is '$(tail -n 1 out)'"
  expect 0 "$ringside" run "$source_dir/scenarios/$lesson" -o b.pcapng
  cmp a.pcapng b.pcapng || fail "$lesson: two runs differ"
  expect 0 "$ringside" replay a.pcapng
  says out "replay: identical ("
  says a.pcapng '"notes":"# '
  expect 0 "$ringside" show a.pcapng
  mv out with

  # The same without notes.
  rm -rf plain
  cp -r "$source_dir/scenarios/$lesson" plain
  rm plain/notes.md
  expect 0 "$ringside" run plain -o b.pcapng
  says_not b.pcapng '"notes"'
  expect 0 "$ringside" replay b.pcapng
  says out "replay: identical ("
  expect 0 "$ringside" show b.pcapng
  cmp out with || fail "$lesson: its notes change the run"
  expect 1 "$ringside" diff a.pcapng b.pcapng
  says out "of the notes differs"
done

# Who packs a session, packs its notes.
expect 0 "$ringside" run "$source_dir/scenarios/9p-walk" -o a.pcapng
expect 0 "$ringside" pack a.pcapng -o packed.pcapng
says packed.pcapng '"notes":"# '

# --- What the lessons are about ---
lost=$source_dir/scenarios/lost-interrupt
expect 6 "$ringside" run "$lost" --set 'check.allow=[]' -o a.pcapng
says err "invariant broken: ring/final_check_missing"
says out "careless, two at a time: 1 of 2 reads in 5 ms; rsp_prod is 5, and 4 were taken"
says out "those took 3 events"
expect 4 "$ringside" run "$lost/hang.toml" -o a.pcapng
says err "the guest hung: waiting, with nothing pending that could end it"
says_not a.pcapng '"notes"'
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
expect 6 "$ringside" run "$source_dir/scenarios/grant-leak" --set 'check.allow=[]'
says err "1 grant still permits access: 11"
expect 0 "$ringside" run "$source_dir/scenarios/ring-full" -o a.pcapng
expect 0 "$ringside" show a.pcapng --wire 'ring/xvda/indices'
[[ $(sed -n 's/.* in_flight=//p' out | sort -n | tail -n 1) == 32 ]] || fail "the ring was never full"

# --- Which notes ---
cp -r "$lost" other
cp "$build_dir/scenarios/lost-interrupt/"{lost-interrupt.elf,disk.img} other/
printf '## Of the hanging one\n' >other/hang.notes.md
expect 4 "$ringside" run other/hang.toml -o a.pcapng
says a.pcapng '"notes":"## Of the hanging one\n"'
expect 0 "$ringside" run other -o a.pcapng
says_not a.pcapng 'Of the hanging one'
printf '## \xff\n' >other/notes.md
expect 2 "$ringside" run other -o a.pcapng
says err "text that is not UTF-8; mend the scenario, its notes"
head -c 5000000 /dev/zero | tr '\0' x >other/notes.md
expect 2 "$ringside" run other -o a.pcapng
says err "notes.md: too large"
finish

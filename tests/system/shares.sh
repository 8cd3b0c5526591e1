#!/bin/bash
# A guest program reads a share of a host's folder. Equal folders give equal sessions, forks in between change nothing,
# and the session replays when the folder is gone, also when it was cut; what is wrong with a folder is said before
# anything runs. Cannot show: an unmodified driver (9p_diod.sh, linux_pv.sh), hostile folders
# (tests/unit/host/9p/host_folder.cpp).
source "$(dirname "$0")/common.sh" "$@"

mkdir -p notes/folder
printf 'Hello from a share!\n' >notes/hello.txt
printf 'deep\n' >notes/folder/deep.txt
ln -s ../../../../etc/passwd notes/folder/link
mkfifo notes/fifo
sed -e 's,^memory = {.*,folder = "notes",' -e "s,\"share-read.elf\",\"$build_dir/scenarios/share-read/share-read.elf\"," \
  "$source_dir/scenarios/share-read/scenario.toml" >a.toml
grep -q '^folder = "notes"' a.toml || fail "the scenario share-read has another form than this test knows"

expect 0 "$ringside" run a.toml -o a.pcapng
says out "share-read: PASS"
expect 0 "$ringside" run a.toml -o b.pcapng
cmp a.pcapng b.pcapng || fail "two runs on one folder differ"
expect 0 "$ringside" run a.toml --intrude forks -o c.pcapng
cmp a.pcapng c.pcapng || fail "forks change the session"
expect 0 "$ringside" run a.toml --disturb 3 -o d.pcapng
cmp a.pcapng d.pcapng || fail "pauses of the host change the session"
expect 0 "$ringside" show a.pcapng --wire 'answer/*'
says out "answer/dom1/share/share/manifest"
says out "answer/dom1/share/share/contents"
says out "Hello from a share!"
grep -aq 'root:' a.pcapng && fail "/etc/passwd got into the session"

mv notes gone
expect 0 "$ringside" replay a.pcapng
says out "replay: identical ("
head -c $(($(stat -c %s a.pcapng) * 2 / 3)) a.pcapng >cut.pcapng
expect 0 "$ringside" replay cut.pcapng
says err "was cut"

expect 2 "$ringside" run a.toml -o never.pcapng
says err "folder 'notes' is not there"
[[ ! -e never.pcapng ]] || fail "a session of a run that could not begin was left"
expect 2 "$ringside" run a.toml --set share.share.folder="$work/a.toml"
says err "is no folder"
expect 2 "$ringside" run a.toml --set share.share.folder="$work/gone" --set share.share.entries_max=3
says err "more than 3 files and directories"
finish

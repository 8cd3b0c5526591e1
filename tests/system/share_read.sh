#!/bin/bash
# A 9P share in a session: equal runs are equal, a replay is identical, `show` names the file behind each fid, and
# tshark, which knows nothing of us, decodes each message as 9P.
source "$(dirname "$0")/common.sh" "$@"

expect 0 "$ringside" run "$source_dir/scenarios/share-read" -o a.pcapng
says out "share-read: PASS"
expect 0 "$ringside" run "$source_dir/scenarios/share-read" -o b.pcapng
cmp a.pcapng b.pcapng || fail "two runs differ"
expect 0 "$ringside" replay a.pcapng
expect 0 "$ringside" show a.pcapng --wire '9p/*'
says out 'fid=1 fid_path="/hello.txt" offset=0 count=4096'
says out 'path="/folder/deep.txt" data=5 bytes: 646565700a'
says out 'message=Rlerror'
says out 'message=Rerror'
shown=$(wc -l <out)
expect 0 "$ringside" show a.pcapng --wire '9p/*' --json --from 720us
says out '"fid":1,"fid_path":"/hello.txt"'
# As many as there are packets that begin as ours do.
there=$(grep -ao 'tcp[.]port' a.pcapng | wc -l)
listed=$(tshark -r a.pcapng -Y 9p 2>err | wc -l)
[[ $listed == "$there" && $listed == "$shown" && $listed -gt 40 ]] ||
  fail "tshark decodes $listed messages, show has $shown, and $there are in the file"
[[ $(tshark -r a.pcapng -Y _ws.malformed 2>>err | wc -l) == 0 ]] || fail "tshark finds malformed packets"
grep -v 'Running as user "root"' err | grep -q . && fail "tshark complains: $(cat err)"
finish

#!/bin/bash
# scripts/pictures makes every picture that README.md and docs/viewer.md show, and each shows something. Cannot show:
# whether it is a good picture.
source "$(dirname "$0")/common.sh" "$@"

expect 0 env RINGSIDE_BUILD="$build_dir" "$source_dir/scripts/pictures" "$work/pictures"
for name in $(grep -oh 'pictures/[a-z0-9-]*[.]png' "$source_dir/README.md" "$source_dir/docs/viewer.md" | sort -u); do
  [[ -s $source_dir/docs/$name ]] || fail "docs/$name is not there"
  # 1280x720, and more than one colour: a plain picture is some 4 KB.
  size=$(od -An -tx1 -j16 -N8 "$work/$name" | tr -d ' ')
  [[ $size == 00000500000002d0 ]] || fail "$name was not made, or has the size $size"
  (($(stat -c %s "$work/$name") > 20000)) || fail "$name is empty"
done
finish

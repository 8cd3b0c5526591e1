#!/bin/bash
# The build with sanitizers writes the same bytes as the release build. Skipped where it has not been built
# (scripts/build asan).
source "$(dirname "$0")/common.sh" "$@"

sanitized=$source_dir/build-asan/ringside
if [[ ! -x $sanitized ]]; then
  echo "skipped: there is no $sanitized"
  exit 77
fi
for scenario in grub-pv blk-read; do
  # A folder with everything in it: the sanitized build has not made the scenarios' files.
  rm -rf s
  mkdir s
  cp "$source_dir/scenarios/$scenario/scenario.toml" s/
  find "$build_dir/scenarios/$scenario" -maxdepth 1 -type f -exec cp {} s/ \;
  expect 0 "$ringside" run s -o release.pcapng
  expect 0 "$sanitized" run s -o sanitized.pcapng
  cmp release.pcapng sanitized.pcapng || fail "$scenario: the sanitized build wrote another session"
  expect 0 "$sanitized" replay release.pcapng
done
finish

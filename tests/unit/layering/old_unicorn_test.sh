#!/bin/bash
# Proves that CMake refuses Unicorn 2.1.3, naming what is needed and the script that gets it.
set -euo pipefail
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/unicorn.pc" <<'END'
Name: unicorn
Description: stands in for a release that is too old
Version: 2.1.3
Libs: -lunicorn
END
# Only the packages are looked for, by a project of one line: the whole tree would take longer.
cat >"$work/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(old_unicorn LANGUAGES CXX)
include($root/cmake/RingsidePackages.cmake)
END
if PKG_CONFIG_PATH="$work" cmake -S "$work" -B "$work/build" >"$work/said" 2>&1; then
  echo "CMake took Unicorn 2.1.3"
  exit 1
fi
for words in "needs Unicorn 2.1.4 or newer; found '2.1.3'" "run scripts/setup"; do
  grep -qF "$words" "$work/said" && continue
  echo "CMake's message lacks: $words"
  cat "$work/said"
  exit 1
done
echo "refused, and said why"

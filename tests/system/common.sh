# Sourced by every test of this folder: arguments, a folder of its own, and one-line checks.
set -uo pipefail
ringside=$1
source_dir=$2
build_dir=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export XDG_STATE_HOME=$work/state

failures=0
fail() {
  echo "FAIL: $*"
  failures=$((failures + 1))
}
# expect CODE COMMAND...: runs it, keeps its output in $work/out and $work/err, and checks the exit code.
expect() {
  local wanted=$1
  shift
  "$@" >"$work/out" 2>"$work/err" </dev/null
  local got=$?
  if [[ $got != "$wanted" ]]; then
    fail "exit code $got, not $wanted: $*"
    tail -n 5 "$work/out" "$work/err"
  fi
}
# says FILE TEXT: the text stands in the file.
says() {
  grep -aqF -- "$2" "$1" || {
    fail "'$2' is not in $1"
    tail -n 5 "$1"
  }
}
# needs_guests FILE...: skips the test where what scripts/fetch-guests makes is not there: under the build directory,
# or under its scenarios/.
needs_guests() {
  local file
  for file in "$@"; do
    if [[ ! -e $build_dir/$file && ! -e $build_dir/scenarios/$file ]]; then
      echo "skipped: there is no $file in $build_dir; scripts/fetch-guests fetches what it is made of"
      exit 77
    fi
  done
}
finish() {
  if [[ $failures == 0 ]]; then echo "ok"; fi
  exit $((failures != 0))
}

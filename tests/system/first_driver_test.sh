#!/bin/bash
# docs/first-driver-test.md does what it says: its blocks of commands run as they stand, one after the other in one
# shell, and each prints the lines that the block of output behind it shows (in their order; "..." stands for others,
# and how many seconds something took may differ).
source "$(dirname "$0")/common.sh" "$@"

export HOME=$work/home
mkdir -p "$HOME" blocks here
cd here || exit 1
ln -s "$build_dir" build
unset RINGSIDE_OUT RINGSIDE_SEED RINGSIDE_REPLAY RINGSIDE_NO_FORK

awk -v folder="$work/blocks" '
  /^<!-- exits [0-9]+ -->$/ { code = $3 }
  /^```sh$/ { name = sprintf("%s/%02d", folder, ++number); print code + 0 > (name ".exit"); code = 0; inside = "sh"; next }
  /^```text$/ { inside = "text"; next }
  /^```/ { inside = ""; next }
  inside != "" && name != "" { print > (name "." inside) }
' "$source_dir/docs/first-driver-test.md"

# Seconds, and what CTest pads its lines with, are of the day.
plain() { sed -E 's/[0-9]+\.[0-9]+ sec/N sec/; s/\.\.+ */.. /; s/ +/ /g; s/ $//' "$@"; }

# shows OUTPUT WANTED: each wanted line stands in the output, behind those before it.
shows() {
  awk 'NR == FNR { lines[++count] = $0; next }
    $0 == "..." || $0 == ".. " || $0 == ".." || $0 == "" { next }
    { while (++at <= count && lines[at] != $0) {}
      if (at > count) { print; exit 1 } }' <(plain "$1") <(plain "$2")
}

for block in "$work"/blocks/*.sh; do
  name=${block%.sh}
  # In this shell: a later block has the folder and the variables of those before.
  # shellcheck disable=SC1090
  source "$block" >"$name.out" 2>&1 </dev/null
  code=$?
  [[ $code == "$(cat "$name.exit")" ]] || fail "block $(basename "$name") ended with $code: $(cat "$block")
$(tail -n 20 "$name.out")"
  if [[ -e $name.text ]]; then
    missing=$(shows "$name.out" "$name.text") || fail "block $(basename "$name") does not print '$missing':
$(tail -n 40 "$name.out")"
  fi
  [[ $failures == 0 ]] || break
done
[[ -e $work/blocks/05.sh ]] || fail "the document has too few blocks of commands to be the right one"
finish

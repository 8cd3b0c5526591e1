#!/bin/bash
# A user's way: install to a prefix, move that, build a repository of drivers against it (examples/outside-driver), pass
# its tests; with its known bug one fails, leaves a session, the printed command shows the failure again, and
# `ringside ci-replay` tells what still fails from what is fixed. Besides: what is installed is all there, and no more.
# Cannot show: a host without the packages that the build needed.
source "$(dirname "$0")/common.sh" "$@"

expect 0 cmake --install "$build_dir" --prefix "$work/first"
mv first prefix
prefix=$work/prefix
export PATH=$prefix/bin:$PATH
unset RINGSIDE_OUT RINGSIDE_SEED RINGSIDE_REPLAY RINGSIDE_NO_FORK
command=$prefix/bin/ringside

# --- What is installed ---
grep -rlF -e "$build_dir" -e "$source_dir" -e "$work/first" "$prefix/lib/cmake" "$prefix/lib/pkgconfig" "$prefix/share/man" &&
  fail "these name a path of the build"
foreign=$(nm -DC --defined-only "$prefix/lib/libringside.so" |
  grep -vE ' (rs_[a-z0-9_]+|sc_main|((typeinfo( name)?|vtable|guard variable|(non-virtual|virtual) thunk) (for|to) )?ringside::test::.*)$')
[[ -z $foreign ]] || fail "libringside.so shows more than it should: $(head -n 3 <<<"$foreign")"
for header in "$prefix"/include/ringside/*.h; do
  name=ringside/$(basename "$header")
  [[ $name == ringside/systemc.h ]] && continue
  # Catch2 alone takes ten seconds.
  [[ $name == ringside/catch.h ]] && continue
  expect 0 c++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only -I "$prefix/include" -x c++ -include "$name" /dev/null
  grep -E '#include <(systemc|unicorn|capstone|fmt|tl|toml)' "$header" && fail "$name includes what users need not have"
done
expect 0 cc -std=c11 -Wall -Wextra -Werror -fsyntax-only -I "$prefix/include" -x c -include ringside/hosted.h /dev/null
says "$prefix/share/man/man1/ringside-ci-replay.1" '.B ringside ci\-replay'
says "$prefix/share/bash-completion/completions/ringside" "ci-replay"
expect 0 bash -c 'source "$0"; COMP_WORDS=(ringside run blk-r); COMP_CWORD=2; _ringside; echo "${COMPREPLY[@]}"' \
  "$prefix/share/bash-completion/completions/ringside"
says out blk-read
expect 0 "$command" run blk-read --set domain.cmdline=quick
[[ -s $prefix/share/ringside/wireshark/ringside.lua ]] || fail "there is no dissector"

cat >device.cpp <<'CPP'
#include <ringside/device.h>

#include <iostream>

int main() {
  ringside::test::DeviceBench bench;
  ringside::test::Uart& uart = bench.add_uart();
  uart.write8(3, 0x03);  // 8N1
  uart.write8(0, 'x');
  bench.advance(std::chrono::milliseconds(10));
  std::cout << uart.sent() << "\n";
}
CPP
flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs ringside)
[[ $flags == *"$prefix"/* ]] || fail "pkg-config does not know the moved prefix: $flags"
# shellcheck disable=SC2086
expect 0 c++ -std=c++20 device.cpp -o device $flags -Wl,-rpath,"$prefix/lib"
expect 0 ./device
says out x

# --- The example ---
cp -r "$prefix/share/ringside/examples/outside-driver" driver
cd driver || exit 1
build() {
  expect 0 cmake -S . -B "$@" -DCMAKE_PREFIX_PATH="$prefix"
  expect 0 cmake --build "$1" -j 2
}
build good
expect 0 ctest --test-dir good --output-on-failure
says ../out "100% tests passed"
[[ ! -e good/ringside-sessions ]] || fail "tests that pass left sessions"

build bad -DKNOWN_BUG=ON
expect 8 ctest --test-dir bad --output-on-failure --output-junit junit.xml
says ../out "1 tests failed out of"
mapfile -t sessions < <(find bad -name '*.pcapng')
[[ ${#sessions[@]} == 1 ]] || fail "${#sessions[@]} sessions were left: ${sessions[*]}"
failure=$(grep -m 1 'CHECK_THAT( m.console' ../out)
# The console's reporter folds its lines; this one does not.
(cd bad && ./blk_tests -r compact >../../out 2>&1)
replay=$(sed -n "s/.*replay: \(RINGSIDE_REPLAY=.*\)'.*/\1/p" ../out | head -n 1)
[[ -n $replay ]] || fail "no command was printed"
expect 1 bash -c "cd bad && $replay"
says ../out "$failure"

expect 1 "$command" ci-replay bad/ringside-sessions --program bad
says ../out "still fails"
expect 0 "$command" ci-replay bad/ringside-sessions --program good
says ../out "fixed"
expect 1 "$command" ci-replay bad/junit.xml --program bad --json
says ../out '"verdict": "still fails"'
rm -r bad/*_tests
mv good ../elsewhere
expect 2 "$command" ci-replay bad/ringside-sessions --program bad
says ../out "not replayed"

# --- Sessions of no test: here, with the kernel as it is now ---
mkdir s kept
cp "$build_dir/guest/ways-to-end.elf" s/guest.elf
cat >s/scenario.toml <<'TOML'
name = "of-no-test"
[[domain]]
memory = "8M"
kernel = "guest.elf"
cmdline = "fault"
[expect]
within = "50ms"
TOML
expect 5 "$command" run s -o kept/crash.pcapng
expect 1 "$command" ci-replay kept
says ../out "still fails"
cp "$prefix/share/ringside/scenarios/hypercall-storm/hypercall-storm.elf" s/guest.elf
expect 1 "$command" ci-replay kept
says ../out "fails otherwise"
says ../out "first difference: "
expect 2 "$command" ci-replay nowhere
expect 2 "$command" ci-replay s/scenario.toml
says ../err "neither a folder, nor a session"
finish

#!/usr/bin/env bash
# Holds the common path of malloc and free to what is claimed of it:
#   1. a pair malloc(32), free takes no more instructions than the bound below, by callgrind;
#   2. it makes no system call;
#   3. malloc and free contain no call, no lock prefix and no system call, so that whatever does is in
#      the slow paths they jump to.
# Start and end of the process cancel out: two runs differ in the number of pairs alone.
#   instructions.sh <loop program> <libgreyspan-malloc.so> <compiler id>
# Exits with 77, "skipped", where valgrind is missing or the machine is another one.
set -euo pipefail
program=$1 library=$2 compiler=$3

# Instructions a pair, as measured when the path was last changed, and one more. The loop itself is in
# the figure: 6 instructions, and 2 for each of the two calls through the PLT.
case $compiler in
GNU) bound=71 ;;
Clang) bound=71 ;;
*) echo "no bound for the compiler $compiler" && exit 77 ;;
esac

[ "$(uname -m)" = x86_64 ] || { echo "the bound is for x86-64" && exit 77; }
command -v valgrind >/dev/null || { echo "valgrind is missing" && exit 77; }
command -v objdump >/dev/null || { echo "objdump is missing" && exit 77; }

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    printf 'instructions: %s\n' "$1" >&2
    exit 1
}

# LD_PRELOAD splits at spaces, which the path may hold: by name, then.
under_preload() {
    env LD_LIBRARY_PATH="$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
        LD_PRELOAD="$(basename "$library")" "$@"
}

# Instructions of a run with $1 pairs.
instructions() {
    under_preload valgrind --tool=callgrind --callgrind-out-file="$scratch/out.$1" --error-exitcode=9 \
        "$program" "$1" >"$scratch/log.$1" 2>&1 || { cat "$scratch/log.$1" >&2; fail "callgrind failed"; }
    sed -n 's/^\(summary\|totals\): *//p' "$scratch/out.$1" | head -n 1
}

# System calls of a run with $1 pairs.
system_calls() {
    under_preload valgrind --tool=none --trace-syscalls=yes "$program" "$1" 2>&1 | grep -c '^SYSCALL' || true
}

few=1000 many=11000
a=$(instructions $few) b=$(instructions $many)
per_pair=$(((b - a + (many - few) / 2) / (many - few)))
[ -n "$a" ] && [ -n "$b" ] || fail "callgrind said nothing"
echo "$per_pair instructions a pair, of at most $bound"
grep -q libgreyspan-malloc "$scratch/out.$many" || fail "the preload library was not there"
[ "$per_pair" -le "$bound" ] || fail "$per_pair instructions a pair, more than $bound"
# A figure that is much too good means that something else was measured.
[ "$per_pair" -ge $((bound / 2)) ] || fail "$per_pair instructions a pair cannot be"

a=$(system_calls $few) b=$(system_calls $many)
[ "$a" -gt 0 ] && [ "$a" -eq "$b" ] || fail "$a system calls for $few pairs, $b for $many"

# By address, for the function has several names.
disassemble() {
    local start size
    read -r start size < <(nm -D -S "$library" | awk -v name="$1" '$4 == name { print $1, $2 }') || true
    [ -n "${size:-}" ] || fail "no $1 in $library"
    objdump -d --no-show-raw-insn "$library" \
        --start-address="0x$start" --stop-address=$((0x$start + 0x$size)) |
        grep -P '^ *[0-9a-f]+:\t'
}

for function in malloc free; do
    disassemble $function >"$scratch/$function.s"
    grep -qw ret "$scratch/$function.s" || fail "$function does not return"
    # xchg with memory locks without saying so.
    if grep -E '[[:space:]](lock|call|syscall|mfence|xchg +.*\()' "$scratch/$function.s" >&2; then
        fail "$function holds the above"
    fi
done

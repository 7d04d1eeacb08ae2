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

# Instructions a pair, as measured when the path was last changed, and one more. Eleven of them are the
# loop's: nine of its own, and a jump through the PLT for each of the two calls.
case $compiler in
GNU) bound=71 ;;
Clang) bound=70 ;;
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

# Without debug information: valgrind gives up on what it cannot read of clang's.
objcopy --strip-debug "$program" "$scratch/loop"
objcopy --strip-debug "$library" "$scratch/libgreyspan-malloc.so"
program=$scratch/loop library=$scratch/libgreyspan-malloc.so

# LD_PRELOAD splits at spaces, which a path may hold: by name, then.
under_preload() {
    env LD_LIBRARY_PATH="$scratch${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" LD_PRELOAD=libgreyspan-malloc.so "$@"
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
if [ -z "$a" ] || [ -z "$b" ]; then fail "callgrind said nothing"; fi
per_pair=$(((b - a + (many - few) / 2) / (many - few)))
echo "$per_pair instructions a pair, of at most $bound"
grep -q libgreyspan-malloc "$scratch/out.$many" || fail "the preload library was not there"
[ "$per_pair" -le "$bound" ] || fail "$per_pair instructions a pair, more than $bound"
# A figure that is much too good means that something else was measured.
[ "$per_pair" -ge $((bound / 2)) ] || fail "$per_pair instructions a pair cannot be"

a=$(system_calls $few) b=$(system_calls $many)
if [ "$a" -eq 0 ] || [ "$a" -ne "$b" ]; then fail "$a system calls for $few pairs, $b for $many"; fi

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

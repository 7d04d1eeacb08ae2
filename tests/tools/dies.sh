#!/usr/bin/env bash
# Runs a misuse program under the preload library and holds it to the first line of its source,
#   // dies: <the sentence on stderr, with %p for any pointer>
# It must die by SIGABRT having written that line and nothing else. With GREY_ON_ERROR=ignore the
# bad call is skipped, so the same program must then end with 0.
#   dies.sh <source> <program> <directory of libgreyspan-malloc.so>
set -euo pipefail
source=$1 program=$2 libraries=$3

fail() {
    printf 'dies: %s\n' "$1" >&2
    sed 's/^/  stderr: /' "$scratch/stderr" >&2
    exit 1
}

under_preload() {
    # The outer redirection takes bash's own notice of the signal.
    { env LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" \
          LD_PRELOAD=libgreyspan-malloc.so GREY_ON_ERROR="$1" "$program" \
          >"$scratch/stdout" 2>"$scratch/stderr"; } 2>/dev/null
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0

read -r first <"$source"
case $first in
'// dies: '*) sentence=${first#// dies: } ;;
*) echo "dies: the first line of $source is not '// dies: <sentence>'" >&2 && exit 1 ;;
esac
# Every character but %p stands for itself.
pattern=$(printf '%s' "$sentence" | sed -e 's/[][(){}.*+?^$|\\/]/\\&/g' -e 's/%p/0x[0-9a-f]+/g')

status=0
under_preload abort || status=$?
[ "$status" -eq 134 ] || fail "ended with $status instead of dying by SIGABRT"
[ "$(wc -l <"$scratch/stderr")" -eq 1 ] || fail 'wrote other than one line'
grep -Eqx -- "$pattern" "$scratch/stderr" || fail "did not say: $sentence"

status=0
under_preload ignore || status=$?
[ "$status" -eq 0 ] || fail "ended with $status under GREY_ON_ERROR=ignore"

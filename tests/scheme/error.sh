#!/usr/bin/env bash
# Runs a Scheme program that ends in an error, and holds it to the comments at its beginning:
#   ; with: NAME=value ...   the environment
#   ; interrupt: yes         it is sent SIGINT when it has printed "ready"
#   ; status: N              how it ends; 1 unless told, and never by another signal
#   ; says: REGEX            the one line that stderr has; what comes before it is the file's directory
#   ; prints: REGEX          all of stdout ("ready" aside)
#   error.sh SCHEME FILE
set -uo pipefail
scheme=$1 file=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0

header() { sed -n "s/^; $1: //p" "$file" | head -n 1; }
fail() {
    printf '%s: %s\n' "$(basename "$file")" "$1"
    sed 's/^/  stdout: /' "$scratch/stdout" | head -n 5 | cut -c 1-300
    sed 's/^/  stderr: /' "$scratch/stderr" | head -n 20 | cut -c 1-300
    exit 1
}

# A shell gives its background processes SIGINT ignored, but not under job control.
interrupt_when_ready() {
    set -m
    "$scheme" "$file" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null &
    local pid=$! i
    for ((i = 0; i < 1000; i++)); do
        grep -q ready "$scratch/stdout" && break
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -INT "$pid"
    wait "$pid"
}

read -ra with <<<"$(header with)"
[ "${#with[@]}" -eq 0 ] || export "${with[@]}"
status=0
if [ "$(header interrupt)" = yes ]; then
    interrupt_when_ready || status=$?
else
    "$scheme" "$file" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null || status=$?
fi

wanted=$(header status)
[ "$status" -eq "${wanted:-1}" ] || fail "ended with $status, not with ${wanted:-1}"
says=$(header says)
if [ -n "$says" ]; then
    [ "$(wc -l <"$scratch/stderr")" -eq 1 ] || fail 'wrote other than one line on stderr'
    grep -Eqx -- "(.*/)?$says.*" "$scratch/stderr" || fail "did not say: $says"
else
    ! grep -aq '^greyspan:' "$scratch/stderr" || fail 'the collector complains'
fi
prints=$(header prints)
if [ -n "$prints" ]; then
    grep -v '^ready$' "$scratch/stdout" | grep -Eqx -- "$prints" || fail "did not print: $prints"
fi

#!/usr/bin/env bash
# The REPL on a terminal: values, an error that names itself, an interrupt after which it goes on, and the end.
#   repl.sh SCHEME
set -uo pipefail
scheme=$1
command -v script >/dev/null || exit 77
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export HOME=$scratch TERM=dumb
mkfifo "$scratch/keys"

fail() {
    echo "repl: $1"
    cat -v "$scratch/screen" | tail -n 30
    kill "$terminal" 2>/dev/null
    exit 1
}

# wait_for REGEX: until the screen shows it
wait_for() {
    local i
    for ((i = 0; i < 600; i++)); do
        grep -Eaq -- "$1" "$scratch/screen" && return
        kill -0 "$terminal" 2>/dev/null || break
        sleep 0.05
    done
    fail "the screen does not show: $1"
}

script -qefc "$scheme" "$scratch/log" <"$scratch/keys" >"$scratch/screen" &
terminal=$!
exec 3>"$scratch/keys"

printf '(+ 4000 200 (string-length "12"))\n' >&3
wait_for '4202'
printf '(vector-ref (vector 1 2) 3)\n' >&3
wait_for 'vector-ref: '
printf '(define (cube x)\n (* x x x))\n(cube 15)\n' >&3
wait_for '3375'
printf '(define (f) (display (string-append "run" "ning")) (newline) (let loop () (loop)))\n(f)\n' >&3
wait_for 'running'
printf '\003' >&3
wait_for 'interrupted'
printf '(list (cube 3) (quote still-here))\n' >&3
wait_for '\(27 still-here\)'
printf '(let forever ((n 0)) (+ 1 (forever n)))\n' >&3
wait_for 'stack|recursion'
printf '(exit (cube 2))\n' >&3
status=0
wait "$terminal" || status=$?
[ "$status" -eq 8 ] || fail "ended with $status, not with 8"

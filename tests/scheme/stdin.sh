#!/usr/bin/env bash
# A program that comes by stdin, and an expression without end.
#   stdin.sh SCHEME
set -uo pipefail
scheme=$1
out=$(printf '(define x 6)\n(display (* x 7))\n(newline)\n' | "$scheme" 2>&1) || { echo "ended with $?: $out" && exit 1; }
[[ $out == *42* ]] || { echo "printed: $out" && exit 1; }
out=$(printf '(display "before")\n(display (+ 1' | "$scheme" 2>&1)
[[ $out == *before* ]] || { echo "printed: $out" && exit 1; }

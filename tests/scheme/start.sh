#!/usr/bin/env bash
# How the interpreter is begun: with a file, its arguments, a file that is not there, a program on stdin.
#   start.sh SCHEME
set -uo pipefail
scheme=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# expect STATUS REGEX, of the command before: in $status and $out
expect() {
    [ "$status" -eq "$1" ] || { echo "ended with $status, not with $1: $out" && exit 1; }
    grep -Eq -- "$2" <<<"$out" || { echo "did not print $2: $out" && exit 1; }
}

status=0
out=$("$scheme" /no/such/program.scm 2>&1) || status=$?
expect 1 '/no/such/program\.scm'

status=0
echo '(import (scheme base) (scheme write) (scheme process-context)) (write (cdr (command-line)))' >"$scratch/arguments.scm"
out=$("$scheme" "$scratch/arguments.scm" one 'two words' -3 2>&1) || status=$?
expect 0 '^\("one" "two words" "-3"\)$'

status=0
printf '#!/usr/bin/env scheme\n(display "from a script")\n' >"$scratch/script.scm"
out=$("$scheme" "$scratch/script.scm" 2>&1) || status=$?
expect 0 '^from a script$'

status=0
: >"$scratch/empty.scm"
out=$("$scheme" "$scratch/empty.scm" 2>&1) || status=$?
expect 0 '^$'

status=0
out=$(printf '(define x 6)\n(display (* x 7))\n(newline)\n' | "$scheme" 2>&1) || status=$?
expect 0 '42'

out=$(printf '(display "before")\n(display (+ 1' | "$scheme" 2>&1)
grep -q 'before' <<<"$out" || { echo "printed: $out" && exit 1; }

# Ports that nobody closes are closed when nobody can reach them: 2,000 of them with 64 descriptors.
status=0
cat >"$scratch/ports.scm" <<'END_OF_SCHEME'
(define name (cadr (command-line)))
(let loop ((n 0) (sum 0))
  (if (= n 2000)
      (display sum)
      (loop (+ n 1) (+ sum (read (open-input-file name))))))
(let loop ((n 0))
  (unless (= n 500)
    (write n (open-output-file (string-append name ".out")))
    (loop (+ n 1))))
END_OF_SCHEME
echo 3 >"$scratch/number"
out=$(ulimit -n 64 && "$scheme" "$scratch/ports.scm" "$scratch/number" 2>&1) || status=$?
expect 0 '^6000$'

# What it prints goes nowhere: it ends, and says so or is ended by the signal.
status=0
"$scheme" "$scratch/arguments.scm" >/dev/full 2>"$scratch/stderr" || status=$?
[ "$status" -lt 128 ] || { echo "ended with $status when the disk was full" && exit 1; }

#!/usr/bin/env bash
# Runs a Scheme program at its small size; it must print what the file FILE.out beside it has, say nothing on
# stderr, and end with 0.
#   program.sh SCHEME FILE.scm
set -uo pipefail
scheme=$1 file=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ulimit -c 0

status=0
"$scheme" "$file" >"$scratch/stdout" 2>"$scratch/stderr" </dev/null || status=$?
if [ "$status" -ne 0 ] || [ -s "$scratch/stderr" ]; then
    echo "$(basename "$file") ended with $status"
    sed 's/^/  stderr: /' "$scratch/stderr" | head -n 20 | cut -c 1-300
    tail -n 5 "$scratch/stdout"
    exit 1
fi
diff "${file%.scm}.out" "$scratch/stdout"

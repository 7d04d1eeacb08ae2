#!/usr/bin/env bash
# Fails when fewer than so many of the scripts find the programs they need.
#   enough.sh <count> <script>...
set -euo pipefail
PATH="/usr/bin:/bin:$PATH"
wanted=$1
shift

finds_its_programs() {
    local program
    for program in $(sed -n 's/^# needs: //p' "$1"); do
        command -v "$program" >/dev/null || return 1
    done
}

found=0
for script in "$@"; do
    if finds_its_programs "$script"; then
        found=$((found + 1))
    else
        echo "$(basename "$script" .sh) is not installed"
    fi
done
echo "$found of $# programs are here, at least $wanted are wanted"
[ "$found" -ge "$wanted" ]

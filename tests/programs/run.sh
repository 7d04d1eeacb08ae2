#!/usr/bin/env bash
# Runs a program script twice, without and with the preload library, and asks for the same standard
# output and exit code, byte for byte. The script's line `# needs: a b` names the programs it must
# find, else the test is skipped; each run begins in an empty directory of the same name, with a
# bare environment, and must end with 0.
#   run.sh <script> <directory of libgreyspan-malloc.so>
set -euo pipefail
script=$1 libraries=$2

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
clean=(PATH="/usr/bin:/bin:$PATH" HOME="$scratch/work" TMPDIR="$scratch/work" LC_ALL=C TZ=UTC)
preload=(LD_LIBRARY_PATH="$libraries" LD_PRELOAD=libgreyspan-malloc.so)

skip_without_needs() {
    local program
    for program in $(sed -n 's/^# needs: //p' "$script"); do
        env "${clean[0]}" bash -c 'command -v "$1" >/dev/null' - "$program" && continue
        echo "skipped: $program is not installed"
        exit 77
    done
}

# run <name> <variable>...
run() {
    local name=$1 status=0
    shift
    rm -rf "$scratch/work"
    mkdir "$scratch/work"
    (cd "$scratch/work" && exec env -i "${clean[@]}" "$@" bash "$script") \
        >"$scratch/$name.out" 2>"$scratch/$name.err" </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        echo "$name: ended with $status"
        tail -n 20 "$scratch/$name.out" "$scratch/$name.err"
        return 1
    fi
}

# A library that the loader could not load would let everything pass.
assert_preloaded() {
    env -i "${clean[@]}" "${preload[@]}" cat /proc/self/maps | grep libgreyspan-malloc >/dev/null ||
        { echo 'the preload library was not loaded'; exit 1; }
}

skip_without_needs
assert_preloaded
run without
run with "${preload[@]}"
[ -s "$scratch/without.out" ] || { echo 'the script printed nothing to compare'; exit 1; }
if ! cmp "$scratch/without.out" "$scratch/with.out"; then
    diff "$scratch/without.out" "$scratch/with.out" | head -n 20
    exit 1
fi

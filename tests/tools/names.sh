#!/usr/bin/env bash
# What docs/ names is there: tests (unit.stop/a_case), remedies (H1_RUN), functions with the file they are in
# (`on_stop` (`gc/stop.c`)); and docs/hazards.md names every remedy.
#   names.sh <source directory>
set -u
cd "$1" || exit 1
status=0
complain() { printf '%s\n' "$*" && status=1; }

# A page in one line, so that what is broken between lines is whole.
page() { tr '\n' ' ' <"$1" | tr -s ' '; }

check_test() { # <page> <test>, such as unit.stop/a_case
    local kind=${2%%.*} rest=${2#*.} file
    local stem=${rest%%/*}
    for file in "tests/$kind/${stem}_test.c" "tests/$kind/$stem.c" "tests/$kind/$stem.cc" "tests/$kind/lib/$stem.c" \
        "tests/$kind/lib/$stem.cc" "tests/$kind/$stem.sh"; do
        [ -e "$file" ] || continue
        [ "$rest" = "$stem" ] || grep -qw -- "${rest#*/}" "$file" || complain "$1: $2: $file has no such case"
        return
    done
    grep -rqF --include='*.cmake' --include=CMakeLists.txt "NAME $2" tests || complain "$1: $2: there is no such test"
}

for doc in docs/*.md; do
    while read -r test; do
        check_test "$doc" "$test"
    done < <(page "$doc" | grep -oE '\b(unit|fake|api|front|misuse|stress|programs)\.[a-z][a-z0-9_]+(/[a-z0-9_]+)?' | sort -u)
    while read -r name file; do
        [ -e "$file" ] || complain "$doc: there is no $file"
        [ ! -e "$file" ] || grep -qw -- "$name" "$file" || complain "$doc: $file has no $name"
    done < <(page "$doc" | grep -oE '`[a-z_0-9]+` \(`(gc|alloc|tests)/[a-z_0-9/]+\.[ch]`\)' | tr -d '`()')
    while read -r remedy; do
        grep -q "row($remedy," alloc/without.h || complain "$doc: alloc/without.h has no row $remedy"
    done < <(grep -ohE '\bH[0-9]+_[A-Z_]+\b' "$doc" | sort -u)
done

while read -r remedy; do
    grep -qw "$remedy" docs/hazards.md || complain "docs/hazards.md says nothing of $remedy"
    program=tests/mutants/$(tr '[:upper:]' '[:lower:]' <<<"$remedy").c
    [ -e "$program" ] || grep -q "^$remedy: " tests/mutants/untested.txt || complain "there is no $program"
done < <(sed -n 's/^ *row(\([A-Z0-9_]*\),.*/\1/p' alloc/without.h)
exit "$status"

#!/usr/bin/env bash
# What the three libraries show to the world: only public names, nothing wanted but libc, little
# thread-local storage, no relocation of code.
#   symbols_test.sh <directory of the libraries>
set -euo pipefail
export LC_ALL=C
libraries=$1
here=$(cd "$(dirname "$0")" && pwd)
api=$libraries/libgreyspan.so preload=$libraries/libgreyspan-malloc.so archive=$libraries/libgreyspan.a
failures=0

fail() {
    printf '%s\n' "$*"
    failures=$((failures + 1))
}

# Names on stdin that should not be there.
none_of() {
    local name
    while read -r name; do
        [ -n "$name" ] && fail "$1: $name"
    done
    return 0
}

exported() { nm -D --defined-only "$1" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort -u; }
declared() {
    sed -nE 's/^(extern )?GREY_API [^(;[]*[ *](grey_[a-z0-9_]+)( __attribute__.*|[(;[].*)$/\2/p' \
        "$here"/../../include/*.h | sort -u
}
malloc_names() { grep -v '^#' "$here/malloc_symbols.txt" | tr -s ' ' '\n' | grep . | sort -u; }

check_names() {
    none_of 'libgreyspan.so exports' < <(exported "$api" | grep -v '^grey_')
    none_of 'libgreyspan.a shows' < <(nm -g --defined-only "$archive" |
        awk 'NF == 3 && $3 !~ /^grey_/ { print $3 }')
    none_of 'libgreyspan-malloc.so exports' < <(exported "$preload" | grep -v '^grey_' |
        comm -23 - <(malloc_names))
    none_of 'libgreyspan-malloc.so lacks' < <(exported "$preload" | comm -13 - <(malloc_names))
    none_of 'libgreyspan-malloc.so lacks' < <(exported "$api" | comm -13 <(exported "$preload") -)
    none_of 'libgreyspan.so lacks' < <(exported "$api" | comm -13 - <(declared))
    none_of 'greyspan.h lacks' < <(exported "$api" | comm -23 - <(declared))
    exported "$api" | grep '^grey_malloc$' >/dev/null || fail 'libgreyspan.so lacks grey_malloc'
}

# Weak ones are allowed: they are how operator new reaches a C++ run-time that may be absent.
check_needs() {
    none_of "$(basename "$1") needs" < <(readelf -dW "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
        grep -Ev '^(libc\.so\.6|ld-linux.*)$')
    none_of "$(basename "$1") leaves open" < <(nm -D --undefined-only "$1" |
        awk '$1 == "U" && $2 !~ /@GLIBC_/ { print $2 }')
}

# Static TLS is scarce for whoever is loaded by dlopen: 64 bytes is what we allow ourselves.
check_layout() {
    local bytes
    bytes=$(readelf -lW "$1" | awk '$1 == "TLS" { print $6 }')
    [ $((${bytes:-0})) -le 64 ] || fail "$(basename "$1") has $((bytes)) bytes of thread-local storage"
    none_of "$(basename "$1") has" < <(readelf -dW "$1" | grep -o TEXTREL)
    readelf -dW "$1" | grep NODELETE >/dev/null || fail "$(basename "$1") can be unloaded"
    readelf -dW "$1" | grep BIND_NOW >/dev/null || fail "$(basename "$1") binds lazily"
}

check_names
for library in "$api" "$preload"; do
    check_needs "$library"
    check_layout "$library"
done
[ "$failures" -eq 0 ]
